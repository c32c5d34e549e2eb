//! A topic of a client: records go into it, and its partitions are read.

use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::bindings as sys;

use super::client::Native;
use super::delivery::Delivery;
use super::error::{NativeError, taken};
use super::queue::Queue;
use super::time_zero::with_time;
use crate::{Header, Headers, RecordView};

/// A topic of a client.
#[derive(Debug)]
pub(in crate::kafka) struct Topic {
    pub(super) ptr: NonNull<sys::rd_kafka_topic_t>,
    pub(super) client: Arc<Native>,
}

// SAFETY: librdkafka's topics may be used from any thread.
unsafe impl Send for Topic {}

impl Topic {
    /// Hands a record over; it is copied.
    pub(in crate::kafka) fn produce(
        &self,
        partition: u32,
        record: &RecordView<'_>,
        delivery: &Delivery,
    ) -> Result<(), NativeError> {
        use sys::rd_kafka_vtype_t as Type;
        let part = |vtype, u| sys::rd_kafka_vu_t { vtype, u };
        let bytes = |bytes: Option<&[u8]>| sys::rd_kafka_vu_s__bindgen_ty_1 {
            mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
                ptr: bytes.map_or(ptr::null_mut(), |bytes| bytes.as_ptr().cast_mut().cast()),
                size: bytes.map_or(0, <[u8]>::len),
            },
        };
        let headers = record.headers();
        let native_headers = if headers.is_empty() { ptr::null_mut() } else { c_headers(&headers) };
        type Union = sys::rd_kafka_vu_s__bindgen_ty_1;
        let opaque: *const Delivery = delivery;
        let parts = [
            part(Type::RD_KAFKA_VTYPE_RKT, Union { rkt: self.ptr.as_ptr() }),
            part(Type::RD_KAFKA_VTYPE_PARTITION, Union { i32_: partition as i32 }),
            part(Type::RD_KAFKA_VTYPE_MSGFLAGS, Union { i: sys::RD_KAFKA_MSG_F_COPY }),
            part(Type::RD_KAFKA_VTYPE_KEY, bytes(record.key)),
            part(Type::RD_KAFKA_VTYPE_VALUE, bytes(record.value)),
            part(Type::RD_KAFKA_VTYPE_TIMESTAMP, Union { i64_: record.timestamp }),
            part(Type::RD_KAFKA_VTYPE_OPAQUE, Union { ptr: opaque.cast_mut().cast() }),
            part(Type::RD_KAFKA_VTYPE_HEADERS, Union { headers: native_headers }),
        ];
        let count = if native_headers.is_null() { parts.len() - 1 } else { parts.len() };
        // SAFETY: every part has the member its type names; key and value are copied; the delivery
        // is kept by the client; headers go to the client, but not when it fails.
        unsafe {
            let client = self.client.ptr.as_ptr();
            let made = with_time(record.timestamp, || {
                taken(sys::rd_kafka_produceva(client, parts.as_ptr(), count))
            });
            if made.is_err() && !native_headers.is_null() {
                sys::rd_kafka_headers_destroy(native_headers);
            }
            made
        }
    }

    /// Has a partition read from `offset` on, into `queue`.
    pub(in crate::kafka) fn start(
        &self,
        partition: u32,
        offset: i64,
        queue: &Queue,
    ) -> Result<(), NativeError> {
        let (topic, queue) = (self.ptr.as_ptr(), queue.ptr.as_ptr());
        // SAFETY: topic and queue are alive.
        unsafe {
            match sys::rd_kafka_consume_start_queue(topic, partition as i32, offset, queue) {
                0 => Ok(()),
                _ => Err(NativeError::of(sys::rd_kafka_last_error())),
            }
        }
    }

    pub(in crate::kafka) fn stop(&self, partition: u32) {
        // SAFETY: the topic is alive.
        unsafe { sys::rd_kafka_consume_stop(self.ptr.as_ptr(), partition as i32) };
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once, before its client.
        unsafe { sys::rd_kafka_topic_destroy(self.ptr.as_ptr()) };
    }
}

fn c_headers(headers: &Headers) -> *mut sys::rd_kafka_headers_t {
    // SAFETY: name and value are copied.
    unsafe {
        let native = sys::rd_kafka_headers_new(headers.iter().count());
        for Header { key, value } in headers.iter() {
            let (value, len) = match value {
                Some(value) => (value.as_ptr().cast(), value.len() as isize),
                None => (ptr::null(), 0),
            };
            let (name, name_len) = (key.as_ptr().cast(), key.len() as isize);
            sys::rd_kafka_header_add(native, name, name_len, value, len);
        }
        native
    }
}
