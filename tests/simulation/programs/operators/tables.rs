//! Tables joined with tables, by their keys and by foreign ones, and tables whose updates wait.

use std::time::Duration;

use millstream::{BufferConfig, KStream, KTable, Materialized, Suppressed};

use super::joins::Alone;
use super::{Sameness, Sides, id, row, word, write};
use crate::random::Random;
use crate::store_shape::KeptStore;

type Rows = KTable<String, Option<String>>;

/// The latest row of each key.
fn rows(
    side: &KStream<String, String>,
    store: impl Into<Materialized<String, Option<String>>>,
) -> Rows {
    side.map_values(|value| row(&value)).to_table(store)
}

fn pair(left: Option<Option<String>>, right: Option<Option<String>>) -> String {
    let (left, right) = (left.flatten(), right.flatten());
    let text = |row: Option<String>| row.as_deref().map_or("-", id).to_owned();
    format!("{} {}", text(left), text(right))
}

/// A join of the rows that the left records make with those of the right ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableJoin {
    alone: Alone,
    materialized: bool,
}

impl TableJoin {
    pub(super) fn choose(random: &mut Random) -> Self {
        Self { alone: Alone::choose(random), materialized: random.chance(500) }
    }

    pub(super) fn add(self, sides: &Sides<'_>, n: usize) {
        let left = rows(&sides.left, format!("left-{n}"));
        let right = rows(&sides.right, format!("right-{n}"));
        let joined = match self.alone {
            Alone::Neither => left.join(&right, |_, l, r| pair(Some(l), Some(r))),
            Alone::Left => left.left_join(&right, |_, l, r| pair(Some(l), r)),
            Alone::Either => left.outer_join(&right, |_, l, r| pair(l, r)),
        };
        let joined =
            if self.materialized { joined.materialized(format!("joined-{n}")) } else { joined };
        write(&joined.to_stream(), n);
    }

    pub(super) fn stores(self, n: usize, is_cached: bool) -> Vec<KeptStore> {
        let mut stores =
            vec![KeptStore::table(format!("left-{n}")), KeptStore::table(format!("right-{n}"))];
        if self.materialized {
            let joined = KeptStore::table(format!("joined-{n}"));
            // Timestamps of results depend on when caches are flushed.
            stores.push(if is_cached { joined.alone() } else { joined });
        }
        stores
    }
}

/// A join of the left rows with the right ones that they name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    left: bool,
}

impl ForeignKey {
    pub(super) fn sameness(self) -> Sameness {
        if self.left { Sameness::Last } else { Sameness::LastUnlessGone }
    }

    pub(super) fn choose(random: &mut Random) -> Self {
        Self { left: random.chance(500) }
    }

    pub(super) fn add(self, sides: &Sides<'_>, n: usize) {
        // With a cache, a row that comes and is deleted between two flushes is never heard of, though
        // it may have been found.
        let left = rows(&sides.left, Materialized::new(format!("left-{n}")));
        let right = rows(&sides.right, Materialized::new(format!("right-{n}")).without_cache());
        let named =
            |_: &String, row: &Option<String>| row.as_deref().map(|row| word(row, 1).to_owned());
        let joined = if self.left {
            left.left_join_on_foreign_key(&right, named, |_, l, r| pair(Some(l), r))
        } else {
            left.join_on_foreign_key(&right, named, |_, l, r| pair(Some(l), Some(r)))
        };
        write(&joined.named(format!("foreign-{n}")).to_stream(), n);
    }
}

pub(super) fn foreign_key_stores(n: usize) -> Vec<KeptStore> {
    let names =
        [format!("left-{n}"), format!("right-{n}"), format!("foreign-{n}-subscription-store")];
    names.into_iter().map(|name| KeptStore::table(name).alone()).collect()
}

/// A table whose updates wait for a time, or until there are too many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    wait: u64,
    records: usize,
}

impl Limit {
    pub(super) fn choose(random: &mut Random) -> Self {
        Self { wait: random.between(0, 200), records: random.pick(&[1, 3, 1000]) }
    }

    pub(super) fn add(self, sides: &Sides<'_>, n: usize) {
        // What a cache lets through late is late for the suppression, too.
        let store = Materialized::new(format!("rows-{n}")).without_cache();
        let rows = sides.all.map_values(|value| row(&value)).to_table(store);
        let buffer = BufferConfig::max_records(self.records);
        let limit = Suppressed::until_time_limit(Duration::from_millis(self.wait), buffer);
        write(&rows.suppress(limit.named(format!("limit-{n}"))).to_stream(), n);
    }
}

pub(super) fn limit_stores(n: usize) -> Vec<KeptStore> {
    vec![KeptStore::table(format!("rows-{n}")), KeptStore::buffer(format!("limit-{n}-store"))]
}
