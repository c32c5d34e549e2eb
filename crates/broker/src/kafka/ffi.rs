//! Everything that calls librdkafka directly: what its safe wrapper lacks or does too slowly. The
//! only file with `unsafe`.
#![expect(unsafe_code, reason = "librdkafka is a C library")]

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings::{self as sys, rd_kafka_resp_err_t as RespErr};
use rdkafka::config::NativeClientConfig;
use rdkafka::error::RDKafkaErrorCode as Code;

use crate::{GroupIdentity, Header, Headers, OffsetAndMetadata, RecordView, TopicPartition, Waker};

/// Requests of these kinds are counted: `ApiKey`s below it.
const COUNTED: usize = 96;
/// Under this name we listen to requests.
const INTERCEPTOR: &CStr = c"millstream";

/// An error in librdkafka's words.
#[derive(Debug)]
pub(super) struct NativeError {
    pub(super) code: Code,
    pub(super) text: String,
    /// The client cannot be used any more.
    pub(super) fatal: bool,
    /// The transaction must be aborted.
    pub(super) abortable: bool,
}

impl NativeError {
    fn of(code: RespErr) -> Self {
        let code = Code::from(code);
        Self { text: code.to_string(), code, fatal: false, abortable: false }
    }
}

fn checked(code: RespErr) -> Result<(), NativeError> {
    if code == RespErr::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(NativeError::of(code)) }
}

/// Takes an error object; null is success.
fn taken(error: *mut sys::rd_kafka_error_t) -> Result<(), NativeError> {
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
unsafe fn text(chars: *const c_char) -> String {
    if chars.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(chars) }.to_string_lossy().into_owned()
}

/// Names never hold a zero byte: the broker refuses them, and so does whoever takes them from a
/// user. One that does is cut there.
fn c_string(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

fn millis(time: Duration) -> c_int {
    c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX)
}

/// How many requests of each kind a client has sent, how many answers it has got, and whether it was
/// let in.
#[derive(Debug)]
pub(super) struct RequestCounts {
    sent: [AtomicU64; COUNTED],
    received: [AtomicU64; COUNTED],
    /// What a broker said that did not let the client in.
    not_let_in: Mutex<Option<String>>,
}

impl Default for RequestCounts {
    fn default() -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Self { sent: zeros(), received: zeros(), not_let_in: Mutex::default() }
    }
}

impl RequestCounts {
    pub(super) fn sent(&self, api_key: usize) -> u64 {
        self.sent[api_key].load(Ordering::SeqCst)
    }

    pub(super) fn received(&self, api_key: usize) -> u64 {
        self.received[api_key].load(Ordering::SeqCst)
    }

