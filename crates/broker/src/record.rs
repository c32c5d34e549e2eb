//! Records as bytes: [`RecordBuffer`] is what a producer fills, [`RecordBatch`] what a consumer
//! lends. Both use one flat layout, so that the embedded broker stores and lends what was written
//! without touching a record:
//!
//! `u32 offset delta ‖ i64 timestamp ‖ i32 key length ‖ i32 value length ‖ u32 headers length ‖
//! headers ‖ key ‖ value`, little-endian, length −1 = null.
//! Headers: `u32 count ‖ (u32 length ‖ name ‖ i32 length ‖ value)*`.

use std::sync::Arc;

use crate::headers::{Header, Headers};

/// Bytes before the headers of a record.
pub(crate) const FIXED: usize = 24;

/// One record, lent from a batch.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// Offset in its partition.
    pub offset: i64,
    /// Timestamp in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Key; `None` is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// Value; `None` is Kafka's null.
    pub value: Option<&'a [u8]>,
    headers: &'a [u8],
}

impl RecordView<'_> {
    /// Copies the headers out.
    pub fn headers(&self) -> Headers {
        if self.headers.is_empty() { Headers::new() } else { decode_headers(self.headers) }
    }

    /// How many bytes the headers take.
    #[cfg(feature = "kafka")]
    pub(crate) fn headers_len(&self) -> usize {
        self.headers.len()
    }
}

/// Records to be written to one partition, encoded as they are pushed. Reused after it was sent.
#[derive(Clone, Debug, Default)]
pub struct RecordBuffer {
    bytes: Vec<u8>,
    count: u32,
}

impl RecordBuffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record.
    pub fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) {
        let encoded = self.push_with(timestamp, key, headers, |out| {
            if let Some(value) = value {
                out.extend_from_slice(value);
            }
            Ok::<_, std::convert::Infallible>(value.is_some())
        });
        match encoded {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    /// Appends a record whose value is encoded in place: `value` appends its bytes and says whether
    /// there is a value at all (`false` = null). When it fails the buffer is as it was.
    pub fn push_with<E>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        headers: &Headers,
        value: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.push_at(self.count, timestamp, key, headers, value)
    }

    /// As [`push_with`](Self::push_with), `delta` offsets behind the first: for adapters whose
    /// offsets have gaps.
    pub(crate) fn push_at<E>(
        &mut self,
        delta: u32,
        timestamp: i64,
        key: Option<&[u8]>,
        headers: &Headers,
        value: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut record = Unfinished { start: self.bytes.len(), bytes: &mut self.bytes };
        let bytes = &mut *record.bytes;
        let mut fixed = [0u8; FIXED];
        fixed[0..4].copy_from_slice(&delta.to_le_bytes());
        fixed[4..12].copy_from_slice(&timestamp.to_le_bytes());
        fixed[12..16].copy_from_slice(&length(key).to_le_bytes());
        bytes.extend_from_slice(&fixed);
        if !headers.is_empty() {
            encode_headers(headers, bytes);
            let headers_len = (bytes.len() - record.start - FIXED) as u32;
            bytes[record.start + 20..record.start + 24].copy_from_slice(&headers_len.to_le_bytes());
        }
        if let Some(key) = key {
            bytes.extend_from_slice(key);
        }
        let value_start = bytes.len();
        let present = value(bytes)?;
        let value_len = if present { (bytes.len() - value_start) as i32 } else { -1 };
        bytes[record.start + 16..record.start + 20].copy_from_slice(&value_len.to_le_bytes());
        record.start = record.bytes.len();
        self.count += 1;
        Ok(())
    }

    /// Number of records.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Encoded size in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Drops the records and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// The records as bytes, for adapters.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The records, for adapters; offsets count from 0.
    pub fn iter(&self) -> impl Iterator<Item = RecordView<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            (at < self.bytes.len()).then(|| {
                let (view, next) = decode(&self.bytes, at, 0);
                at = next;
                view
            })
        })
    }
}

/// A record being appended: what is behind `start` goes again unless it was moved to the end, so
/// neither an error nor a panic of a user's format leaves half a record.
struct Unfinished<'a> {
    start: usize,
    bytes: &'a mut Vec<u8>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.bytes.truncate(self.start);
    }
}

