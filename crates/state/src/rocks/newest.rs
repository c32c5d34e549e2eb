//! The newest window of each key in a store, so that keys without newer ones are not looked for in
//! the database.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::SegmentedKeys;
use crate::key_groups::group;
use crate::sharded_table::spread;

/// Keys of one store that are known at the most.
const MOST: usize = 256 * 1024;
/// What a key takes at the most, in bytes.
const BYTES: usize = 2 * (size_of::<Newest>() + 1);

/// How many keys are known in all stores of a backend.
#[derive(Debug)]
pub(super) struct KnownKeys {
    known: AtomicUsize,
    most: usize,
}

impl KnownKeys {
    /// As many as `bytes` hold.
    pub(super) fn new(bytes: usize) -> Self {
        Self { known: AtomicUsize::new(0), most: bytes / BYTES }
    }
}

/// A key's hash and the time of its newest window, counted from [`NewestTimes::base`].
type Newest = (u32, u32);

/// The newest time of each key, as far as it is known. Keys whose hashes are the same count as one.
#[derive(Debug)]
pub(super) struct NewestTimes {
    keys: SegmentedKeys,
    newest: HashTable<Newest>,
    /// Times up to this one are not known.
    unknown: i64,
    base: i64,
    /// The latest time of all.
    latest: i64,
    all: Arc<KnownKeys>,
}

impl NewestTimes {
    /// Nothing is known of times up to `unknown`.
    pub(super) fn new(keys: SegmentedKeys, unknown: i64, all: Arc<KnownKeys>) -> Self {
        Self { keys, newest: HashTable::new(), unknown, base: unknown, latest: unknown, all }
    }

    /// Something has come into the database.
    pub(super) fn note(&mut self, key: &[u8]) {
        let Some(time) = self.keys.kept_time(key).filter(|time| *time > self.unknown) else {
            return;
        };
        self.latest = self.latest.max(time);
        if self.newest.is_empty() {
            self.base = time;
        }
        let (hash, time) = (self.hash(key), self.since_base(time));
        match self.newest.find_mut(spread(hash), |newest| newest.0 == hash) {
            Some(newest) => newest.1 = newest.1.max(time),
            None => {
                self.newest.insert_unique(spread(hash), (hash, time), |newest| spread(newest.0));
                let all = self.all.known.fetch_add(1, Ordering::Relaxed);
                if self.newest.len() > MOST || all > self.all.most {
                    self.forget_half();
                }
            }
        }
    }

    /// A time that no window in the database is later than, of those of the key of `window`.
    pub(super) fn latest(&self, window: &[u8]) -> i64 {
        let hash = self.hash(window);
        match self.newest.find(spread(hash), |newest| newest.0 == hash) {
            // Later than can be told from the base.
            Some((_, u32::MAX)) => i64::MAX,
            Some((_, time)) => self.base.saturating_add((*time).into()).max(self.unknown),
            None => self.unknown,
        }
    }

    /// Windows before `segment` are gone.
    pub(super) fn forget_before(&mut self, segment: u64) {
        let first = i64::try_from(segment).unwrap_or(i64::MAX).saturating_mul(self.keys.interval);
        self.forget(first.saturating_sub(1));
    }

    /// Forgets the older half of the times, or all where most are alike.
    fn forget_half(&mut self) {
        let mut times: Vec<u32> = self.newest.iter().map(|newest| newest.1).collect();
        let half = times.len() / 2;
        let median = *times.select_nth_unstable(half).1;
        self.forget(self.base.saturating_add(median.into()));
    }

    /// Nothing is known any longer of times up to this one.
    pub(super) fn forget(&mut self, until: i64) {
        self.unknown = self.unknown.max(until);
        if until < self.base {
            return;
        }
        let before = self.newest.len();
        match u32::try_from(until.saturating_sub(self.base)) {
            Ok(passed) if passed < u32::MAX => {
                self.newest.retain(|newest| newest.1 > passed);
                let told = self.newest.iter_mut().filter(|newest| newest.1 < u32::MAX);
                told.for_each(|newest| newest.1 -= passed);
                self.base = until;
            }
            _ => {
                self.newest.clear();
                self.unknown = self.unknown.max(self.latest);
            }
        }
        self.newest.shrink_to(2 * self.newest.len(), |newest| spread(newest.0));
        self.all.known.fetch_sub(before - self.newest.len(), Ordering::Relaxed);
    }

    /// Before the base counts as at the base, and later than can be told as late as can be told.
    fn since_base(&self, time: i64) -> u32 {
        u32::try_from(time.saturating_sub(self.base).max(0)).unwrap_or(u32::MAX)
    }

    fn hash(&self, key: &[u8]) -> u32 {
        let group = group(self.keys.suffix, key).get(size_of::<u64>()..).unwrap_or_default();
        (FxBuildHasher.hash_one(group) >> 32) as u32
    }
}

impl Drop for NewestTimes {
    fn drop(&mut self) {
        self.all.known.fetch_sub(self.newest.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const KEYS: SegmentedKeys = SegmentedKeys { interval: 1000, suffix: 8 };

    fn window(key: u8, time: i64) -> Vec<u8> {
        [&(time as u64 / 1000).to_be_bytes()[..], &[key], &time.to_be_bytes()].concat()
    }

    /// What is there is never denied, whatever is forgotten, early, late or far away.
    #[test]
    fn nothing_that_is_there_is_denied() {
        for most in [3, 1000] {
            let all = Arc::new(KnownKeys { known: AtomicUsize::new(0), most });
            let mut times = NewestTimes::new(KEYS, 999, all.clone());
            let mut newest: BTreeMap<u8, i64> = BTreeMap::new();
            let (mut random, mut denied) = (1u64, 0);
            for step in 0..20_000i64 {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let key = (random >> 33) as u8 % 20;
                let far = if random >> 40 & 0xfff == 0 { i64::from(u32::MAX) * 3 } else { 0 };
                let time = 1000 + step * 10 - (random >> 50) as i64 % 300 + far;
                times.note(&window(key, time));
                let newest_of_key = newest.entry(key).or_default();
                *newest_of_key = (*newest_of_key).max(time);
                if step % 500 == 0 {
                    times.forget_before((time as u64 / 1000).saturating_sub(2));
                }
                for (key, newest) in &newest {
                    let latest = times.latest(&window(*key, 0));
                    assert!(latest >= *newest, "{key}: {latest} for {newest}");
                    denied += i32::from(latest == *newest);
                }
                assert!(all.known.load(Ordering::Relaxed) == times.newest.len());
            }
            assert!(most == 3 || denied > 10_000, "{denied}");
            drop(times);
            assert_eq!(all.known.load(Ordering::Relaxed), 0);
        }
    }
}
