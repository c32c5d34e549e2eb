//! What the journal holds. Every entry can be replayed twice without harm, and a transaction's end
//! is one entry that needs no other: so a segment can start with a snapshot made of ordinary
//! entries, and whatever lies before it can go.

use std::collections::BTreeMap;

use super::wire::{Put, Take};
use crate::embedded::chunk::{Chunk, ProducerId, Visibility};
use crate::embedded::group_offsets::Offsets;
use crate::embedded::topic::TopicId;
use crate::embedded::transaction::{EndedTransaction, Epoch};
use crate::{OffsetAndMetadata, TopicPartition};

/// Marks a sync entry, so that it can be found behind bytes that make no sense.
pub(super) const SYNC_MAGIC: &[u8; 16] = b"\x0bmillstream-sync";

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::embedded) enum Entry<'a> {
    /// The first of a segment; with it the length of the one before, so that it cannot lose its
    /// end unnoticed.
    SegmentStart { segment: u64, previous_len: Option<u64> },
    /// Earlier segments are not needed, and may be deleted. This one is.
    OldestSegment { segment: u64 },
    /// A topic was created, or has got more partitions.
    Topic {
        id: TopicId,
        name: String,
        partitions: u32,
        configs: BTreeMap<String, String>,
        bound_bytes: Option<u64>,
    },
    /// A topic was deleted.
    TopicDeleted { id: TopicId },
    /// Records.
    Chunk(ChunkEntry<'a>),
    /// Compaction left nothing of these offsets.
    Removed { topic: TopicId, partition: u32, from: i64, until: i64 },
    /// A producer was given its number, or an epoch.
    Producer { id: ProducerId, epoch: Epoch, transactional_id: String },
    /// A transaction was committed or aborted.
    TransactionEnd(EndedTransaction),
    /// A group's offsets were committed outside a transaction; `None` = forgotten.
    Offsets { group: String, offsets: Vec<(TopicPartition, Option<OffsetAndMetadata>)> },
    /// The ends of a partition's log.
    Ends { topic: TopicId, partition: u32, log_start: i64, end: i64, cleaned_until: i64 },
    /// Everything in this segment before `up_to` was on the disk when this was written. `position`
    /// is where the entry itself stands.
    Synced { segment: u64, position: u64, up_to: u64 },
}

/// Records, and where they belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::embedded) struct ChunkEntry<'a> {
    pub(in crate::embedded) topic: TopicId,
    pub(in crate::embedded) partition: u32,
    pub(in crate::embedded) base: i64,
    pub(in crate::embedded) next: i64,
    /// The producer whose transaction they are part of.
    pub(in crate::embedded) open: Option<ProducerId>,
    /// Whether it takes the place of what is at these offsets.
    pub(in crate::embedded) replaces: bool,
    pub(in crate::embedded) max_timestamp: Option<i64>,
    pub(in crate::embedded) delete_horizon: Option<i64>,
    pub(in crate::embedded) records: &'a [u8],
}

impl<'a> ChunkEntry<'a> {
    /// The entry of a chunk whose records are `records`.
    pub(in crate::embedded) fn of(
        topic: TopicId,
        partition: u32,
        chunk: &Chunk,
        replaces: bool,
        records: &'a [u8],
    ) -> Self {
        Self {
            topic,
            partition,
            base: chunk.base,
            next: chunk.next,
            open: match chunk.visibility {
                Visibility::Open(producer) => Some(producer),
                Visibility::Visible | Visibility::Aborted => None,
            },
            replaces,
            max_timestamp: chunk.max_timestamp,
            delete_horizon: chunk.delete_horizon,
            records,
        }
    }

    /// The chunk, without its bytes.
    pub(in crate::embedded) fn chunk(&self) -> Chunk {
        Chunk {
            base: self.base,
            next: self.next,
            size: self.records.len(),
            bytes: None,
            location: None,
            visibility: self.open.map_or(Visibility::Visible, Visibility::Open),
            max_timestamp: self.max_timestamp,
            delete_horizon: self.delete_horizon,
        }
    }
}

