//! Errors, names and times as librdkafka has them.

use std::ffi::{CStr, CString, c_char, c_int};
use std::time::Duration;

use rdkafka::bindings::{self as sys, rd_kafka_resp_err_t as RespErr};
use rdkafka::error::RDKafkaErrorCode as Code;

/// An error in librdkafka's words.
#[derive(Debug)]
pub(in crate::kafka) struct NativeError {
    pub(in crate::kafka) code: Code,
    pub(in crate::kafka) text: String,
    /// The client cannot be used any more.
    pub(in crate::kafka) fatal: bool,
    /// The transaction must be aborted.
    pub(in crate::kafka) abortable: bool,
}

impl NativeError {
    pub(super) fn of(code: RespErr) -> Self {
        Self::with_code(Code::from(code))
    }

    pub(super) fn with_code(code: Code) -> Self {
        Self { text: code.to_string(), code, fatal: false, abortable: false }
    }
}

pub(super) fn checked(code: RespErr) -> Result<(), NativeError> {
    if code == RespErr::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(NativeError::of(code)) }
}

/// Reads a code that librdkafka has written: brokers may send some that the enumeration lacks.
///
/// # Safety
/// `place` holds a code.
pub(super) unsafe fn code_at(place: *const RespErr) -> Code {
    // SAFETY: the caller's promise; the enumeration is an `i32`.
    let number = unsafe { place.cast::<i32>().read() };
    code_of(number)
}

/// The code with this number.
pub(in crate::kafka) fn code_of(number: i32) -> Code {
    RespErr::try_from(number).map_or(Code::Unknown, Code::from)
}

/// Takes an error object; null is success.
pub(super) fn taken(error: *mut sys::rd_kafka_error_t) -> Result<(), NativeError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: not null, so it is an error object that is ours; destroyed once, at the end.
    unsafe {
        let taken = NativeError {
            code: Code::from(sys::rd_kafka_error_code(error)),
            text: text(sys::rd_kafka_error_string(error)),
            fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            abortable: sys::rd_kafka_error_txn_requires_abort(error) != 0,
        };
        sys::rd_kafka_error_destroy(error);
        Err(taken)
    }
}

/// Copies a C string that may be null.
///
/// # Safety
/// `chars` is null or ends with a zero byte.
pub(super) unsafe fn text(chars: *const c_char) -> String {
    if chars.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(chars) }.to_string_lossy().into_owned()
}

/// Names never hold a zero byte: the broker refuses them, and so does whoever takes them from a
/// user. One that does is cut there.
pub(super) fn c_string(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

pub(super) fn millis(time: Duration) -> c_int {
    c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX)
}
