//! A client, and what it does as a producer.

use std::ffi::{c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::bindings::{self as sys, rd_kafka_resp_err_t as RespErr};
use rdkafka::config::NativeClientConfig;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::delivery::{Delivery, delivered};
use super::error::{NativeError, c_string, checked, millis, taken, text};
use super::lists::offset_list;
use super::queue::Queue;
use super::requests::{RequestCounts, count_requests};
use super::topic::Topic;
use crate::{GroupIdentity, OffsetAndMetadata, TopicPartition, Waker};

/// A client. Destroyed on a thread of its own when the last of its users is gone, as that may take
/// as long as a broker takes to answer.
#[derive(Debug)]
pub(in crate::kafka) struct Native {
    pub(super) ptr: NonNull<sys::rd_kafka_t>,
    /// What the interceptors and delivery reports point to.
    counts: Arc<RequestCounts>,
    deliveries: Mutex<Vec<Arc<Delivery>>>,
}

// SAFETY: librdkafka's clients may be used from any thread, and from several at a time.
unsafe impl Send for Native {}
// SAFETY: as above.
unsafe impl Sync for Native {}

/// What a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Kind {
    /// Produces.
    Producer,
    /// Reads partitions it is told to read.
    Reader,
    /// Is a member of a group; changes of the assignment come as events.
    Member,
}

impl Native {
    pub(in crate::kafka) fn new(
        kind: Kind,
        config: NativeClientConfig,
    ) -> Result<Arc<Self>, String> {
        let counts = Arc::new(RequestCounts::default());
        let mut reason = [0 as c_char; 512];
        let config = ManuallyDrop::new(config);
        let conf = config.ptr();
        // SAFETY: `conf` is valid until `rd_kafka_new` takes it; the counters outlive the client, as
        // its destruction ends before they are dropped; `reason` is as long as it is said to be.
        let rk = unsafe {
            sys::rd_kafka_conf_set_log_cb(conf, Some(log));
            sys::rd_kafka_conf_set_error_cb(conf, Some(error));
            sys::rd_kafka_conf_set_opaque(conf, Arc::as_ptr(&counts).cast_mut().cast());
            count_requests(conf, &counts);
            let kind = match kind {
                Kind::Producer => {
                    sys::rd_kafka_conf_set_dr_msg_cb(conf, Some(delivered));
                    sys::rd_kafka_type_t::RD_KAFKA_PRODUCER
                }
                Kind::Reader => sys::rd_kafka_type_t::RD_KAFKA_CONSUMER,
                Kind::Member => {
                    let events = sys::RD_KAFKA_EVENT_REBALANCE | sys::RD_KAFKA_EVENT_ERROR;
                    sys::rd_kafka_conf_set_events(conf, events);
                    sys::rd_kafka_type_t::RD_KAFKA_CONSUMER
                }
            };
            sys::rd_kafka_new(kind, conf, reason.as_mut_ptr(), reason.len())
        };
        let Some(ptr) = NonNull::new(rk) else {
            drop(ManuallyDrop::into_inner(config));
            // SAFETY: librdkafka has ended its reason with a zero byte.
            return Err(unsafe { text(reason.as_ptr()) });
        };
        Ok(Arc::new(Self { ptr, counts, deliveries: Mutex::default() }))
    }

    pub(in crate::kafka) fn counts(&self) -> &RequestCounts {
        &self.counts
    }

