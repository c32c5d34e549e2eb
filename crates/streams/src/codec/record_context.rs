//! Where a record came from, as it is kept with records that are held back (Kafka's
//! `ProcessorRecordContext`): `i64 timestamp ‖ i64 offset ‖ i32 length ‖ topic ‖ i32 partition ‖
//! i32 number of headers ‖ (i32 length ‖ name ‖ i32 length ‖ value)*`.

use super::CodecError;
use super::big_endian::{BigEndian, write_sized};
use crate::record::{Header, Headers};

/// Topic, partition, offset, timestamp and headers of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordContext<'a> {
    pub(crate) timestamp: i64,
    pub(crate) offset: i64,
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) headers: Headers,
}

impl<'a> RecordContext<'a> {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let Self { timestamp, offset, topic, partition, headers } = self;
        out.extend_from_slice(&timestamp.to_be_bytes());
        out.extend_from_slice(&offset.to_be_bytes());
        write_sized(Some(topic.as_bytes()), out);
        out.extend_from_slice(&partition.to_be_bytes());
        out.extend_from_slice(&(headers.iter().count() as i32).to_be_bytes());
        for header in headers.iter() {
            write_sized(Some(header.key.as_bytes()), out);
            write_sized(header.value.as_deref(), out);
        }
    }

    pub(super) fn read(bytes: &mut BigEndian<'a>) -> Result<Self, CodecError> {
        let (timestamp, offset) = (bytes.long()?, bytes.long()?);
        let (topic, partition) = (bytes.text()?, bytes.int()?);
        // −1 in records of old: no headers.
        let count = bytes.int()?.max(0);
        let headers = (0..count).map(|_| {
            let (key, value) = (bytes.text()?, bytes.sized()?);
            Ok(Header { key: key.into(), value: value.map(Into::into) })
        });
        let headers = headers.collect::<Result<_, CodecError>>()?;
        Ok(Self { timestamp, offset, topic, partition, headers })
    }

    /// What Kafka Streams takes it to hold in memory, for the bounds of buffers.
    pub(super) fn resident_bytes(&self) -> usize {
        let headers = self.headers.iter().map(|header| {
            characters(&header.key) + header.value.as_ref().map_or(0, |value| value.len())
        });
        2 * size_of::<i64>() + characters(self.topic) + size_of::<i32>() + headers.sum::<usize>()
    }
}

/// Length as Java counts it.
fn characters(text: &str) -> usize {
    text.encode_utf16().count()
}
