use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

use crate::{
    CommitBatch, Database, Entry, KeyRange, RestoreBatch, Scan, ScanOrder, SegmentedKeys,
    StateError, Visit,
};

/// A key and what is to be written under it; `None` deletes.
pub type Write<'a> = (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>);

/// A task's database with what is not committed yet in front of it. Reads and scans see the
/// pending writes over the committed ones.
pub struct Overlay {
    database: Box<dyn Database>,
    batch: CommitBatch,
}

impl Overlay {
    /// Nothing pending in front of `database`, which has `stores` stores.
    pub fn new(database: Box<dyn Database>, stores: usize) -> Self {
        Self { database, batch: CommitBatch::new(stores) }
    }

    /// The value of `key`.
    #[inline]
    pub fn get(&self, store: usize, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StateError> {
        match self.batch.pending(store, key) {
            Some(pending) => Ok(pending.map(Cow::Borrowed)),
            None => self.database.get(store, key),
        }
    }

    /// Writes `value` under `key`, or deletes the key, to be committed later.
    pub fn write(&mut self, store: usize, key: &[u8], value: Option<&[u8]>) {
        self.batch.write(store, key, value);
    }

    /// The entries of a range, in unsigned byte order of their keys.
    pub fn scan(&self, store: usize, range: &KeyRange, order: ScanOrder) -> Scan<'_> {
        self.scan_under(store, range, order, [])
    }

