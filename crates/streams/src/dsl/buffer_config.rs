use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use super::changelog_settings::changelog_settings;

/// What happens when a buffer is full: [`EmitEarlyWhenFull`] or [`ShutDownWhenFull`].
pub trait WhenFull: 'static {
    /// Whether the application ends.
    #[doc(hidden)]
    const SHUTS_DOWN: bool;
}

/// The first updates come out early when the buffer is full.
#[derive(Clone, Copy, Debug)]
pub struct EmitEarlyWhenFull;

/// The application ends when the buffer is full.
#[derive(Clone, Copy, Debug)]
pub struct ShutDownWhenFull;

impl WhenFull for EmitEarlyWhenFull {
    const SHUTS_DOWN: bool = false;
}

impl WhenFull for ShutDownWhenFull {
    const SHUTS_DOWN: bool = true;
}

/// How much a suppression may hold back, and what happens when it is more.
///
/// A buffer with bounds emits its first updates early when it is full, unless it is told to
/// [shut down](Self::shut_down_when_full). Bytes are counted as Kafka Streams counts them: keys,
/// values, and where the records came from.
///
/// ```
/// use millstream::BufferConfig;
/// let all = BufferConfig::unbounded();
/// let some = BufferConfig::max_records(10_000).with_max_bytes(1_000_000);
/// let strict = BufferConfig::max_records(10_000).shut_down_when_full();
/// ```
#[doc(alias = "EagerBufferConfig")]
#[doc(alias = "StrictBufferConfig")]
pub struct BufferConfig<F> {
    pub(super) max_records: Option<usize>,
    pub(super) max_bytes: Option<usize>,
    pub(super) changelog: Option<BTreeMap<String, String>>,
    when_full: PhantomData<F>,
}

impl BufferConfig<ShutDownWhenFull> {
    /// As much as there is.
    pub fn unbounded() -> Self {
        Self {
            max_records: None,
            max_bytes: None,
            changelog: Some(BTreeMap::new()),
            when_full: PhantomData,
        }
    }
}

impl BufferConfig<EmitEarlyWhenFull> {
    /// At most so many keys.
    #[doc(alias = "maxRecords")]
    pub fn max_records(records: usize) -> Self {
        BufferConfig::unbounded().when_full().with_max_records(records)
    }

    /// At most so many bytes.
    #[doc(alias = "maxBytes")]
    pub fn max_bytes(bytes: usize) -> Self {
        BufferConfig::unbounded().when_full().with_max_bytes(bytes)
    }
}

impl<F> BufferConfig<F> {
    /// At most so many keys.
    #[doc(alias = "withMaxRecords")]
    pub fn with_max_records(self, records: usize) -> Self {
        Self { max_records: Some(records), ..self }
    }

    /// At most so many bytes.
    #[doc(alias = "withMaxBytes")]
    pub fn with_max_bytes(self, bytes: usize) -> Self {
        Self { max_bytes: Some(bytes), ..self }
    }

    /// No bounds.
    #[doc(alias = "withNoBound")]
    pub fn with_no_bound(self) -> BufferConfig<ShutDownWhenFull> {
        BufferConfig { max_records: None, max_bytes: None, ..self.when_full() }
    }

    /// When the buffer is full its first updates come out early.
    #[doc(alias = "emitEarlyWhenFull")]
    pub fn emit_early_when_full(self) -> BufferConfig<EmitEarlyWhenFull> {
        self.when_full()
    }

    /// When the buffer is full the application ends with an error that names it, whatever the
    /// policy for records that fail.
    #[doc(alias = "shutDownWhenFull")]
    pub fn shut_down_when_full(self) -> BufferConfig<ShutDownWhenFull> {
        self.when_full()
    }

    changelog_settings!("the changelog", "what is held back");

    fn when_full<F2>(self) -> BufferConfig<F2> {
        let Self { max_records, max_bytes, changelog, when_full: _ } = self;
        BufferConfig { max_records, max_bytes, changelog, when_full: PhantomData }
    }
}

impl<F> Clone for BufferConfig<F> {
    fn clone(&self) -> Self {
        Self {
            max_records: self.max_records,
            max_bytes: self.max_bytes,
            changelog: self.changelog.clone(),
            when_full: PhantomData,
        }
    }
}

impl<F: WhenFull> fmt::Debug for BufferConfig<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferConfig")
            .field("max_records", &self.max_records)
            .field("max_bytes", &self.max_bytes)
            .field("shuts_down", &F::SHUTS_DOWN)
            .field("changelog", &self.changelog)
            .finish()
    }
}
