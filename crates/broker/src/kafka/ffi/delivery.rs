//! What has become of the records that were handed over.

use std::ffi::c_void;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};

use rdkafka::bindings as sys;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::error::{code_at, code_of};

/// What is known of the records produced to one partition. Written by delivery reports, which come
/// in calls of the thread that owns the producer.
#[derive(Debug)]
pub(in crate::kafka) struct Delivery {
    /// Offset of the last record acknowledged, or -1.
    last: AtomicI64,
    /// The first error, as librdkafka numbers it, or 0.
    error: AtomicI32,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { last: AtomicI64::new(-1), error: AtomicI32::new(0) }
    }
}

impl Delivery {
    /// The offset after the last record acknowledged.
    pub(in crate::kafka) fn acknowledged(&self) -> Option<i64> {
        let last = self.last.load(Ordering::Relaxed);
        (last >= 0).then_some(last + 1)
    }

    /// The first error since it was last asked for.
    pub(in crate::kafka) fn take_error(&self) -> Option<Code> {
        match self.error.swap(0, Ordering::Relaxed) {
            0 => None,
            code => Some(code_of(code)),
        }
    }
}

/// A delivery report.
pub(super) unsafe extern "C" fn delivered(
    _client: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    _opaque: *mut c_void,
) {
    // SAFETY: the message is alive, and its opaque is a delivery that lives as long as the client.
    unsafe {
        let delivery = &*(*message)._private.cast::<Delivery>();
        let code = code_at(&raw const (*message).err);
        if code == Code::NoError {
            if (*message).offset > delivery.last.load(Ordering::Relaxed) {
                delivery.last.store((*message).offset, Ordering::Relaxed);
            }
        } else if delivery.error.load(Ordering::Relaxed) == 0 {
            delivery.error.store(code as i32, Ordering::Relaxed);
        }
    }
}
