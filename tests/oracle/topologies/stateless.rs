//! Operators without state.

use millstream::{Repartitioned, StreamsBuilder};
use uuid::Uuid;

use super::{Text, java, longs, not_null, strings, words};

fn is_below(text: &Text, limit: &str) -> bool {
    text.as_deref().is_some_and(|text| text < limit)
}

pub(super) fn dynamic_routing(b: &StreamsBuilder) {
    strings(b, "in").to_dynamic(|k, _| format!("out-{}", java(k)));
}

pub(super) fn filter(b: &StreamsBuilder) {
    let input = strings(b, "in");
    let kept = input.filter(|_, v| is_below(v, "D")).named("keep");
    kept.to("kept");
    let rest = input.filter_not(|_, v| is_below(v, "D")).named("drop");
    rest.to("rest");
}

pub(super) fn flat_map(b: &StreamsBuilder) {
    let exploded = strings(b, "in").flat_map(|_, v| {
        let v = not_null(v);
        let count = i32::from(v.as_bytes()[0]) - i32::from(b'A');
        (0..count).map(move |i| (format!("{v}{i}"), i))
    });
    exploded.named("explode").to("out");
}

pub(super) fn flat_map_values(b: &StreamsBuilder) {
    let split = strings(b, "in").flat_map_values(|v| words(&not_null(v)));
    split.named("split-words").to("out");
}

pub(super) fn integer_double(b: &StreamsBuilder) {
    let input = b.stream::<Option<i32>, Option<f64>>("in");
    let twice = input.map_values(|v| v.map(|v| v * 2.0)).named("twice");
    twice.to("out");
}

pub(super) fn map(b: &StreamsBuilder) {
    let length = |text: Text| text.map_or(-1, |text| text.len() as i32);
    let swapped = strings(b, "in").map(move |k, v| (v, length(k)));
    swapped.named("swap").to("out");
}

pub(super) fn map_values(b: &StreamsBuilder) {
    let input = strings(b, "in");
    let twice = input.map_values(|v| v.map(|v| v.repeat(2)));
    twice.named("twice").to("out");
    let with_key = input.map_values_with_key(|k, v| format!("{}/{}", java(k), java(&v)));
    with_key.named("with-key").to("keyed");
}

pub(super) fn merge(b: &StreamsBuilder) {
    let (left, right) = (strings(b, "left"), strings(b, "right"));
    left.merge(&right).named("both").to("out");
}

pub(super) fn primitive_serdes(b: &StreamsBuilder) {
    let input = longs(b, "in");
    input.to("as-long");
    input.map_values(|v| v.map(|v| v as i32)).to("as-int");
    input.map_values(|v| v.map(|v| v as i16)).to("as-short");
    let quarter = input.map_values(|v| v.map(|v| v as f64 / 4.0));
    quarter.to("as-double");
    let quarter = input.map_values(|v| v.map(|v| v as f32 / 4.0));
    quarter.to("as-float");
    input.map_values(|v| v.map(|v| v > 0)).to("as-bool");
    let low_byte = input.map_values(|v| v.map(|v| vec![v as u8]));
    low_byte.to("as-bytes");
    let ids = input.map(|_, v| {
        let id = v.map(|v| Uuid::from_u64_pair(v.cast_unsigned(), (!v).cast_unsigned()));
        (Uuid::from_u64_pair(1, 2), id)
    });
    ids.to("as-uuid");
    let texts = input.map_values(|v| v.map(|v| v.to_string()));
    texts.to("as-string");
}

pub(super) fn repartition_named(b: &StreamsBuilder) {
    let keyed = strings(b, "in").select_key(|_, v| v.clone()).named("key");
    let how = Repartitioned::named("by-value").partitions(3);
    keyed.repartition(how).to("out");
}

pub(super) fn repartition_unnamed(b: &StreamsBuilder) {
    b.take_over_generated_names();
    let input = strings(b, "in");
    input.repartition(Repartitioned::unnamed()).to("out");
}

pub(super) fn select_key(b: &StreamsBuilder) {
    let keyed = strings(b, "in").select_key(|_, v| v.clone());
    keyed.named("by-value").to("out");
}

pub(super) fn shared_repartition(b: &StreamsBuilder) {
    let keyed = strings(b, "in").select_key(|_, v| v.clone());
    let keyed = keyed.named("by-value");
    let one = keyed.group_by_key().named("group-one").count("one");
    one.named("count-one").to_stream().to("out");
    let two = keyed.group_by_key().named("group-two").count("two");
    two.named("count-two");
}

pub(super) fn shared_repartition_optimized(b: &StreamsBuilder) {
    shared_repartition(b);
}

pub(super) fn split_branch(b: &StreamsBuilder) {
    let mut split = strings(b, "in").split().named("size-");
    let small = split.branch(|_, v| is_below(v, "C"));
    small.named("size-small").to("small");
    let big = split.branch(|_, v| is_below(v, "F"));
    big.named("size-big").to("big");
    split.default_branch().named("size-rest").to("other");
}

pub(super) fn split_no_default(b: &StreamsBuilder) {
    let mut split = strings(b, "in").split().named("size-");
    let small = split.branch(|_, v| is_below(v, "C"));
    let big = split.branch(|_, v| is_below(v, "F"));
    small.to("small");
    big.to("big");
}
