//! The requests that are sent, in versions that every broker since Kafka 2.3 knows and that are
//! written without tagged fields (`FetchRequest.json`, `MetadataRequest.json` in Kafka).

use std::io;
use std::time::Duration;

use super::bytes::{Decoder, Encoder};
use super::transaction_requests::{
    ADD_OFFSETS, ADD_PARTITIONS, END_TXN, FIND_COORDINATOR, INIT_PRODUCER_ID, TXN_OFFSET_COMMIT,
};
use crate::{IsolationLevel, TopicPartition};

/// Keys and versions.
pub(super) const PRODUCE: (i16, i16) = (0, 8);
pub(super) const FETCH: (i16, i16) = (1, 11);
pub(super) const METADATA: (i16, i16) = (3, 8);
pub(super) const SASL_HANDSHAKE: (i16, i16) = (17, 1);
pub(super) const API_VERSIONS: (i16, i16) = (18, 0);
pub(super) const SASL_AUTHENTICATE: (i16, i16) = (36, 0);

/// What every broker has to know.
pub(super) const SENT: [(i16, i16); 9] = [
    PRODUCE,
    FETCH,
    METADATA,
    FIND_COORDINATOR,
    INIT_PRODUCER_ID,
    ADD_PARTITIONS,
    ADD_OFFSETS,
    END_TXN,
    TXN_OFFSET_COMMIT,
];

/// Rows of partitions as requests have them: together with those of the same topic.
pub(super) fn by_topic<'a, T>(
    rows: impl Iterator<Item = (&'a TopicPartition, T)>,
) -> Vec<(&'a str, Vec<(i32, T)>)> {
    let mut topics: Vec<(&str, Vec<(i32, T)>)> = Vec::new();
    for (partition, row) in rows {
        let row = (i32::try_from(partition.partition).unwrap_or(i32::MAX), row);
        match topics.iter_mut().find(|(topic, _)| **topic == *partition.topic) {
            Some((_, rows)) => rows.push(row),
            None => topics.push((&partition.topic, vec![row])),
        }
    }
    topics
}

/// Where a partition is read on.
#[derive(Clone, Copy, Debug)]
pub(super) struct FetchFrom {
    pub(super) leader_epoch: i32,
    pub(super) offset: i64,
}

/// What is fetched together.
pub(super) struct FetchRequest<'a> {
    pub(super) isolation: IsolationLevel,
    pub(super) max_wait: Duration,
    pub(super) min_bytes: i32,
    pub(super) max_bytes: i32,
    pub(super) max_partition_bytes: i32,
    pub(super) topics: &'a [(&'a str, Vec<(i32, FetchFrom)>)],
}

impl FetchRequest<'_> {
    /// Without a fetch session (KIP-227): an application reads few partitions of a broker.
    pub(super) fn encode(&self, request: &mut Encoder) {
        let isolation = match self.isolation {
            IsolationLevel::ReadUncommitted => 0,
            IsolationLevel::ReadCommitted => 1,
        };
        let max_wait = i32::try_from(self.max_wait.as_millis()).unwrap_or(i32::MAX);
        const NO_REPLICA: i32 = -1;
        const NO_SESSION: (i32, i32) = (0, -1);
        request.i32(NO_REPLICA).i32(max_wait).i32(self.min_bytes).i32(self.max_bytes);
        request.i8(isolation).i32(NO_SESSION.0).i32(NO_SESSION.1);
        request.array(self.topics.len());
        for (topic, partitions) in self.topics {
            request.string(topic).array(partitions.len());
            for (partition, FetchFrom { leader_epoch, offset }) in partitions {
                const LOG_START: i64 = -1;
                request.i32(*partition).i32(*leader_epoch).i64(*offset).i64(LOG_START);
                request.i32(self.max_partition_bytes);
            }
        }
        const FORGOTTEN: usize = 0;
        request.array(FORGOTTEN).string("");
    }
}

/// What a broker answers of one partition.
pub(super) struct FetchedPartition<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) error: i16,
    pub(super) high_watermark: i64,
    pub(super) last_stable_offset: i64,
    /// Producer and first offset of each transaction in it that was aborted.
    pub(super) aborted: Vec<(i64, i64)>,
    pub(super) records: &'a [u8],
}

