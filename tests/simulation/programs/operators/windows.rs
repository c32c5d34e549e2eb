//! Windowed aggregations, handed on at each update, when the windows close, or when a suppression
//! lets them go.

use std::time::Duration;

use millstream::{
    BufferConfig, EmitStrategy, KTable, Materialized, SessionWindows, SlidingWindows, Suppressed,
    TimeWindowedStream, TimeWindows, UnlimitedWindows, Window, Wire,
};

use super::{Sameness, Sides, id, write};
use crate::random::Random;
use crate::store_shape::{KeptStore, Shape};

/// Kinds of windows, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hopping { size: u64, advance: u64 },
    Sliding { difference: u64 },
    Sessions { gap: u64 },
    Unlimited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Emit {
    Updates,
    Closed,
    Suppressed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    Count,
    /// The last value.
    Reduce,
    /// A number in which the order of the records counts.
    Aggregate,
    /// As that, with a stream of its own for each side, each with its own time.
    Cogroup,
}

/// A windowed aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windowed {
    kind: Kind,
    grace: u64,
    /// For how much longer than necessary windows are kept.
    kept: u64,
    emit: Emit,
    fold: Fold,
}

/// Longer than any record is late.
const LONG: u64 = 100_000;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn add(sum: i64, value: &str) -> i64 {
    sum.wrapping_mul(31).wrapping_add(id(value).parse().unwrap_or(-1))
}

fn merge(_: &String, a: i64, b: i64) -> i64 {
    a.wrapping_mul(37) ^ b
}

impl Windowed {
    pub(super) fn choose(random: &mut Random) -> Self {
        let kind = match random.below(9) {
            0..2 => {
                let size = random.between(5, 100);
                Kind::Hopping { size, advance: size }
            }
            2..4 => {
                let size = random.between(5, 100);
                Kind::Hopping { size, advance: random.between(size / 4 + 1, size) }
            }
            4..6 => Kind::Sliding { difference: random.between(1, 80) },
            6..8 => Kind::Sessions { gap: random.between(1, 80) },
            _ => Kind::Unlimited,
        };
        let fold = random.pick(&[Fold::Count, Fold::Reduce, Fold::Aggregate, Fold::Cogroup]);
        let emit = random.pick(&[Emit::Updates, Emit::Closed, Emit::Suppressed]);
        let closes = kind != Kind::Unlimited && fold != Fold::Cogroup;
        Self {
            kind,
            grace: random.pick(&[0, 10, 50, 100]),
            kept: random.pick(&[0, 0, 100, LONG]),
            emit: if closes { emit } else { Emit::Updates },
            fold,
        }
    }

    /// What remains the same when there is a cache.
    pub(super) fn cached(self) -> Sameness {
        match self.kind {
            _ if self.emit != Emit::Updates => Sameness::Exact,
            // A session that the store hides already may still be in the cache, and be merged: Kafka
            // Streams keeps sessions for less time than late records can find them in.
            Kind::Sessions { .. } if self.kept < LONG => Sameness::Loose,
            // The store's time may be far ahead of that of one of the streams.
            _ if self.fold == Fold::Cogroup && self.kind != Kind::Unlimited => Sameness::Loose,
            _ => Sameness::Thinned,
        }
    }

    /// For how long the store keeps windows.
    fn retention(self) -> Option<u64> {
        let least = match self.kind {
            Kind::Hopping { size, .. } => size,
            Kind::Sliding { difference } => 2 * difference,
            Kind::Sessions { gap } => gap,
            Kind::Unlimited => return None,
        };
        Some(least + self.grace + self.kept)
    }

    fn strategy(self) -> EmitStrategy {
        match self.emit {
            Emit::Closed => EmitStrategy::OnWindowClose,
            Emit::Updates | Emit::Suppressed => EmitStrategy::OnWindowUpdate,
        }
    }

    fn store<V: Wire>(self, n: usize) -> Materialized<String, V> {
        let store = Materialized::new(format!("windows-{n}"));
        let store = match self.retention() {
            Some(retention) => store.retention(ms(retention)),
            None => store,
        };
        // What a cache lets through late is late for the suppression, too.
        if self.emit == Emit::Suppressed { store.without_cache() } else { store }
    }

