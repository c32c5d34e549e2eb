//! Streams joined with streams, and with tables.

use std::time::Duration;

use millstream::{EmitStrategy, JoinWindows, KStream, Materialized, TimeWindows};

use super::{Sides, id, row, write};
use crate::random::Random;
use crate::store_shape::{KeptStore, Shape};

/// Which side may be alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alone {
    Neither,
    Left,
    Either,
}

impl Alone {
    pub(super) fn choose(random: &mut Random) -> Self {
        random.pick(&[Self::Neither, Self::Left, Self::Either])
    }
}

/// A join of the left records with the right ones, or of all with all. Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamJoin {
    alone: Alone,
    before: i64,
    after: i64,
    grace: u64,
    /// All records are joined with all.
    itself: bool,
    /// The results are counted in windows, handed on when they close.
    counted: bool,
}

fn pair(left: Option<&str>, right: Option<&str>) -> String {
    format!("{} {}", left.map_or("-", id), right.map_or("-", id))
}

impl StreamJoin {
    pub(super) fn choose(random: &mut Random) -> Self {
        let before = random.between(0, 60) as i64;
        Self {
            alone: Alone::choose(random),
            before,
            after: if random.chance(500) { before } else { random.between(0, 60) as i64 },
            grace: random.pick(&[0, 10, 50, 100, 100_000]),
            itself: random.chance(150),
            counted: random.chance(200),
        }
    }

    pub(super) fn add(self, sides: &Sides<'_>, n: usize) {
        let windows = JoinWindows::of_time_difference(Duration::ZERO)
            .before(self.before)
            .after(self.after)
            .grace(Duration::from_millis(self.grace));
        let (left, right) =
            if self.itself { (&sides.all, &sides.all) } else { (&sides.left, &sides.right) };
        let name = format!("join-{n}");
        let joined = match self.alone {
            Alone::Neither => {
                left.join(right, windows, &*name, |_, left, right| pair(Some(&left), Some(&right)))
            }
            Alone::Left => left.left_join(right, windows, &*name, |_, left, right| {
                pair(Some(&left), right.as_deref())
            }),
            Alone::Either => left.outer_join(right, windows, &*name, |_, left, right| {
                pair(left.as_deref(), right.as_deref())
            }),
        };
        if self.counted { count(&joined, n) } else { write(&joined, n) }
    }

    pub(super) fn stores(self, n: usize) -> Vec<KeptStore> {
        let retention = self.before + self.after + self.grace as i64;
        let records = Shape::Windows { indexed: false, suffix: 12, retention, timestamped: false };
        let this = if self.alone == Alone::Either { "outer-this" } else { "this" };
        let other = if self.alone == Alone::Neither { "other" } else { "outer-other" };
        let mut stores = vec![
            KeptStore::new(format!("join-{n}-{this}-join-store"), records),
            KeptStore::new(format!("join-{n}-{other}-join-store"), records),
        ];
        match self.alone {
            Alone::Neither => {}
            Alone::Left => {
                stores.push(KeptStore::plain(format!("join-{n}-left-shared-join-store")))
            }
            Alone::Either => {
                stores.push(KeptStore::plain(format!("join-{n}-outer-shared-join-store")));
            }
        }
        if self.counted {
            let shape =
                Shape::Windows { indexed: true, suffix: 12, retention: 150, timestamped: true };
            stores.push(KeptStore::new(format!("joined-{n}"), shape));
        }
        stores
    }
}

/// Counts what comes out of a join in windows.
fn count(joined: &KStream<String, String>, n: usize) {
    let windows =
        TimeWindows::tumbling(Duration::from_millis(50)).grace(Duration::from_millis(100));
    let windowed = joined.group_by_key().windowed_by(windows).emit(EmitStrategy::OnWindowClose);
    let counts = windowed.count(format!("joined-{n}")).to_stream();
    let named = counts.map(|w, count| (format!("{}@{}", w.key, w.window.start), count));
    write(&named, n);
}

/// A join of the left records with the rows that the right ones make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLookup {
    left: bool,
    /// For how long versions of rows are kept, in milliseconds.
    history: Option<u64>,
    /// For how long records wait for the rows of their time, where there are versions.
    grace: Option<u64>,
}

impl TableLookup {
    pub(super) fn choose(random: &mut Random) -> Self {
        let history = random.pick(&[None, None, Some(50), Some(10_000), Some(200_000)]);
        let grace = random.pick(&[None, Some(0), Some(20), Some(50)]);
        Self { left: random.chance(500), history, grace: history.and(grace) }
    }

    pub(super) fn add(self, sides: &Sides<'_>, n: usize) {
        let name = format!("rows-{n}");
        let store = match self.history {
            Some(history) => Materialized::versioned(name, Duration::from_millis(history)),
            None => Materialized::new(name),
        };
        let rows = sides.right.map_values(|value| row(&value)).to_table(store);
        let inner =
            |_: &String, left: String, row: Option<String>| pair(Some(&left), row.as_deref());
        let outer = |_: &String, left: String, row: Option<Option<String>>| {
            pair(Some(&left), row.flatten().as_deref())
        };
        let (stream, name) = (&sides.left, format!("lookup-{n}"));
        let grace = self.grace.map(Duration::from_millis);
        let joined = match (self.left, grace) {
            (false, None) => stream.join_table(&rows, inner),
            (true, None) => stream.left_join_table(&rows, outer),
            (false, Some(grace)) => stream.join_table_with_grace(&rows, grace, name, inner),
            (true, Some(grace)) => stream.left_join_table_with_grace(&rows, grace, name, outer),
        };
        write(&joined, n);
    }

    pub(super) fn stores(self, n: usize) -> Vec<KeptStore> {
        let shape = if self.history.is_some() { Shape::Versions } else { Shape::Timestamped };
        let rows = KeptStore::new(format!("rows-{n}"), shape);
        let mut stores = vec![if self.history.is_some() { rows.alone() } else { rows }];
        // It knows offsets, as a suppression's does.
        stores.extend(self.grace.map(|_| KeptStore::buffer(format!("lookup-{n}-Buffer"))));
        stores
    }
}
