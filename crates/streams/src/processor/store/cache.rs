use std::hash::BuildHasher;

use hashbrown::HashTable;
use millstream_broker::Headers;
use millstream_state::{KeyGroups, ScanOrder};
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::slot_key::SlotKey;
use crate::processor::{CacheBudget, Origin};
use crate::record::Timestamped;

/// So many ages of slots are told apart.
const AGES: usize = 64;

/// One cached key.
#[derive(Debug)]
pub(super) struct Slot<V> {
    pub(super) key: SlotKey,
    /// The live value; `None` when the key has none.
    pub(super) value: Option<Timestamped<V>>,
    /// Of the record of the last write; only meaningful while dirty. Headers are kept apart, as few
    /// records have any.
    offset: i64,
    timestamp: i64,
    source: u32,
    /// Where in the list of dirty slots its last write stands.
    place: u32,
    /// What the slot was accounted with.
    bytes: u32,
    /// The time of its last use, as the cache counts it.
    used: u16,
    pub(super) dirty: bool,
}

/// Live values of a store, written back when flushed: the keys that changed in the order in which
/// they last did. Room is made by those that were not used for longest, about a sixteenth of all at a
/// time: only these are written back, so that what is in use goes on merging its updates.
#[derive(Debug)]
pub(super) struct WriteBackCache<V> {
    slots: Vec<Slot<V>>,
    table: HashTable<u32>,
    /// The slots that were written, one after the other; only the last place of each counts.
    dirty: Vec<u32>,
    /// The slots by the windows of a key, for stores whose operator looks for these.
    grouped: Option<KeyGroups<u32>>,
    /// The headers of the records of the last writes, where they had any.
    headers: FxHashMap<u32, Headers>,
    /// Goes on by one with each sixteenth of the slots that is new.
    time: u16,
    /// New slots since then.
    new: usize,
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
            headers: FxHashMap::default(),
            time: 0,
            new: 0,
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
        self.slots[number as usize].used = self.time;
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
        self.new += 1;
        if self.new > self.slots.len() / 16 {
            (self.time, self.new) = (self.time.wrapping_add(1), 0);
        }
        let number = self.slots.len() as u32;
        self.slots.push(Slot {
            key,
            value,
            offset: 0,
            timestamp: 0,
            source: 0,
            place: 0,
            bytes,
            used: self.time,
            dirty: false,
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

    /// Notes that a record has changed the value of a slot.
    #[inline]
    pub(super) fn mark_dirty(&mut self, number: u32, origin: &Origin) {
        let slot = &mut self.slots[number as usize];
        (slot.source, slot.offset) = (origin.source, origin.offset);
        slot.timestamp = origin.timestamp;
        if !origin.headers.is_empty() {
            self.headers.insert(number, origin.headers.clone());
        } else if !self.headers.is_empty() {
            self.headers.remove(&number);
        }
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

    /// Makes a slot clean; gives the record of its last write.
    pub(super) fn clean(&mut self, number: u32) -> Origin {
        let slot = &mut self.slots[number as usize];
        slot.dirty = false;
        let headers = self.headers.remove(&number).unwrap_or_default();
        Origin { source: slot.source, offset: slot.offset, timestamp: slot.timestamp, headers }
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

    /// The dirty slots that are to go, in the order of their last writes; each is to be cleaned.
    pub(super) fn take_oldest(&mut self) -> Vec<u32> {
        let mut oldest = self.oldest();
        oldest.retain(|number| self.slots[*number as usize].dirty);
        oldest.sort_unstable_by_key(|number| self.slots[*number as usize].place);
        oldest
    }

    /// Drops the slots that are to go, as far as they are clean.
    pub(super) fn evict(&mut self) {
        // From behind: whichever slot takes the place of one that goes is one that stays.
        for number in self.oldest().into_iter().rev() {
            if !self.slots[number as usize].dirty {
                self.remove(number);
            }
        }
    }

    /// The slots whose going would make the budget hold again, with some slack: those that were not
    /// used for longest, in order of their numbers.
    fn oldest(&self) -> Vec<u32> {
        let age = |slot: &Slot<V>| usize::from(self.time.wrapping_sub(slot.used)).min(AGES - 1);
        let mut bytes = [0; AGES];
        self.slots.iter().for_each(|slot| bytes[age(slot)] += slot.bytes as usize);
        // Other stores may share the budget, and are not to be made room for here.
        let wanted = self.budget.excess() + bytes.iter().sum::<usize>() / 16;
        let mut youngest = AGES;
        let mut older = 0;
        while youngest > 0 && older < wanted {
            youngest -= 1;
            older += bytes[youngest];
        }
        // Of the youngest of them only as many go as it takes.
        let mut of_youngest =
            bytes.get(youngest).map_or(0, |last| wanted.min(older) + last - older);
        let mut goes = |slot: &Slot<V>| match age(slot) {
            age if age == youngest && of_youngest > 0 => {
                of_youngest = of_youngest.saturating_sub(slot.bytes as usize);
                true
            }
            age => age > youngest,
        };
        let slots = (0u32..).zip(&self.slots);
        slots.filter_map(|(number, slot)| goes(slot).then_some(number)).collect()
    }

    /// Removes a clean slot; the last one takes its place.
    fn remove(&mut self, number: u32) {
        let last = (self.slots.len() - 1) as u32;
        self.repoint(number, None);
        if last != number {
            self.repoint(last, Some(number));
            let moved = &self.slots[last as usize];
            if moved.dirty {
                self.dirty[moved.place as usize] = number;
            }
            if let Some(headers) = self.headers.remove(&last) {
                self.headers.insert(number, headers);
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
        self.headers.clear();
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
