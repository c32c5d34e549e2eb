//! Suppression: updates of tables held back.

use millstream::{
    BufferConfig, KTable, SessionWindows, ShutDownWhenFull, SlidingWindows, StreamsBuilder,
    Suppressed, TimeWindow, TimeWindows, WhenFull, Window, Windowed, Wire,
};

use super::windows::{grouped, ms};
use super::{Text, java, table};

/// The table, its updates held back for a time.
fn until_limit<F: WhenFull>(b: &StreamsBuilder, limit: u64, buffer: BufferConfig<F>) {
    let limit = Suppressed::until_time_limit(ms(limit), buffer);
    let limited = table(b, "in", "table").suppress(limit.named("limit"));
    limited.to_stream().named("updates").to("out");
}

pub(super) fn suppress_limit_zero(b: &StreamsBuilder) {
    until_limit(b, 0, BufferConfig::unbounded());
}

pub(super) fn suppress_logging_disabled(b: &StreamsBuilder) {
    until_limit(b, 10, BufferConfig::unbounded().without_changelog());
}

pub(super) fn suppress_max_bytes(b: &StreamsBuilder) {
    until_limit(b, 100, BufferConfig::max_bytes(200));
}

pub(super) fn suppress_max_records(b: &StreamsBuilder) {
    until_limit(b, 10, BufferConfig::max_records(2));
}

pub(super) fn suppress_until_time_limit(b: &StreamsBuilder) {
    until_limit(b, 10, BufferConfig::unbounded());
}

/// The final results of windows.
fn finals<W: Window, V: Wire>(
    windows: &KTable<Windowed<Text, W>, V>,
    buffer: BufferConfig<ShutDownWhenFull>,
) where
    Windowed<Text, W>: Wire,
{
    let last = windows.suppress(Suppressed::until_window_closes(buffer).named("final"));
    last.to_stream().named("updates").to("out");
}

fn tumbling_counts(b: &StreamsBuilder) -> KTable<Windowed<Text, TimeWindow>, i64> {
    let windows = TimeWindows::tumbling(ms(10)).grace(ms(5));
    grouped(b).windowed_by(windows).count("counts").named("count")
}

pub(super) fn suppress_hopping(b: &StreamsBuilder) {
    let windows = TimeWindows::hopping(ms(10), ms(4));
    let counts = grouped(b).windowed_by(windows).count("counts").named("count");
    finals(&counts, BufferConfig::unbounded());
}

pub(super) fn suppress_session(b: &StreamsBuilder) {
    let windows = SessionWindows::of_inactivity_gap(ms(10)).grace(ms(5));
    let concat = grouped(b).windowed_by(windows).aggregate(
        "concat",
        String::new,
        |_, v, agg| agg + java(&v),
        |_, x, y| format!("({x},{y})"),
    );
    finals(&concat.named("concat"), BufferConfig::unbounded());
}

pub(super) fn suppress_shutdown_when_full(b: &StreamsBuilder) {
    finals(&tumbling_counts(b), BufferConfig::max_records(2).shut_down_when_full());
}

pub(super) fn suppress_sliding(b: &StreamsBuilder) {
    let windows = SlidingWindows::of_time_difference(ms(10)).grace(ms(5));
    let windowed = grouped(b).windowed_by(windows);
    let concat = windowed.aggregate("concat", String::new, |_, v, agg| agg + java(&v));
    finals(&concat.named("concat"), BufferConfig::unbounded());
}

pub(super) fn suppress_until_window_closes(b: &StreamsBuilder) {
    finals(&tumbling_counts(b), BufferConfig::unbounded());
}

pub(super) fn suppress_then_join(b: &StreamsBuilder) {
    let left = table(b, "left", "left-store");
    let limit = Suppressed::until_time_limit(ms(10), BufferConfig::unbounded());
    let right = table(b, "in", "table").suppress(limit.named("limit"));
    let joined = left.join(&right, |_, l, r| format!("{l}+{r}")).named("join");
    joined.materialized("joined").to_stream().named("updates").to("out");
}
