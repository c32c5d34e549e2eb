//! What lies where in a database.
//!
//! In the family of a store: under [`MARK`] the changelog offset (8 bytes, big-endian), and the
//! store's entries under [`DATA`] in front of their keys. In the default family: who the database
//! belongs to, and when it was in use last.

use std::ops::Bound;

use crate::KeyRange;

/// Version of this layout.
pub(super) const FORMAT: u8 = 1;
/// The key of the version in the default family.
pub(super) const FORMAT_KEY: &[u8] = b"millstream.format";
/// The key of the application's name in the default family.
pub(super) const APPLICATION_KEY: &[u8] = b"millstream.application";
/// The key of the time of the last use in the default family.
pub(super) const USED_KEY: &[u8] = b"millstream.used";

/// The key of a store's changelog offset. Sorts before all entries.
pub(super) const MARK: &[u8] = &[0];
/// In front of the key of an entry.
const DATA: u8 = 1;
/// Behind all entries.
const BEHIND: &[u8] = &[DATA + 1];

/// How much of an entry's key a file remembers, so that it need not be read where no key begins so: in
/// stores with segments, whose entries are asked for by key and times. Eight bytes of the segment's
/// number and twelve more, that is short keys and the part of a time that does not change in weeks.
const PREFIX: usize = 21;
/// The same, as RocksDB's options have it.
pub(super) const PREFIX_OPTION: &str = "capped:21";

/// Whether all entries between two begin alike, as far as files remember it.
pub(super) fn is_one_prefix(start: &[u8], end: &[u8]) -> bool {
    start.len() >= PREFIX && end.get(..PREFIX) == start.get(..PREFIX)
}

/// Puts the key of an entry together in `buffer`.
#[inline]
pub(super) fn entry_key<'a>(buffer: &'a mut Vec<u8>, key: &[u8]) -> &'a [u8] {
    buffer.clear();
    buffer.push(DATA);
    buffer.extend_from_slice(key);
    buffer
}

/// The key that an entry was written under.
pub(super) fn key_of(entry: &[u8]) -> &[u8] {
    entry.get(1..).unwrap_or_default()
}

/// The same range as entries have it: from (inclusive) and to (exclusive).
pub(super) fn entry_range(range: &KeyRange) -> (Vec<u8>, Vec<u8>) {
    let at = |key: &[u8]| entry_key(&mut Vec::with_capacity(key.len() + 2), key).to_vec();
    let behind = |key: &[u8]| {
        let mut entry = at(key);
        entry.push(0);
        entry
    };
    let start = match &range.start {
        Bound::Included(key) => at(key),
        Bound::Excluded(key) => behind(key),
        Bound::Unbounded => vec![DATA],
    };
    let end = match &range.end {
        Bound::Included(key) => behind(key),
        Bound::Excluded(key) => at(key),
        Bound::Unbounded => BEHIND.to_vec(),
    };
    (start, end)
}

/// Reads a number that was written with `to_be_bytes`.
pub(super) fn number(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}