impl<'a> Entry<'a> {
    /// Appends the entry's bytes.
    pub(in crate::embedded) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::SegmentStart { segment, previous_len } => {
                out.put_u8(1);
                out.put_u64(*segment);
                out.put_option(*previous_len, Put::put_u64);
            }
            Self::OldestSegment { segment } => {
                out.put_u8(10);
                out.put_u64(*segment);
            }
            Self::Topic { id, name, partitions, configs, bound_bytes } => {
                out.put_u8(2);
                out.put_u32(*id);
                out.put_text(name);
                out.put_u32(*partitions);
                out.put_u32(configs.len() as u32);
                for (key, value) in configs {
                    out.put_text(key);
                    out.put_text(value);
                }
                out.put_option(*bound_bytes, Put::put_u64);
            }
            Self::TopicDeleted { id } => {
                out.put_u8(3);
                out.put_u32(*id);
            }
            Self::Chunk(chunk) => {
                out.put_u8(4);
                out.put_u32(chunk.topic);
                out.put_u32(chunk.partition);
                out.put_i64(chunk.base);
                out.put_i64(chunk.next);
                out.put_option(chunk.open, Put::put_i64);
                out.put_u8(u8::from(chunk.replaces));
                out.put_option(chunk.max_timestamp, Put::put_i64);
                out.put_option(chunk.delete_horizon, Put::put_i64);
                out.extend_from_slice(chunk.records);
            }
            Self::Removed { topic, partition, from, until } => {
                out.put_u8(5);
                out.put_u32(*topic);
                out.put_u32(*partition);
                out.put_i64(*from);
                out.put_i64(*until);
            }
            Self::Producer { id, epoch, transactional_id } => {
                out.put_u8(6);
                out.put_i64(*id);
                out.put_u32(*epoch);
                out.put_text(transactional_id);
            }
            Self::TransactionEnd(ended) => {
                out.put_u8(7);
                put_ended(out, ended);
            }
            Self::Offsets { group, offsets } => {
                out.put_u8(8);
                out.put_text(group);
                out.put_u32(offsets.len() as u32);
                for (partition, offset) in offsets {
                    put_partition(out, partition);
                    out.put_option(offset.as_ref(), put_offset);
                }
            }
            Self::Ends { topic, partition, log_start, end, cleaned_until } => {
                out.put_u8(9);
                out.put_u32(*topic);
                out.put_u32(*partition);
                out.put_i64(*log_start);
                out.put_i64(*end);
                out.put_i64(*cleaned_until);
            }
            Self::Synced { segment, position, up_to } => {
                out.extend_from_slice(SYNC_MAGIC);
                out.put_u64(*segment);
                out.put_u64(*position);
                out.put_u64(*up_to);
            }
        }
    }

    /// Reads an entry back; `None` when the bytes are none.
    pub(in crate::embedded) fn decode(payload: &'a [u8]) -> Option<Self> {
        let mut take = Take(payload);
        if let Some(rest) = payload.strip_prefix(SYNC_MAGIC) {
            let mut take = Take(rest);
            return Some(Self::Synced {
                segment: take.u64()?,
                position: take.u64()?,
                up_to: take.u64()?,
            });
        }
        Some(match take.u8()? {
            1 => Self::SegmentStart { segment: take.u64()?, previous_len: take.option(Take::u64)? },
            10 => Self::OldestSegment { segment: take.u64()? },
            2 => Self::Topic {
                id: take.u32()?,
                name: take.text()?,
                partitions: take.u32()?,
                configs: take
                    .list(|take| Some((take.text()?, take.text()?)))?
                    .into_iter()
                    .collect(),
                bound_bytes: take.option(Take::u64)?,
            },
            3 => Self::TopicDeleted { id: take.u32()? },
            4 => Self::Chunk(ChunkEntry {
                topic: take.u32()?,
                partition: take.u32()?,
                base: take.i64()?,
                next: take.i64()?,
                open: take.option(Take::i64)?,
                replaces: take.u8()? != 0,
                max_timestamp: take.option(Take::i64)?,
                delete_horizon: take.option(Take::i64)?,
                records: take.rest(),
            }),
            5 => Self::Removed {
                topic: take.u32()?,
                partition: take.u32()?,
                from: take.i64()?,
                until: take.i64()?,
            },
            6 => Self::Producer {
                id: take.i64()?,
                epoch: take.u32()?,
                transactional_id: take.text()?,
            },
            7 => Self::TransactionEnd(take_ended(&mut take)?),
            8 => Self::Offsets {
                group: take.text()?,
                offsets: take
                    .list(|take| Some((take_partition(take)?, take.option(take_offset)?)))?,
            },
            9 => Self::Ends {
                topic: take.u32()?,
                partition: take.u32()?,
                log_start: take.i64()?,
                end: take.i64()?,
                cleaned_until: take.i64()?,
            },
            _ => return None,
        })
    }
}

