//! How the versions of a key lie in the database.
//!
//! The latest one, if it has a value: `ff×8 ‖ key → i64 from ‖ value`. Every other one, deletes
//! too, is in the segment of the time until which it is valid, so that what is too old goes by
//! segments: `u64 segment ‖ u32 length of the key ‖ key ‖ i64 from → i64 to ‖ u8 has a value ‖
//! value`. A delete that is the latest is in the segment of its own time, and has no end: when its
//! segment goes, nothing is left that it ends.
//!
//! The highest time there is: `ff×7 fe → i64 time`. With it a changelog's tail is replayed as it was
//! written, and what was too old then is too old again.

use std::borrow::Cow;
use std::ops::Bound;

use millstream_state::{KeyRange, Overlay, ScanOrder, StateError};

use super::segments::Segments;

const LATEST: u64 = u64::MAX;
const NEWEST: u64 = u64::MAX - 1;
const NO_END: i64 = i64::MAX;
const TIME: usize = 8;

/// A version that is not the latest value.
pub(super) struct Row {
    pub(super) from: i64,
    pub(super) to: i64,
    /// None is a delete.
    pub(super) value: Option<Vec<u8>>,
    segment: u64,
}

/// The versions in one store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Versions {
    /// The store's number in the database.
    pub(super) store: usize,
    pub(super) segments: Segments,
}

