//! Tables: sources, filters, maps, groupings.

use millstream::{GroupedTable, KTable, StreamsBuilder};

use super::{Text, strings, table};

/// What stands before the colon, `none` as null, and the number behind it.
pub(super) fn group(value: &str) -> (Text, i64) {
    let (group, amount) = value.split_once(':').expect("group:amount");
    let amount = amount.parse().expect("an amount");
    (Some(group.to_owned()).filter(|group| group != "none"), amount)
}

fn by_group(b: &StreamsBuilder) -> GroupedTable<Text, i64> {
    grouped(&table(b, "in", "table"))
}

fn grouped(table: &KTable<String, String>) -> GroupedTable<Text, i64> {
    table.group_by(|_, v| group(&v)).named("by-group")
}

/// The sums of the groups of a table.
pub(super) fn sums(table: &KTable<String, String>) {
    let sums = grouped(table);
    let sums = sums.aggregate("sums", || 0, |_, n, sum| sum + n, |_, n, sum| sum - n);
    sums.named("sum").to_stream().named("updates").to("out");
}

pub(super) fn table_filter(b: &StreamsBuilder) {
    let all = table(b, "in", "table");
    let low = all.filter(|_, v| v.as_str() < "D").named("low");
    low.to_stream().named("low-updates").to("out");
    let high = all.filter_not(|_, v| v.as_str() < "D").named("high");
    high.to_stream().named("high-updates").to("not");
}

pub(super) fn table_filter_map(b: &StreamsBuilder) {
    let low = table(b, "in", "table").filter(|_, v| v.as_str() < "F");
    let twice = low.named("low").map_values(|v| v.repeat(2)).named("twice");
    let no_b = twice.filter(|_, v| v != "BB").named("no-b");
    let result = no_b.materialized("result");
    result.to_stream().named("updates").to("out");
}

pub(super) fn table_filter_materialized(b: &StreamsBuilder) {
    let low = table(b, "in", "table").filter(|_, v| v.as_str() < "D");
    let low = low.named("low").materialized("low-store");
    low.to_stream().named("low-updates").to("out");
}

pub(super) fn table_group_by_count(b: &StreamsBuilder) {
    let counts = by_group(b).count("counts").named("count");
    counts.to_stream().named("updates").to("out");
}

pub(super) fn table_group_by_reduce(b: &StreamsBuilder) {
    let grouped = table(b, "in", "table").group_by(|k, v| {
        let last = v.chars().last().expect("an amount");
        (group(&v).0, format!("{k}{last}"))
    });
    let log = grouped.named("by-group").reduce(
        "log",
        |all, v| format!("{all}+{v}"),
        |all, v| format!("{all}-{v}"),
    );
    log.named("log").to_stream().named("updates").to("out");
}

pub(super) fn table_group_by_sum(b: &StreamsBuilder) {
    sums(&table(b, "in", "table"));
}

pub(super) fn table_group_by_to_null(b: &StreamsBuilder) {
    let all = table(b, "in", "table");
    let grouped = all.group_by(|_, v| (group(&v).0, ".".to_owned()));
    let dots = grouped.named("by-group").aggregate(
        "dots",
        || Some(String::new()),
        |_, dot, dots: Text| dots.map(|dots| dots + &dot),
        |_, _, dots: Text| dots.filter(|dots| dots.len() > 1).map(|dots| dots[1..].to_owned()),
    );
    dots.named("dots").to_stream().named("updates").to("out");
}

pub(super) fn table_map_values(b: &StreamsBuilder) {
    let codes = table(b, "in", "table").map_values(|v| {
        let first = v.chars().next().expect("a letter");
        (v != "A").then(|| u32::from(first).cast_signed())
    });
    let codes = codes.named("code").materialized("codes");
    codes.to_stream().named("updates").to("out");
}

pub(super) fn table_source_optimized(b: &StreamsBuilder) {
    table_source_to_stream(b);
}

pub(super) fn table_source_to_stream(b: &StreamsBuilder) {
    let updates = table(b, "in", "table").to_stream();
    updates.named("updates").to("out");
}

pub(super) fn table_to_stream_count(b: &StreamsBuilder) {
    let updates = table(b, "in", "table").to_stream().named("by-value");
    let grouped = updates.select_key(|_, v| v.clone()).group_by_key();
    let counts = grouped.named("group").count("counts").named("count");
    counts.to_stream().named("updates").to("out");
}

pub(super) fn table_transform_values(b: &StreamsBuilder) {
    let transformed = table(b, "in", "table")
        .transform_values(|k, v, timestamp| Some(format!("{k}{}{timestamp}", v?)))
        .named("transform")
        .materialized("transformed");
    transformed.to_stream().named("updates").to("out");
}

pub(super) fn table_two_children(b: &StreamsBuilder) {
    let all = table(b, "in", "table");
    let first = all.map_values(|v| format!("1{v}")).named("first");
    let first = first.materialized("first-store").to_stream();
    first.named("first-updates").to("one");
    let second = all.map_values(|v| format!("2{v}")).named("second");
    let second = second.materialized("second-store").to_stream();
    second.named("second-updates").to("two");
}

pub(super) fn to_table(b: &StreamsBuilder) {
    let latest = strings(b, "in").to_table("table").named("to-table");
    latest.to_stream().named("updates").to("out");
}

pub(super) fn to_table_repartitioned(b: &StreamsBuilder) {
    let rekeyed = strings(b, "in").map(|k, v| (k.map(|k| k + "!"), v));
    let latest = rekeyed.named("rekey").to_table("table").named("to-table");
    latest.to_stream().named("updates").to("out");
}
