use std::borrow::Cow;
use std::fmt;
use std::ops::{Bound, ControlFlow};
use std::time::Duration;

use crate::{CommitBatch, KeyRange, RestoreBatch, ScanOrder, SegmentedKeys, StateError};

/// A key and its value.
pub type Entry<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The entries of a scan, lazily.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<Entry<'a>, StateError>> + 'a>;

/// Is called with the key and the value of an entry, and says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Holds every store of one task; stores are numbered from 0 in the order they were opened with.
/// Used by one thread at a time.
pub trait Database: Send {
    /// The committed value of `key`.
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StateError>;

    /// The committed entries of a range, in unsigned byte order of their keys.
    fn scan(&self, store: usize, range: &KeyRange, order: ScanOrder) -> Scan<'_>;

    /// Calls `visit` with the committed entries whose keys lie from `start` to `end`, both included,
    /// in the order asked for, until it says to stop. The two are windows of one key in one segment
    /// of a [segmented](Self::set_segmented) store; entries of other keys may be left out.
    fn visit(
        &self,
        store: usize,
        (start, end): (&[u8], &[u8]),
        order: ScanOrder,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        let range =
            KeyRange { start: Bound::Included(start.to_vec()), end: Bound::Included(end.to_vec()) };
        for entry in self.scan(store, &range, order) {
            let (key, value) = entry?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// A time that no committed window is later than, of those of the key of `window` in a
    /// [segmented](Self::set_segmented) store: where to [visit](Self::visit) them would be in vain.
    fn latest(&self, store: usize, window: &[u8]) -> i64 {
        let _ = (store, window);
        i64::MAX
    }

    /// About how many entries a store has.
    fn approximate_len(&self, store: usize) -> u64;

    /// Up to which changelog offset (exclusive) the store's data reaches; `None` for a store that
    /// was never committed.
    fn changelog_offset(&self, store: usize) -> Option<i64>;

    /// Writes data and offsets in one atomic step, and empties the batch. After an error the
    /// database must not be used any longer.
    fn commit(&mut self, batch: &mut CommitBatch) -> Result<(), StateError>;

    /// Takes records of a store's changelog up to `offset` (exclusive), and empties the batch. The
    /// database may hold them back: [`changelog_offset`](Self::changelog_offset) counts them at
    /// once, reads see them after the next [`persist`](Self::persist). After an error the database
    /// must not be used any longer.
    fn restore(
        &mut self,
        store: usize,
        records: &mut RestoreBatch,
        offset: i64,
    ) -> Result<(), StateError>;

    /// Sees to it that what was committed and restored so far outlives the process; `wait` says
    /// whether it does when the call returns, or soon afterwards. What is lost of a store by a
    /// crash before that is lost together with its changelog offset. `now_ms` is the wall-clock
    /// time, kept as [`used_at`](Self::used_at).
    fn persist(&mut self, now_ms: i64, wait: bool) -> Result<(), StateError> {
        let _ = (now_ms, wait);
        Ok(())
    }

    /// The time of the last [`persist`](Self::persist), in this life or an earlier one; `None` for
    /// a new database.
    fn used_at(&self) -> Option<i64> {
        None
    }

    /// Says that `store` keeps windows under such `keys`, so that the windows of a key can be
    /// visited, and segments dropped. Called before anything is written by this process.
    fn set_segmented(&mut self, store: usize, keys: SegmentedKeys) {
        let _ = (store, keys);
    }

    /// Deletes the committed entries of all segments before `segment`, at a cost that does not grow
    /// with what is in them. It need not outlive a crash: whoever reads does not look there again.
    fn drop_segments(&mut self, store: usize, segment: u64) -> Result<(), StateError>;

    /// Empties a store and forgets its changelog offset: it will be restored from the beginning.
    fn reset(&mut self, store: usize) -> Result<(), StateError>;
}

/// Opens the databases of an application's tasks. A backend is given to an application for all its
/// stores, or to single stores; then a task's database here has those stores only.
pub trait StateBackend: Send + Sync + fmt::Debug {
    /// Opens the database of `task` with `stores`, with what it holds from an earlier time. A
    /// [busy](StateError::is_busy) one is still open in this process: it is asked for again.
    fn open(&self, task: &str, stores: &[&str]) -> Result<Box<dyn Database>, StateError>;

    /// Where it keeps its databases, as a number: what has the same one is the same backend, and the
    /// stores of a task that are kept in it are opened together. By default each object is a place of
    /// its own; a handle that can be cloned gives the address of what its clones share.
    fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The lasting name of whoever owns this place on a disk: what was kept, or what `make` gives,
    /// kept from now on. `None` where nothing lasts.
    fn identity(&self, make: &dyn Fn() -> String) -> Result<Option<String>, StateError> {
        let _ = make;
        Ok(None)
    }

    /// Deletes the databases of tasks that have not been open since `delay` ago, or since the
    /// first call after the start; `now` is any time that does not go back. Called now and then.
    fn clean(&self, now: Duration, delay: Duration) {
        let _ = (now, delay);
    }
}
