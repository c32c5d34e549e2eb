//! Programs that name nothing.

use std::time::Duration;

use millstream::{
    BufferConfig, JoinWindows, KTable, Materialized, StreamJoined, StreamsBuilder, Suppressed,
};

use super::foreign_keys::foreign_key;
use super::stream_joins::left as left_value;
use super::tables::group;
use super::{Text, strings};

pub(super) fn count_unnamed(b: &StreamsBuilder) {
    b.take_over_generated_names();
    strings(b, "in").group_by_key().count(Materialized::unnamed()).to("out");
}

pub(super) fn count_unnamed_materialized(b: &StreamsBuilder) {
    b.take_over_generated_names();
    let grouped = strings(b, "in").group_by(|_, v| v.clone());
    grouped.count(Materialized::unnamed_materialized()).to("out");
}

pub(super) fn foreign_key_unnamed(b: &StreamsBuilder) {
    let (left, right) = (table(b, "left"), table(b, "right"));
    let joined = left.join_on_foreign_key(&right, |_, v| foreign_key(v), |_, l, r| plus(&l, &r));
    joined.materialized(Materialized::unnamed_materialized()).to("out");
}

pub(super) fn stream_stream_unnamed(b: &StreamsBuilder) {
    b.take_over_generated_names();
    let windows = JoinWindows::of_time_difference(Duration::from_millis(10));
    let (left, right) = (strings(b, "left"), strings(b, "right"));
    left.left_join(&right, windows, StreamJoined::unnamed(), left_value).to("out");
}

pub(super) fn suppress_unnamed(b: &StreamsBuilder) {
    b.take_over_generated_names();
    let limit = Duration::from_millis(10);
    let late = Suppressed::until_time_limit(limit, BufferConfig::unbounded());
    let updates = super::table(b, "in", "table").suppress(late).to_stream();
    updates.map_values(|_| 1i64).to("out");
}

/// A table without a name.
fn table(b: &StreamsBuilder, topic: &str) -> KTable<String, String> {
    b.take_over_generated_names();
    b.table(topic, Materialized::unnamed())
}

fn plus(left: &str, right: &str) -> String {
    format!("{left}+{right}")
}

pub(super) fn table_group_by_unnamed(b: &StreamsBuilder) {
    let grouped = table(b, "in").group_by::<Text, i64>(|_, v| group(&v));
    grouped.reduce(Materialized::unnamed(), |a, b| a + b, |a, b| a - b).to("out");
}

pub(super) fn table_table_unnamed(b: &StreamsBuilder) {
    let (left, right) = (table(b, "left"), table(b, "right"));
    let joined = left.join(&right, |_, l, r| plus(&l, &r));
    joined.materialized(Materialized::unnamed_materialized()).to("out");
}

pub(super) fn table_unnamed(b: &StreamsBuilder) {
    table(b, "in").to("out");
}