    fn count(counters: &[AtomicU64; COUNTED], api_key: i16) {
        if let Some(counter) = usize::try_from(api_key).ok().and_then(|key| counters.get(key)) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What is known of the records produced to one partition. Written by delivery reports, which come
/// in calls of the thread that owns the producer.
#[derive(Debug)]
pub(super) struct Delivery {
    /// Offset of the last record acknowledged, or -1.
    last: AtomicI64,
    /// The first error, as librdkafka numbers it, or 0.
    error: AtomicI32,
}

impl Delivery {
    /// The offset after the last record acknowledged.
    pub(super) fn acknowledged(&self) -> Option<i64> {
        let last = self.last.load(Ordering::Relaxed);
        (last >= 0).then_some(last + 1)
    }

    /// The first error since it was last asked for.
    pub(super) fn take_error(&self) -> Option<Code> {
        match self.error.swap(0, Ordering::Relaxed) {
            0 => None,
            code => Some(RespErr::try_from(code).map_or(Code::Unknown, Code::from)),
        }
    }
}

/// A client. Destroyed on a thread of its own when the last of its users is gone, as that may take
/// as long as a broker takes to answer.
#[derive(Debug)]
pub(super) struct Native {
    ptr: NonNull<sys::rd_kafka_t>,
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
pub(super) enum Kind {
    /// Produces.
    Producer,
    /// Reads partitions it is told to read.
    Reader,
    /// Is a member of a group; changes of the assignment come as events.
    Member,
}

impl Native {
    pub(super) fn new(kind: Kind, config: NativeClientConfig) -> Result<Arc<Self>, String> {
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
            sys::rd_kafka_conf_interceptor_add_on_new(
                conf,
                INTERCEPTOR.as_ptr(),
                Some(on_new),
                Arc::as_ptr(&counts).cast_mut().cast(),
            );
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

    pub(super) fn counts(&self) -> &RequestCounts {
        &self.counts
    }

    /// Serves delivery reports and errors, waiting for one as long as `wait`.
    pub(super) fn poll(&self, wait: Duration) {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_poll(self.ptr.as_ptr(), millis(wait)) };
    }

    /// Messages that are not delivered yet.
    pub(super) fn unsent(&self) -> usize {
        // SAFETY: the client is alive.
        let len = unsafe { sys::rd_kafka_outq_len(self.ptr.as_ptr()) };
        usize::try_from(len).unwrap_or(0)
    }

    /// A record of deliveries that lives as long as the client.
    pub(super) fn delivery(&self) -> Arc<Delivery> {
        let delivery = Arc::new(Delivery { last: AtomicI64::new(-1), error: AtomicI32::new(0) });
        let mut all = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(delivery.clone());
        delivery
    }

    pub(super) fn topic(self: &Arc<Self>, name: &str) -> Result<Topic, NativeError> {
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

    pub(super) fn flush(&self, within: Duration) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        checked(unsafe { sys::rd_kafka_flush(self.ptr.as_ptr(), millis(within)) })
    }

    pub(super) fn init_transactions(&self, within: Duration) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        taken(unsafe { sys::rd_kafka_init_transactions(self.ptr.as_ptr(), millis(within)) })
    }

    pub(super) fn begin_transaction(&self) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        taken(unsafe { sys::rd_kafka_begin_transaction(self.ptr.as_ptr()) })
    }

    pub(super) fn commit_transaction(&self, within: Duration) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        taken(unsafe { sys::rd_kafka_commit_transaction(self.ptr.as_ptr(), millis(within)) })
    }