/// Records of one partition as they were read. Cheap to clone: the bytes are shared.
#[derive(Clone, Debug)]
pub struct RecordBatch {
    bytes: Arc<[u8]>,
    start: usize,
    end: usize,
    base_offset: i64,
    next_offset: i64,
}

impl RecordBatch {
    /// Wraps the records encoded in `bytes[start..end]`; their offset deltas count from
    /// `base_offset`. `next_offset` is where reading goes on after the batch, past control records
    /// and records left out. The bytes must have been written by a [`RecordBuffer`] or checked by
    /// [`validate`](Self::validate).
    pub fn new(
        bytes: Arc<[u8]>,
        start: usize,
        end: usize,
        base_offset: i64,
        next_offset: i64,
    ) -> Self {
        Self { bytes, start, end, base_offset, next_offset }
    }

    /// A batch without records that moves the reader to `next_offset`.
    pub fn empty(next_offset: i64) -> Self {
        Self::new(Arc::from([]), 0, 0, next_offset, next_offset)
    }

    /// Its records before `offset`.
    pub fn before(mut self, offset: i64) -> Self {
        let mut at = self.first();
        while let Some(position) = at {
            let (record, next) = self.read(position);
            if record.offset >= offset {
                self.end = position;
                break;
            }
            at = next;
        }
        self.next_offset = self.next_offset.min(offset);
        self
    }

    /// Cut behind the records that fit into `max_bytes`, the first one in any case; with what is
    /// behind the cut.
    #[cfg(feature = "kafka")]
    pub(crate) fn split(mut self, max_bytes: usize) -> (Self, Option<Self>) {
        let (mut at, mut next_offset) = (self.first(), self.base_offset);
        if self.size() <= max_bytes {
            return (self, None);
        }
        while let Some(position) = at {
            let (record, next) = self.read(position);
            let end = next.unwrap_or(self.end);
            if position > self.start && end - self.start > max_bytes {
                let rest = Self { start: position, ..self.clone() };
                (self.end, self.next_offset) = (position, next_offset);
                return (self, Some(rest));
            }
            (at, next_offset) = (next, record.offset + 1);
        }
        (self, None)
    }

    /// Where reading goes on after this batch.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Position of the first record, for [`read`](Self::read); `None` when there are no records.
    pub fn first(&self) -> Option<usize> {
        (self.start < self.end).then_some(self.start)
    }

    /// The record at `position`, and the position of the one after it.
    pub fn read(&self, position: usize) -> (RecordView<'_>, Option<usize>) {
        let (view, next) = decode(&self.bytes, position, self.base_offset);
        (view, (next < self.end).then_some(next))
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = RecordView<'_>> {
        let mut at = self.first();
        std::iter::from_fn(move || {
            let (view, next) = self.read(at?);
            at = next;
            Some(view)
        })
    }

    /// Encoded size of the records in bytes.
    pub fn size(&self) -> usize {
        self.end - self.start
    }

    /// Whether `bytes` is a sequence of whole records: what is read from a file must pass this
    /// before it is lent.
    pub fn validate(bytes: &[u8]) -> bool {
        let mut at = 0;
        while at < bytes.len() {
            match checked_len(&bytes[at..]) {
                Some(len) => at += len,
                None => return false,
            }
        }
        true
    }
}

fn length(bytes: Option<&[u8]>) -> i32 {
    bytes.map_or(-1, |bytes| bytes.len() as i32)
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    let mut raw = [0; 4];
    raw.copy_from_slice(&bytes[at..at + 4]);
    i32::from_le_bytes(raw)
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    let mut raw = [0; 8];
    raw.copy_from_slice(&bytes[at..at + 8]);
    i64::from_le_bytes(raw)
}

#[inline]
fn decode(bytes: &[u8], at: usize, base_offset: i64) -> (RecordView<'_>, usize) {
    let fixed = &bytes[at..at + FIXED];
    let key_len = i32_at(fixed, 12);
    let value_len = i32_at(fixed, 16);
    let headers_len = i32_at(fixed, 20) as usize;
    let headers_start = at + FIXED;
    let key_start = headers_start + headers_len;
    let value_start = key_start + key_len.max(0) as usize;
    let end = value_start + value_len.max(0) as usize;
    let view = RecordView {
        offset: base_offset + i64::from(i32_at(fixed, 0) as u32),
        timestamp: i64_at(fixed, 4),
        key: (key_len >= 0).then(|| &bytes[key_start..value_start]),
        value: (value_len >= 0).then(|| &bytes[value_start..end]),
        headers: &bytes[headers_start..key_start],
    };
    (view, end)
}

