//! Bad input: records that cannot be decoded, bad timestamps, functions that fail.

use millstream::{KStream, StreamsBuilder, Topic};

use super::{Text, longs, strings};

type Longs = Topic<Text, Option<i64>>;

fn pass_longs(b: &StreamsBuilder) {
    longs(b, "in").to("out");
}

fn failing_at_b(stream: &KStream<Text, Text>) -> KStream<Text, Text> {
    let mapped = stream.try_map_values(|v| match v.as_deref() {
        Some("B") => Err("B".into()),
        _ => Ok(v),
    });
    mapped.named("map")
}

pub(super) fn bad_value_dead_letter(b: &StreamsBuilder) {
    pass_longs(b);
}

pub(super) fn mapper_throws_dead_letter(b: &StreamsBuilder) {
    mapper_throws_fail(b);
}

pub(super) fn bad_value_continue(b: &StreamsBuilder) {
    pass_longs(b);
}

pub(super) fn bad_value_fail(b: &StreamsBuilder) {
    pass_longs(b);
}

pub(super) fn mapper_throws_continue(b: &StreamsBuilder) {
    let input = strings(b, "in");
    input.to("before");
    let grouped = failing_at_b(&input).group_by_key().named("group");
    let all = grouped.reduce("concat", |a, b| Some(a? + &b?));
    all.named("concat").to_stream().to("out");
}

pub(super) fn mapper_throws_fail(b: &StreamsBuilder) {
    failing_at_b(&strings(b, "in")).to("out");
}

pub(super) fn timestamp_fail(b: &StreamsBuilder) {
    pass_longs(b);
}

/// The value is the timestamp; a null has the partition's time.
pub(super) fn timestamp_from_value(b: &StreamsBuilder) {
    let topic = Longs::new("in");
    let topic = topic.timestamps_with(|_, v, _, partition_time| v.unwrap_or(partition_time));
    let grouped = b.stream(topic).group_by_key().named("group");
    let counts = grouped.count("counts").named("count");
    counts.to_stream().to("out");
}

/// Kafka's `UsePartitionTimeOnInvalidTimestamp`.
pub(super) fn timestamp_partition_time(b: &StreamsBuilder) {
    let topic = Longs::new("in").timestamps_with(|_, _, timestamp, partition_time| {
        if timestamp >= 0 {
            return timestamp;
        }
        assert!(partition_time >= 0, "there is no partition time yet");
        partition_time
    });
    b.stream(topic).to("out");
}

/// Kafka's `LogAndSkipOnInvalidTimestamp`.
pub(super) fn timestamp_skip(b: &StreamsBuilder) {
    let topic = Longs::new("in").timestamps_with(|_, _, timestamp, _| timestamp);
    b.stream(topic).to("out");
}
