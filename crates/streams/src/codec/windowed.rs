//! Keys in windows, as they stand on topics and in stores (Kafka's `WindowKeySchema` and
//! `SessionKeySchema`). Of a time window only the start is written: who reads must know its size.

use std::sync::Arc;

use super::{Codec, CodecError, Data, Wire};
use crate::record::{NumberedWindow, SessionWindow, TimeWindow, Window, Windowed};

const TIME: usize = 8;
const SEQNUM: usize = 4;

/// Takes a time off the end of `bytes`.
fn split_time(bytes: &[u8]) -> Result<(&[u8], i64), CodecError> {
    match bytes.split_last_chunk::<TIME>() {
        Some((rest, time)) => Ok((rest, i64::from_be_bytes(*time))),
        None => Err(too_short(bytes)),
    }
}

#[cold]
fn too_short(bytes: &[u8]) -> CodecError {
    let len = bytes.len();
    CodecError::new(format!("{len} bytes are too few for a key and its window"))
}

/// On topics: `key ‖ i64 start` (Kafka's `TimeWindowedSerializer`). What is read has no known end,
/// `i64::MAX`: a [`TimeWindowedCodec`] puts it in.
impl<K: Wire> Wire for Windowed<K> {
    const WINDOW_SUFFIX: usize = TIME;

    fn with_window_end(self, end: &dyn Fn(i64) -> i64) -> Self {
        let start = self.window.start;
        Self { key: self.key, window: TimeWindow { start, end: end(start) } }
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.key.encode(out)?;
        out.extend_from_slice(&self.window.start.to_be_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let (key, start) = split_time(bytes)?;
        Ok(Self { key: K::decode(key)?, window: TimeWindow { start, end: i64::MAX } })
    }

    fn is_null(&self) -> bool {
        self.key.is_null()
    }
}

/// On topics and in stores: `key ‖ i64 end ‖ i64 start` (Kafka's `SessionWindowedSerializer`).
impl<K: Wire> Wire for Windowed<K, SessionWindow> {
    const WINDOW_SUFFIX: usize = 2 * TIME;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.key.encode(out)?;
        out.extend_from_slice(&self.window.end.to_be_bytes());
        out.extend_from_slice(&self.window.start.to_be_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let (rest, start) = split_time(bytes)?;
        let (key, end) = split_time(rest)?;
        Ok(Self { key: K::decode(key)?, window: SessionWindow { start, end } })
    }

    fn is_null(&self) -> bool {
        self.key.is_null()
    }
}

/// Reads and writes keys in time windows of a known size, as Kafka's `TimeWindowedSerde` does.
///
/// ```
/// use std::time::Duration;
/// use millstream::codec::{Codec, TimeWindowedCodec, WireCodec};
/// use millstream::{TimeWindow, Windowed};
///
/// let codec = TimeWindowedCodec::new(WireCodec::<String>::new(), Duration::from_millis(10));
/// let key = Windowed { key: "a".to_owned(), window: TimeWindow { start: 20, end: 30 } };
/// let mut bytes = Vec::new();
/// codec.encode(&key, &mut bytes)?;
/// assert_eq!(bytes, b"a\0\0\0\0\0\0\0\x14");
/// assert_eq!(codec.decode(&bytes)?, key);
/// # Ok::<(), millstream::codec::CodecError>(())
/// ```
#[doc(alias = "TimeWindowedSerde")]
pub struct TimeWindowedCodec<K: 'static> {
    key: Arc<dyn Codec<K>>,
    size: i64,
}

impl<K: Data> TimeWindowedCodec<K> {
    /// Windows that are `size` long, and keys as `key` writes them.
    pub fn new(key: impl Codec<K>, size: std::time::Duration) -> Self {
        let size = i64::try_from(size.as_millis()).unwrap_or(i64::MAX);
        Self { key: Arc::new(key), size }
    }
}