fn put_partition(out: &mut Vec<u8>, partition: &TopicPartition) {
    out.put_text(&partition.topic);
    out.put_u32(partition.partition);
}

fn take_partition(take: &mut Take<'_>) -> Option<TopicPartition> {
    Some(TopicPartition::new(take.text()?, take.u32()?))
}

fn put_offset(out: &mut Vec<u8>, offset: &OffsetAndMetadata) {
    out.put_i64(offset.offset);
    out.put_text(&offset.metadata);
}

fn take_offset(take: &mut Take<'_>) -> Option<OffsetAndMetadata> {
    Some(OffsetAndMetadata { offset: take.i64()?, metadata: take.text()? })
}

fn put_ended(out: &mut Vec<u8>, ended: &EndedTransaction) {
    out.put_i64(ended.producer);
    out.put_u8(u8::from(ended.committed));
    out.put_u32(ended.partitions.len() as u32);
    for (topic, partition, first, marker) in &ended.partitions {
        out.put_u32(*topic);
        out.put_u32(*partition);
        out.put_i64(*first);
        out.put_i64(*marker);
    }
    out.put_u32(ended.offsets.len() as u32);
    for (group, offsets) in &ended.offsets {
        out.put_text(group);
        out.put_u32(offsets.len() as u32);
        for (partition, offset) in offsets {
            put_partition(out, partition);
            put_offset(out, offset);
        }
    }
}

fn take_ended(take: &mut Take<'_>) -> Option<EndedTransaction> {
    let offsets = |take: &mut Take<'_>| -> Option<Offsets> {
        let all = take.list(|take| Some((take_partition(take)?, take_offset(take)?)))?;
        Some(all.into_iter().collect())
    };
    Some(EndedTransaction {
        producer: take.i64()?,
        committed: take.u8()? != 0,
        partitions: take.list(|take| Some((take.u32()?, take.u32()?, take.i64()?, take.i64()?)))?,
        offsets: take.list(|take| Some((take.text()?, offsets(take)?)))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_written() {
        let offset = OffsetAndMetadata { offset: 7, metadata: "note".to_owned() };
        let partition = TopicPartition::new("t", 3);
        let entries = [
            Entry::SegmentStart { segment: 9, previous_len: Some(3) },
            Entry::OldestSegment { segment: 8 },
            Entry::Topic {
                id: 1,
                name: "t".to_owned(),
                partitions: 4,
                configs: [("a".to_owned(), "b".to_owned())].into(),
                bound_bytes: Some(5),
            },
            Entry::TopicDeleted { id: 1 },
            Entry::Chunk(ChunkEntry {
                topic: 1,
                partition: 3,
                base: 10,
                next: 12,
                open: Some(4),
                replaces: false,
                max_timestamp: Some(-1),
                delete_horizon: None,
                records: b"records",
            }),
            Entry::Removed { topic: 1, partition: 3, from: 1, until: 2 },
            Entry::Producer { id: 4, epoch: 2, transactional_id: "x".to_owned() },
            Entry::TransactionEnd(EndedTransaction {
                producer: 4,
                committed: true,
                partitions: vec![(1, 3, 10, 12)],
                offsets: vec![("g".to_owned(), [(partition.clone(), offset.clone())].into())],
            }),
            Entry::Offsets {
                group: "g".to_owned(),
                offsets: vec![(partition.clone(), Some(offset)), (partition, None)],
            },
            Entry::Ends { topic: 1, partition: 3, log_start: 1, end: 2, cleaned_until: 0 },
            Entry::Synced { segment: 9, position: 100, up_to: 90 },
        ];
        for entry in &entries {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            assert_eq!(Entry::decode(&bytes).as_ref(), Some(entry));
        }
    }
}