    pub(super) fn add(self, sides: &Sides<'_>, n: usize) {
        if self.fold == Fold::Cogroup {
            return self.cogroup(sides, n);
        }
        let grouped = sides.all.group_by_key();
        let grace = ms(self.grace);
        match self.kind {
            Kind::Hopping { size, advance } => {
                let windows = TimeWindows::hopping(ms(size), ms(advance)).grace(grace);
                self.fold(grouped.windowed_by(windows), n);
            }
            Kind::Sliding { difference } => {
                let windows = SlidingWindows::of_time_difference(ms(difference)).grace(grace);
                self.fold(grouped.windowed_by(windows), n);
            }
            Kind::Unlimited => self.fold(grouped.windowed_by(UnlimitedWindows::new()), n),
            Kind::Sessions { gap } => {
                let windows = SessionWindows::of_inactivity_gap(ms(gap)).grace(grace);
                let windowed = grouped.windowed_by(windows).emit(self.strategy());
                match self.fold {
                    Fold::Count => self.finish(windowed.count(self.store(n)), n),
                    Fold::Reduce => self.finish(windowed.reduce(self.store(n), |_, b| b), n),
                    Fold::Aggregate | Fold::Cogroup => {
                        let sum = |_: &String, value: String, sum| add(sum, &value);
                        self.finish(windowed.aggregate(self.store(n), || 1, sum, merge), n);
                    }
                }
            }
        }
    }

    fn fold(self, windowed: TimeWindowedStream<String, String>, n: usize) {
        let windowed = windowed.emit(self.strategy());
        match self.fold {
            Fold::Count => self.finish(windowed.count(self.store(n)), n),
            Fold::Reduce => self.finish(windowed.reduce(self.store(n), |_, b| b), n),
            Fold::Aggregate | Fold::Cogroup => {
                let sum = |_: &String, value: String, sum| add(sum, &value);
                self.finish(windowed.aggregate(self.store(n), || 1, sum), n);
            }
        }
    }

    fn cogroup(self, sides: &Sides<'_>, n: usize) {
        let left = sides.left.group_by_key();
        let both = left.cogroup(|_, value: String, sum: i64| add(sum, &value));
        let right = sides.right.group_by_key();
        let both = both.cogroup(&right, |_, value: String, sum| !add(sum, &value));
        let grace = ms(self.grace);
        let store = self.store(n);
        match self.kind {
            Kind::Hopping { size, advance } => {
                let windows = TimeWindows::hopping(ms(size), ms(advance)).grace(grace);
                self.finish(both.windowed_by(windows).aggregate(store, || 1), n);
            }
            Kind::Sliding { difference } => {
                let windows = SlidingWindows::of_time_difference(ms(difference)).grace(grace);
                self.finish(both.windowed_by(windows).aggregate(store, || 1), n);
            }
            Kind::Unlimited => {
                let windows = UnlimitedWindows::new();
                self.finish(both.windowed_by(windows).aggregate(store, || 1), n);
            }
            Kind::Sessions { gap } => {
                let windows = SessionWindows::of_inactivity_gap(ms(gap)).grace(grace);
                self.finish(both.windowed_by(windows).aggregate(store, || 1, merge), n);
            }
        }
    }

    fn finish<W: Window, V: Wire>(
        self,
        windows: KTable<millstream::Windowed<String, W>, V>,
        n: usize,
    ) where
        millstream::Windowed<String, W>: Wire,
    {
        let windows = if self.emit == Emit::Suppressed {
            let until = Suppressed::until_window_closes(BufferConfig::unbounded());
            windows.suppress(until.named(format!("final-{n}")))
        } else {
            windows
        };
        let named = windows.to_stream().map(|windowed, value| {
            let (start, end) = (windowed.window.start(), windowed.window.end());
            (format!("{}@{start}-{end}", windowed.key), value)
        });
        write(&named, n);
    }

    pub(super) fn stores(self, n: usize, is_cached: bool) -> Vec<KeptStore> {
        let is_session = matches!(self.kind, Kind::Sessions { .. });
        let shape = Shape::Windows {
            indexed: self.emit == Emit::Closed,
            suffix: if is_session { 16 } else { 12 },
            retention: self.retention().map_or(i64::MAX, |retention| retention as i64),
            timestamped: !is_session,
        };
        let windows = KeptStore::new(format!("windows-{n}"), shape);
        let is_loose = is_cached && self.cached() == Sameness::Loose;
        let mut stores = vec![if is_loose { windows.alone() } else { windows }];
        if self.emit == Emit::Suppressed {
            stores.push(KeptStore::buffer(format!("final-{n}-store")));
        }
        stores
    }
}
