//! The entries of a store in memory: keys and values one behind the other in large pieces, so that
//! an entry costs no allocation of its own, neither when it comes nor when the store is dropped.

use std::cell::OnceCell;
use std::hash::BuildHasher;
use std::ops::Bound;

use rustc_hash::FxBuildHasher;

use crate::sharded_table::ShardedTable;
use crate::{GroupRun, KeyGroups, KeyOrder, KeyRun, ScanOrder};

/// A piece is as large as all before it, within these bounds, and larger for a larger entry.
const LEAST_PIECE: usize = 4 * 1024;
const MOST_PIECE: usize = 1024 * 1024;
/// So many bytes of entries that are gone are left where they are.
const MOST_GONE: usize = 1024 * 1024;
/// What a key takes in the order, about.
const ORDERED: usize = 32;
/// A group of keys takes as long to give back as so many bytes of entries: it may have a list of its own.
const GROUPED: usize = 512;
/// In front of an entry: the lengths of its key and its value.
const LENGTHS: usize = 8;

/// Where an entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    piece: u32,
    start: u32,
}

/// Where an entry lies, and its hash, so that the table can grow without looking at keys.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    at: At,
}

/// Keys and their values.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    table: ShardedTable<Place>,
    pieces: Vec<Vec<u8>>,
    /// The keys in order, from the first scan on: a store that is never scanned does not pay for it.
    order: OnceCell<KeyOrder<At>>,
    /// The same by the windows of a key, from the first visit on.
    groups: OnceCell<KeyGroups<At>>,
    /// Bytes in the pieces, and those of them whose entries are gone.
    bytes: usize,
    gone: usize,
}

fn hash(key: &[u8]) -> u32 {
    (FxBuildHasher.hash_one(key) >> 32) as u32
}

fn len_at(bytes: &[u8], at: usize) -> usize {
    let mut raw = [0; 4];
    raw.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(raw) as usize
}

/// The bytes from an entry on, and where its key and its value end there.
fn bounds(pieces: &[Vec<u8>], at: At) -> (&[u8], usize, usize) {
    let bytes = &pieces[at.piece as usize][at.start as usize..];
    let key_end = LENGTHS + len_at(bytes, 0);
    (bytes, key_end, key_end + len_at(bytes, 4))
}

fn key(pieces: &[Vec<u8>], at: At) -> &[u8] {
    let (bytes, key_end, _) = bounds(pieces, at);
    &bytes[LENGTHS..key_end]
}

impl Entries {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// The key as it is kept, and its value.
    pub(crate) fn get(&self, wanted: &[u8]) -> Option<(&[u8], &[u8])> {
        let hash = hash(wanted);
        let same = |place: &Place| place.hash == hash && key(&self.pieces, place.at) == wanted;
        let (bytes, key_end, end) = bounds(&self.pieces, self.table.find(hash, same)?.at);
        Some((&bytes[LENGTHS..key_end], &bytes[key_end..end]))
    }

    /// Sets the value of a key; says whether the key is new.
    pub(crate) fn insert(&mut self, new: &[u8], value: &[u8]) -> bool {
        let hash = hash(new);
        let Self { table, pieces, gone, .. } = self;
        let same = |place: &Place| place.hash == hash && key(pieces, place.at) == new;
        if let Some(place) = table.find(hash, same).copied() {
            let (_, key_end, end) = bounds(pieces, place.at);
            if end - key_end == value.len() {
                // The same place serves again: counters and the like stay as long as they are.
                let start = place.at.start as usize;
                let kept = &mut pieces[place.at.piece as usize][start + key_end..start + end];
                kept.copy_from_slice(value);
                return false;
            }
            *gone += end;
            let moved = self.append(new, value);
            let is_old = |old: &Place| old.at == place.at;
            if let Some(old) = self.table.find_mut(hash, is_old) {
                old.at = moved;
            }
            let Self { order, groups, pieces, .. } = self;
            if let Some(order) = order.get_mut() {
                order.replace(new, moved, |at| key(pieces, at));
            }
            if let Some(groups) = groups.get_mut() {
                groups.replace(new, moved, |at| key(pieces, at));
            }
            self.tidy();
            return false;
        }
        let at = self.append(new, value);
        self.table.insert_unique(hash, Place { hash, at }, |place| place.hash);
        let Self { order, groups, pieces, .. } = self;
        if let Some(order) = order.get_mut() {
            order.insert(new, at, |at| key(pieces, at));
        }
        if let Some(groups) = groups.get_mut() {
            groups.insert(new, at, |at| key(pieces, at));
        }
        true
    }

    pub(crate) fn remove(&mut self, old: &[u8]) {
        let hash = hash(old);
        let Self { table, pieces, gone, order, groups, .. } = self;
        let same = |place: &Place| place.hash == hash && key(pieces, place.at) == old;
        if let Some(entry) = table.find_entry(hash, same) {
            *gone += bounds(pieces, entry.get().at).2;
            entry.remove();
            if let Some(order) = order.get_mut() {
                order.remove(old, |at| key(pieces, at));
            }
            if let Some(groups) = groups.get_mut() {
                groups.remove(old, |at| key(pieces, at));
            }
            self.tidy();
        }
    }

