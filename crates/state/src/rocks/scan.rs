//! Scans of a range.

use std::borrow::Cow;

use rocksdb::{DBRawIterator, ReadOptions};

use super::database::RocksDatabase;
use super::layout::{entry_key, entry_range, is_one_prefix, key_of};
use crate::{Entry, KeyRange, Scan, ScanOrder, StateError, Visit};

pub(super) fn scan<'a>(
    database: &'a RocksDatabase,
    store: usize,
    range: &KeyRange,
    order: ScanOrder,
) -> Scan<'a> {
    let (start, end) = entry_range(range);
    if start >= end {
        return Box::new(std::iter::empty());
    }
    let family = match database.family(store) {
        Ok(family) => family,
        Err(error) => return Box::new(std::iter::once(Err(error))),
    };
    let mut options = ReadOptions::default();
    options.set_total_order_seek(true);
    options.set_iterate_lower_bound(start);
    options.set_iterate_upper_bound(end);
    let cursor = database.db.raw_iterator_cf_opt(family, options);
    Box::new(RocksScan { database, cursor, order, place: Place::Before })
}

/// The entries from `start` to `end`, both included, each lent for the time of a call.
pub(super) fn visit(
    database: &RocksDatabase,
    store: usize,
    (start, end): (&[u8], &[u8]),
    order: ScanOrder,
    visit: &mut Visit<'_>,
) -> Result<(), StateError> {
    let known_keys = &database.open.shared.memory.known_keys;
    if start > end || !database.stores[store].holds(start, known_keys) {
        return Ok(());
    }
    let (mut first, mut last) = (Vec::new(), Vec::new());
    entry_key(&mut first, start);
    entry_key(&mut last, end);
    let mut options = ReadOptions::default();
    options.set_total_order_seek(!is_one_prefix(&first, &last));
    let family = database.family(store)?;
    let open = |options| database.db.raw_iterator_cf_opt(family, options);
    // A bound where the cursor does not begin anyhow.
    let mut cursor = match order {
        ScanOrder::Forward => {
            last.push(0);
            options.set_iterate_upper_bound(last);
            let mut cursor = open(options);
            cursor.seek(&first);
            cursor
        }
        ScanOrder::Reverse => {
            options.set_iterate_lower_bound(first);
            let mut cursor = open(options);
            cursor.seek_for_prev(&last);
            cursor
        }
    };
    while let Some((key, value)) = cursor.item() {
        if visit(key_of(key), value).is_break() {
            return Ok(());
        }
        match order {
            ScanOrder::Forward => cursor.next(),
            ScanOrder::Reverse => cursor.prev(),
        }
    }
    cursor.status().map_err(|error| database.failed(&error))
}

/// Where the cursor stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    OnEntry,
    Ended,
}

struct RocksScan<'a> {
    database: &'a RocksDatabase,
    cursor: DBRawIterator<'a>,
    order: ScanOrder,
    place: Place,
}

impl<'a> Iterator for RocksScan<'a> {
    type Item = Result<Entry<'a>, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        match (self.place, self.order) {
            (Place::Before, ScanOrder::Forward) => self.cursor.seek_to_first(),
            (Place::Before, ScanOrder::Reverse) => self.cursor.seek_to_last(),
            (Place::OnEntry, ScanOrder::Forward) => self.cursor.next(),
            (Place::OnEntry, ScanOrder::Reverse) => self.cursor.prev(),
            (Place::Ended, _) => return None,
        }
        if let Some((key, value)) = self.cursor.item() {
            self.place = Place::OnEntry;
            let (key, value) = (key_of(key).to_vec(), value.to_vec());
            return Some(Ok((Cow::Owned(key), Cow::Owned(value))));
        }
        self.place = Place::Ended;
        self.cursor.status().err().map(|error| Err(self.database.failed(&error)))
    }
}
