//! The byte order of keys that lie elsewhere.

use std::cmp::Ordering;
use std::ops::Bound;

/// Entries of a full block; it is then divided in two.
const BLOCK: usize = 128;

/// The first sixteen bytes of a key, as numbers that compare as they do: most comparisons end here.
type Beginning = (u64, u64);

#[derive(Clone, Copy, Debug)]
struct Entry<N> {
    beginning: Beginning,
    at: N,
}

/// Keys in unsigned byte order, each known by what leads to its bytes (`N`), so that a key costs no
/// allocation of its own and a large order is dropped in next to no time. Whoever asks says how to
/// get from `N` to the key: always the same key.
#[derive(Clone, Debug)]
pub struct KeyOrder<N> {
    /// None is empty.
    blocks: Vec<Vec<Entry<N>>>,
    /// The first entry of each block.
    firsts: Vec<Entry<N>>,
}

impl<N> Default for KeyOrder<N> {
    fn default() -> Self {
        Self { blocks: Vec::new(), firsts: Vec::new() }
    }
}

/// A place in an order: the block, and the entry in it.
type Position = (usize, usize);

fn beginning(key: &[u8]) -> Beginning {
    let mut bytes = [0; 16];
    let len = key.len().min(16);
    bytes[..len].copy_from_slice(&key[..len]);
    let both = u128::from_be_bytes(bytes);
    ((both >> 64) as u64, both as u64)
}

impl<N: Copy> KeyOrder<N> {
    /// The order of many keys at once.
    pub fn of<'k>(all: impl Iterator<Item = N>, key: impl Fn(N) -> &'k [u8]) -> Self {
        let entry = |at| Entry { beginning: beginning(key(at)), at };
        let mut entries: Vec<Entry<N>> = all.map(entry).collect();
        entries.sort_unstable_by(|a, b| {
            a.beginning.cmp(&b.beginning).then_with(|| key(a.at).cmp(key(b.at)))
        });
        let blocks: Vec<Vec<_>> = entries.chunks(BLOCK / 2).map(<[_]>::to_vec).collect();
        let firsts = blocks.iter().filter_map(|block| block.first().copied()).collect();
        Self { blocks, firsts }
    }

    /// Adds a key that is not there.
    pub fn insert<'k>(&mut self, new: &[u8], at: N, key: impl Fn(N) -> &'k [u8]) {
        let entry = Entry { beginning: beginning(new), at };
        let Some(number) = self.block_of(new, &key) else {
            self.blocks.insert(0, Vec::with_capacity(BLOCK));
            self.blocks[0].push(entry);
            self.firsts.insert(0, entry);
            return;
        };
        let place = place(&self.blocks[number], new, false, &key);
        let block = &mut self.blocks[number];
        block.insert(place, entry);
        if place == 0 {
            self.firsts[number] = entry;
        }
        if block.len() < BLOCK {
            return;
        }
        // Behind the last key there is more to come: its block is left nearly full.
        let is_end = place + 1 == block.len();
        let cut = if is_end { block.len() - 1 } else { block.len() / 2 };
        let mut upper = Vec::with_capacity(BLOCK);
        upper.extend(block.drain(cut..));
        self.firsts.insert(number + 1, upper[0]);
        self.blocks.insert(number + 1, upper);
    }

    /// Takes a key out, if it is there.
    pub fn remove<'k>(&mut self, old: &[u8], key: impl Fn(N) -> &'k [u8]) {
        let Some((number, place)) = self.find(old, &key) else { return };
        let block = &mut self.blocks[number];
        block.remove(place);
        if block.is_empty() {
            self.blocks.remove(number);
            self.firsts.remove(number);
        } else if place == 0 {
            self.firsts[number] = block[0];
        }
    }

    /// Has a key that is there be found elsewhere from now on.
    pub fn replace<'k>(&mut self, moved: &[u8], at: N, key: impl Fn(N) -> &'k [u8]) {
        if let Some((number, place)) = self.find(moved, &key) {
            self.blocks[number][place].at = at;
            if place == 0 {
                self.firsts[number].at = at;
            }
        }
    }

    /// Changes where every key is found, the keys staying in order.
    pub fn replace_all(&mut self, mut moved: impl FnMut(N) -> N) {
        for (block, first) in self.blocks.iter_mut().zip(&mut self.firsts) {
            block.iter_mut().for_each(|entry| entry.at = moved(entry.at));
            first.at = block[0].at;
        }
    }

    /// The keys between two bounds, in order, from both ends.
    pub fn range<'a, 'k>(
        &'a self,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        key: impl Fn(N) -> &'k [u8],
    ) -> KeyRun<'a, N> {
        let front = match bounds.0 {
            Bound::Unbounded => (0, 0),
            Bound::Included(start) => self.position(start, false, &key),
            Bound::Excluded(start) => self.position(start, true, &key),
        };
        let back = match bounds.1 {
            Bound::Unbounded => (self.blocks.len(), 0),
            Bound::Included(end) => self.position(end, true, &key),
            Bound::Excluded(end) => self.position(end, false, &key),
        };
        KeyRun { blocks: &self.blocks, front, back }
    }

    /// The first of all keys.
    pub fn first(&self) -> Option<N> {
        self.firsts.first().map(|first| first.at)
    }

    /// All keys, in order.
    pub fn into_keys(self) -> impl Iterator<Item = N> {
        self.blocks.into_iter().flatten().map(|entry| entry.at)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Drops keys at the end, about so many; says how many.
    pub fn shed(&mut self, most: usize) -> usize {
        let mut shed = 0;
        while shed < most
            && let Some(block) = self.blocks.pop()
        {
            self.firsts.pop();
            shed += block.len();
        }
        shed
    }

    /// Drops all keys.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.firsts.clear();
    }

    /// The block whose keys begin at or before `wanted`; the first one when none does.
    fn block_of<'k>(&self, wanted: &[u8], key: &impl Fn(N) -> &'k [u8]) -> Option<usize> {
        let before = place(&self.firsts, wanted, true, key);
        (!self.blocks.is_empty()).then(|| before.saturating_sub(1))
    }

    /// Where the keys from `wanted` on begin, or those behind it.
    fn position<'k>(&self, wanted: &[u8], behind: bool, key: &impl Fn(N) -> &'k [u8]) -> Position {
        let Some(number) = self.block_of(wanted, key) else { return (0, 0) };
        let place = place(&self.blocks[number], wanted, behind, key);
        if place == self.blocks[number].len() { (number + 1, 0) } else { (number, place) }
    }

    fn find<'k>(&self, wanted: &[u8], key: &impl Fn(N) -> &'k [u8]) -> Option<Position> {
        let (number, place) = self.position(wanted, false, key);
        let found = self.blocks.get(number)?.get(place)?;
        (key(found.at) == wanted).then_some((number, place))
    }
}

