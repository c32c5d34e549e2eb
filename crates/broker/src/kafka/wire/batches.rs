//! Record batches in the making (magic 2; `DefaultRecordBatch`).

use super::records::{CHECKED, HEADER, LENGTH_END, MAGIC, TRANSACTIONAL};
use crate::{Header, RecordView};

/// What a record takes beside its parts at the most: its length, attributes, time, offset, the lengths
/// of key and value, the number of its headers.
const RECORD_OVERHEAD: usize = 5 + 1 + 10 + 5 + 5 + 5 + 5;

/// Who writes: its id and epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// Records that are written to a partition together.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    /// The number of its first record among all of its producer in the partition, once it has been
    /// sent: nothing is appended any more, and it is sent again as it is.
    pub(super) sequence: Option<i32>,
    /// Whether it was sent before without an answer that it was written.
    pub(super) is_repeated: bool,
}

impl Batch {
    /// An empty one in memory that was used before.
    pub(super) fn new(mut memory: Vec<u8>) -> Self {
        memory.clear();
        memory.resize(HEADER, 0);
        let (count, base_timestamp, max_timestamp) = (0, 0, i64::MIN);
        Self {
            bytes: memory,
            count,
            base_timestamp,
            max_timestamp,
            sequence: None,
            is_repeated: false,
        }
    }

    pub(super) fn count(&self) -> i32 {
        self.count
    }

    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn into_memory(self) -> Vec<u8> {
        self.bytes
    }

    /// What a record takes at the most.
    pub(super) fn bound(record: &RecordView<'_>) -> usize {
        let parts = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        parts + record.headers_len() + RECORD_OVERHEAD
    }

    pub(super) fn append(&mut self, record: &RecordView<'_>) {
        if self.count == 0 {
            self.base_timestamp = record.timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        let timestamp = record.timestamp.wrapping_sub(self.base_timestamp);
        let delta = i64::from(self.count);
        let headers = record.headers();
        let len = 1
            + varint_len(timestamp)
            + varint_len(delta)
            + sized_len(record.key)
            + sized_len(record.value)
            + headers.iter().fold(varint_len(headers.iter().count() as i64), |len, header| {
                len + sized_len(Some(header.key.as_bytes())) + sized_len(header.value.as_deref())
            });
        let out = &mut self.bytes;
        varint(out, len as i64);
        out.push(0);
        varint(out, timestamp);
        varint(out, delta);
        sized(out, record.key);
        sized(out, record.value);
        varint(out, headers.iter().count() as i64);
        for Header { key, value } in headers.iter() {
            sized(out, Some(key.as_bytes()));
            sized(out, value.as_deref());
        }
        self.count += 1;
    }

    /// Completes it under the number it has been given.
    pub(super) fn finish(&mut self, producer: ProducerId, is_transactional: bool) {
        let attributes = if is_transactional { TRANSACTIONAL } else { 0 };
        let len = (self.bytes.len() - LENGTH_END) as u32;
        let mut put = |at: usize, bytes: &[u8]| {
            self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        };
        put(8, &len.to_be_bytes());
        const NO_EPOCH: i32 = -1;
        put(12, &NO_EPOCH.to_be_bytes());
        put(16, &[MAGIC]);
        put(21, &attributes.to_be_bytes());
        put(23, &(self.count - 1).to_be_bytes());
        put(27, &self.base_timestamp.to_be_bytes());
        put(35, &self.max_timestamp.to_be_bytes());
        put(43, &producer.id.to_be_bytes());
        put(51, &producer.epoch.to_be_bytes());
        put(53, &self.sequence.unwrap_or(-1).to_be_bytes());
        put(57, &self.count.to_be_bytes());
        let checksum = crc32c::crc32c(&self.bytes[CHECKED..]);
        self.bytes[17..CHECKED].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// The number behind `count` records from `sequence` on: from the largest on it begins at 0 again.
pub(super) fn next_sequence(sequence: i32, count: i32) -> i32 {
    let after = i64::from(sequence) + i64::from(count);
    (after % (i64::from(i32::MAX) + 1)) as i32
}

fn varint(out: &mut Vec<u8>, number: i64) {
    let mut rest = zigzag(number);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn varint_len(number: i64) -> usize {
    let bits = 64 - (zigzag(number) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn sized(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn sized_len(bytes: Option<&[u8]>) -> usize {
    let len = bytes.map_or(0, <[u8]>::len);
    varint_len(bytes.map_or(-1, |_| len as i64)) + len
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::records::RecordReader;
    use super::*;
    use crate::{Headers, RecordBatch, RecordBuffer};

    type Row = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

    fn row() -> impl Strategy<Value = Row> {
        let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200));
        let headers = proptest::collection::vec(("[a-z]{0,5}", bytes()), 0..3);
        let timestamp = prop_oneof![Just(0i64), -1i64..2_000_000_000_000, Just(1 << 53)];
        (timestamp, bytes(), bytes(), headers)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in proptest::collection::vec(row(), 1..50)) {
            let mut buffer = RecordBuffer::new();
            for (timestamp, key, value, named) in &rows {
                let mut headers = Headers::new();
                named.iter().for_each(|(name, value)| headers.push(&**name, value.as_deref()));
                buffer.push(*timestamp, key.as_deref(), value.as_deref(), &headers);
            }
            let mut batch = Batch::new(vec![1; 3]);
            buffer.iter().for_each(|record| batch.append(&record));
            batch.sequence = Some(7);
            batch.finish(ProducerId { id: 5, epoch: 2 }, true);
            let read = RecordReader::default().read(batch.bytes(), 0, Vec::new(), 1 << 20).unwrap();
            let told = |record: RecordView<'_>| {
                let bytes = |part: Option<&[u8]>| part.map(<[u8]>::to_vec);
                (record.offset, record.timestamp, bytes(record.key), bytes(record.value), record.headers())
            };
            let read: Vec<_> = read.batches.iter().flat_map(RecordBatch::iter).map(told).collect();
            let written: Vec<_> = buffer.iter().map(told).collect();
            prop_assert_eq!(read, written);
        }
    }

    #[test]
    fn numbers_go_round() {
        assert_eq!(next_sequence(5, 10), 15);
        assert_eq!(next_sequence(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(next_sequence(i32::MAX, 1), 0);
        assert_eq!(next_sequence(i32::MAX - 1, 5), 3);
    }
}
