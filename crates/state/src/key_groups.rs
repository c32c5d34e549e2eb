//! Keys in groups, such as the windows of a key.

use std::hash::BuildHasher;
use std::ops::Bound;

use hashbrown::hash_table::IntoIter;
use rustc_hash::FxBuildHasher;

use crate::batch::first_bytes;
use crate::sharded_table::ShardedTable;
use crate::{KeyOrder, KeyRun, ScanOrder};

/// From so many keys on a group is kept as large orders are.
const MANY: usize = 256;

/// Keys in groups that have all but their last bytes in common; the keys of a group are in unsigned
/// byte order. To find a group costs the same however many there are: less than to find a place in
/// the order of all keys. Each key is known by what leads to its bytes (`N`), as in [`KeyOrder`].
#[derive(Debug)]
pub struct KeyGroups<N: Copy> {
    suffix: usize,
    groups: ShardedTable<Group<N>>,
    /// Groups that are given back bit by bit.
    going: Option<IntoIter<Group<N>>>,
}

#[derive(Debug)]
struct Group<N: Copy> {
    hash: u32,
    members: Members<N>,
}

#[derive(Debug)]
enum Members<N: Copy> {
    /// As most are where keys are many: takes nothing outside of the table.
    One(N),
    Few(Vec<Member<N>>),
    /// By what is a key's own alone: the first bytes are what an order compares at little cost.
    Many(Box<KeyOrder<N>>),
}

/// A key of a group.
#[derive(Clone, Copy, Debug)]
struct Member<N> {
    /// The first bytes of those that tell the keys of a group apart, as a number that compares as they
    /// do: nearly all comparisons end here.
    beginning: u64,
    at: N,
}

impl<N: Copy> Member<N> {
    fn new(suffix: usize, key: &[u8], at: N) -> Self {
        Self { beginning: beginning(suffix, key), at }
    }
}

/// The bytes that tell a key apart from the others of its group.
fn own(suffix: usize, key: &[u8]) -> &[u8] {
    &key[group(suffix, key).len()..]
}

/// The first of the bytes that tell the keys of a group apart, as a number.
pub(crate) fn beginning(suffix: usize, key: &[u8]) -> u64 {
    first_bytes(own(suffix, key))
}

/// What the keys of a group have in common.
pub(crate) fn group(suffix: usize, key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(suffix)]
}

impl<N: Copy> Members<N> {
    /// One of the keys; a group is never empty.
    fn any(&self) -> Option<N> {
        match self {
            Self::One(at) => Some(*at),
            Self::Few(few) => few.first().map(|member| member.at),
            Self::Many(many) => many.first(),
        }
    }

    fn insert<'k>(&mut self, suffix: usize, new: &[u8], at: N, key: impl Fn(N) -> &'k [u8]) {
        if let Self::One(one) = self {
            *self = Self::Few(vec![Member::new(suffix, key(*one), *one)]);
        }
        match self {
            Self::One(_) => {}
            Self::Few(few) => {
                let member = Member::new(suffix, new, at);
                let place = place(few, member.beginning, new, &key).unwrap_or_else(|place| place);
                few.insert(place, member);
                if few.len() >= MANY {
                    let all = few.iter().map(|member| member.at);
                    let many = KeyOrder::of(all, |at| own(suffix, key(at)));
                    *self = Self::Many(Box::new(many));
                }
            }
            Self::Many(many) => many.insert(own(suffix, new), at, |at| own(suffix, key(at))),
        }
    }

    /// Takes a key out, if it is there; says whether none is left.
    fn remove<'k>(&mut self, suffix: usize, old: &[u8], key: impl Fn(N) -> &'k [u8]) -> bool {
        match self {
            Self::One(at) => key(*at) == old,
            Self::Few(few) => {
                if let Ok(place) = place(few, beginning(suffix, old), old, &key) {
                    few.remove(place);
                }
                few.is_empty()
            }
            Self::Many(many) => {
                many.remove(own(suffix, old), |at| own(suffix, key(at)));
                many.is_empty()
            }
        }
    }
}

