//! How many requests a client has sent, and which of them were answered.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::bindings::{self as sys, rd_kafka_resp_err_t as RespErr};

use super::time_zero::on_send;

/// Requests of these kinds are counted: `ApiKey`s below it.
const COUNTED: usize = 96;

/// Under this name we listen to requests.
const INTERCEPTOR: &CStr = c"millstream";

/// How many requests of each kind a client has sent, how many answers it has got, and whether it was
/// let in.
#[derive(Debug)]
pub(in crate::kafka) struct RequestCounts {
    sent: [AtomicU64; COUNTED],
    received: [AtomicU64; COUNTED],
    /// What a broker said that did not let the client in.
    not_let_in: Mutex<Option<String>>,
    lost_connection: AtomicBool,
}

impl Default for RequestCounts {
    fn default() -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            sent: zeros(),
            received: zeros(),
            not_let_in: Mutex::default(),
            lost_connection: AtomicBool::new(false),
        }
    }
}

impl RequestCounts {
    pub(in crate::kafka) fn sent(&self, api_key: usize) -> u64 {
        self.sent[api_key].load(Ordering::SeqCst)
    }

    pub(in crate::kafka) fn received(&self, api_key: usize) -> u64 {
        self.received[api_key].load(Ordering::SeqCst)
    }

    /// What a broker said last that did not let the client in.
    pub(super) fn not_let_in(&self) -> Option<String> {
        self.not_let_in.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a connection was lost since this was asked last.
    pub(super) fn take_lost_connection(&self) -> bool {
        self.lost_connection.swap(false, Ordering::SeqCst)
    }

    pub(super) fn set_lost_connection(&self) {
        self.lost_connection.store(true, Ordering::SeqCst);
    }

    pub(super) fn set_not_let_in(&self, reason: String) {
        *self.not_let_in.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    fn count(counters: &[AtomicU64; COUNTED], api_key: i16) {
        if let Some(counter) = usize::try_from(api_key).ok().and_then(|key| counters.get(key)) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Has the requests of the client that is made of `conf` counted.
///
/// # Safety
/// `conf` is a configuration, and `counts` outlives the client.
pub(super) unsafe fn count_requests(conf: *mut sys::rd_kafka_conf_t, counts: &RequestCounts) {
    let counts: *const RequestCounts = counts;
    // SAFETY: the caller's promise.
    unsafe {
        sys::rd_kafka_conf_interceptor_add_on_new(
            conf,
            INTERCEPTOR.as_ptr(),
            Some(on_new),
            counts.cast_mut().cast(),
        );
    }
}

/// Listens to the requests of a client that is being made.
unsafe extern "C" fn on_new(
    client: *mut sys::rd_kafka_t,
    _config: *const sys::rd_kafka_conf_t,
    counts: *mut c_void,
    _reason: *mut c_char,
    _reason_len: usize,
) -> RespErr {
    let name = INTERCEPTOR.as_ptr();
    // SAFETY: the counters outlive the client.
    unsafe {
        sys::rd_kafka_interceptor_add_on_send(client, name, Some(on_send), counts);
        sys::rd_kafka_interceptor_add_on_thread_start(client, name, Some(on_thread), counts);
        sys::rd_kafka_interceptor_add_on_request_sent(client, name, Some(on_sent), counts);
        sys::rd_kafka_interceptor_add_on_response_received(client, name, Some(on_received), counts)
    }
}

thread_local! {
    /// Whether this is a thread that talks to a broker. An answer is reported there when it has come,
    /// and elsewhere again when it is handled.
    static TALKS: Cell<bool> = const { Cell::new(false) };
}

unsafe extern "C" fn on_thread(
    _client: *mut sys::rd_kafka_t,
    kind: sys::rd_kafka_thread_type_t,
    _name: *const c_char,
    _counts: *mut c_void,
) -> RespErr {
    TALKS.set(matches!(kind, sys::rd_kafka_thread_type_t::RD_KAFKA_THREAD_BROKER));
    RespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}

unsafe extern "C" fn on_sent(
    _client: *mut sys::rd_kafka_t,
    _socket: c_int,
    _broker_name: *const c_char,
    _broker: i32,
    api_key: i16,
    _version: i16,
    _correlation: i32,
    _size: usize,
    counts: *mut c_void,
) -> RespErr {
    // SAFETY: the counters outlive the client.
    RequestCounts::count(unsafe { &(*counts.cast::<RequestCounts>()).sent }, api_key);
    RespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}

unsafe extern "C" fn on_received(
    _client: *mut sys::rd_kafka_t,
    _socket: c_int,
    _broker_name: *const c_char,
    _broker: i32,
    api_key: i16,
    _version: i16,
    _correlation: i32,
    _size: usize,
    _round_trip: i64,
    code: RespErr,
    counts: *mut c_void,
) -> RespErr {
    if code == RespErr::RD_KAFKA_RESP_ERR_NO_ERROR && TALKS.get() {
        // SAFETY: the counters outlive the client.
        RequestCounts::count(unsafe { &(*counts.cast::<RequestCounts>()).received }, api_key);
    }
    RespErr::RD_KAFKA_RESP_ERR_NO_ERROR
}
