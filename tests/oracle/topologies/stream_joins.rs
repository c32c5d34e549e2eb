use std::time::Duration;

use millstream::{JoinWindows, KStream, StreamJoined, StreamsBuilder};

use super::windows::ms;
use super::{Text, strings};

/// Left and right text as Java's `+` writes them.
fn plus(_: &Text, left: Option<Text>, right: Option<Text>) -> String {
    format!("{}+{}", super::java(&left.flatten()), super::java(&right.flatten()))
}

fn inner(key: &Text, left: Text, right: Text) -> String {
    plus(key, Some(left), Some(right))
}

pub(super) fn left(key: &Text, left: Text, right: Option<Text>) -> String {
    plus(key, Some(left), right)
}

fn windows(difference: u64, grace: u64) -> JoinWindows {
    JoinWindows::of_time_difference(ms(difference)).grace(ms(grace))
}

/// `JoinWindows.of`, with its grace of a day.
fn eager() -> JoinWindows {
    windows(10, 0).grace(Duration::from_millis(24 * 60 * 60 * 1000 - 20)).eager()
}

fn sides(b: &StreamsBuilder) -> (KStream<Text, Text>, KStream<Text, Text>) {
    (strings(b, "left"), strings(b, "right"))
}

fn join(b: &StreamsBuilder, windows: JoinWindows) {
    let (l, r) = sides(b);
    l.join(&r, windows, "join", inner).to("out");
}

fn left_join(b: &StreamsBuilder, windows: JoinWindows) {
    let (l, r) = sides(b);
    l.left_join(&r, windows, "join", left).to("out");
}

fn outer_join(b: &StreamsBuilder, windows: JoinWindows) {
    let (l, r) = sides(b);
    l.outer_join(&r, windows, "join", plus).to("out");
}

pub(crate) fn self_join(b: &StreamsBuilder) {
    let input = strings(b, "in");
    input.join(&input, windows(10, 5), "join", inner).to("out");
}

pub(crate) fn self_join_optimized(b: &StreamsBuilder) {
    self_join(b);
}

/// Windows of 2 ms before and 10 ms after.
pub(crate) fn self_join_optimized_asymmetric(b: &StreamsBuilder) {
    let input = strings(b, "in");
    input.join(&input, windows(10, 5).before(2), "join", inner).to("out");
}

pub(crate) fn stream_stream_inner(b: &StreamsBuilder) {
    join(b, windows(10, 0));
}

pub(crate) fn stream_stream_inner_asymmetric(b: &StreamsBuilder) {
    join(b, windows(10, 2).before(3));
}

pub(crate) fn stream_stream_inner_grace(b: &StreamsBuilder) {
    join(b, windows(10, 6));
}

pub(crate) fn stream_stream_left(b: &StreamsBuilder) {
    left_join(b, windows(10, 0));
}

pub(crate) fn stream_stream_left_after(b: &StreamsBuilder) {
    left_join(b, windows(10, 0).before(0));
}

pub(crate) fn stream_stream_left_eager(b: &StreamsBuilder) {
    left_join(b, eager());
}

pub(crate) fn stream_stream_left_grace(b: &StreamsBuilder) {
    left_join(b, windows(10, 6));
}

pub(crate) fn stream_stream_outer(b: &StreamsBuilder) {
    outer_join(b, windows(10, 0));
}

pub(crate) fn stream_stream_outer_asymmetric(b: &StreamsBuilder) {
    outer_join(b, windows(3, 4).before(12));
}

pub(crate) fn stream_stream_outer_eager(b: &StreamsBuilder) {
    outer_join(b, eager());
}

pub(crate) fn stream_stream_outer_gap(b: &StreamsBuilder) {
    outer_join(b, windows(8, 3).before(-2));
}

pub(crate) fn stream_stream_outer_grace(b: &StreamsBuilder) {
    outer_join(b, windows(10, 6));
}

pub(crate) fn stream_stream_outer_in_memory(b: &StreamsBuilder) {
    let (l, r) = sides(b);
    let joined = StreamJoined::named("join").stores("left-store", "right-store");
    l.outer_join(&r, windows(10, 0), joined, plus).to("out");
}

pub(crate) fn stream_stream_repartitioned(b: &StreamsBuilder) {
    let l = strings(b, "left").select_key(|_, v| v.clone()).named("left-key");
    let r = strings(b, "right").select_key(|_, v| v.clone()).named("right-key");
    l.outer_join(&r, windows(10, 0), "join", plus).to("out");
}

pub(crate) fn three_streams(b: &StreamsBuilder) {
    let (one, two) = (strings(b, "one"), strings(b, "two"));
    let first = one.join(&two, windows(20, 10), "first", |k, l, r| Some(inner(k, l, r)));
    first.join(&strings(b, "three"), windows(20, 10), "second", inner).to("out");
}