    /// Serves delivery reports and errors, waiting for one as long as `wait`.
    pub(in crate::kafka) fn poll(&self, wait: Duration) {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_poll(self.ptr.as_ptr(), millis(wait)) };
    }

    /// Messages that are not delivered yet.
    pub(in crate::kafka) fn unsent(&self) -> usize {
        // SAFETY: the client is alive.
        let len = unsafe { sys::rd_kafka_outq_len(self.ptr.as_ptr()) };
        usize::try_from(len).unwrap_or(0)
    }

    /// A record of deliveries that lives as long as the client.
    pub(in crate::kafka) fn delivery(&self) -> Arc<Delivery> {
        let delivery = Arc::new(Delivery::default());
        let mut all = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(delivery.clone());
        delivery
    }

    pub(in crate::kafka) fn topic(self: &Arc<Self>, name: &str) -> Result<Topic, NativeError> {
        let name = c_string(name);
        // SAFETY: the client is alive; a null configuration is the default one.
        let ptr =
            unsafe { sys::rd_kafka_topic_new(self.ptr.as_ptr(), name.as_ptr(), ptr::null_mut()) };
        match NonNull::new(ptr) {
            Some(ptr) => Ok(Topic { ptr, client: self.clone() }),
            // SAFETY: reads the thread's last error.
            None => Err(NativeError::of(unsafe { sys::rd_kafka_last_error() })),
        }
    }

    pub(in crate::kafka) fn flush(&self, within: Duration) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        checked(unsafe { sys::rd_kafka_flush(self.ptr.as_ptr(), millis(within)) })
    }

    pub(in crate::kafka) fn init_transactions(&self, within: Duration) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        taken(unsafe { sys::rd_kafka_init_transactions(self.ptr.as_ptr(), millis(within)) })
    }

    pub(in crate::kafka) fn begin_transaction(&self) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        taken(unsafe { sys::rd_kafka_begin_transaction(self.ptr.as_ptr()) })
    }

    pub(in crate::kafka) fn commit_transaction(&self, within: Duration) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        taken(unsafe { sys::rd_kafka_commit_transaction(self.ptr.as_ptr(), millis(within)) })
    }

    pub(in crate::kafka) fn abort_transaction(&self, within: Duration) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        taken(unsafe { sys::rd_kafka_abort_transaction(self.ptr.as_ptr(), millis(within)) })
    }

    pub(in crate::kafka) fn send_offsets(
        &self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
        within: Duration,
    ) -> Result<(), NativeError> {
        let offsets = offset_list(offsets);
        let (group, member) = (c_string(&identity.group), c_string(&identity.member));
        let instance = identity.instance.as_deref().map(c_string);
        // SAFETY: all strings live through the calls, which copy them; the metadata is destroyed
        // once, after its last use.
        unsafe {
            let metadata = sys::rd_kafka_consumer_group_metadata_new_with_genid(
                group.as_ptr(),
                identity.generation,
                member.as_ptr(),
                instance.as_ref().map_or(ptr::null(), |instance| instance.as_ptr()),
            );
            let error = sys::rd_kafka_send_offsets_to_transaction(
                self.ptr.as_ptr(),
                offsets.ptr(),
                metadata,
                millis(within),
            );
            sys::rd_kafka_consumer_group_metadata_destroy(metadata);
            taken(error)
        }
    }

    /// What a broker said last that did not let the client in.
    pub(in crate::kafka) fn not_let_in(&self) -> Option<String> {
        self.poll(Duration::ZERO);
        self.counts.not_let_in()
    }

    /// Whether a connection to a broker was lost since this was asked last.
    pub(in crate::kafka) fn lost_connection(&self) -> bool {
        self.poll(Duration::ZERO);
        self.counts.take_lost_connection()
    }

    /// Asks who leads what, for all that this client has asked for before. It does so by itself
    /// after most errors that say it is mistaken, but not in a listing of offsets when a broker has
    /// come back as the leader that it was.
    pub(in crate::kafka) fn refresh_leaders(&self, within: Duration) -> Result<(), NativeError> {
        let mut metadata = ptr::null();
        // SAFETY: a null topic stands for all; what is given back is ours and destroyed once.
        unsafe {
            checked(sys::rd_kafka_metadata(
                self.ptr.as_ptr(),
                1,
                ptr::null_mut(),
                &mut metadata,
                millis(within),
            ))?;
            sys::rd_kafka_metadata_destroy(metadata);
        }
        Ok(())
    }

    /// The error after which the client is of no use, if there was one.
    pub(in crate::kafka) fn fatal_error(&self) -> Option<NativeError> {
        let mut reason = [0 as c_char; 512];
        // SAFETY: `reason` is as long as it is said to be, and ends with a zero byte afterwards.
        unsafe {
            let code =
                sys::rd_kafka_fatal_error(self.ptr.as_ptr(), reason.as_mut_ptr(), reason.len());
            let error = checked(code).err()?;
            Some(NativeError { text: text(reason.as_ptr()), fatal: true, ..error })
        }
    }

    /// The error itself, or what lies behind one that says only that the client is of no use any more.
    pub(in crate::kafka) fn cause(&self, error: NativeError) -> NativeError {
        match error.code {
            Code::Fatal => self.fatal_error().unwrap_or(error),
            _ => error,
        }
    }

    /// A queue for the records of a partition.
    pub(in crate::kafka) fn new_queue(self: &Arc<Self>, waker: Option<Waker>) -> Option<Queue> {
        // SAFETY: the client is alive, and kept so by the queue.
        let ptr = unsafe { sys::rd_kafka_queue_new(self.ptr.as_ptr()) };
        Queue::new(ptr, self, waker)
    }

    /// Offset after the last record of a partition, as the last fetch has told it.
    pub(in crate::kafka) fn known_end(&self, partition: &TopicPartition) -> Option<i64> {
        let topic = c_string(&partition.topic);
        let (mut low, mut high) = (-1, -1);
        // SAFETY: both offsets outlive the call.
        let code = unsafe {
            sys::rd_kafka_get_watermark_offsets(
                self.ptr.as_ptr(),
                topic.as_ptr(),
                partition.partition as i32,
                &mut low,
                &mut high,
            )
        };
        (checked(code).is_ok() && high >= 0).then_some(high)
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        type Kept = (Arc<RequestCounts>, Vec<Arc<Delivery>>);
        struct Last(
            NonNull<sys::rd_kafka_t>,
            #[expect(dead_code, reason = "kept for callbacks")] Kept,
        );
        // SAFETY: librdkafka's clients may be used from any thread.
        unsafe impl Send for Last {}
        impl Drop for Last {
            fn drop(&mut self) {
                let flags = sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE;
                // SAFETY: nobody else has the client; what it points to is dropped afterwards.
                unsafe { sys::rd_kafka_destroy_flags(self.0.as_ptr(), flags) };
            }
        }
        let deliveries = self.deliveries.get_mut().unwrap_or_else(PoisonError::into_inner);
        let last = Last(self.ptr, (self.counts.clone(), std::mem::take(deliveries)));
        // Without a thread it is destroyed here.
        let _thread =
            std::thread::Builder::new().name("kafka-close".to_owned()).spawn(move || drop(last));
    }
}

