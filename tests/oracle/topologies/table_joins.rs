//! Joins of tables with tables, and of streams with tables.

use millstream::{KStream, KTable, StreamsBuilder};

use super::{Text, java, strings, table};

fn both(b: &StreamsBuilder) -> (KTable<String, String>, KTable<String, String>) {
    (table(b, "left", "left-store"), table(b, "right", "right-store"))
}

fn plus(left: &str, right: &str) -> String {
    format!("{left}+{right}")
}

/// Writes the changes of a join.
fn write(joined: &KTable<String, String>) {
    joined.to_stream().named("updates").to("out");
}

fn inner(b: &StreamsBuilder) -> KTable<String, String> {
    let (left, right) = both(b);
    left.join(&right, |_, l, r| plus(&l, &r)).named("join")
}

fn outer(b: &StreamsBuilder) -> KTable<String, String> {
    let (left, right) = both(b);
    left.outer_join(&right, |_, l, r| plus(java(&l), java(&r))).named("join")
}

pub(super) fn table_table_inner(b: &StreamsBuilder) {
    write(&inner(b).materialized("joined"));
}

pub(super) fn table_table_inner_view(b: &StreamsBuilder) {
    write(&inner(b));
}

pub(super) fn table_table_left(b: &StreamsBuilder) {
    let (left, right) = both(b);
    let joined = left.left_join(&right, |_, l, r| plus(&l, java(&r))).named("join");
    write(&joined.materialized("joined"));
}

pub(super) fn table_table_left_optimized(b: &StreamsBuilder) {
    table_table_left(b);
}

pub(super) fn table_table_outer(b: &StreamsBuilder) {
    write(&outer(b).materialized("joined"));
}

pub(super) fn table_table_outer_filter(b: &StreamsBuilder) {
    let no_a = outer(b).filter(|_, v| !v.starts_with('A')).named("no-a");
    write(&no_a.materialized("filtered"));
}

pub(super) fn table_self_join(b: &StreamsBuilder) {
    let all = table(b, "in", "table");
    let lower = all.map_values(|v| v.to_lowercase()).named("lower");
    let joined = all.join(&lower, |_, l, r| plus(&l, &r)).named("join");
    write(&joined.materialized("joined"));
}

/// A table whose keys are of the type that streams have.
fn latest(b: &StreamsBuilder) -> KTable<Text, String> {
    b.table("table", "table")
}

fn inner_with_table(stream: &KStream<Text, Text>, table: &KTable<Text, String>) {
    stream.join_table(table, |_, l, r| plus(java(&l), &r)).named("join").to("out");
}

fn left_with_table(stream: &KStream<Text, Text>, table: &KTable<Text, String>) {
    stream.left_join_table(table, |_, l, r| plus(java(&l), java(&r))).named("join").to("out");
}

pub(super) fn stream_table_inner(b: &StreamsBuilder) {
    inner_with_table(&strings(b, "stream"), &latest(b));
}

pub(super) fn stream_table_left(b: &StreamsBuilder) {
    left_with_table(&strings(b, "stream"), &latest(b));
}

pub(super) fn stream_table_repartitioned(b: &StreamsBuilder) {
    let rekeyed = strings(b, "stream").select_key(|_, v| v.as_ref().map(|v| v.to_lowercase()));
    inner_with_table(&rekeyed.named("key"), &latest(b));
}

pub(super) fn stream_table_left_repartitioned(b: &StreamsBuilder) {
    let rekeyed = strings(b, "stream").select_key(|_, v| {
        let not_c = v.as_ref().filter(|v| *v != "C");
        not_c.map(|v| v.to_lowercase())
    });
    left_with_table(&rekeyed.named("key"), &latest(b));
}

pub(super) fn stream_joins_own_count(b: &StreamsBuilder) {
    let all = strings(b, "stream").merge(&strings(b, "table")).named("all");
    let counts = all.group_by_key().named("group").count("counts").named("count");
    let joined =
        all.left_join_table(&counts, |_, v, n| plus(java(&v), java(&n.map(|n| n.to_string()))));
    joined.named("join").to("out");
}
