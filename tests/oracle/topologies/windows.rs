use std::time::Duration;

use millstream::codec::{TimeWindowedCodec, WireCodec};
use millstream::{
    EmitStrategy, GroupedStream, KTable, Materialized, SessionWindows, SlidingWindows,
    StreamsBuilder, TimeWindows, Topic, UnlimitedWindows, Windowed,
};

use super::{Text, longs, not_null, strings};

/// So many milliseconds.
pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// `in`, grouped by key.
pub(super) fn grouped(b: &StreamsBuilder) -> GroupedStream<Text, Text> {
    strings(b, "in").group_by_key().named("group")
}

fn tumbling(size: u64, grace: u64) -> TimeWindows {
    TimeWindows::tumbling(ms(size)).grace(ms(grace))
}

fn hopping(size: u64, advance: u64, grace: u64) -> TimeWindows {
    TimeWindows::hopping(ms(size), ms(advance)).grace(ms(grace))
}

fn sliding(difference: u64, grace: u64) -> SlidingWindows {
    SlidingWindows::of_time_difference(ms(difference)).grace(ms(grace))
}

fn sessions(gap: u64, grace: u64) -> SessionWindows {
    SessionWindows::of_inactivity_gap(ms(gap)).grace(ms(grace))
}

pub(crate) fn emit_final_hopping(b: &StreamsBuilder) {
    let windowed = grouped(b).windowed_by(hopping(10, 4, 3)).emit(EmitStrategy::OnWindowClose);
    windowed.count("counts").named("count").to("out");
}

pub(crate) fn emit_final_session(b: &StreamsBuilder) {
    let windowed = grouped(b).windowed_by(sessions(10, 5)).emit(EmitStrategy::OnWindowClose);
    windowed.count("counts").named("count").to("out");
}

pub(crate) fn emit_final_sliding(b: &StreamsBuilder) {
    let windowed = grouped(b).windowed_by(sliding(10, 20)).emit(EmitStrategy::OnWindowClose);
    windowed.count("counts").named("count").to("out");
}

pub(crate) fn emit_final_tumbling(b: &StreamsBuilder) {
    let windowed = grouped(b).windowed_by(tumbling(10, 5)).emit(EmitStrategy::OnWindowClose);
    windowed.count("counts").named("count").to("out");
}

pub(crate) fn hopping_count(b: &StreamsBuilder) {
    grouped(b).windowed_by(hopping(10, 4, 3)).count("counts").named("count").to("out");
}

pub(crate) fn hopping_sum(b: &StreamsBuilder) {
    let windowed = longs(b, "in").group_by_key().named("group").windowed_by(hopping(12, 5, 10));
    let sums = windowed.reduce("sums", |a, b| Some(not_null(a) + not_null(b)));
    sums.named("sum").to("out");
}

pub(crate) fn session_aggregate(b: &StreamsBuilder) {
    let concat = grouped(b).windowed_by(sessions(10, 20)).aggregate(
        "concat",
        || "0".to_owned(),
        |_, v, agg| agg + super::java(&v),
        |_, x, y| format!("({x},{y})"),
    );
    concat.named("concat").to("out");
}

pub(crate) fn session_count(b: &StreamsBuilder) {
    grouped(b).windowed_by(sessions(10, 20)).count("counts").named("count").to("out");
}

pub(crate) fn session_in_memory(b: &StreamsBuilder) {
    let store = Materialized::new("counts").retention(ms(30));
    grouped(b).windowed_by(sessions(10, 20)).count(store).named("count").to("out");
}

pub(crate) fn session_reduce(b: &StreamsBuilder) {
    let concat = grouped(b).windowed_by(sessions(10, 0)).reduce("concat", add);
    concat.named("concat").to("out");
}

fn add(x: Text, y: Text) -> Text {
    // As Java adds strings.
    Some(super::java(&x).to_owned() + super::java(&y))
}

pub(crate) fn sliding_count(b: &StreamsBuilder) {
    grouped(b).windowed_by(sliding(10, 20)).count("counts").named("count").to("out");
}

pub(crate) fn sliding_no_grace(b: &StreamsBuilder) {
    let windowed = grouped(b).windowed_by(sliding(10, 0));
    let concat = windowed.aggregate("concat", String::new, |_, v, agg| agg + &not_null(v));
    concat.named("concat").to("out");
}

pub(crate) fn sliding_reduce(b: &StreamsBuilder) {
    grouped(b).windowed_by(sliding(10, 50)).reduce("concat", add).named("concat").to("out");
}

pub(crate) fn tumbling_aggregate(b: &StreamsBuilder) {
    let windowed = grouped(b).windowed_by(tumbling(10, 20));
    let concat = windowed.aggregate("concat", String::new, |_, v, agg| agg + super::java(&v));
    let key = |w: &Windowed<Text>, _: &Option<String>| {
        format!("{}@{}/{}", super::java(&w.key), w.window.start, w.window.end)
    };
    concat.named("concat").to_stream().select_key(key).to("out");
}

pub(crate) fn tumbling_count(b: &StreamsBuilder) {
    grouped(b).windowed_by(tumbling(10, 0)).count("counts").named("count").to("out");
}

pub(crate) fn tumbling_grace(b: &StreamsBuilder) {
    let counts = grouped(b).windowed_by(tumbling(10, 5)).count("counts").named("count");
    let key = TimeWindowedCodec::new(WireCodec::<Text>::new(), ms(10));
    counts.to(Topic::with("out", key, WireCodec::<i64>::new()));
}

pub(crate) fn tumbling_in_memory(b: &StreamsBuilder) {
    let store = Materialized::new("counts").retention(ms(15));
    grouped(b).windowed_by(tumbling(10, 5)).count(store).named("count").to("out");
}

pub(crate) fn tumbling_reduce(b: &StreamsBuilder) {
    grouped(b).windowed_by(tumbling(10, 20)).reduce("concat", add).named("concat").to("out");
}

pub(crate) fn tumbling_retention(b: &StreamsBuilder) {
    let store = Materialized::new("counts").retention(Duration::from_secs(300));
    grouped(b).windowed_by(tumbling(10, 5)).count(store).named("count").to("out");
}

pub(crate) fn tumbling_to_null(b: &StreamsBuilder) {
    let windowed = grouped(b).windowed_by(tumbling(10, 20));
    let concat: KTable<Windowed<Text>, Text> = windowed.aggregate(
        "concat",
        || Some(String::new()),
        |_, v, agg| v.filter(|v| v.as_str() <= "F").map(|v| not_null(agg) + &v),
    );
    concat.named("concat").to("out");
}

pub(crate) fn unlimited_count(b: &StreamsBuilder) {
    let windows = UnlimitedWindows::new().start_on(10);
    grouped(b).windowed_by(windows).count("counts").named("count").to("out");
}

pub(crate) fn windowed_then_rekeyed(b: &StreamsBuilder) {
    let counts = grouped(b).windowed_by(tumbling(10, 10)).count("counts").named("count");
    let by_key = counts.to_stream().map(|w, n| (w.key, n)).named("unwrap");
    let by_key = by_key.group_by_key().named("by-key");
    let sums = by_key.reduce("sums", |a, b| Some(not_null(a) + not_null(b))).named("sum");
    sums.to_stream().to("out");
}