    /// Where the entries between two keys lie, in byte order of the keys, from both ends.
    pub(crate) fn range(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>)) -> KeyRun<'_, At> {
        self.order().range(bounds, |at| key(&self.pieces, at))
    }

    /// Where the entries between two keys lie, both included, which are alike but for their last
    /// `suffix` bytes.
    pub(crate) fn windows(
        &self,
        range: (&[u8], &[u8]),
        suffix: usize,
        order: ScanOrder,
    ) -> GroupRun<'_, At> {
        let all = || self.table.iter().map(|place| place.at);
        let groups =
            self.groups.get_or_init(|| KeyGroups::of(suffix, all(), |at| key(&self.pieces, at)));
        groups.run(range, order, |at| key(&self.pieces, at))
    }

    fn order(&self) -> &KeyOrder<At> {
        let all = || self.table.iter().map(|place| place.at);
        self.order.get_or_init(|| KeyOrder::of(all(), |at| key(&self.pieces, at)))
    }

    /// The key and the value of an entry.
    pub(crate) fn entry(&self, at: At) -> (&[u8], &[u8]) {
        let (bytes, key_end, end) = bounds(&self.pieces, at);
        (&bytes[LENGTHS..key_end], &bytes[key_end..end])
    }

    /// Gives back memory of entries that nobody will ask for again, about `most` bytes; says how
    /// much. What is small goes first: it lies above the pieces in the heap, and an allocator that
    /// could not give those back before would give all of them back at once.
    pub(crate) fn shed(&mut self, most: usize) -> usize {
        let mut shed = 0;
        if shed < most
            && let Some(order) = self.order.get_mut()
        {
            shed += order.shed((most - shed) / ORDERED) * ORDERED;
        }
        if shed < most
            && let Some(groups) = self.groups.get_mut()
        {
            shed += groups.shed((most - shed) / GROUPED) * GROUPED;
        }
        while shed < most
            && let Some(piece) = self.pieces.pop()
        {
            shed += piece.capacity();
        }
        while shed < most
            && let Some(places) = self.table.pop()
        {
            shed += places.len() * size_of::<Place>();
        }
        shed
    }

    fn append(&mut self, key: &[u8], value: &[u8]) -> At {
        let len = LENGTHS + key.len() + value.len();
        let room = self.pieces.last().map_or(0, |piece| piece.capacity() - piece.len());
        if room < len {
            let size = self.bytes.clamp(LEAST_PIECE, MOST_PIECE).max(len);
            self.pieces.push(Vec::with_capacity(size));
        }
        let number = self.pieces.len() - 1;
        let piece = &mut self.pieces[number];
        let start = piece.len();
        piece.extend_from_slice(&(key.len() as u32).to_le_bytes());
        piece.extend_from_slice(&(value.len() as u32).to_le_bytes());
        piece.extend_from_slice(key);
        piece.extend_from_slice(value);
        self.bytes += len;
        At { piece: number as u32, start: start as u32 }
    }

    /// Moves the entries together when more is gone than there is.
    fn tidy(&mut self) {
        if self.gone <= MOST_GONE.max(self.bytes - self.gone) {
            return;
        }
        // The groups are made anew by the next visit.
        let Self { mut table, pieces, mut order, .. } = std::mem::take(self);
        let mut moved = |at| {
            let (bytes, key_end, end) = bounds(&pieces, at);
            self.append(&bytes[LENGTHS..key_end], &bytes[key_end..end])
        };
        match order.get_mut() {
            None => table.iter_mut().for_each(|place| place.at = moved(place.at)),
            Some(order) => {
                table.clear();
                order.replace_all(|old| {
                    let at = moved(old);
                    let hash = hash(key(&pieces, old));
                    table.insert_unique(hash, Place { hash, at }, |place| place.hash);
                    at
                });
            }
        }
        (self.table, self.order) = (table, order);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn what_is_gone_makes_room() {
        let (mut entries, mut model) = (Entries::default(), HashMap::new());
        let mut random = 1u64;
        for step in 0..200_000u64 {
            if step == 1000 {
                entries.range((Bound::Unbounded, Bound::Unbounded)).next();
            }
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let key = (random >> 40) % 5000;
            if step % 5 == 0 {
                entries.remove(&key.to_be_bytes());
                model.remove(&key);
            } else {
                let value = vec![step as u8; (step % 97) as usize];
                let is_new = model.insert(key, value.clone()).is_none();
                assert_eq!(entries.insert(&key.to_be_bytes(), &value), is_new);
            }
        }
        assert_eq!(entries.len(), model.len());
        let mut keys: Vec<u64> = model.keys().copied().collect();
        keys.sort();
        let all = entries.range((Bound::Unbounded, Bound::Unbounded));
        let all = all.map(|at| u64::from_be_bytes(*entries.entry(at).0.first_chunk().unwrap()));
        assert_eq!(all.collect::<Vec<_>>(), keys);
        for key in 0..5000u64 {
            let found = entries.get(&key.to_be_bytes()).map(|(_, value)| value.to_vec());
            assert_eq!(found.as_ref(), model.get(&key));
        }
        let held: usize = entries.pieces.iter().map(Vec::len).sum();
        assert!(entries.bytes == held && held < 4 * MOST_GONE, "{held}");
    }

    #[test]
    fn an_entry_may_be_larger_than_a_piece() {
        let mut entries = Entries::default();
        let large = vec![7; 3 * MOST_PIECE];
        assert!(entries.insert(b"", &large));
        assert!(entries.insert(b"a", b""));
        assert_eq!(entries.get(b""), Some((&b""[..], &*large)));
        assert_eq!(entries.get(b"a"), Some((&b"a"[..], &b""[..])));
        assert_eq!(entries.get(b"b"), None);
    }
}
