//! Several streams folded into one aggregate.

use millstream::{CogroupedStream, SessionWindows, SlidingWindows, StreamsBuilder, TimeWindows};

use super::windows::ms;
use super::{Text, java, longs, strings};

fn cogrouped(b: &StreamsBuilder) -> CogroupedStream<Text, String> {
    let words = strings(b, "words").group_by_key().named("words");
    let numbers = longs(b, "numbers").group_by_key().named("numbers");
    let words = words.cogroup(|_, v, agg: String| agg + java(&v));
    words.cogroup(&numbers, |_, v, agg| match v {
        Some(v) => format!("{agg}#{v}"),
        None => agg + "#null",
    })
}

pub(crate) fn cogroup(b: &StreamsBuilder) {
    cogrouped(b).aggregate("together", String::new).named("together").to("out");
}

pub(crate) fn cogroup_session(b: &StreamsBuilder) {
    let windows = SessionWindows::of_inactivity_gap(ms(10)).grace(ms(20));
    let windowed = cogrouped(b).windowed_by(windows);
    let merged = windowed.aggregate("together", String::new, |_, x, y| format!("({x},{y})"));
    merged.named("together").to("out");
}

pub(crate) fn cogroup_sliding(b: &StreamsBuilder) {
    let windows = SlidingWindows::of_time_difference(ms(20)).grace(ms(30));
    let windowed = cogrouped(b).windowed_by(windows);
    windowed.aggregate("together", String::new).named("together").to("out");
}

pub(crate) fn cogroup_tumbling(b: &StreamsBuilder) {
    let windows = TimeWindows::tumbling(ms(20)).grace(ms(10));
    let windowed = cogrouped(b).windowed_by(windows);
    windowed.aggregate("together", String::new).named("together").to("out");
}