/// How many entries come before `wanted`, that one included when it is to be `behind`.
fn place<'k, N: Copy>(
    entries: &[Entry<N>],
    wanted: &[u8],
    behind: bool,
    key: &impl Fn(N) -> &'k [u8],
) -> usize {
    let start = beginning(wanted);
    entries.partition_point(|entry| {
        match entry.beginning.cmp(&start).then_with(|| key(entry.at).cmp(wanted)) {
            Ordering::Less => true,
            Ordering::Equal => behind,
            Ordering::Greater => false,
        }
    })
}

/// The keys of a range, in order, from both ends: from `front` to `back`, that one excluded.
#[derive(Debug)]
pub struct KeyRun<'a, N> {
    blocks: &'a [Vec<Entry<N>>],
    front: Position,
    back: Position,
}

impl<N: Copy> Iterator for KeyRun<'_, N> {
    type Item = N;

    fn next(&mut self) -> Option<N> {
        if self.front >= self.back {
            return None;
        }
        let (number, place) = self.front;
        let block = self.blocks.get(number)?;
        self.front = if place + 1 < block.len() { (number, place + 1) } else { (number + 1, 0) };
        Some(block.get(place)?.at)
    }
}

impl<N: Copy> DoubleEndedIterator for KeyRun<'_, N> {
    fn next_back(&mut self) -> Option<N> {
        if self.front >= self.back {
            return None;
        }
        let (number, place) = self.back;
        self.back = match place.checked_sub(1) {
            Some(place) => (number, place),
            None => (number - 1, self.blocks.get(number - 1)?.len() - 1),
        };
        Some(self.blocks.get(self.back.0)?.get(self.back.1)?.at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn reads_like_a_sorted_map() {
        let keys: Vec<Vec<u8>> = (0..3000u64)
            .map(|n| {
                let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
                [&[0; 15][..(n % 16) as usize], &mixed[..(n % 7) as usize], &n.to_be_bytes()]
                    .concat()
            })
            .collect();
        let key = |at: u32| &*keys[at as usize];
        let mut order = KeyOrder::of(0..100u32, key);
        let mut model: BTreeMap<&[u8], u32> = (0..100).map(|n| (key(n), n)).collect();
        let mut random = 1u64;
        for step in 0..30_000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let at = (random >> 33) as u32 % 3000;
            // First it grows, then it shrinks.
            if (random >> 20) % 10 < if step < 15_000 { 7 } else { 3 } {
                if model.insert(key(at), at).is_none() {
                    order.insert(key(at), at, key);
                }
            } else {
                model.remove(key(at));
                order.remove(key(at), key);
            }
            if step % 100 == 0 {
                let (from, to) = (key(at), key((at + 1000) % 3000));
                let (from, to) = (from.min(to), from.max(to));
                for bounds in [
                    (Bound::Included(from), Bound::Included(to)),
                    (Bound::Excluded(from), Bound::Excluded(to)),
                    (Bound::Unbounded, Bound::Included(from)),
                    (Bound::Excluded(from), Bound::Unbounded),
                ] {
                    if from == to {
                        continue;
                    }
                    let wanted: Vec<u32> =
                        model.range::<[u8], _>(bounds).map(|(_, n)| *n).collect();
                    assert_eq!(order.range(bounds, key).collect::<Vec<_>>(), wanted);
                    let mut back: Vec<u32> = order.range(bounds, key).rev().collect();
                    back.reverse();
                    assert_eq!(back, wanted);
                }
                assert_eq!((order.len(), order.is_empty()), (model.len(), model.is_empty()));
            }
        }
        order.replace_all(|at| at);
        order.replace(key(7), 7, key);
        order.clear();
        assert!(order.is_empty());
    }
}
