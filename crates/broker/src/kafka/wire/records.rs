//! Record batches as Kafka stores them (KIP-98's format, magic 2; `DefaultRecordBatch`).

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::Arc;

use super::compression::decompress;
use crate::{Headers, RecordBatch, RecordBuffer};

/// Batches of the port are about so large: the record on their way stay in the processor's caches.
const CUT_BYTES: usize = 64 * 1024;
/// Bytes of a batch before its records.
pub(super) const HEADER: usize = 61;
/// Bytes of a batch before the part that its length counts.
pub(super) const LENGTH_END: usize = 12;
/// Where the part begins that the checksum is of.
pub(super) const CHECKED: usize = 21;
pub(super) const MAGIC: u8 = 2;

const CODEC: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
pub(super) const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
/// Kind of the control record that ends a transaction without its records.
const ABORT: i16 = 0;

/// Takes record batches apart; keeps its memory from one to the next.
#[derive(Default)]
pub(super) struct RecordReader {
    buffer: RecordBuffer,
    decompressed: Vec<u8>,
}

/// What came of the records of one partition.
#[derive(Debug, Default)]
pub(super) struct ReadRecords {
    pub(super) batches: VecDeque<RecordBatch>,
    /// Where to read on.
    pub(super) next_offset: i64,
}

impl RecordReader {
    /// Reads the records from `from` on. Those of `aborted` transactions (producer and first offset)
    /// and control records are passed over; a batch at the end that is cut off is left for the next
    /// time.
    pub(super) fn read(
        &mut self,
        mut bytes: &[u8],
        from: i64,
        mut aborted: Vec<(i64, i64)>,
        longest: usize,
    ) -> io::Result<ReadRecords> {
        let mut read = ReadRecords { next_offset: from, ..ReadRecords::default() };
        aborted.sort_unstable_by_key(|(_, first)| *first);
        let mut aborted = aborted.into_iter().peekable();
        let mut aborting: HashSet<i64> = HashSet::new();
        let mut cut = Cut { base: from, buffer: &mut self.buffer };
        cut.buffer.clear();
        while let Some(batch) = Batch::first(&mut bytes)? {
            let end = batch.base_offset + i64::from(batch.last_offset_delta) + 1;
            // Compacted away in the middle of what was asked for.
            if end <= from {
                continue;
            }
            while let Some((producer, _)) = aborted.next_if(|(_, first)| *first < end) {
                aborting.insert(producer);
            }
            if batch.attributes & CONTROL != 0 {
                if batch.control_kind() == Some(ABORT) {
                    aborting.remove(&batch.producer);
                }
            } else if batch.attributes & TRANSACTIONAL == 0 || !aborting.contains(&batch.producer) {
                let records = match batch.attributes & CODEC {
                    0 => batch.records,
                    codec => {
                        self.decompressed.clear();
                        decompress(codec, batch.records, longest as u64, &mut self.decompressed)?;
                        &self.decompressed
                    }
                };
                batch.read(records, from, &mut cut, &mut read.batches)?;
            }
            read.next_offset = end;
        }
        cut.finish(read.next_offset, &mut read.batches);
        // The reader has to know how far it is.
        if read.batches.back().map_or(from, RecordBatch::next_offset) < read.next_offset {
            read.batches.push_back(RecordBatch::empty(read.next_offset));
        }
        Ok(read)
    }
}

/// A batch of the port in the making.
struct Cut<'a> {
    base: i64,
    buffer: &'a mut RecordBuffer,
}

impl Cut<'_> {
    fn finish(&mut self, next_offset: i64, out: &mut VecDeque<RecordBatch>) {
        if !self.buffer.is_empty() {
            let bytes: Arc<[u8]> = self.buffer.as_bytes().into();
            let len = bytes.len();
            out.push_back(RecordBatch::new(bytes, 0, len, self.base, next_offset));
            self.buffer.clear();
        }
    }
}

