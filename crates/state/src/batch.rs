use std::cell::OnceCell;
use std::hash::BuildHasher;
use std::ops::Bound;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::{KeyGroups, KeyOrder, ScanOrder, SegmentedKeys};

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
#[derive(Debug, Default)]
struct Writes {
    bytes: Vec<u8>,
    writes: Vec<PendingWrite>,
    by_key: HashTable<usize>,
    /// Numbers of the writes by key, from the first scan of a range on.
    ordered: OnceCell<KeyOrder<usize>>,
    /// The same by the windows of a key, from the first visit on.
    grouped: OnceCell<KeyGroups<usize>>,
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

    fn entry(&self, number: usize) -> (&[u8], Option<&[u8]>) {
        let write = &self.writes[number];
        (self.key(write), self.value(write))
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
                let Self { bytes, writes, by_key, ordered, grouped } = self;
                let key_of = |number: usize| {
                    let write = &writes[number];
                    &bytes[write.start..write.start + write.key_len]
                };
                if let Some(ordered) = ordered.get_mut() {
                    ordered.insert(key, number, key_of);
                }
                if let Some(grouped) = grouped.get_mut() {
                    grouped.insert(key, number, key_of);
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
        if let Some(grouped) = self.grouped.get_mut() {
            grouped.clear();
        }
    }

    fn key_of(&self, number: usize) -> &[u8] {
        self.key(&self.writes[number])
    }

    fn ordered(&self) -> &KeyOrder<usize> {
        let all = || KeyOrder::of(0..self.writes.len(), |number| self.key_of(number));
        self.ordered.get_or_init(all)
    }

    fn grouped(&self, suffix: usize) -> &KeyGroups<usize> {
        let all = || KeyGroups::of(suffix, 0..self.writes.len(), |number| self.key_of(number));
        self.grouped.get_or_init(all)
    }
}

/// What a task commits in one atomic write: data of its stores, and for each the changelog offset
/// that the data corresponds to.
#[derive(Debug, Default)]
pub struct CommitBatch {
    stores: Vec<Writes>,
    offsets: Vec<Option<i64>>,
    segmented: Vec<Option<SegmentedKeys>>,
}

impl CommitBatch {
    /// An empty batch for a database of `stores` stores.
    pub fn new(stores: usize) -> Self {
        Self {
            stores: (0..stores).map(|_| Writes::default()).collect(),
            offsets: vec![None; stores],
            segmented: vec![None; stores],
        }
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

    /// Exchanges what is pending of a store, with its offset, for what `other` has of its store `number`.
    pub(crate) fn swap_store(&mut self, store: usize, other: &mut Self, number: usize) {
        std::mem::swap(&mut self.stores[store], &mut other.stores[number]);
        std::mem::swap(&mut self.offsets[store], &mut other.offsets[number]);
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
        let all = (Bound::Unbounded, Bound::Unbounded);
        let key = |number| writes.key_of(number);
        // Where nobody scans no order is kept, and this one is not to be kept either.
        let (kept, made) = match writes.ordered.get() {
            Some(ordered) => (Some(ordered.range(all, key)), None),
            None => (None, Some(KeyOrder::of(0..writes.writes.len(), key).into_keys())),
        };
        let numbers = kept.into_iter().flatten().chain(made.into_iter().flatten());
        numbers.map(|number| writes.entry(number))
    }

    /// The pending writes of `store` between two keys, in unsigned byte order of the keys.
    pub(crate) fn range<'a>(
        &'a self,
        store: usize,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> impl DoubleEndedIterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let writes = &self.stores[store];
        let numbers = writes.ordered().range(bounds, |number| writes.key_of(number));
        numbers.map(|number| writes.entry(number))
    }

    /// The pending writes of `store` whose keys lie from `start` to `end`, both included: windows of
    /// one key.
    pub(crate) fn windows<'a>(
        &'a self,
        store: usize,
        (start, end): (&[u8], &[u8]),
        order: ScanOrder,
    ) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let writes = &self.stores[store];
        let key = |number| writes.key_of(number);
        let suffix = self.segmented[store].map_or(0, |keys| keys.suffix);
        let some = (!writes.writes.is_empty()).then(|| writes.grouped(suffix));
        let numbers = some.map(|grouped| grouped.run((start, end), order, key));
        numbers.into_iter().flatten().map(|number| writes.entry(number))
    }

    /// The latest time of the pending windows from `start` to `end`.
    pub(crate) fn latest(&self, store: usize, range: (&[u8], &[u8])) -> Option<i64> {
        let (last, _) = self.windows(store, range, ScanOrder::Reverse).next()?;
        Some(self.segmented[store].map_or(i64::MAX, |keys| keys.time(last)))
    }

    /// Says what the keys of a store of windows look like.
    pub(crate) fn set_segmented(&mut self, store: usize, keys: SegmentedKeys) {
        self.segmented[store] = Some(keys);
    }

    /// How many writes are pending.
    pub fn len(&self) -> usize {
        self.stores.iter().map(|writes| writes.writes.len()).sum()
    }

    /// Bytes held, those that were overwritten too.
    pub fn size(&self) -> usize {
        self.stores.iter().map(|writes| writes.bytes.len()).sum()
    }

    /// Bytes held for a store, those that were overwritten too.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn size_of(&self, store: usize) -> usize {
        self.stores[store].bytes.len()
    }

    /// The changelog offset noted for a store.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn offset(&self, store: usize) -> Option<i64> {
        self.offsets[store]
    }

    /// Drops everything and keeps a moderate amount of memory for what comes next.
    pub fn clear(&mut self) {
        self.stores.iter_mut().for_each(Writes::clear);
        self.offsets.fill(None);
    }
}