    pub(super) fn abort_transaction(&self, within: Duration) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        taken(unsafe { sys::rd_kafka_abort_transaction(self.ptr.as_ptr(), millis(within)) })
    }

    pub(super) fn send_offsets(
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

    /// Commits as the member that this client is.
    pub(super) fn commit(
        &self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), NativeError> {
        let offsets = offset_list(offsets);
        // SAFETY: the client is alive, and so is the list.
        checked(unsafe { sys::rd_kafka_commit(self.ptr.as_ptr(), offsets.ptr(), 0) })
    }

    /// What a broker said last that did not let the client in.
    pub(super) fn not_let_in(&self) -> Option<String> {
        self.poll(Duration::ZERO);
        self.counts.not_let_in.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks who leads what, for all that this client has asked for before. It does so by itself
    /// after most errors that say it is mistaken, but not in a listing of offsets when a broker has
    /// come back as the leader that it was.
    pub(super) fn refresh_leaders(&self, within: Duration) -> Result<(), NativeError> {
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
    pub(super) fn fatal_error(&self) -> Option<NativeError> {
        let mut reason = [0 as c_char; 512];
        // SAFETY: `reason` is as long as it is said to be, and ends with a zero byte afterwards.
        unsafe {
            let code =
                sys::rd_kafka_fatal_error(self.ptr.as_ptr(), reason.as_mut_ptr(), reason.len());
            let error = checked(code).err()?;
            Some(NativeError { text: text(reason.as_ptr()), fatal: true, ..error })
        }
    }

    /// The member this client is: its id and generation.
    pub(super) fn member(&self) -> (String, i32) {
        // SAFETY: the metadata is ours and destroyed once; its id is copied before.
        unsafe {
            let metadata = sys::rd_kafka_consumer_group_metadata(self.ptr.as_ptr());
            if metadata.is_null() {
                return (String::new(), -1);
            }
            let member = text(sys::rd_kafka_consumer_group_metadata_member_id(metadata));
            let generation = sys::rd_kafka_consumer_group_metadata_generation_id(metadata);
            sys::rd_kafka_consumer_group_metadata_destroy(metadata);
            (member, generation)
        }
    }

    /// Whether others may have what is assigned to this member.
    pub(super) fn is_assignment_lost(&self) -> bool {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_assignment_lost(self.ptr.as_ptr()) != 0 }
    }

    /// Whether anything is assigned to this member.
    pub(super) fn has_assignment(&self) -> bool {
        let mut list = ptr::null_mut();
        // SAFETY: the list is ours and destroyed once.
        unsafe {
            if checked(sys::rd_kafka_assignment(self.ptr.as_ptr(), &mut list)).is_err() {
                return false;
            }
            let any = (*list).cnt > 0;
            sys::rd_kafka_topic_partition_list_destroy(list);
            any
        }
    }

    pub(super) fn subscribe(&self, topics: &[String]) -> Result<(), NativeError> {
        let mut list = TopicPartitionList::with_capacity(topics.len());
        for topic in topics {
            list.add_topic_unassigned(topic);
        }
        // SAFETY: the list is copied.
        checked(unsafe { sys::rd_kafka_subscribe(self.ptr.as_ptr(), list.ptr()) })
    }

    pub(super) fn unsubscribe(&self) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        checked(unsafe { sys::rd_kafka_unsubscribe(self.ptr.as_ptr()) })
    }

    /// Accepts an assignment, nothing of which is to be read.
    pub(super) fn incremental_assign(
        &self,
        partitions: &TopicPartitionList,
    ) -> Result<(), NativeError> {
        // SAFETY: the list is copied by both calls.
        unsafe {
            taken(sys::rd_kafka_incremental_assign(self.ptr.as_ptr(), partitions.ptr()))?;
            checked(sys::rd_kafka_pause_partitions(self.ptr.as_ptr(), partitions.ptr()))
        }
    }

    pub(super) fn incremental_unassign(
        &self,
        partitions: &TopicPartitionList,
    ) -> Result<(), NativeError> {
        // SAFETY: the list is copied.
        taken(unsafe { sys::rd_kafka_incremental_unassign(self.ptr.as_ptr(), partitions.ptr()) })
    }

    /// The queue of a member's events.
    pub(super) fn consumer_queue(self: &Arc<Self>, waker: Option<Waker>) -> Option<Queue> {
        // SAFETY: the client is alive, and kept so by the queue.
        let ptr = unsafe { sys::rd_kafka_queue_get_consumer(self.ptr.as_ptr()) };
        Queue::new(ptr, self, waker)
    }

    /// A queue for the records of a partition.
    pub(super) fn new_queue(self: &Arc<Self>, waker: Option<Waker>) -> Option<Queue> {
        // SAFETY: the client is alive, and kept so by the queue.
        let ptr = unsafe { sys::rd_kafka_queue_new(self.ptr.as_ptr()) };
        Queue::new(ptr, self, waker)
    }

    /// Offset after the last record of a partition, as the last fetch has told it.
    pub(super) fn known_end(&self, partition: &TopicPartition) -> Option<i64> {
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

/// A topic of a client.
#[derive(Debug)]
pub(super) struct Topic {
    ptr: NonNull<sys::rd_kafka_topic_t>,
    client: Arc<Native>,
}

// SAFETY: librdkafka's topics may be used from any thread.
unsafe impl Send for Topic {}

/// What came out of a partition.
pub(super) enum Consumed<'a> {
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

impl Topic {
    /// Hands a record over; it is copied.
    pub(super) fn produce(
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
            let made =
                taken(sys::rd_kafka_produceva(self.client.ptr.as_ptr(), parts.as_ptr(), count));
            if made.is_err() && !native_headers.is_null() {
                sys::rd_kafka_headers_destroy(native_headers);
            }
            made
        }
    }

    /// Has a partition read from `offset` on, into `queue`.
    pub(super) fn start(
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

    pub(super) fn stop(&self, partition: u32) {
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

/// Room for the addresses of messages, empty between calls.
pub(super) struct MessageSlots(Vec<*mut sys::rd_kafka_message_t>);

// SAFETY: holds null pointers only.
unsafe impl Send for MessageSlots {}

impl MessageSlots {
    pub(super) fn new(count: usize) -> Self {
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
        match raw.err {
            RespErr::RD_KAFKA_RESP_ERR_NO_ERROR => {
                let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
                let mut headers = ptr::null_mut();
                let found = sys::rd_kafka_message_headers(message, &mut headers);
                Consumed::Record {
                    offset: raw.offset,
                    timestamp: sys::rd_kafka_message_timestamp(message, &mut kind),
                    key: bytes(raw.key, raw.key_len),
                    value: bytes(raw.payload, raw.len),
                    // Most records have none, and an error would be put into words.
                    headers: match found {
                        RespErr::RD_KAFKA_RESP_ERR_NO_ERROR => rust_headers(headers),
                        _ => Headers::new(),
                    },
                }
            }
            RespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => Consumed::End(raw.offset),
            code => Consumed::Error(NativeError {
                text: text(sys::rd_kafka_message_errstr(message)),
                ..NativeError::of(code)
            }),
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

/// A queue of a client, which calls a waker when something comes into it.
#[derive(Debug)]
pub(super) struct Queue {
    ptr: NonNull<sys::rd_kafka_queue_t>,
    client: Arc<Native>,
    waker: Option<Box<Waker>>,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for Queue {}

/// Something that happened to a member.
pub(super) enum MemberEvent {
    Assign(TopicPartitionList),
    Revoke(TopicPartitionList),
    Error(NativeError),
}

impl Queue {
    fn new(
        ptr: *mut sys::rd_kafka_queue_t,
        client: &Arc<Native>,
        waker: Option<Waker>,
    ) -> Option<Self> {
        let queue =
            Self { ptr: NonNull::new(ptr)?, client: client.clone(), waker: waker.map(Box::new) };
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
    pub(super) fn consume(
        &self,
        messages: &mut MessageSlots,
        mut each: impl FnMut(Consumed<'_>),
    ) -> usize {
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
        count
    }

    /// The next event of a member; tells the client that its owner lives. Never waits.
    pub(super) fn next(&self) -> Option<MemberEvent> {
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
        debug_assert!(Arc::strong_count(&self.client) > 0);
    }
}

/// # Safety
/// `list` is null or a list that is alive.
unsafe fn copied(list: *const sys::rd_kafka_topic_partition_list_t) -> TopicPartitionList {
    let mut copy = TopicPartitionList::new();
    // SAFETY: the caller's promise.
    for listed in unsafe { entries(list) } {
        copy.add_partition(&listed.partition.topic, listed.partition.partition as i32);
    }
    copy
}

/// A row of a list of partitions.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) partition: TopicPartition,
    /// Below 0 when there is none.
    pub(super) offset: i64,
    pub(super) metadata: String,
    pub(super) code: Code,
}

/// # Safety
/// `list` is null or a list that is alive.
unsafe fn entries(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<Listed> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise; a list has `cnt` rows, and strings are copied.
    unsafe {
        let rows = (0..(*list).cnt).map(|row| &*(*list).elems.add(row as usize));
        rows.map(|row| {
            let metadata = match row.metadata.is_null() {
                true => &[][..],
                false => std::slice::from_raw_parts(row.metadata.cast(), row.metadata_size),
            };
            Listed {
                partition: TopicPartition::new(text(row.topic), row.partition as u32),
                offset: row.offset,
                metadata: String::from_utf8_lossy(metadata).into_owned(),
                code: Code::from(row.err),
            }
        })
        .collect()
    }
}

fn partition_list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition as i32);
    }
    list
}

fn offset_list(offsets: &[(TopicPartition, OffsetAndMetadata)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, position) in offsets {
        let mut row = list.add_partition(&partition.topic, partition.partition as i32);
        row.set_metadata(&position.metadata);
        // Offsets are not negative, so this cannot fail.
        let _set = row.set_offset(rdkafka::Offset::Offset(position.offset));
    }
    list
}

/// Which end of a log is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum LogEnd {
    Beginning,
    /// After the last record of any state.
    End,
    LastStable,
}

type AdminOptions = *mut sys::rd_kafka_AdminOptions_t;
type AdminEvent = *mut sys::rd_kafka_event_t;
type RawQueue = *mut sys::rd_kafka_queue_t;

/// Sends a request of an administrator, and gives what `read` makes of the answer.
///
/// # Safety
/// `submit` hands the options and the queue to one request of kind `api`; `read` takes the event
/// for an answer to it.
unsafe fn administer<T>(
    client: &Native,
    api: sys::rd_kafka_admin_op_t,
    within: Duration,
    submit: impl FnOnce(*mut sys::rd_kafka_t, AdminOptions, RawQueue),
    read: impl FnOnce(AdminEvent) -> T,
) -> Result<T, NativeError> {
    let rk = client.ptr.as_ptr();
    // SAFETY: options, queue and event are ours, each destroyed once after its last use.
    unsafe {
        let options = sys::rd_kafka_AdminOptions_new(rk, api);
        let mut reason = [0 as c_char; 128];
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options,
            millis(within),
            reason.as_mut_ptr(),
            reason.len(),
        );
        let queue = sys::rd_kafka_queue_new(rk);
        submit(rk, options, queue);
        // The request has its own timeout: this one is only a net below it.
        let event = sys::rd_kafka_queue_poll(queue, millis(within * 2));
        let answer = if event.is_null() {
            Err(NativeError::of(RespErr::RD_KAFKA_RESP_ERR__TIMED_OUT))
        } else {
            let error = checked(sys::rd_kafka_event_error(event));
            let words = text(sys::rd_kafka_event_error_string(event));
            let answer = match error {
                Ok(()) => Ok(read(event)),
                Err(error) => Err(NativeError { text: words, ..error }),
            };
            sys::rd_kafka_event_destroy(event);
            answer
        };
        sys::rd_kafka_queue_destroy(queue);
        sys::rd_kafka_AdminOptions_destroy(options);
        answer
    }
}

/// One end of a partition's log.
pub(super) fn log_end(
    client: &Native,
    partition: &TopicPartition,
    end: LogEnd,
    within: Duration,
) -> Result<i64, NativeError> {
    use sys::rd_kafka_IsolationLevel_t as Isolation;
    use sys::rd_kafka_OffsetSpec_t as Spec;
    let (spec, isolation) = match end {
        LogEnd::Beginning => (
            Spec::RD_KAFKA_OFFSET_SPEC_EARLIEST,
            Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
        ),
        LogEnd::End => (
            Spec::RD_KAFKA_OFFSET_SPEC_LATEST,
            Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
        ),
        LogEnd::LastStable => {
            (Spec::RD_KAFKA_OFFSET_SPEC_LATEST, Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED)
        }
    };
    let list = partition_list(std::slice::from_ref(partition));
    // SAFETY: the list is copied; the result belongs to the event and is copied out of it.
    let found = unsafe {
        (*(*list.ptr()).elems).offset = spec as i64;
        administer(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
            within,
            |rk, options, queue| {
                let error = sys::rd_kafka_AdminOptions_set_isolation_level(options, isolation);
                debug_assert!(error.is_null());
                sys::rd_kafka_ListOffsets(rk, list.ptr(), options, queue);
            },
            |event| {
                let result = sys::rd_kafka_event_ListOffsets_result(event);
                let mut count = 0;
                let infos = sys::rd_kafka_ListOffsets_result_infos(result, &mut count);
                (count == 1).then(|| {
                    let row = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos);
                    checked(row.err).map(|()| row.offset)
                })
            },
        )
    }?;
    found.unwrap_or(Err(NativeError::of(RespErr::RD_KAFKA_RESP_ERR_UNKNOWN)))
}

/// What `group` has committed, for `partitions` or for all; waits for no transaction.
pub(super) fn group_offsets(
    client: &Native,
    group: &str,
    partitions: Option<&[TopicPartition]>,
    within: Duration,
) -> Result<Vec<Listed>, NativeError> {
    let list = partitions.map(partition_list);
    let list = list.as_ref().map_or(ptr::null(), |list| list.ptr().cast_const());
    let group = c_string(group);
    // SAFETY: the request is ours, destroyed once; the result belongs to the event.
    unsafe {
        let mut request = sys::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), list);
        let answer = administer(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
            within,
            |rk, options, queue| {
                let error = sys::rd_kafka_AdminOptions_set_require_stable_offsets(options, 1);
                debug_assert!(error.is_null());
                sys::rd_kafka_ListConsumerGroupOffsets(rk, &mut request, 1, options, queue);
            },
            |event| {
                let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(event);
                let mut count = 0;
                let groups =
                    sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
                group_rows(groups, count)
            },
        );
        sys::rd_kafka_ListConsumerGroupOffsets_destroy(request);
        answer.flatten()
    }
}

/// Sets offsets of a group without members.
pub(super) fn alter_group_offsets(
    client: &Native,
    group: &str,
    offsets: &[(TopicPartition, OffsetAndMetadata)],
    within: Duration,
) -> Result<Vec<Listed>, NativeError> {
    let list = offset_list(offsets);
    let group = c_string(group);
    // SAFETY: the request is ours, destroyed once; the result belongs to the event.
    unsafe {
        let mut request = sys::rd_kafka_AlterConsumerGroupOffsets_new(group.as_ptr(), list.ptr());
        let answer = administer(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS,
            within,
            |rk, options, queue| {
                sys::rd_kafka_AlterConsumerGroupOffsets(rk, &mut request, 1, options, queue);
            },
            |event| {
                let result = sys::rd_kafka_event_AlterConsumerGroupOffsets_result(event);
                let mut count = 0;
                let groups =
                    sys::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &mut count);
                group_rows(groups, count)
            },
        );
        sys::rd_kafka_AlterConsumerGroupOffsets_destroy(request);
        answer.flatten()
    }
}

