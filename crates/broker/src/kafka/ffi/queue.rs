//! Queues: of a member's events, of the records of a partition.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::TopicPartitionList;
use rdkafka::bindings::{self as sys, rd_kafka_resp_err_t as RespErr};
use rdkafka::error::RDKafkaErrorCode as Code;

use super::client::Native;
use super::error::{NativeError, checked, code_at, text};
use super::lists::copied;
use super::no_headers::has_none;
use crate::{Header, Headers, Waker};

/// A queue of a client, which calls a waker when something comes into it.
#[derive(Debug)]
pub(in crate::kafka) struct Queue {
    pub(super) ptr: NonNull<sys::rd_kafka_queue_t>,
    /// Goes after the queue.
    _client: Arc<Native>,
    waker: Option<Box<Waker>>,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for Queue {}

/// What came out of a partition.
pub(in crate::kafka) enum Consumed<'a> {
    Record {
        offset: i64,
        timestamp: i64,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        headers: Headers,
    },
    /// All that can be seen now ends at this offset.
    End(i64),
    Error(NativeError),
}

/// Something that happened to a member.
pub(in crate::kafka) enum MemberEvent {
    Assign(TopicPartitionList),
    Revoke(TopicPartitionList),
    Error(NativeError),
}

impl Queue {
    pub(super) fn new(
        ptr: *mut sys::rd_kafka_queue_t,
        client: &Arc<Native>,
        waker: Option<Waker>,
    ) -> Option<Self> {
        let queue =
            Self { ptr: NonNull::new(ptr)?, _client: client.clone(), waker: waker.map(Box::new) };
        if let Some(waker) = &queue.waker {
            let opaque: *const Waker = &**waker;
            // SAFETY: the waker does not move and outlives the callback, which `drop` takes away.
            unsafe {
                sys::rd_kafka_queue_cb_event_enable(
                    queue.ptr.as_ptr(),
                    Some(wake),
                    opaque.cast_mut().cast(),
                );
            }
        }
        Some(queue)
    }

    /// Gives what has been fetched to `each`, as much as fits into `messages`; says how much that
    /// was. Never waits.
    pub(in crate::kafka) fn consume(
        &self,
        messages: &mut MessageSlots,
        mut each: impl FnMut(Consumed<'_>),
    ) {
        // SAFETY: the array is as long as it is said to be.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(
                self.ptr.as_ptr(),
                0,
                messages.0.as_mut_ptr(),
                messages.0.len(),
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        for message in &mut messages.0[..count] {
            // SAFETY: the first `count` are messages of ours, each destroyed once, after its use.
            unsafe {
                each(consumed(*message));
                sys::rd_kafka_message_destroy(std::mem::replace(message, ptr::null_mut()));
            }
        }
    }

    /// The next event of a member; tells the client that its owner lives. Never waits.
    pub(in crate::kafka) fn next(&self) -> Option<MemberEvent> {
        // SAFETY: the event is ours and destroyed once; what it holds is copied before.
        unsafe {
            loop {
                let event = sys::rd_kafka_queue_poll(self.ptr.as_ptr(), 0);
                if event.is_null() {
                    return None;
                }
                let found = match sys::rd_kafka_event_type(event) {
                    sys::RD_KAFKA_EVENT_REBALANCE => {
                        let list = sys::rd_kafka_event_topic_partition_list(event);
                        let list = copied(list);
                        let assigned = sys::rd_kafka_event_error(event)
                            == RespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
                        Some(if assigned {
                            MemberEvent::Assign(list)
                        } else {
                            MemberEvent::Revoke(list)
                        })
                    }
                    sys::RD_KAFKA_EVENT_ERROR => Some(MemberEvent::Error(NativeError {
                        text: text(sys::rd_kafka_event_error_string(event)),
                        fatal: sys::rd_kafka_event_error_is_fatal(event) != 0,
                        ..NativeError::of(sys::rd_kafka_event_error(event))
                    })),
                    _ => None,
                };
                sys::rd_kafka_event_destroy(event);
                if found.is_some() {
                    return found;
                }
            }
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once, before its client and before the waker.
        unsafe {
            if self.waker.is_some() {
                sys::rd_kafka_queue_cb_event_enable(self.ptr.as_ptr(), None, ptr::null_mut());
            }
            sys::rd_kafka_queue_destroy(self.ptr.as_ptr());
        }
    }
}

/// Room for the addresses of messages, empty between calls.
pub(in crate::kafka) struct MessageSlots(Vec<*mut sys::rd_kafka_message_t>);

// SAFETY: holds null pointers only.
unsafe impl Send for MessageSlots {}

impl MessageSlots {
    pub(in crate::kafka) fn new(count: usize) -> Self {
        Self(vec![ptr::null_mut(); count])
    }
}

/// # Safety
/// `message` is one of a consumer, alive as long as what is given back.
unsafe fn consumed<'a>(message: *mut sys::rd_kafka_message_t) -> Consumed<'a> {
    // SAFETY: the caller's promise; key, payload and headers live as long as the message.
    unsafe {
        let raw = &*message;
        let bytes = |start: *mut c_void, len: usize| {
            (!start.is_null()).then(|| std::slice::from_raw_parts(start.cast::<u8>(), len))
        };
        match code_at(&raw const (*message).err) {
            Code::NoError => {
                let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
                Consumed::Record {
                    offset: raw.offset,
                    timestamp: sys::rd_kafka_message_timestamp(message, &mut kind),
                    key: bytes(raw.key, raw.key_len),
                    value: bytes(raw.payload, raw.len),
                    headers: match has_none(message) {
                        true => Headers::new(),
                        false => headers_of(message),
                    },
                }
            }
            Code::PartitionEOF => Consumed::End(raw.offset),
            code => Consumed::Error(NativeError {
                text: text(sys::rd_kafka_message_errstr(message)),
                ..NativeError::with_code(code)
            }),
        }
    }
}

/// # Safety
/// `message` is a record of a consumer, alive.
unsafe fn headers_of(message: *mut sys::rd_kafka_message_t) -> Headers {
    let mut headers = ptr::null_mut();
    // SAFETY: the caller's promise; the headers live as long as the message.
    unsafe {
        match sys::rd_kafka_message_headers(message, &mut headers) {
            RespErr::RD_KAFKA_RESP_ERR_NO_ERROR => rust_headers(headers),
            _ => Headers::new(),
        }
    }
}

/// # Safety
/// `headers` are alive.
unsafe fn rust_headers(headers: *mut sys::rd_kafka_headers_t) -> Headers {
    let mut all = Vec::new();
    loop {
        let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the caller's promise; name and value are copied while the headers live.
        unsafe {
            let code =
                sys::rd_kafka_header_get_all(headers, all.len(), &mut name, &mut value, &mut len);
            if checked(code).is_err() {
                return all.into_iter().collect();
            }
            let value = (!value.is_null())
                .then(|| std::slice::from_raw_parts(value.cast::<u8>(), len).into());
            all.push(Header { key: text(name).into(), value });
        }
    }
}

unsafe extern "C" fn wake(_client: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: the waker lives until the callback is taken away.
    unsafe { &*opaque.cast::<Waker>() }.wake();
}
