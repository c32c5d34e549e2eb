use std::hash::BuildHasher;

use hashbrown::HashTable;
use millstream_state::{KeyGroups, ScanOrder};
use rustc_hash::FxBuildHasher;

use super::slot_key::SlotKey;
use crate::processor::{CacheBudget, Origin};
use crate::record::Timestamped;

/// One cached key.
#[derive(Debug)]
pub(super) struct Slot<V> {
    pub(super) key: SlotKey,
    /// The live value; `None` when the key has none.
    pub(super) value: Option<Timestamped<V>>,
    /// The record of the last write; only meaningful while dirty.
    pub(super) origin: Origin,
    pub(super) dirty: bool,
    /// Where in the list of dirty slots its last write stands.
    place: u32,
    /// Used since the clock hand came by.
    referenced: bool,
    /// What the slot was accounted with.
    bytes: u32,
}

/// Live values of a store, written back when flushed: the keys that changed in the order in which
/// they last did. Room is made by the clock algorithm, and clean slots only.
#[derive(Debug)]
pub(super) struct WriteBackCache<V> {
    slots: Vec<Slot<V>>,
    table: HashTable<u32>,
    /// The slots that were written, one after the other; only the last place of each counts.
    dirty: Vec<u32>,
    /// The slots by the windows of a key, for stores whose operator looks for these.
    grouped: Option<KeyGroups<u32>>,
    hand: usize,
    budget: CacheBudget,
}

impl<V> WriteBackCache<V> {
    /// An empty one. `suffix` is what tells the windows of a key apart where these are looked for.
    pub(super) fn new(budget: CacheBudget, suffix: Option<usize>) -> Self {
        Self {
            slots: Vec::new(),
            table: HashTable::new(),
            dirty: Vec::new(),
            grouped: suffix.map(KeyGroups::new),
            hand: 0,
            budget,
        }
    }