/// One of Kafka's record batches.
struct Batch<'a> {
    base_offset: i64,
    attributes: i16,
    last_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    producer: i64,
    count: i32,
    records: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the beginning of `bytes`, which is taken off; `None` when it is not there whole.
    fn first(bytes: &mut &'a [u8]) -> io::Result<Option<Self>> {
        let Some(len) = bytes.get(8..LENGTH_END) else { return Ok(None) };
        let len = LENGTH_END + u32::from_be_bytes(array(len)) as usize;
        let Some((batch, rest)) = bytes.split_at_checked(len) else { return Ok(None) };
        let magic = batch.get(16).copied().unwrap_or_default();
        if magic != MAGIC {
            let reason = format!("records in the format {magic} of brokers before Kafka 0.11");
            return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
        }
        let (header, records) = batch.split_at_checked(HEADER).ok_or_else(damaged)?;
        if crc32c::crc32c(&batch[CHECKED..]) != u32::from_be_bytes(array(&header[17..])) {
            return Err(damaged());
        }
        *bytes = rest;
        let batch = Self {
            base_offset: i64::from_be_bytes(array(&header[0..])),
            attributes: i16::from_be_bytes(array(&header[21..])),
            last_offset_delta: i32::from_be_bytes(array(&header[23..])),
            base_timestamp: i64::from_be_bytes(array(&header[27..])),
            max_timestamp: i64::from_be_bytes(array(&header[35..])),
            producer: i64::from_be_bytes(array(&header[43..])),
            count: i32::from_be_bytes(array(&header[57..])),
            records,
        };
        if batch.last_offset_delta < 0 { Err(damaged()) } else { Ok(Some(batch)) }
    }

    /// Which control record it holds.
    fn control_kind(&self) -> Option<i16> {
        let record = Record::first(&mut { self.records })?;
        Some(i16::from_be_bytes(array(record.key?.get(2..4)?)))
    }

    /// Appends its records from `from` on.
    fn read(
        &self,
        mut records: &[u8],
        from: i64,
        cut: &mut Cut<'_>,
        out: &mut VecDeque<RecordBatch>,
    ) -> io::Result<()> {
        let log_append_time = self.attributes & LOG_APPEND_TIME != 0;
        for _ in 0..self.count {
            let record = Record::first(&mut records).ok_or_else(damaged)?;
            let offset = self.base_offset + record.offset_delta;
            if offset < from {
                continue;
            }
            if cut.buffer.size() > CUT_BYTES || u32::try_from(offset - cut.base).is_err() {
                cut.finish(offset, out);
            }
            if cut.buffer.is_empty() {
                cut.base = offset;
            }
            let delta = u32::try_from(offset - cut.base).map_err(|_| damaged())?;
            let timestamp = match log_append_time {
                true => self.max_timestamp,
                false => self.base_timestamp.saturating_add(record.timestamp_delta),
            };
            let headers = record.headers().ok_or_else(damaged)?;
            let value = |out: &mut Vec<u8>| {
                out.extend_from_slice(record.value.unwrap_or_default());
                Ok::<_, io::Error>(record.value.is_some())
            };
            cut.buffer.push_at(delta, timestamp, record.key, &headers, value)?;
        }
        Ok(())
    }
}

struct Record<'a> {
    timestamp_delta: i64,
    offset_delta: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    /// Their number and themselves.
    headers: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record at the beginning of `records`, which is taken off.
    #[inline]
    fn first(records: &mut &'a [u8]) -> Option<Self> {
        let len = usize::try_from(varint(records)?).ok()?;
        let (mut record, rest) = records.split_at_checked(len)?;
        *records = rest;
        let (_attributes, behind) = record.split_first()?;
        record = behind;
        Some(Self {
            timestamp_delta: varint(&mut record)?,
            offset_delta: varint(&mut record)?,
            key: sized(&mut record)?,
            value: sized(&mut record)?,
            headers: record,
        })
    }

    fn headers(&self) -> Option<Headers> {
        let mut rest = self.headers;
        let mut headers = Headers::new();
        for _ in 0..varint(&mut rest)? {
            let name = String::from_utf8_lossy(sized(&mut rest)??);
            headers.push(&*name, sized(&mut rest)?);
        }
        Some(headers)
    }
}

/// Bytes with their length before them; a negative one is null.
#[inline]
fn sized<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let Ok(len) = usize::try_from(varint(bytes)?) else { return Some(None) };
    let (sized, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(Some(sized))
}

/// A number in seven bits a byte, the lowest first, signed by zigzag.
#[inline]
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((number >> 1) as i64 ^ -((number & 1) as i64));
        }
    }
    None
}

/// The first bytes of a part that is long enough, or zeros.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a record batch is damaged")
}

#[cfg(test)]
mod tests;
