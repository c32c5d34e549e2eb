//! Tables and stores that keep versions.

use millstream::{
    KTable, Materialized, Processor, StreamsBuilder, VersionPut, VersionedRecord,
    VersionedStoreHandle,
};

use super::processor_api::{Done, TextContext, TextRecord};
use super::windows::{grouped, ms};
use super::{Text, foreign_keys, java, strings, table, tables};

fn versioned(b: &StreamsBuilder, topic: &str, store: &str) -> KTable<String, String> {
    b.table(topic, Materialized::versioned(store, ms(60)))
}

/// The table that streams are joined with.
fn prices(b: &StreamsBuilder) -> KTable<Text, String> {
    b.table("table", Materialized::versioned("table", ms(60)))
}

fn plus(left: &str, right: &str) -> String {
    format!("{left}+{right}")
}

struct Versions(VersionedStoreHandle<String, String>);

/// A version as Java's API of stores gives it: without the time until which it is valid.
fn show(version: Option<VersionedRecord<String>>) -> String {
    version.map_or("none".to_owned(), |found| format!("{}@{}-", found.value, found.valid_from))
}

impl Processor<Text, Text> for Versions {
    type KeyOut = Text;
    type ValueOut = Text;

    fn process(&mut self, record: TextRecord, ctx: &mut TextContext<'_, '_>) -> Done {
        let Some(key) = &record.key else { return Ok(()) };
        let time = record.timestamp;
        let mut versions = ctx.versioned_store(&self.0)?;
        let put = match record.value.clone() {
            Some(value) => versions.put(key, value, time)?,
            None => versions.put_delete(key, time)?,
        };
        let code = match put {
            VersionPut::Latest => -1,
            VersionPut::Until(end) => end,
            VersionPut::TooOld => i64::MIN,
        };
        let (latest, before) = (versions.get(key)?, versions.get_as_of(key, time - 10)?);
        let text = format!("{code} {} {}", show(latest), show(before));
        ctx.forward(record.with_value(Some(text)))
    }
}

pub(super) fn process_versioned_store(b: &StreamsBuilder) {
    let store = b.add_versioned_store(Materialized::versioned("versions", ms(60)));
    let shown = strings(b, "in").process_with(&store.clone(), move || Versions(store.clone()));
    shown.named("versions").to("out");
}

pub(super) fn versioned_count(b: &StreamsBuilder) {
    let counts = grouped(b).count(Materialized::versioned("counts", ms(60))).named("count");
    counts.to_stream().named("updates").to("out");
}

pub(super) fn versioned_filter(b: &StreamsBuilder) {
    let low = versioned(b, "in", "table").filter(|_, v| v.as_str() < "D").named("low");
    low.to_stream().named("updates").to("out");
}

pub(super) fn versioned_foreign_key(b: &StreamsBuilder) {
    let (left, right) = (versioned(b, "left", "left-store"), versioned(b, "right", "right-store"));
    let key = |_: &String, v: &String| foreign_keys::foreign_key(v);
    foreign_keys::write(left.join_on_foreign_key(&right, key, |_, l, r| plus(&l, &r)));
}

pub(super) fn versioned_group_by(b: &StreamsBuilder) {
    tables::sums(&versioned(b, "in", "table"));
}

pub(super) fn versioned_stream_table(b: &StreamsBuilder) {
    let joined = strings(b, "stream").join_table(&prices(b), |_, l, r| plus(java(&l), &r));
    joined.named("join").to("out");
}

pub(super) fn versioned_stream_table_left(b: &StreamsBuilder) {
    let stream = strings(b, "stream");
    let joined = stream.left_join_table(&prices(b), |_, l, r| plus(java(&l), java(&r)));
    joined.named("join").to("out");
}

pub(super) fn versioned_stream_table_grace(b: &StreamsBuilder) {
    let (stream, prices) = (strings(b, "stream"), prices(b));
    let f = |_: &Text, l: Text, r: String| plus(java(&l), &r);
    stream.join_table_with_grace(&prices, ms(20), "join", f).to("out");
}

pub(super) fn versioned_stream_table_left_grace(b: &StreamsBuilder) {
    let (stream, prices) = (strings(b, "stream"), prices(b));
    let f = |_: &Text, l: Text, r: Option<String>| plus(java(&l), java(&r));
    stream.left_join_table_with_grace(&prices, ms(20), "join", f).to("out");
}

pub(super) fn versioned_table(b: &StreamsBuilder) {
    versioned(b, "in", "table").to_stream().named("updates").to("out");
}

fn write(joined: KTable<String, String>) {
    let joined = joined.named("join").materialized("joined");
    joined.to_stream().named("updates").to("out");
}

pub(super) fn versioned_table_table_inner(b: &StreamsBuilder) {
    let (left, right) = (versioned(b, "left", "left-store"), versioned(b, "right", "right-store"));
    write(left.join(&right, |_, l, r| plus(&l, &r)));
}

pub(super) fn versioned_table_table_left(b: &StreamsBuilder) {
    let (left, right) = (versioned(b, "left", "left-store"), table(b, "right", "right-store"));
    write(left.left_join(&right, |_, l, r| plus(&l, java(&r))));
}

pub(super) fn versioned_table_table_outer(b: &StreamsBuilder) {
    let (left, right) = (versioned(b, "left", "left-store"), versioned(b, "right", "right-store"));
    write(left.outer_join(&right, |_, l, r| plus(java(&l), java(&r))));
}