/// Length of the record at the start of `bytes` when it lies whole inside them.
fn checked_len(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < FIXED {
        return None;
    }
    let key_len = i32_at(bytes, 12);
    let value_len = i32_at(bytes, 16);
    let headers_len = i32_at(bytes, 20) as u32 as usize;
    if key_len < -1 || value_len < -1 {
        return None;
    }
    let len = FIXED
        .checked_add(headers_len)?
        .checked_add(key_len.max(0) as usize)?
        .checked_add(value_len.max(0) as usize)?;
    let headers = bytes.get(FIXED..FIXED + headers_len)?;
    (len <= bytes.len() && (headers.is_empty() || headers_valid(headers))).then_some(len)
}

fn encode_headers(headers: &Headers, out: &mut Vec<u8>) {
    out.extend_from_slice(&(headers.iter().count() as u32).to_le_bytes());
    for Header { key, value } in headers.iter() {
        out.extend_from_slice(&(key.len() as u32).to_le_bytes());
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&length(value.as_deref()).to_le_bytes());
        out.extend_from_slice(value.as_deref().unwrap_or_default());
    }
}

fn decode_headers(bytes: &[u8]) -> Headers {
    let mut at = 4;
    let mut sized = || {
        let len = i32_at(bytes, at);
        let start = at + 4;
        at = start + len.max(0) as usize;
        (len >= 0).then(|| &bytes[start..at])
    };
    let count = i32_at(bytes, 0) as u32;
    (0..count)
        .map(|_| Header {
            key: String::from_utf8_lossy(sized().unwrap_or_default()).into(),
            value: sized().map(Into::into),
        })
        .collect()
}

fn headers_valid(bytes: &[u8]) -> bool {
    fn skip(bytes: &[u8], at: usize, nullable: bool) -> Option<usize> {
        let len = i32_at(bytes.get(at..at + 4)?, 0);
        if len < if nullable { -1 } else { 0 } {
            return None;
        }
        let end = at + 4 + len.max(0) as usize;
        (end <= bytes.len()).then_some(end)
    }
    let Some(count) = bytes.get(0..4).map(|raw| i32_at(raw, 0) as u32) else {
        return false;
    };
    let mut at = 4;
    for _ in 0..count {
        match skip(bytes, at, false).and_then(|at| skip(bytes, at, true)) {
            Some(next) => at = next,
            None => return false,
        }
    }
    at == bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_read() {
        let mut headers = Headers::new();
        headers.push("n", Some(b"1"));
        headers.push("m", None);
        let mut buffer = RecordBuffer::new();
        buffer.push(5, Some(b"a"), Some(b"xy"), &headers);
        buffer.push(-1, None, None, &Headers::new());
        buffer.push(7, Some(b""), Some(b""), &Headers::new());
        let failed = buffer.push_with(9, None, &headers, |_| Err::<bool, _>("no"));
        assert_eq!(failed, Err("no"));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _never = buffer.push_with::<()>(9, Some(b"k"), &headers, |out| {
                out.push(1);
                panic!("in a format")
            });
        }));
        assert!(panicked.is_err());
        assert!(RecordBatch::validate(buffer.as_bytes()));

        let len = buffer.size();
        let batch = RecordBatch::new(buffer.as_bytes().into(), 0, len, 10, 13);
        let read: Vec<_> =
            batch.iter().map(|r| (r.offset, r.timestamp, r.key, r.value, r.headers())).collect();
        let expected: Vec<(i64, i64, Option<&[u8]>, Option<&[u8]>, Headers)> = vec![
            (10, 5, Some(b"a"), Some(b"xy"), headers),
            (11, -1, None, None, Headers::new()),
            (12, 7, Some(b""), Some(b""), Headers::new()),
        ];
        assert_eq!(read, expected);
        assert!(!RecordBatch::validate(&buffer.as_bytes()[..len - 1]));
    }
}