    /// The slots from `start` to `end`, both included, which are windows of one key; clean ones too,
    /// in byte order of the keys. Only in a cache that keeps groups.
    pub(super) fn windows(
        &self,
        range: (&[u8], &[u8]),
        order: ScanOrder,
    ) -> impl Iterator<Item = &Slot<V>> + use<'_, V> {
        let key = |number: u32| &*self.slots[number as usize].key;
        let numbers = self.grouped.as_ref().map(|grouped| grouped.run(range, order, key));
        numbers.into_iter().flatten().map(|number| &self.slots[number as usize])
    }

    #[inline]
    pub(super) fn find(&mut self, key: &[u8]) -> Option<u32> {
        let slots = &self.slots;
        let number = *self.table.find(hash(key), |slot| &*slots[*slot as usize].key == key)?;
        self.slots[number as usize].referenced = true;
        Some(number)
    }

    /// Adds a key that is not there; `value_bytes` is the size of its encoded value, if known.
    pub(super) fn insert(
        &mut self,
        key_bytes: &[u8],
        value: Option<Timestamped<V>>,
        value_bytes: usize,
    ) -> u32 {
        let key = SlotKey::from(key_bytes);
        let bytes = accounted::<V>(&key, value_bytes);
        self.budget.grow(bytes as usize);
        let number = self.slots.len() as u32;
        self.slots.push(Slot {
            key,
            value,
            origin: Origin::default(),
            dirty: false,
            place: 0,
            referenced: true,
            bytes,
        });
        let slots = &self.slots;
        if let Some(grouped) = &mut self.grouped {
            grouped.insert(key_bytes, number, |number| &slots[number as usize].key);
        }
        self.table.insert_unique(hash(key_bytes), number, |slot| hash(&slots[*slot as usize].key));
        number
    }

    /// Accounts for a value whose encoded size has become known.
    pub(super) fn resize(&mut self, number: u32, value_bytes: usize) {
        let slot = &mut self.slots[number as usize];
        let bytes = accounted::<V>(&slot.key, value_bytes);
        let before = std::mem::replace(&mut slot.bytes, bytes);
        self.budget.shrink(before as usize);
        self.budget.grow(bytes as usize);
    }

    #[inline]
    pub(super) fn slot(&mut self, number: u32) -> &mut Slot<V> {
        &mut self.slots[number as usize]
    }

    #[inline]
    pub(super) fn mark_dirty(&mut self, number: u32) {
        let slot = &self.slots[number as usize];
        if slot.dirty && slot.place as usize + 1 == self.dirty.len() {
            return;
        }
        if self.dirty.len() > 2 * self.slots.len() {
            self.compact();
        }
        let slot = &mut self.slots[number as usize];
        (slot.dirty, slot.place) = (true, self.dirty.len() as u32);
        self.dirty.push(number);
    }

    /// Leaves out the places of slots that were written again.
    fn compact(&mut self) {
        self.dirty = self.places().collect();
        for (place, number) in self.dirty.iter().enumerate() {
            self.slots[*number as usize].place = place as u32;
        }
    }

    /// The numbers of the dirty slots, in the order of their last writes.
    fn places(&self) -> impl Iterator<Item = u32> {
        let places = self.dirty.iter().enumerate();
        places.filter_map(|(place, number)| {
            let slot = self.slots.get(*number as usize)?;
            (slot.dirty && slot.place as usize == place).then_some(*number)
        })
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The dirty slots, in the order of their last writes.
    pub(super) fn dirty(&self) -> impl Iterator<Item = &Slot<V>> {
        self.places().map(|number| &self.slots[number as usize])
    }

    /// The dirty slots of a cache that keeps no groups.
    pub(super) fn ungrouped_dirty(&self) -> impl Iterator<Item = &Slot<V>> {
        self.grouped.is_none().then(|| self.dirty()).into_iter().flatten()
    }

    /// Takes the list of dirty slots; each is to be cleaned.
    pub(super) fn take_dirty(&mut self) -> Vec<u32> {
        let dirty = self.places().collect();
        self.dirty.clear();
        dirty
    }

    /// Whether the thread's caches hold more than they may.
    #[inline]
    pub(super) fn is_over_budget(&self) -> bool {
        self.budget.excess() > 0
    }

    /// Drops clean slots that were not used lately until the budget holds again, with a quarter of
    /// slack: the larger it is, the fewer flushes there are where more is in use than there is room.
    pub(super) fn evict(&mut self) {
        let mut excess = self.budget.excess() + self.budget.limit() / 4;
        let mut visits = self.slots.len() * 2;
        while excess > 0 && visits > 0 && !self.slots.is_empty() {
            visits -= 1;
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let slot = &mut self.slots[self.hand];
            if slot.dirty {
                self.hand += 1;
            } else if slot.referenced {
                slot.referenced = false;
                self.hand += 1;
            } else {
                excess = excess.saturating_sub(slot.bytes as usize);
                self.remove(self.hand as u32);
            }
        }
    }

    /// Removes a clean slot; the last one takes its place.
    fn remove(&mut self, number: u32) {
        let last = (self.slots.len() - 1) as u32;
        self.repoint(number, None);
        if last != number {
            self.repoint(last, Some(number));
            if self.slots[last as usize].dirty {
                self.dirty.iter_mut().filter(|slot| **slot == last).for_each(|slot| *slot = number);
            }
        }
        let slot = self.slots.swap_remove(number as usize);
        self.budget.shrink(slot.bytes as usize);
    }

    fn repoint(&mut self, number: u32, to: Option<u32>) {
        let key = &self.slots[number as usize].key;
        let hash = hash(key);
        if let Some(grouped) = &mut self.grouped {
            let key_of = |number: u32| &*self.slots[number as usize].key;
            match to {
                Some(to) => grouped.replace(key, to, key_of),
                None => grouped.remove(key, key_of),
            }
        }
        if let Ok(mut entry) = self.table.find_entry(hash, |slot| *slot == number) {
            match to {
                Some(to) => *entry.get_mut() = to,
                None => {
                    entry.remove();
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.budget.shrink(self.slots.iter().map(|slot| slot.bytes as usize).sum());
        self.slots.clear();
        self.table.clear();
        self.dirty.clear();
        self.grouped.as_mut().map(KeyGroups::clear);
        self.hand = 0;
    }
}

impl<V> Drop for WriteBackCache<V> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What an entry counts against the budget.
fn accounted<V>(key: &SlotKey, value_bytes: usize) -> u32 {
    // The value lies in the slot; what is written of it tells what it has beside.
    let outside = key.outside() + value_bytes.saturating_sub(size_of::<Timestamped<V>>());
    let bytes = size_of::<Slot<V>>() + 2 * size_of::<u32>() + outside;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[inline]
fn hash(key: &[u8]) -> u64 {
    FxBuildHasher.hash_one(key)
}
