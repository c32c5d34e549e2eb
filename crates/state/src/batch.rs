use std::cell::OnceCell;
use std::hash::BuildHasher;
use std::ops::Bound;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::{KeyOrder, KeyRun};

/// Memory that a store's buffer keeps when it is emptied.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// One pending write: where key and value lie in the bytes of its store.
#[derive(Clone, Copy, Debug)]
struct PendingWrite {
    start: usize,
    key_len: usize,
    /// Where the value lies; `None` deletes.
    value: Option<(usize, usize)>,
}

/// Pending writes of one store: keys and values one behind the other in one buffer, so that a write
/// allocates nothing once the buffers have grown.
#[derive(Clone, Debug, Default)]
struct Writes {
    bytes: Vec<u8>,
    writes: Vec<PendingWrite>,
    by_key: HashTable<usize>,
    /// Numbers of the writes by key, from the first scan of a range on.
    ordered: OnceCell<KeyOrder<usize>>,
}

fn hash(key: &[u8]) -> u64 {
    FxBuildHasher.hash_one(key)
}

/// The first bytes of a key as a number that compares as they do.
pub(crate) fn first_bytes(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    let len = key.len().min(8);
    first[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(first)
}

impl Writes {
    fn key(&self, write: &PendingWrite) -> &[u8] {
        &self.bytes[write.start..write.start + write.key_len]
    }

    fn value(&self, write: &PendingWrite) -> Option<&[u8]> {
        write.value.map(|(start, len)| &self.bytes[start..start + len])
    }

    fn find(&self, key: &[u8]) -> Option<usize> {
        self.by_key.find(hash(key), |write| self.key(&self.writes[*write]) == key).copied()
    }

    fn append(&mut self, bytes: &[u8]) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start
    }

    fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        let found = self.find(key);
        if let (Some(number), Some(value)) = (found, value)
            && let Some((start, len)) = self.writes[number].value
            && len == value.len()
        {
            self.bytes[start..start + len].copy_from_slice(value);
            return;
        }
        let number = match found {
            Some(number) => number,
            None => {
                let write =
                    PendingWrite { start: self.append(key), key_len: key.len(), value: None };
                self.writes.push(write);
                let number = self.writes.len() - 1;
                let Self { bytes, writes, by_key, ordered } = self;
                let key_of = |number: usize| {
                    let write = &writes[number];
                    &bytes[write.start..write.start + write.key_len]
                };
                if let Some(ordered) = ordered.get_mut() {
                    ordered.insert(key, number, key_of);
                }
                by_key.insert_unique(hash(key), number, |number| hash(key_of(*number)));
                number
            }
        };
        self.writes[number].value = value.map(|value| (self.append(value), value.len()));
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.writes.clear();
        self.by_key.clear();
        if let Some(ordered) = self.ordered.get_mut() {
            ordered.clear();
        }
    }

    fn range(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>)) -> KeyRun<'_, usize> {
        let key = |number: usize| self.key(&self.writes[number]);
        let ordered = self.ordered.get_or_init(|| KeyOrder::of(0..self.writes.len(), key));
        ordered.range(bounds, key)
    }
}

/// What a task commits in one atomic write: data of its stores, and for each the changelog offset
/// that the data corresponds to.
#[derive(Clone, Debug, Default)]
pub struct CommitBatch {
    stores: Vec<Writes>,
    offsets: Vec<Option<i64>>,
}

impl CommitBatch {
    /// An empty batch for a database of `stores` stores.
    pub fn new(stores: usize) -> Self {
        Self { stores: vec![Writes::default(); stores], offsets: vec![None; stores] }
    }

    /// Writes `value` under `key`, or deletes the key; the last write of a key counts.
    pub fn write(&mut self, store: usize, key: &[u8], value: Option<&[u8]>) {
        self.stores[store].write(key, value);
    }

    /// The pending write of `key`: `Some(None)` when it is to be deleted.
    pub fn pending(&self, store: usize, key: &[u8]) -> Option<Option<&[u8]>> {
        let writes = &self.stores[store];
        if writes.writes.is_empty() {
            return None;
        }
        let number = writes.find(key)?;
        Some(writes.value(&writes.writes[number]))
    }

    /// Notes that the data of `store` corresponds to its changelog up to `offset` (exclusive).
    pub fn set_offset(&mut self, store: usize, offset: i64) {
        self.offsets[store] = Some(offset);
    }

    /// Changelog offsets noted, by store.
    pub fn offsets(&self) -> impl Iterator<Item = (usize, i64)> {
        self.offsets.iter().enumerate().filter_map(|(store, offset)| Some((store, (*offset)?)))
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.stores.iter().all(|writes| writes.writes.is_empty())
            && self.offsets.iter().all(Option::is_none)
    }

    /// Pending writes of `store`, one a key, in the order in which their keys were first written.
    pub fn writes(&self, store: usize) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let writes = &self.stores[store];
        writes.writes.iter().map(|write| (writes.key(write), writes.value(write)))
    }

    /// As [`writes`](Self::writes), in unsigned byte order of the keys.
    pub fn sorted_writes(&self, store: usize) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let writes = &self.stores[store];
        // Most comparisons end in the first bytes, which lie beside the number.
        let mut order: Vec<(u64, usize)> = writes
            .writes
            .iter()
            .enumerate()
            .map(|(number, write)| (first_bytes(writes.key(write)), number))
            .collect();
        order.sort_unstable_by(|(a, left), (b, right)| {
            let key = |number: &usize| writes.key(&writes.writes[*number]);
            a.cmp(b).then_with(|| key(left).cmp(key(right)))
        });
        order.into_iter().map(|(_, number)| {
            let write = &writes.writes[number];
            (writes.key(write), writes.value(write))
        })
    }

    /// The pending writes of `store` between two keys, in unsigned byte order of the keys.
    pub(crate) fn range<'a>(
        &'a self,
        store: usize,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> impl DoubleEndedIterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let writes = &self.stores[store];
        writes.range(bounds).map(|number| {
            let write = &writes.writes[number];
            (writes.key(write), writes.value(write))
        })
    }

    /// How many writes are pending.
    pub fn len(&self) -> usize {
        self.stores.iter().map(|writes| writes.writes.len()).sum()
    }

    /// Bytes held, those that were overwritten too.
    pub fn size(&self) -> usize {
        self.stores.iter().map(|writes| writes.bytes.len()).sum()
    }

    /// Drops everything and keeps a moderate amount of memory for what comes next.
    pub fn clear(&mut self) {
        self.stores.iter_mut().for_each(Writes::clear);
        self.offsets.fill(None);
    }
}