/// Where a key stands among few, or would stand.
fn place<'k, N: Copy>(
    few: &[Member<N>],
    beginning: u64,
    wanted: &[u8],
    key: &impl Fn(N) -> &'k [u8],
) -> Result<usize, usize> {
    few.binary_search_by(|member| {
        member.beginning.cmp(&beginning).then_with(|| key(member.at).cmp(wanted))
    })
}

impl<N: Copy> KeyGroups<N> {
    /// No keys; their last `suffix` bytes are those in which the keys of a group differ.
    pub fn new(suffix: usize) -> Self {
        Self { suffix, groups: ShardedTable::default(), going: None }
    }

    /// The groups of many keys at once.
    pub fn of<'k>(
        suffix: usize,
        all: impl Iterator<Item = N>,
        key: impl Fn(N) -> &'k [u8],
    ) -> Self {
        let mut groups = Self::new(suffix);
        all.for_each(|at| groups.insert(key(at), at, &key));
        groups
    }

    /// Adds a key that is not there.
    pub fn insert<'k>(&mut self, new: &[u8], at: N, key: impl Fn(N) -> &'k [u8]) {
        let hash = self.hash(new);
        let suffix = self.suffix;
        match self.find_mut(hash, new, &key) {
            None => {
                let group = Group { hash, members: Members::One(at) };
                self.groups.insert_unique(hash, group, |group| group.hash);
            }
            Some(members) => members.insert(suffix, new, at, key),
        }
    }

    /// Takes a key out, if it is there.
    pub fn remove<'k>(&mut self, old: &[u8], key: impl Fn(N) -> &'k [u8]) {
        let hash = self.hash(old);
        let is_group = Self::is_group(self.suffix, hash, old, &key);
        let Some(mut entry) = self.groups.find_entry(hash, is_group) else { return };
        if entry.get_mut().members.remove(self.suffix, old, key) {
            entry.remove();
        }
    }

    /// Has a key that is there be found elsewhere from now on.
    pub fn replace<'k>(&mut self, moved: &[u8], at: N, key: impl Fn(N) -> &'k [u8]) {
        let (hash, suffix) = (self.hash(moved), self.suffix);
        let member = Member::new(suffix, moved, at);
        match self.find_mut(hash, moved, &key) {
            Some(Members::Many(many)) => {
                many.replace(own(suffix, moved), at, |at| own(suffix, key(at)));
            }
            Some(Members::One(one)) if key(*one) == moved => *one = at,
            Some(Members::Few(few)) => {
                if let Ok(place) = place(few, member.beginning, moved, &key) {
                    few[place] = member;
                }
            }
            Some(Members::One(_)) | None => {}
        }
    }

    /// The keys from `start` to `end`, both included, which are of one group.
    pub fn run<'a, 'k>(
        &'a self,
        (start, end): (&[u8], &[u8]),
        order: ScanOrder,
        key: impl Fn(N) -> &'k [u8],
    ) -> GroupRun<'a, N> {
        let hash = self.hash(start);
        let is_group = Self::is_group(self.suffix, hash, start, &key);
        let run = match self.groups.find(hash, is_group).map(|group| &group.members) {
            Some(Members::Many(many)) => {
                let bound = |key| Bound::Included(own(self.suffix, key));
                Run::Many(many.range((bound(start), bound(end)), |at| own(self.suffix, key(at))))
            }
            Some(Members::Few(few)) => {
                let place = |wanted| place(few, beginning(self.suffix, wanted), wanted, &key);
                let first = place(start).unwrap_or_else(|place| place);
                let behind = place(end).map_or_else(|place| place, |place| place + 1);
                Run::Few(few.get(first..behind).unwrap_or_default().iter())
            }
            Some(Members::One(at)) => {
                Run::One(Some(*at).filter(|at| (start..=end).contains(&key(*at))))
            }
            None => Run::One(None),
        };
        GroupRun { run, order }
    }

    /// Drops keys, about so many; says how many. Nothing may be asked or added any more.
    pub fn shed(&mut self, most: usize) -> usize {
        let mut shed = 0;
        while shed < most {
            if self.going.as_ref().is_none_or(|going| going.len() == 0) {
                self.going = self.groups.pop();
            }
            let Some(going) = &mut self.going else { break };
            shed += going.take(most - shed).count();
        }
        shed
    }

    /// Drops all keys.
    pub fn clear(&mut self) {
        self.groups.clear();
    }

    fn hash(&self, key: &[u8]) -> u32 {
        (FxBuildHasher.hash_one(group(self.suffix, key)) >> 32) as u32
    }

    fn is_group<'k>(
        suffix: usize,
        hash: u32,
        wanted: &[u8],
        key: &impl Fn(N) -> &'k [u8],
    ) -> impl Fn(&Group<N>) -> bool {
        move |group| {
            group.hash == hash
                && group
                    .members
                    .any()
                    .is_some_and(|at| self::group(suffix, key(at)) == self::group(suffix, wanted))
        }
    }

    fn find_mut<'k>(
        &mut self,
        hash: u32,
        wanted: &[u8],
        key: &impl Fn(N) -> &'k [u8],
    ) -> Option<&mut Members<N>> {
        let is_group = Self::is_group(self.suffix, hash, wanted, key);
        self.groups.find_mut(hash, is_group).map(|group| &mut group.members)
    }
}

