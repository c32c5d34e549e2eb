use hashbrown::HashTable;
use hashbrown::hash_table::{IntoIter, OccupiedEntry};

const SHARDS: usize = 16;

/// A hash table in pieces: none is so large that it takes long to grow or to be given back.
#[derive(Debug)]
pub(crate) struct ShardedTable<T> {
    shards: [HashTable<T>; SHARDS],
}

impl<T> Default for ShardedTable<T> {
    fn default() -> Self {
        Self { shards: [const { HashTable::new() }; SHARDS] }
    }
}

/// Which piece: by bits that no table looks at before it is huge.
fn shard(hash: u32) -> usize {
    (hash >> 20) as usize % SHARDS
}

/// As a table wants it: it looks at the upper bits and at the lower ones.
pub(crate) fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl<T> ShardedTable<T> {
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(HashTable::len).sum()
    }

    pub(crate) fn find(&self, hash: u32, is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.shards[shard(hash)].find(spread(hash), is_it)
    }

    pub(crate) fn find_mut(&mut self, hash: u32, is_it: impl FnMut(&T) -> bool) -> Option<&mut T> {
        self.shards[shard(hash)].find_mut(spread(hash), is_it)
    }

    pub(crate) fn find_entry(
        &mut self,
        hash: u32,
        is_it: impl FnMut(&T) -> bool,
    ) -> Option<OccupiedEntry<'_, T>> {
        self.shards[shard(hash)].find_entry(spread(hash), is_it).ok()
    }

    /// Adds what is not there; `hash_of` gives the hash of anything in the table.
    pub(crate) fn insert_unique(&mut self, hash: u32, new: T, hash_of: impl Fn(&T) -> u32) {
        self.shards[shard(hash)].insert_unique(spread(hash), new, |other| spread(hash_of(other)));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.shards.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.shards.iter_mut().flatten()
    }

    pub(crate) fn clear(&mut self) {
        self.shards.iter_mut().for_each(HashTable::clear);
    }

    /// Takes out all of one piece; `None` when nothing is left.
    pub(crate) fn pop(&mut self) -> Option<IntoIter<T>> {
        let shard = self.shards.iter_mut().find(|shard| shard.capacity() > 0)?;
        Some(std::mem::take(shard).into_iter())
    }
}