impl Versions {
    /// The latest value of a key, and from when on it is valid.
    pub(super) fn latest<'a>(
        &self,
        overlay: &'a Overlay,
        key: &[u8],
    ) -> Result<Option<(i64, Cow<'a, [u8]>)>, StateError> {
        let Some(mut row) = overlay.get(self.store, &latest_key(key))? else {
            return Ok(None);
        };
        let from = time_at(&row, 0);
        match &mut row {
            Cow::Borrowed(bytes) => *bytes = bytes.get(TIME..).unwrap_or_default(),
            Cow::Owned(bytes) => drop(bytes.drain(..TIME.min(bytes.len()))),
        }
        Ok(Some((from, row)))
    }

    /// Puts a version in, or a delete, at `time`; `newest` is the highest time there is. Gives the
    /// time of the version that follows it, if there is one.
    pub(super) fn put(
        &self,
        overlay: &mut Overlay,
        key: &[u8],
        value: Option<&[u8]>,
        time: i64,
        newest: i64,
    ) -> Result<Option<i64>, StateError> {
        let latest = self.latest(overlay, key)?.map(|(from, value)| (from, value.into_owned()));
        if let Some((from, old)) = &latest
            && *from <= time
        {
            if *from < time {
                self.write(overlay, key, *from, time, Some(old));
            }
            self.write_latest(overlay, key, value, time);
            return Ok(None);
        }
        let (at_time, next) = self.find(overlay, key, time, newest)?;
        let end = at_time.as_ref().map(|row| row.to).filter(|to| *to != NO_END);
        let end = end.or(next).or(latest.map(|(from, _)| from));
        if let Some(row) = at_time.filter(|row| row.from == time || row.to != NO_END) {
            overlay.write(self.store, &row_key(row.segment, key, row.from), None);
            if row.from < time {
                self.write(overlay, key, row.from, time, row.value.as_deref());
            }
        }
        match end {
            Some(end) => self.write(overlay, key, time, end, value),
            None => self.write_latest(overlay, key, value, time),
        }
        Ok(end)
    }

    /// The highest time there is, if it was noted.
    pub(super) fn newest(&self, overlay: &Overlay) -> Result<Option<i64>, StateError> {
        let row = overlay.get(self.store, &NEWEST.to_be_bytes())?;
        Ok(row.map(|row| time_at(&row, 0)))
    }

    /// Notes the highest time there is.
    pub(super) fn note_newest(&self, overlay: &mut Overlay, time: i64) {
        overlay.write(self.store, &NEWEST.to_be_bytes(), Some(&time.to_be_bytes()));
    }

    fn write_latest(&self, overlay: &mut Overlay, key: &[u8], value: Option<&[u8]>, time: i64) {
        let row = value.map(|value| [&time.to_be_bytes(), value].concat());
        overlay.write(self.store, &latest_key(key), row.as_deref());
        if value.is_none() {
            let row = [&NO_END.to_be_bytes()[..], &[0]].concat();
            overlay.write(self.store, &row_key(self.segments.segment(time), key, time), Some(&row));
        }
    }

    fn write(&self, overlay: &mut Overlay, key: &[u8], from: i64, to: i64, value: Option<&[u8]>) {
        let has_value = u8::from(value.is_some());
        let row = [&to.to_be_bytes()[..], &[has_value], value.unwrap_or_default()].concat();
        overlay.write(self.store, &row_key(self.segments.segment(to), key, from), Some(&row));
    }

    /// The version of a key that is valid at `time`, and the time of the next one if that one is not
    /// known from it; neither is looked for in the latest value.
    pub(super) fn find(
        &self,
        overlay: &Overlay,
        key: &[u8],
        time: i64,
        newest: i64,
    ) -> Result<(Option<Row>, Option<i64>), StateError> {
        let mut open = None;
        for segment in self.segments.segment(time)..=self.segments.segment(newest) {
            let (start, at) = (row_key(segment, key, 0), row_key(segment, key, time));
            let end = row_key(segment, key, i64::MAX);
            let until =
                KeyRange { start: Bound::Included(start), end: Bound::Included(at.clone()) };
            let before = overlay.scan(self.store, &until, ScanOrder::Reverse).next();
            if let Some(row) = before.transpose()?.map(|(key, row)| read_row(&key, &row))
                && row.to > time
            {
                if row.to != NO_END {
                    return Ok((Some(row), None));
                }
                // A delete that was the latest once: a later segment may tell more.
                open = Some(row);
            }
            let after = KeyRange { start: Bound::Excluded(at), end: Bound::Included(end) };
            if let Some(entry) = overlay.scan(self.store, &after, ScanOrder::Forward).next() {
                let (key, row) = entry?;
                return Ok((open, Some(read_row(&key, &row).from)));
            }
        }
        Ok((open, None))
    }

    /// The versions of a key that begin at `to` or before and end after `from`, the earliest first; not
    /// the latest value, and of deletes only those that have an end.
    pub(super) fn between(
        &self,
        overlay: &Overlay,
        key: &[u8],
        (from, to): (i64, i64),
        newest: i64,
    ) -> Result<Vec<Row>, StateError> {
        let mut found = Vec::new();
        if from > to || to < 0 {
            return Ok(found);
        }
        // A version lies in the segment of its end, and ends when the next one begins.
        for segment in self.segments.segment(from)..=self.segments.segment(newest) {
            let (start, end) = (row_key(segment, key, 0), row_key(segment, key, to));
            let range = KeyRange { start: Bound::Included(start), end: Bound::Included(end) };
            for entry in overlay.scan(self.store, &range, ScanOrder::Forward) {
                let (key, row) = entry?;
                let row = read_row(&key, &row);
                if row.to > from && row.to != NO_END {
                    found.push(row);
                }
            }
        }
        Ok(found)
    }

    /// All values of all keys, from the first segment that is kept at `newest` on: key, from, to,
    /// value.
    pub(super) fn all(
        &self,
        overlay: &Overlay,
        newest: i64,
    ) -> Result<Vec<(Vec<u8>, Row)>, StateError> {
        let first = self.segments.first_kept(newest).to_be_bytes().to_vec();
        let range = KeyRange { start: Bound::Included(first), end: Bound::Unbounded };
        let mut found = Vec::new();
        for entry in overlay.scan(self.store, &range, ScanOrder::Forward) {
            let (key, row) = entry?;
            let (segment, rest) = key.split_at(TIME.min(key.len()));
            if segment == LATEST.to_be_bytes() {
                let (from, value) = (time_at(&row, 0), row.get(TIME..).map(<[u8]>::to_vec));
                found.push((rest.to_vec(), Row { from, to: NO_END, value, segment: LATEST }));
            } else if rest.len() >= 4 + TIME {
                let own = rest[4..rest.len() - TIME].to_vec();
                found.push((own, read_row(&key, &row)));
            }
        }
        found.retain(|(_, row)| row.value.is_some());
        found.sort_by(|(a, left), (b, right)| a.cmp(b).then(right.from.cmp(&left.from)));
        Ok(found)
    }
}

fn latest_key(key: &[u8]) -> Vec<u8> {
    [&LATEST.to_be_bytes(), key].concat()
}

fn row_key(segment: u64, key: &[u8], from: i64) -> Vec<u8> {
    let len = (key.len() as u32).to_be_bytes();
    [&segment.to_be_bytes(), &len[..], key, &from.to_be_bytes()].concat()
}

