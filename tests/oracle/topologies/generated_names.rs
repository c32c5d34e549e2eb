//! Programs that name nothing.

use millstream::{KTable, Materialized, StreamsBuilder};

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

fn table(b: &StreamsBuilder) -> KTable<String, String> {
    b.take_over_generated_names();
    b.table("in", Materialized::unnamed())
}

pub(super) fn table_group_by_unnamed(b: &StreamsBuilder) {
    let grouped = table(b).group_by::<Text, i64>(|_, v| group(&v));
    grouped.reduce(Materialized::unnamed(), |a, b| a + b, |a, b| a - b).to("out");
}

pub(super) fn table_unnamed(b: &StreamsBuilder) {
    table(b).to("out");
}