    /// As [`scan`](Self::scan), with writes of a cache in front: those of `over` that lie in the
    /// range hide what is under them.
    pub fn scan_under<'a>(
        &'a self,
        store: usize,
        range: &KeyRange,
        order: ScanOrder,
        over: impl IntoIterator<Item = Write<'a>>,
    ) -> Scan<'a> {
        let base = self.database.scan(store, range, order);
        let Some(bounds) = range.bounds() else {
            return base;
        };
        let pending = self.batch.range(store, bounds);
        let pending = pending.map(|(key, value)| (key.into(), value.map(Cow::Borrowed)));
        let over = over.into_iter();
        if over.size_hint().1 == Some(0) {
            return match order {
                ScanOrder::Forward => merge(pending, base, order),
                ScanOrder::Reverse => merge(pending.rev(), base, order),
            };
        }
        let mut writes: BTreeMap<Cow<'a, [u8]>, Option<Cow<'a, [u8]>>> = pending.collect();
        writes.extend(over);
        match order {
            ScanOrder::Forward => merge(writes.into_iter(), base, order),
            ScanOrder::Reverse => merge(writes.into_iter().rev(), base, order),
        }
    }

    /// Calls `visit` with the entries whose keys lie from `start` to `end`, both included, in the order
    /// asked for, until it says to stop; see [`Database::visit`] for what the two may be.
    pub fn visit(
        &self,
        store: usize,
        (start, end): (&[u8], &[u8]),
        order: ScanOrder,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        if start > end {
            return Ok(());
        }
        let mut pending = self.batch.windows(store, (start, end), order);
        let mut next = || pending.next();
        let mut before = next();
        let mut stopped = false;
        self.database.visit(store, (start, end), order, &mut |key, value| {
            while let Some((written, new)) = before {
                let compared = match order {
                    ScanOrder::Forward => written.cmp(key),
                    ScanOrder::Reverse => key.cmp(written),
                };
                if compared == Ordering::Greater {
                    break;
                }
                before = next();
                if let Some(new) = new {
                    stopped = visit(written, new).is_break();
                }
                if stopped {
                    return ControlFlow::Break(());
                }
                if compared == Ordering::Equal {
                    return ControlFlow::Continue(());
                }
            }
            stopped = visit(key, value).is_break();
            if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        while let (Some((written, new)), false) = (before, stopped) {
            before = next();
            if let Some(new) = new {
                stopped = visit(written, new).is_break();
            }
        }
        Ok(())
    }

    /// A time that no window from `start` to `end` is later than; see [`Database::latest`].
    pub fn latest(&self, store: usize, (start, end): (&[u8], &[u8])) -> i64 {
        let committed = self.database.latest(store, start);
        if committed == i64::MAX {
            return committed;
        }
        committed.max(self.batch.latest(store, (start, end)).unwrap_or(i64::MIN))
    }

    /// About how many entries a store has; pending writes are not counted.
    pub fn approximate_len(&self, store: usize) -> u64 {
        self.database.approximate_len(store)
    }

    /// Up to which changelog offset (exclusive) the committed data of a store reaches.
    pub fn changelog_offset(&self, store: usize) -> Option<i64> {
        self.database.changelog_offset(store)
    }

    /// Notes the changelog offset that the pending writes of `store` lead up to.
    pub fn set_changelog_offset(&mut self, store: usize, offset: i64) {
        self.batch.set_offset(store, offset);
    }

    /// Bytes that the pending writes hold, those that were overwritten too.
    pub fn pending_bytes(&self) -> usize {
        self.batch.size()
    }

    /// Commits what is pending in one atomic step.
    pub fn commit(&mut self) -> Result<(), StateError> {
        if self.batch.is_empty() { Ok(()) } else { self.database.commit(&mut self.batch) }
    }

    /// Takes records of a store's changelog past the pending writes, of which there are none while a
    /// task restores; see [`Database::restore`].
    pub fn restore(
        &mut self,
        store: usize,
        records: &mut RestoreBatch,
        offset: i64,
    ) -> Result<(), StateError> {
        self.database.restore(store, records, offset)
    }

    /// Makes what was committed and restored outlive the process; see [`Database::persist`].
    pub fn persist(&mut self, now_ms: i64, wait: bool) -> Result<(), StateError> {
        self.database.persist(now_ms, wait)
    }

    /// When the database was in use last before it was opened; see [`Database::used_at`].
    pub fn used_at(&self) -> Option<i64> {
        self.database.used_at()
    }

    /// Prepares a store of windows; see [`Database::set_segmented`].
    pub fn set_segmented(&mut self, store: usize, keys: SegmentedKeys) {
        self.batch.set_segmented(store, keys);
        self.database.set_segmented(store, keys);
    }

    /// Deletes what is committed in the segments before `segment`; see
    /// [`Database::drop_segments`].
    pub fn drop_segments(&mut self, store: usize, segment: u64) -> Result<(), StateError> {
        self.database.drop_segments(store, segment)
    }

    /// Drops what is pending.
    pub fn abort(&mut self) {
        self.batch.clear();
    }

    /// Empties a store, pending writes of all stores dropped, to restore it from the beginning.
    pub fn reset(&mut self, store: usize) -> Result<(), StateError> {
        self.batch.clear();
        self.database.reset(store)
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").finish_non_exhaustive()
    }
}

fn merge<'a>(
    pending: impl Iterator<Item = Write<'a>> + 'a,
    base: Scan<'a>,
    order: ScanOrder,
) -> Scan<'a> {
    Box::new(Merge { pending: pending.peekable(), base: base.peekable(), order })
}

/// Merges two ordered runs; where both have a key, the pending one counts.
struct Merge<'a, P: Iterator<Item = Write<'a>>> {
    pending: std::iter::Peekable<P>,
    base: std::iter::Peekable<Scan<'a>>,
    order: ScanOrder,
}

impl<'a, P: Iterator<Item = Write<'a>>> Iterator for Merge<'a, P> {
    type Item = Result<Entry<'a>, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.pending.peek(), self.base.peek()) {
                (None, _) | (_, Some(Err(_))) => return self.base.next(),
                (Some(_), None) => Ordering::Less,
                (Some((pending, _)), Some(Ok((base, _)))) => match self.order {
                    ScanOrder::Forward => (**pending).cmp(&**base),
                    ScanOrder::Reverse => (**base).cmp(&**pending),
                },
            };
            if order == Ordering::Greater {
                return self.base.next();
            }
            if order == Ordering::Equal {
                self.base.next();
            }
            if let Some((key, Some(value))) = self.pending.next() {
                return Some(Ok((key, value)));
            }
        }
    }
}