fn time_at(bytes: &[u8], at: usize) -> i64 {
    let time = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    time.map_or(-1, |time| i64::from_be_bytes(*time))
}

fn read_row(key: &[u8], row: &[u8]) -> Row {
    let has_value = row.get(TIME) == Some(&1);
    Row {
        from: time_at(key, key.len().saturating_sub(TIME)),
        to: time_at(row, 0),
        value: has_value.then(|| row.get(TIME + 1..).unwrap_or_default().to_vec()),
        segment: time_at(key, 0).cast_unsigned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use millstream_state::MemoryDatabase;
    use proptest::prelude::*;

    use super::*;

    const HISTORY: i64 = 5_000;

    /// The value at `time` in a map of versions, with its own time.
    fn valid_at(versions: &BTreeMap<i64, Option<u8>>, time: i64) -> Option<(i64, u8)> {
        let (from, value) = versions.range(..=time).next_back()?;
        value.map(|value| (*from, value))
    }

    /// The values that are valid at some time from `from` to `to`, but for the latest.
    fn valid_between(versions: &BTreeMap<i64, Option<u8>>, from: i64, to: i64) -> Vec<(i64, u8)> {
        let ends = versions.keys().skip(1);
        let ended =
            versions.iter().zip(ends).filter(|((begin, _), end)| **begin <= to && **end > from);
        ended.filter_map(|((begin, value), _)| Some((*begin, (*value)?))).collect()
    }

    proptest! {
        /// Whatever is put in, in whatever order, and however often it is committed and segments go:
        /// within the history the versions are those of a plain map.
        #[test]
        fn any_versions(
            puts in prop::collection::vec((0u8..3, any::<Option<u8>>(), -6_000i64..4_000, any::<bool>()), 1..60),
        ) {
            let segments = Segments::of_versions(HISTORY);
            let versions = Versions { store: 0, segments };
            let mut database = MemoryDatabase::new(1);
            millstream_state::Database::set_segmented(&mut database, 0, segments.keys());
            let mut overlay = Overlay::new(Box::new(database), 1);
            let mut model: BTreeMap<u8, BTreeMap<i64, Option<u8>>> = BTreeMap::new();
            let mut newest = 0i64;
            for (key, value, step, commits) in puts {
                let time = (newest + step).max(newest - HISTORY).max(0);
                newest = newest.max(time);
                // Keys of which one begins as the other.
                let bytes = vec![0u8; key.into()];
                let of_key = model.entry(key).or_default();
                of_key.insert(time, value);
                let next = of_key.range(time + 1..).next().map(|(next, _)| *next);
                let value = value.as_slice();
                let put = versions
                    .put(&mut overlay, &bytes, value.first().map(std::slice::from_ref), time, newest)
                    .unwrap();
                prop_assert_eq!(put, next);
                if commits {
                    overlay.commit().unwrap();
                    overlay.drop_segments(0, segments.first_kept(newest)).unwrap();
                }
                for (key, of_key) in &model {
                    let bytes = vec![0u8; (*key).into()];
                    let latest = versions.latest(&overlay, &bytes).unwrap();
                    let latest = latest.map(|(from, value)| (from, value[0]));
                    prop_assert_eq!(latest, valid_at(of_key, i64::MAX));
                    let times = of_key.keys().flat_map(|time| [time - 1, *time, time + 1]);
                    for time in times.filter(|time| (newest - HISTORY).max(0) <= *time) {
                        let found = match latest {
                            Some((from, value)) if from <= time => Some((from, value)),
                            _ => {
                                let row = versions.find(&overlay, &bytes, time, newest).unwrap().0;
                                row.and_then(|row| Some((row.from, row.value?[0])))
                            }
                        };
                        prop_assert_eq!(found, valid_at(of_key, time), "key {} at {}", key, time);
                    }
                    let oldest = (newest - HISTORY).max(0);
                    let (from, to) = (oldest.max(time - 1_000), time + 500);
                    let rows = versions.between(&overlay, &bytes, (from, to), newest).unwrap();
                    let rows = rows.into_iter().filter_map(|row| Some((row.from, row.value?[0])));
                    prop_assert_eq!(
                        rows.collect::<Vec<_>>(),
                        valid_between(of_key, from, to),
                        "key {} from {} to {}", key, from, to
                    );
                }
            }
        }
    }
}
