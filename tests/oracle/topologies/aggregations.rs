//! Aggregations of streams, without windows.

use millstream::{GroupedStream, Materialized, StreamsBuilder};
use uuid::Uuid;

use super::{Text, java, longs, not_null, strings, words};

fn grouped(b: &StreamsBuilder) -> GroupedStream<Text, Text> {
    strings(b, "in").group_by_key().named("group")
}

fn count_in(b: &StreamsBuilder, store: Materialized<Text, i64>) {
    let counts = grouped(b).count(store).named("count");
    counts.to_stream().to("out");
}

pub(super) fn aggregate_concat(b: &StreamsBuilder) {
    let add = |_: &Text, v: Text, all: String| format!("{all}+{}", java(&v));
    let all = grouped(b).aggregate("concat", || "0".to_owned(), add);
    all.named("concat").to_stream().to("out");
}

pub(super) fn aggregate_to_null(b: &StreamsBuilder) {
    let add = |_: &Text, v: Text, all: Text| {
        let v = not_null(v);
        (v.as_str() <= "F").then(|| not_null(all) + &v)
    };
    let all = grouped(b).aggregate("concat", || Some(String::new()), add);
    all.named("concat").to_stream().to("out");
}

pub(super) fn count_burst(b: &StreamsBuilder) {
    let split = strings(b, "in").flat_map_values(|v| words(&not_null(v)));
    let counts = split.named("words").group_by_key().named("group").count("counts");
    counts.named("count").to_stream().to("out");
}

pub(super) fn count_by_key(b: &StreamsBuilder) {
    count_in(b, "counts".into());
}

pub(super) fn count_caching_disabled(b: &StreamsBuilder) {
    let store = Materialized::new("counts")
        .without_cache()
        .changelog_config("min.insync.replicas", "2")
        .changelog_config("cleanup.policy", "compact,delete");
    count_in(b, store);
}

/// Where a store keeps its entries is a setting of the application here, not of the store.
pub(super) fn count_in_memory(b: &StreamsBuilder) {
    count_in(b, "counts".into());
}

pub(super) fn count_logging_disabled(b: &StreamsBuilder) {
    count_in(b, Materialized::new("counts").without_changelog());
}

pub(super) fn group_by_integer(b: &StreamsBuilder) {
    let input = b.stream::<Text, Option<i32>>("in");
    let counts = input.group_by(|_, v| *v).named("by-number").count("counts");
    counts.named("count").to_stream().to("out");
}

pub(super) fn reduce_max(b: &StreamsBuilder) {
    let grouped = longs(b, "in").group_by_key().named("group");
    let max = grouped.reduce("max", Option::max).named("max");
    max.to_stream().to("out");
}

pub(super) fn reduce_to_null(b: &StreamsBuilder) {
    let reduced = grouped(b).reduce("concat", |old, v| {
        let v = not_null(v);
        (v != "A").then(|| not_null(old) + &v)
    });
    reduced.named("concat").to_stream().to("out");
}

pub(super) fn reduce_uuid_double(b: &StreamsBuilder) {
    let input = b.stream::<Option<Uuid>, Option<f64>>("in");
    let grouped = input.group_by_key().named("group");
    let sum = grouped.reduce("sum", |a, b| Some(not_null(a) + not_null(b)));
    sum.named("sum").to_stream().to("out");
}

pub(super) fn word_count(b: &StreamsBuilder) {
    let lines = strings(b, "lines");
    let split = lines.flat_map_values(|line| words(&not_null(line).to_lowercase()));
    let grouped = split.named("words").group_by(|_, word| word.clone());
    let counts = grouped.named("by-word").count("counts").named("count");
    counts.to_stream().named("updates").to("counts");
}