/// Keys of a group, in the order asked for.
#[derive(Debug)]
pub struct GroupRun<'a, N> {
    run: Run<'a, N>,
    order: ScanOrder,
}

#[derive(Debug)]
enum Run<'a, N> {
    One(Option<N>),
    Few(std::slice::Iter<'a, Member<N>>),
    Many(KeyRun<'a, N>),
}

impl<N: Copy> Iterator for GroupRun<'_, N> {
    type Item = N;

    fn next(&mut self) -> Option<N> {
        match (&mut self.run, self.order) {
            (Run::One(one), _) => one.take(),
            (Run::Few(few), ScanOrder::Forward) => few.next().map(|member| member.at),
            (Run::Few(few), ScanOrder::Reverse) => few.next_back().map(|member| member.at),
            (Run::Many(many), ScanOrder::Forward) => many.next(),
            (Run::Many(many), ScanOrder::Reverse) => many.next_back(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn reads_like_a_sorted_map_of_each_group() {
        // Groups of all sizes: key n has as many windows as the numbers it is drawn for.
        let keys: Vec<Vec<u8>> = (0..4000u64)
            .map(|n| {
                let group = vec![7; (n.leading_zeros() % 12) as usize];
                [&group[..], &(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes()].concat()
            })
            .collect();
        let key = |at: u32| &*keys[at as usize];
        let mut groups = KeyGroups::new(8);
        let mut model: BTreeMap<&[u8], u32> = BTreeMap::new();
        let mut random = 1u64;
        for step in 0..60_000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let at = (random >> 33) as u32 % 4000;
            if (random >> 20) % 10 < if step < 30_000 { 7 } else { 3 } {
                if model.insert(key(at), at).is_none() {
                    groups.insert(key(at), at, key);
                }
            } else {
                model.remove(key(at));
                groups.remove(key(at), key);
            }
            if step % 50 == 0 {
                let of = group(8, key(at));
                let (from, to) = ([of, &[40; 8]].concat(), [of, &[200; 8]].concat());
                let of_group =
                    model.range::<[u8], _>((Bound::Included(&from[..]), Bound::Included(&to[..])));
                let mut wanted: Vec<u32> = of_group
                    .filter(|(key, _)| key.len() == from.len())
                    .map(|(_, at)| *at)
                    .collect();
                let run = |order| groups.run((&from, &to), order, key).collect::<Vec<_>>();
                assert_eq!(run(ScanOrder::Forward), wanted);
                wanted.reverse();
                assert_eq!(run(ScanOrder::Reverse), wanted);
            }
        }
        let group_count = groups.groups.len();
        assert_eq!(groups.shed(1) + groups.shed(usize::MAX), group_count);
    }

    #[test]
    fn a_key_moves() {
        let mut keys = [*b"a1", *b"a2", *b"b1"];
        let mut groups = KeyGroups::new(1);
        for at in 0..3usize {
            groups.insert(&keys[at].clone(), at, |at| &keys[at]);
        }
        keys = [*b"b1", *b"a2", *b"b1"];
        groups.replace(b"b1", 0, |at| &keys[at]);
        let run = groups.run((b"b0", b"b9"), ScanOrder::Forward, |at| &keys[at]);
        assert_eq!(run.collect::<Vec<_>>(), [0]);
    }
}
