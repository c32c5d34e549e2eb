//! Joins of tables over a foreign key: what stands before the `|` of a left value.

use millstream::{KTable, StreamsBuilder};

use super::{java, table};

/// The foreign key of a value; none if it is empty.
pub(super) fn foreign_key(value: &str) -> Option<String> {
    let (foreign, _) = value.split_once('|').expect("key|payload");
    Some(foreign.to_owned()).filter(|foreign| !foreign.is_empty())
}

fn both(b: &StreamsBuilder) -> (KTable<String, String>, KTable<String, String>) {
    (table(b, "left", "left-store"), table(b, "right", "right-store"))
}

/// Keeps the changes of a join and writes them.
pub(super) fn write(joined: KTable<String, String>) {
    let joined = joined.named("fk").materialized("joined");
    joined.to_stream().named("updates").to("out");
}

pub(super) fn foreign_key_inner(b: &StreamsBuilder) {
    let (left, right) = both(b);
    write(left.join_on_foreign_key(&right, |_, v| foreign_key(v), |_, l, r| format!("{l}+{r}")));
}

fn left_join(
    b: &StreamsBuilder,
    foreign_key: impl Fn(&String, &String) -> Option<String> + Send + Sync + 'static,
) {
    let (left, right) = both(b);
    write(
        left.left_join_on_foreign_key(&right, foreign_key, |_, l, r| format!("{l}+{}", java(&r))),
    );
}

pub(super) fn foreign_key_left(b: &StreamsBuilder) {
    left_join(b, |_, v| foreign_key(v));
}

pub(super) fn foreign_key_left_optimized(b: &StreamsBuilder) {
    foreign_key_left(b);
}

pub(super) fn foreign_key_with_key(b: &StreamsBuilder) {
    left_join(b, |k, v| if k == "e" { Some("x".to_owned()) } else { foreign_key(v) });
}
