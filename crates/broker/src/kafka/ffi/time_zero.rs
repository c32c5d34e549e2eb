//! Records of the time 0: librdkafka takes that for "no time" and gives them the present one.

use std::cell::Cell;
use std::ffi::{c_int, c_void};

use rdkafka::bindings::{self as sys, rd_kafka_resp_err_t as RespErr};

/// Where a message has its timestamp: behind its public part, two links, flags and a kind
/// (`rd_kafka_msg_s` of librdkafka 2.12).
const TIMESTAMP_AT: usize = size_of::<sys::rd_kafka_message_t>() + 3 * size_of::<*mut c_void>();

// Flags and kind fill the third word.
const _: () = assert!(2 * size_of::<c_int>() == size_of::<*mut c_void>());

thread_local! {
    /// Whether the record that this thread hands over is of the time 0.
    static IS_ZERO: Cell<bool> = const { Cell::new(false) };
}

/// Calls `produce`, which hands over a record of this time.
pub(super) fn with_time<T>(timestamp: i64, produce: impl FnOnce() -> T) -> T {
    if timestamp != 0 {
        return produce();
    }
    IS_ZERO.set(true);
    let made = produce();
    IS_ZERO.set(false);
    made
}

/// Called by the client when it has made a message, before anybody else sees it.
pub(super) unsafe extern "C" fn on_send(
    _client: *mut sys::rd_kafka_t,
    message: *mut sys::rd_kafka_message_t,
    _opaque: *mut c_void,
) -> RespErr {
    if IS_ZERO.get() {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is the first part of a larger one that has just been made. What is
        // written over is what the client itself reads as the message's timestamp, so it is that.
        unsafe {
            let given = sys::rd_kafka_message_timestamp(message, &mut kind);
            let place = message.cast::<u8>().add(TIMESTAMP_AT).cast::<i64>();
            if *place == given {
                *place = 0;
            } else {
                tracing::warn!("a record of the time 0 is written with the present time");
            }
        }
    }
    RespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}