/// Forgets offsets of a group.
pub(super) fn delete_group_offsets(
    client: &Native,
    group: &str,
    partitions: &[TopicPartition],
    within: Duration,
) -> Result<Vec<Listed>, NativeError> {
    let list = partition_list(partitions);
    let group = c_string(group);
    // SAFETY: the request is ours, destroyed once; the result belongs to the event.
    unsafe {
        let mut request = sys::rd_kafka_DeleteConsumerGroupOffsets_new(group.as_ptr(), list.ptr());
        let answer = administer(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS,
            within,
            |rk, options, queue| {
                sys::rd_kafka_DeleteConsumerGroupOffsets(rk, &mut request, 1, options, queue);
            },
            |event| {
                let result = sys::rd_kafka_event_DeleteConsumerGroupOffsets_result(event);
                let mut count = 0;
                let groups =
                    sys::rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, &mut count);
                group_rows(groups, count)
            },
        );
        sys::rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
        answer.flatten()
    }
}

/// # Safety
/// `groups` has `count` results, alive.
unsafe fn group_rows(
    groups: *mut *const sys::rd_kafka_group_result_t,
    count: usize,
) -> Result<Vec<Listed>, NativeError> {
    let mut rows = Vec::new();
    // SAFETY: the caller's promise; rows and errors are copied.
    unsafe {
        for number in 0..count {
            let group = *groups.add(number);
            let error = sys::rd_kafka_group_result_error(group);
            if !error.is_null() {
                return Err(NativeError {
                    text: text(sys::rd_kafka_error_string(error)),
                    ..NativeError::of(sys::rd_kafka_error_code(error))
                });
            }
            rows.extend(entries(sys::rd_kafka_group_result_partitions(group)));
        }
    }
    Ok(rows)
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
/// that failed they only know that they got no answer.
unsafe extern "C" fn error(
    _client: *mut sys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    counts: *mut c_void,
) {
    // SAFETY: librdkafka hands over a C string, and the counters, which outlive the client.
    let (reason, counts) = unsafe { (text(reason), &*counts.cast::<RequestCounts>()) };
    tracing::warn!(target: "librdkafka", "{reason} ({code})");
    if code == RespErr::RD_KAFKA_RESP_ERR__AUTHENTICATION as c_int {
        let mut not_let_in = counts.not_let_in.lock().unwrap_or_else(PoisonError::into_inner);
        *not_let_in = Some(reason);
    }
}

unsafe extern "C" fn delivered(
    _client: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    _opaque: *mut c_void,
) {
    // SAFETY: the message is alive, and its opaque is a delivery that lives as long as the client.
    unsafe {
        let delivery = &*(*message)._private.cast::<Delivery>();
        if (*message).err == RespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            if (*message).offset > delivery.last.load(Ordering::Relaxed) {
                delivery.last.store((*message).offset, Ordering::Relaxed);
            }
        } else if delivery.error.load(Ordering::Relaxed) == 0 {
            delivery.error.store((*message).err as i32, Ordering::Relaxed);
        }
    }
}

unsafe extern "C" fn wake(_client: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: the waker lives until the callback is taken away.
    unsafe { &*opaque.cast::<Waker>() }.wake();
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
