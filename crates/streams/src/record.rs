//! What travels through a topology.

pub use millstream_broker::{Header, Headers};

/// A record between two operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<K, V> {
    /// Key.
    pub key: K,
    /// Value.
    pub value: V,
    /// Timestamp in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Headers, handed on by every operator that does not replace them.
    pub headers: Headers,
}

impl<K, V> Record<K, V> {
    /// A record without headers.
    pub fn new(key: K, value: V, timestamp: i64) -> Self {
        Self { key, value, timestamp, headers: Headers::new() }
    }

    /// The same record with another key.
    #[doc(alias = "withKey")]
    pub fn with_key<K2>(self, key: K2) -> Record<K2, V> {
        Record { key, value: self.value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record with another value.
    #[doc(alias = "withValue")]
    pub fn with_value<V2>(self, value: V2) -> Record<K, V2> {
        Record { key: self.key, value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record with another timestamp.
    #[doc(alias = "withTimestamp")]
    pub fn with_timestamp(self, timestamp: i64) -> Self {
        Self { timestamp, ..self }
    }

    /// The same record with other headers.
    #[doc(alias = "withHeaders")]
    pub fn with_headers(self, headers: Headers) -> Self {
        Self { headers, ..self }
    }
}

/// An update of a table: the new value of a key, and the old one where somebody downstream needs
/// it. `None` is "no such key" (Kafka's `Change`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<V> {
    /// Value from now on; `None` deletes the key.
    pub new: Option<V>,
    /// Value until now, if there was one and it was asked for.
    pub old: Option<V>,
}

/// A value and the time it is valid from (Kafka's `ValueAndTimestamp`).
#[doc(alias = "ValueAndTimestamp")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamped<V> {
    /// Value.
    pub value: V,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
}

/// A stretch of time that an aggregate stands for.
pub trait Window: Copy + Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// Its first millisecond since the Unix epoch.
    fn start(&self) -> i64;

    /// Its end in milliseconds since the Unix epoch; whether that millisecond belongs to it is for
    /// the kind of window to say.
    fn end(&self) -> i64;
}

/// A window of fixed place: from `start` until before `end`. Of sliding windows the last
/// millisecond is `end` itself (Kafka's `TimeWindow`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeWindow {
    /// First millisecond since the Unix epoch.
    pub start: i64,
    /// End in milliseconds since the Unix epoch.
    pub end: i64,
}

/// A window of a store that keeps several values of a key for one time: they are numbered in the order
/// in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberedWindow {
    /// First millisecond since the Unix epoch.
    pub start: i64,
    /// End in milliseconds since the Unix epoch.
    pub end: i64,
    /// Number of the value.
    pub number: u32,
}

impl Window for NumberedWindow {
    fn start(&self) -> i64 {
        self.start
    }

    fn end(&self) -> i64 {
        self.end
    }
}

/// A window as long as the activity in it: from the first record to the last one, both of them in it
/// (Kafka's `SessionWindow`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionWindow {
    /// Timestamp of the first record.
    pub start: i64,
    /// Timestamp of the last record.
    pub end: i64,
}

impl Window for TimeWindow {
    fn start(&self) -> i64 {
        self.start
    }

    fn end(&self) -> i64 {
        self.end
    }
}

impl Window for SessionWindow {
    fn start(&self) -> i64 {
        self.start
    }

    fn end(&self) -> i64 {
        self.end
    }
}

/// A key in a window: the key of windowed aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Windowed<K, W = TimeWindow> {
    /// Key.
    pub key: K,
    /// Window.
    pub window: W,
}

/// A version of a key in a versioned store, and when it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionedRecord<V> {
    /// Value.
    pub value: V,
    /// First millisecond at which it is valid: its timestamp.
    pub valid_from: i64,
    /// The millisecond from which on it is not; `None` for the latest version.
    pub valid_to: Option<i64>,
}

/// What became of a version that was put into a versioned store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionPut {
    /// It is the latest version of its key.
    Latest,
    /// It came out of order, and is valid until this time.
    Until(i64),
    /// It is older than the store's history: it is not in the store.
    TooOld,
}