/// Reads the answer; how long the client is to be silent.
pub(super) fn decode_fetch<'a>(
    answer: &mut Decoder<'a>,
    mut each: impl FnMut(FetchedPartition<'a>),
) -> io::Result<Duration> {
    let throttle = answer.i32()?;
    let error = answer.i16()?;
    let _session = answer.i32()?;
    if error != 0 {
        let reason = format!("a fetch was refused with code {error}");
        return Err(io::Error::other(reason));
    }
    answer.each(|answer| {
        let topic = answer.string()?;
        answer.each(|answer| {
            let (partition, error) = (answer.i32()?, answer.i16()?);
            let (high_watermark, last_stable_offset) = (answer.i64()?, answer.i64()?);
            let _log_start = answer.i64()?;
            let mut aborted = Vec::new();
            answer.each(|answer| {
                aborted.push((answer.i64()?, answer.i64()?));
                Ok(())
            })?;
            let _preferred_replica = answer.i32()?;
            let records = answer.bytes()?;
            each(FetchedPartition {
                topic,
                partition,
                error,
                high_watermark,
                last_stable_offset,
                aborted,
                records,
            });
            Ok(())
        })
    })?;
    Ok(Duration::from_millis(throttle.max(0) as u64))
}

/// Asks for these batches to be written, one a partition, and for the answer to be held back until all
/// followers in sync have them.
pub(super) fn encode_produce(
    request: &mut Encoder,
    transactional_id: Option<&str>,
    timeout: Duration,
    topics: &[(&str, Vec<(i32, &[u8])>)],
) {
    const ALL: i16 = -1;
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    request.nullable_string(transactional_id).i16(ALL).i32(timeout).array(topics.len());
    for (topic, partitions) in topics {
        request.string(topic).array(partitions.len());
        for (partition, batch) in partitions {
            request.i32(*partition).bytes(batch);
        }
    }
}

/// What a broker answers of one partition: its number, an error, and the offset of the first record.
pub(super) struct ProducedPartition<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) error: i16,
    pub(super) base_offset: i64,
}

/// Reads the answer; how long the client is to be silent.
pub(super) fn decode_produce<'a>(
    answer: &mut Decoder<'a>,
    mut each: impl FnMut(ProducedPartition<'a>),
) -> io::Result<Duration> {
    answer.each(|answer| {
        let topic = answer.string()?;
        answer.each(|answer| {
            let (partition, error, base_offset) = (answer.i32()?, answer.i16()?, answer.i64()?);
            let (_append_time, _log_start) = (answer.i64()?, answer.i64()?);
            answer.each(|answer| {
                let _index = answer.i32()?;
                answer.string().map(|_| ())
            })?;
            let _reason = answer.string()?;
            each(ProducedPartition { topic, partition, error, base_offset });
            Ok(())
        })
    })?;
    Ok(Duration::from_millis(answer.i32()?.max(0) as u64))
}

/// Where a broker is.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) id: i32,
    pub(super) host: String,
    pub(super) port: u16,
}

/// Who leads a partition.
#[derive(Clone, Debug)]
pub(super) struct PartitionMetadata {
    pub(super) partition: i32,
    /// Negative when nobody does.
    pub(super) leader: i32,
    pub(super) leader_epoch: i32,
}

#[derive(Clone, Debug)]
pub(super) struct TopicMetadata {
    pub(super) name: String,
    pub(super) error: i16,
    pub(super) partitions: Vec<PartitionMetadata>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    pub(super) nodes: Vec<Node>,
    pub(super) topics: Vec<TopicMetadata>,
}

/// Asks for these topics, which are not made by that.
pub(super) fn encode_metadata(request: &mut Encoder, topics: &[&str]) {
    request.array(topics.len());
    for topic in topics {
        request.string(topic);
    }
    let (make, cluster_rights, topic_rights) = (false, false, false);
    request.bool(make).bool(cluster_rights).bool(topic_rights);
}

pub(super) fn decode_metadata(answer: &mut Decoder<'_>) -> io::Result<Metadata> {
    let mut metadata = Metadata::default();
    let _throttle = answer.i32()?;
    answer.each(|answer| {
        let (id, host, port) = (answer.i32()?, answer.string()?.to_owned(), answer.i32()?);
        let _rack = answer.string()?;
        metadata.nodes.push(Node { id, host, port: u16::try_from(port).unwrap_or_default() });
        Ok(())
    })?;
    let _cluster_id = answer.string()?;
    let _controller = answer.i32()?;
    answer.each(|answer| {
        let (error, name) = (answer.i16()?, answer.string()?.to_owned());
        let _is_internal = answer.bool()?;
        let mut partitions = Vec::new();
        answer.each(|answer| {
            let (_error, partition) = (answer.i16()?, answer.i32()?);
            let (leader, leader_epoch) = (answer.i32()?, answer.i32()?);
            partitions.push(PartitionMetadata { partition, leader, leader_epoch });
            let (_replicas, _in_sync, _offline) =
                (skip_ids(answer)?, skip_ids(answer)?, skip_ids(answer)?);
            Ok(())
        })?;
        let _rights = answer.i32()?;
        metadata.topics.push(TopicMetadata { name, error, partitions });
        Ok(())
    })?;
    Ok(metadata)
}

fn skip_ids(answer: &mut Decoder<'_>) -> io::Result<()> {
    answer.each(|answer| answer.i32().map(|_| ()))
}
