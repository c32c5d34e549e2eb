//! Counts in stores that are limited, in size or in time.

use std::time::Duration;

use millstream::{KStream, Materialized};

use super::{Sameness, Sides, write};
use crate::random::Random;
use crate::scenario::Scenario;
use crate::store_shape::{KeptStore, Shape};

/// What a store of counts keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// So many entries.
    Few(usize),
    /// Entries for so many milliseconds.
    Fresh(u64),
    Both(usize, u64),
}

/// A count of all records by their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    kept: Kept,
}

impl Limited {
    pub(super) fn choose(random: &mut Random) -> Self {
        // With more room than there are keys nothing ever has to go.
        let few = random.pick(&[1, 2, 3, 100]);
        let time = random.pick(&[1, 30, 100, 1_000, 100_000]);
        let kept = match random.below(3) {
            0 => Kept::Few(few),
            1 => Kept::Fresh(time),
            _ => Kept::Both(few, time),
        };
        Self { kept }
    }

    pub(super) fn add(self, sides: &Sides<'_>, n: usize) {
        let store = Materialized::new(format!("limited-{n}"));
        let millis = Duration::from_millis;
        let store = match self.kept {
            Kept::Few(few) => store.lru(few),
            Kept::Fresh(time) => store.time_to_live(millis(time)),
            Kept::Both(few, time) => store.lru(few).time_to_live(millis(time)),
        };
        let counts: KStream<String, Option<i64>> =
            sides.all.group_by_key().count(store).to_stream();
        write(&counts, n);
    }

    /// How many entries a task may keep.
    fn most(self) -> Option<usize> {
        match self.kept {
            Kept::Few(few) | Kept::Both(few, _) => Some(few),
            Kept::Fresh(_) => None,
        }
    }

    /// Which entry has to go is the same only as long as nobody crashes: how long ago entries were used
    /// is not kept, and what a database held before its crash counts as older than what is restored. So
    /// where something may have to go nothing is compared but the store with its changelog, and its
    /// size.
    pub(super) fn sameness(self, scenario: &Scenario) -> Sameness {
        match self.most() {
            Some(most) if (most as u64) < scenario.keys => Sameness::Loose,
            // It has no cache.
            Some(_) => Sameness::Exact,
            None if scenario.is_uncached() => Sameness::Exact,
            None => Sameness::Thinned,
        }
    }

    pub(super) fn stores(self, n: usize) -> Vec<KeptStore> {
        let shape = match self.kept {
            Kept::Few(_) => Shape::Timestamped,
            Kept::Fresh(_) | Kept::Both(..) => Shape::Expiring,
        };
        // When what is over is deleted depends on how many writes there were since the start.
        let store = KeptStore::new(format!("limited-{n}"), shape).alone();
        vec![KeptStore { most: self.most(), ..store }]
    }
}
