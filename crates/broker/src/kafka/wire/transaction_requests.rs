//! Requests of transactions (KIP-98, KIP-447), in the first protocol, which every broker knows.

use std::io;
use std::time::Duration;

use super::batches::ProducerId;
use super::bytes::{Decoder, Encoder};
use super::connection::Address;
use super::requests::by_topic;
use crate::{GroupIdentity, OffsetAndMetadata, TopicPartition};

/// Keys and versions; of the last one the first version that has a member's identity, which is
/// flexible.
pub(super) const FIND_COORDINATOR: (i16, i16) = (10, 2);
pub(super) const INIT_PRODUCER_ID: (i16, i16) = (22, 1);
pub(super) const ADD_PARTITIONS: (i16, i16) = (24, 1);
pub(super) const ADD_OFFSETS: (i16, i16) = (25, 1);
pub(super) const END_TXN: (i16, i16) = (26, 1);
pub(super) const TXN_OFFSET_COMMIT: (i16, i16) = (28, 3);

/// Whose coordinator it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CoordinatorOf {
    Group = 0,
    Transactions = 1,
}

pub(super) fn encode_find(request: &mut Encoder, of: CoordinatorOf, key: &str) {
    request.string(key).i8(of as i8);
}

pub(super) fn decode_find(answer: &mut Decoder<'_>) -> io::Result<(i16, Address)> {
    let _throttle = answer.i32()?;
    let error = answer.i16()?;
    let (_reason, _node) = (answer.string()?, answer.i32()?);
    let (host, port) = (answer.string()?.to_owned(), answer.i32()?);
    Ok((error, (host, u16::try_from(port).unwrap_or_default())))
}

pub(super) fn encode_init(request: &mut Encoder, id: Option<&str>, timeout: Duration) {
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    request.nullable_string(id).i32(timeout);
}

pub(super) fn decode_init(answer: &mut Decoder<'_>) -> io::Result<(i16, ProducerId)> {
    let error = decode_error(answer)?;
    Ok((error, ProducerId { id: answer.i64()?, epoch: answer.i16()? }))
}

/// What begins every request of a transaction but one.
fn encode_who(request: &mut Encoder, id: &str, producer: ProducerId) {
    request.string(id).i64(producer.id).i16(producer.epoch);
}

pub(super) fn encode_add_partitions(
    request: &mut Encoder,
    id: &str,
    producer: ProducerId,
    partitions: &[TopicPartition],
) {
    encode_who(request, id, producer);
    let topics = by_topic(partitions.iter().map(|partition| (partition, ())));
    request.array(topics.len());
    for (topic, partitions) in topics {
        request.string(topic).array(partitions.len());
        for (partition, ()) in partitions {
            request.i32(partition);
        }
    }
}

/// The partitions with their errors.
pub(super) fn decode_add_partitions(
    answer: &mut Decoder<'_>,
) -> io::Result<Vec<(TopicPartition, i16)>> {
    let _throttle = answer.i32()?;
    let mut rows = Vec::new();
    answer.each(|answer| {
        let topic = answer.string()?;
        answer.each(|answer| {
            let (partition, error) = (answer.i32()?, answer.i16()?);
            rows.push((TopicPartition::new(topic, u32::try_from(partition).unwrap_or(0)), error));
            Ok(())
        })
    })?;
    Ok(rows)
}

pub(super) fn encode_add_offsets(
    request: &mut Encoder,
    id: &str,
    producer: ProducerId,
    group: &str,
) {
    encode_who(request, id, producer);
    request.string(group);
}

pub(super) fn encode_end(request: &mut Encoder, id: &str, producer: ProducerId, commit: bool) {
    encode_who(request, id, producer);
    request.bool(commit);
}

/// An answer that is an error, or 0.
pub(super) fn decode_error(answer: &mut Decoder<'_>) -> io::Result<i16> {
    let _throttle = answer.i32()?;
    answer.i16()
}

pub(super) fn encode_offsets(
    request: &mut Encoder,
    id: &str,
    producer: ProducerId,
    offsets: &[(TopicPartition, OffsetAndMetadata)],
    identity: &GroupIdentity,
) {
    let GroupIdentity { group, member, generation, instance } = identity;
    request.no_tags().compact_string(id).compact_string(group);
    request.i64(producer.id).i16(producer.epoch).i32(*generation).compact_string(member);
    request.compact_nullable_string(instance.as_deref());
    let topics = by_topic(offsets.iter().map(|(partition, at)| (partition, at)));
    request.compact_array(topics.len());
    for (topic, partitions) in topics {
        request.compact_string(topic).compact_array(partitions.len());
        for (partition, OffsetAndMetadata { offset, metadata }) in partitions {
            const NO_EPOCH: i32 = -1;
            request.i32(partition).i64(*offset).i32(NO_EPOCH);
            request.compact_nullable_string(Some(metadata)).no_tags();
        }
        request.no_tags();
    }
    request.no_tags();
}

/// The first error, or 0.
pub(super) fn decode_offsets(answer: &mut Decoder<'_>) -> io::Result<i16> {
    answer.skip_tags()?;
    let _throttle = answer.i32()?;
    let mut first = 0;
    answer.each_compact(|answer| {
        answer.skip_compact_string()?;
        answer.each_compact(|answer| {
            let (_partition, error) = (answer.i32()?, answer.i16()?);
            if first == 0 {
                first = error;
            }
            answer.skip_tags()
        })?;
        answer.skip_tags()
    })?;
    Ok(first)
}
