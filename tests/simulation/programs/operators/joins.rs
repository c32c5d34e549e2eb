//! Streams joined with streams, and with tables.

use std::time::Duration;

use millstream::{EmitStrategy, JoinWindows, KStream, TimeWindows};

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

    pub(super) fn add(self, sides: &Sides, n: usize) {
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
}

impl TableLookup {
    pub(super) fn choose(random: &mut Random) -> Self {
        Self { left: random.chance(500) }
    }

    pub(super) fn add(self, sides: &Sides, n: usize) {
        let rows = sides.right.map_values(|value| row(&value)).to_table(format!("rows-{n}"));
        let joined = if self.left {
            sides
                .left
                .left_join_table(&rows, |_, left, row| pair(Some(&left), row.flatten().as_deref()))
        } else {
            sides.left.join_table(&rows, |_, left, row| pair(Some(&left), row.as_deref()))
        };
        write(&joined, n);
    }
}
