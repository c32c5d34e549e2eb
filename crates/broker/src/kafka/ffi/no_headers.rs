//! Whether a record has headers. librdkafka tells by reading them, for which it makes and destroys a
//! buffer, a fifth of what it costs to take a record; and most records have none.

use std::ffi::c_void;

use rdkafka::bindings as sys;

/// Where a message has its headers as they came: behind its public part, two links, flags and kind
/// of the time, the time, the headers that were read, and two numbers (`rd_kafka_msg_s`).
const BEGIN: usize = size_of::<sys::rd_kafka_message_t>() + 6 * size_of::<*mut c_void>();

/// Whether this is a librdkafka in which they are there: 2.12.
const KNOWN: bool = sys::RD_KAFKA_VERSION >> 16 == 0x020c && size_of::<*mut c_void>() == 8;

/// Their length, and the headers with their number in front.
#[repr(C)]
struct Unread {
    len: i32,
    start: *const u8,
}

/// Whether a record is known to have no headers. When it is not, they have to be asked for.
///
/// # Safety
/// `message` is a record of a consumer, alive.
pub(super) unsafe fn has_none(message: *const sys::rd_kafka_message_t) -> bool {
    if !KNOWN {
        return false;
    }
    // SAFETY: the message is the first part of a larger one, which reaches further than this. A
    // record has its headers right behind its value: when they are said to be there, and to be a
    // byte or more, what was read is what it was taken for.
    unsafe {
        let (value, len) = ((*message).payload.cast::<u8>().cast_const(), (*message).len);
        if value.is_null() {
            return false;
        }
        let unread = message.cast::<u8>().add(BEGIN).cast::<Unread>().read();
        unread.start == value.wrapping_add(len) && unread.len > 0 && *unread.start == 0
    }
}
