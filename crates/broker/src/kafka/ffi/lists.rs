//! Lists of partitions.

use rdkafka::TopicPartitionList;
use rdkafka::bindings as sys;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::error::{code_at, text};
use crate::{OffsetAndMetadata, TopicPartition};

/// # Safety
/// `list` is null or a list that is alive.
pub(super) unsafe fn copied(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> TopicPartitionList {
    let mut copy = TopicPartitionList::new();
    // SAFETY: the caller's promise.
    for listed in unsafe { entries(list) } {
        copy.add_partition(&listed.partition.topic, listed.partition.partition as i32);
    }
    copy
}

/// A row of a list of partitions.
#[derive(Debug)]
pub(in crate::kafka) struct Listed {
    pub(in crate::kafka) partition: TopicPartition,
    /// Below 0 when there is none.
    pub(in crate::kafka) offset: i64,
    pub(in crate::kafka) metadata: String,
    pub(in crate::kafka) code: Code,
}

/// # Safety
/// `list` is null or a list that is alive.
pub(super) unsafe fn entries(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<Listed> {
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
                code: code_at(&raw const row.err),
            }
        })
        .collect()
    }
}

pub(super) fn partition_list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition as i32);
    }
    list
}

pub(super) fn offset_list(offsets: &[(TopicPartition, OffsetAndMetadata)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, position) in offsets {
        let mut row = list.add_partition(&partition.topic, partition.partition as i32);
        row.set_metadata(&position.metadata);
        // Offsets are not negative, so this cannot fail.
        let _set = row.set_offset(rdkafka::Offset::Offset(position.offset));
    }
    list
}
