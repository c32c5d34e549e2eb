//! The entries of a store in memory: keys and values one behind the other in large pieces, so that
//! an entry costs no allocation of its own, neither when it comes nor when the store is dropped.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// A piece is as large as all before it, within these bounds, and larger for a larger entry.
const LEAST_PIECE: usize = 4 * 1024;
const MOST_PIECE: usize = 1024 * 1024;
/// So many bytes of entries that are gone are left where they are.
const MOST_GONE: usize = 1024 * 1024;
/// In front of an entry: the lengths of its key and its value.
const LENGTHS: usize = 8;

/// Where an entry lies, and its hash, so that the table can grow without looking at keys.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    piece: u32,
    start: u32,
}

/// Keys and their values.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    table: HashTable<Place>,
    pieces: Vec<Vec<u8>>,
    /// Bytes in the pieces, and those of them whose entries are gone.
    bytes: usize,
    gone: usize,
}

fn hash(key: &[u8]) -> u32 {
    (FxBuildHasher.hash_one(key) >> 32) as u32
}

/// As the table wants it: it looks at the upper bits and at the lower ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

fn len_at(bytes: &[u8], at: usize) -> usize {
    let mut raw = [0; 4];
    raw.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(raw) as usize
}

/// The bytes from an entry on, and where its key and its value end there.
fn bounds(pieces: &[Vec<u8>], place: Place) -> (&[u8], usize, usize) {
    let bytes = &pieces[place.piece as usize][place.start as usize..];
    let key_end = LENGTHS + len_at(bytes, 0);
    (bytes, key_end, key_end + len_at(bytes, 4))
}

fn key(pieces: &[Vec<u8>], place: Place) -> &[u8] {
    let (bytes, key_end, _) = bounds(pieces, place);
    &bytes[LENGTHS..key_end]
}

impl Entries {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// The key as it is kept, and its value.
    pub(crate) fn get(&self, wanted: &[u8]) -> Option<(&[u8], &[u8])> {
        let hash = hash(wanted);
        let same = |place: &Place| place.hash == hash && key(&self.pieces, *place) == wanted;
        let (bytes, key_end, end) = bounds(&self.pieces, *self.table.find(spread(hash), same)?);
        Some((&bytes[LENGTHS..key_end], &bytes[key_end..end]))
    }

    /// Sets the value of a key; says whether the key is new.
    pub(crate) fn insert(&mut self, new: &[u8], value: &[u8]) -> bool {
        let hash = hash(new);
        let Self { table, pieces, gone, .. } = self;
        let same = |place: &Place| place.hash == hash && key(pieces, *place) == new;
        if let Some(place) = table.find(spread(hash), same).copied() {
            let (_, key_end, end) = bounds(pieces, place);
            if end - key_end == value.len() {
                // The same place serves again: counters and the like stay as long as they are.
                let start = place.start as usize;
                let kept = &mut pieces[place.piece as usize][start + key_end..start + end];
                kept.copy_from_slice(value);
                return false;
            }
            *gone += end;
            let moved = self.append(hash, new, value);
            let at = |old: &Place| (old.piece, old.start) == (place.piece, place.start);
            if let Some(old) = self.table.find_mut(spread(hash), at) {
                *old = moved;
            }
            self.tidy();
            return false;
        }
        let place = self.append(hash, new, value);
        self.table.insert_unique(spread(hash), place, |place| spread(place.hash));
        true
    }

    pub(crate) fn remove(&mut self, old: &[u8]) {
        let hash = hash(old);
        let Self { table, pieces, gone, .. } = self;
        let same = |place: &Place| place.hash == hash && key(pieces, *place) == old;
        if let Ok(entry) = table.find_entry(spread(hash), same) {
            *gone += bounds(pieces, *entry.get()).2;
            entry.remove();
            self.tidy();
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.table.iter().map(|place| key(&self.pieces, *place))
    }

    fn append(&mut self, hash: u32, key: &[u8], value: &[u8]) -> Place {
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
        Place { hash, piece: number as u32, start: start as u32 }
    }

    /// Moves the entries together when more is gone than there is.
    fn tidy(&mut self) {
        if self.gone <= MOST_GONE.max(self.bytes - self.gone) {
            return;
        }
        let Self { mut table, pieces, .. } = std::mem::take(self);
        for place in table.iter_mut() {
            let (bytes, key_end, end) = bounds(&pieces, *place);
            *place = self.append(place.hash, &bytes[LENGTHS..key_end], &bytes[key_end..end]);
        }
        self.table = table;
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
        assert_eq!(entries.keys().count(), model.len());
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