impl<K> std::fmt::Debug for TimeWindowedCodec<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimeWindowedCodec").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<K: Data> Codec<Windowed<K>> for TimeWindowedCodec<K> {
    fn encode(&self, value: &Windowed<K>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.key.encode(&value.key, out)?;
        out.extend_from_slice(&value.window.start.to_be_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Windowed<K>, CodecError> {
        let (key, start) = split_time(bytes)?;
        let window = TimeWindow { start, end: start.saturating_add(self.size) };
        Ok(Windowed { key: self.key.decode(key)?, window })
    }

    fn is_null(&self, value: &Windowed<K>) -> bool {
        self.key.is_null(&value.key)
    }

    fn window_suffix(&self) -> usize {
        TIME
    }
}

/// Windows whose keys a store keeps.
pub trait StoredWindow: Window {
    /// Bytes behind the key. They begin with the time by which a store divides and forgets windows.
    const SUFFIX: usize;

    /// The timestamp of a result for the window, where it is the window's own.
    fn result_time(&self) -> Option<i64> {
        None
    }

    /// Whether several values of a key may have one time.
    const NUMBERED: bool = false;

    /// The time by which a store divides and forgets windows.
    fn time(&self) -> i64;

    /// Any window that has this time.
    fn any_at(time: i64) -> Self;

    /// Appends what is written behind the key.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads what is behind the key; `end` gives the end of a time window by its start.
    fn read(suffix: &[u8], end: &dyn Fn(i64) -> i64) -> Option<Self>;
}

/// `i64 start ‖ i32 seqnum` (`WindowKeySchema.toStoreKeyBinary`).
impl StoredWindow for TimeWindow {
    const SUFFIX: usize = TIME + SEQNUM;

    fn time(&self) -> i64 {
        self.start
    }

    fn any_at(time: i64) -> Self {
        Self { start: time, end: time }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.start.to_be_bytes());
        out.extend_from_slice(&[0; SEQNUM]);
    }

    fn read(suffix: &[u8], end: &dyn Fn(i64) -> i64) -> Option<Self> {
        let start = i64::from_be_bytes(*suffix.first_chunk()?);
        Some(Self { start, end: end(start) })
    }
}

/// As other time windows, each with a number of its own.
impl StoredWindow for NumberedWindow {
    const SUFFIX: usize = TIME + SEQNUM;
    const NUMBERED: bool = true;

    fn time(&self) -> i64 {
        self.start
    }

    fn any_at(time: i64) -> Self {
        Self { start: time, end: time, number: 0 }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.start.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
    }

    fn read(suffix: &[u8], end: &dyn Fn(i64) -> i64) -> Option<Self> {
        let start = i64::from_be_bytes(*suffix.first_chunk()?);
        let number = u32::from_be_bytes(*suffix.get(TIME..)?.first_chunk()?);
        Some(Self { start, end: end(start), number })
    }
}

/// `i64 end ‖ i64 start` (`SessionKeySchema.toBinary`).
impl StoredWindow for SessionWindow {
    const SUFFIX: usize = 2 * TIME;

    fn result_time(&self) -> Option<i64> {
        Some(self.end)
    }

    fn time(&self) -> i64 {
        self.end
    }

    fn any_at(time: i64) -> Self {
        Self { start: time, end: time }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.end.to_be_bytes());
        out.extend_from_slice(&self.start.to_be_bytes());
    }

    fn read(suffix: &[u8], _end: &dyn Fn(i64) -> i64) -> Option<Self> {
        let end = i64::from_be_bytes(*suffix.first_chunk()?);
        let start = i64::from_be_bytes(*suffix.get(TIME..)?.first_chunk()?);
        Some(Self { start, end })
    }
}

/// Keys of windows as a store and its changelog have them.
pub(crate) struct WindowStoreCodec<K: 'static> {
    key: Arc<dyn Codec<K>>,
    /// Gives the end of a time window by its start.
    end: Arc<dyn Fn(i64) -> i64 + Send + Sync>,
}

impl<K: 'static> WindowStoreCodec<K> {
    pub(crate) fn new(key: Arc<dyn Codec<K>>, end: Arc<dyn Fn(i64) -> i64 + Send + Sync>) -> Self {
        Self { key, end }
    }
}

impl<K: Data, W: StoredWindow> Codec<Windowed<K, W>> for WindowStoreCodec<K> {
    fn encode(&self, value: &Windowed<K, W>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.key.encode(&value.key, out)?;
        value.window.write(out);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Windowed<K, W>, CodecError> {
        let at = bytes.len().checked_sub(W::SUFFIX).ok_or_else(|| too_short(bytes))?;
        let window = W::read(&bytes[at..], &*self.end).ok_or_else(|| too_short(bytes))?;
        Ok(Windowed { key: self.key.decode(&bytes[..at])?, window })
    }

    fn is_null(&self, value: &Windowed<K, W>) -> bool {
        self.key.is_null(&value.key)
    }
}