/// A line of librdkafka's log.
unsafe extern "C" fn log(
    _client: *const sys::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    // SAFETY: librdkafka hands over C strings.
    let (facility, line) = unsafe { (text(facility), text(line)) };
    match level {
        0..=3 => tracing::error!(target: "librdkafka", "{facility}: {line}"),
        4 => tracing::warn!(target: "librdkafka", "{facility}: {line}"),
        5 | 6 => tracing::info!(target: "librdkafka", "{facility}: {line}"),
        _ => tracing::debug!(target: "librdkafka", "{facility}: {line}"),
    }
}

/// A state of the client that the calls it concerns report too, so it is only logged; but of a login
/// that failed they only know that they got no answer, and who reads does not learn of a broker that
/// went away.
unsafe extern "C" fn error(
    _client: *mut sys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    counts: *mut c_void,
) {
    // SAFETY: librdkafka hands over a C string, and the counters, which outlive the client.
    let (reason, counts) = unsafe { (text(reason), &*counts.cast::<RequestCounts>()) };
    tracing::warn!(target: "librdkafka", "{reason} ({code})");
    let is = |of: RespErr| code == of as c_int;
    // A handshake also fails of a broker that goes away in the middle of it.
    let is_not_trusted = is(RespErr::RD_KAFKA_RESP_ERR__SSL) && reason.contains("certificate");
    if is(RespErr::RD_KAFKA_RESP_ERR__AUTHENTICATION) || is_not_trusted {
        counts.set_not_let_in(reason);
    } else if is(RespErr::RD_KAFKA_RESP_ERR__TRANSPORT)
        || is(RespErr::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
    {
        counts.set_lost_connection();
    }
}
