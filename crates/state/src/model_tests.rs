//! Every database reads like a sorted map with a savepoint.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{
    Database, KeyRange, MemoryBackend, MemoryDatabase, Overlay, RestoreBatch, ScanOrder,
    SegmentedKeys, StateBackend, open_stores,
};

/// The only store of its database.
const ALONE: (usize, usize) = (0, 1);

/// What is done, to which key, with which value.
type Step = (u8, Vec<u8>, u8);

/// The entries of a store in a range.
fn entries(
    overlay: &Overlay,
    store: usize,
    range: &KeyRange,
    order: ScanOrder,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    overlay
        .scan(store, range, order)
        .map(|entry| entry.map(|(k, v)| (k.into_owned(), v.into_owned())).unwrap())
        .collect()
}

/// Does `steps` with one store of an empty database and with a map, and compares; `store` is its number,
/// of so many.
fn reads_like_a_map(
    database: Box<dyn Database>,
    (store, stores): (usize, usize),
    steps: Vec<Step>,
    ranges: &[KeyRange],
) -> Result<(), TestCaseError> {
    let mut overlay = Overlay::new(database, stores);
    let mut committed = BTreeMap::new();
    let mut model = committed.clone();
    let mut offset = None;
    for (step, key, value) in steps {
        match step {
            0 => {
                offset = Some(offset.unwrap_or(0) + 1);
                overlay.set_changelog_offset(store, offset.unwrap());
                overlay.commit().unwrap();
                committed = model.clone();
            }
            1 => {
                overlay.abort();
                model = committed.clone();
            }
            2..=4 => {
                overlay.write(store, &key, None);
                model.remove(&key);
            }
            5 => {
                // A restore has nothing pending in front of it.
                overlay.abort();
                let mut records = RestoreBatch::default();
                let deleted: &[u8] = &[1];
                records.push(&key, Some(&[b"over", b"written"]));
                records.push(deleted, None);
                records.push(&key, Some(&[&[value], b"restored"]));
                offset = Some(offset.unwrap_or(0) + 3);
                overlay.restore(store, &mut records, offset.unwrap()).unwrap();
                assert!(records.is_empty());
                assert_eq!(overlay.changelog_offset(store), offset);
                overlay.persist(7, value.is_multiple_of(2)).unwrap();
                committed.remove(deleted);
                committed.insert(key.clone(), [&[value], &b"restored"[..]].concat());
                model = committed.clone();
            }
            6 => {
                overlay.persist(7, value.is_multiple_of(16)).unwrap();
            }
            7 if value < 32 => {
                overlay.reset(store).unwrap();
                (committed, offset) = (BTreeMap::new(), None);
                model = committed.clone();
            }
            _ => {
                overlay.write(store, &key, Some(&[value]));
                model.insert(key.clone(), vec![value]);
            }
        }
        prop_assert_eq!(overlay.changelog_offset(store), offset);
        prop_assert_eq!(
            overlay.get(store, &key).unwrap().map(Cow::into_owned),
            model.get(&key).cloned()
        );
        for range in ranges {
            let mut expected: Vec<_> =
                model.clone().into_iter().filter(|(k, _)| range.contains(k)).collect();
            prop_assert_eq!(entries(&overlay, store, range, ScanOrder::Forward), expected.clone());
            expected.reverse();
            prop_assert_eq!(entries(&overlay, store, range, ScanOrder::Reverse), expected);
        }
    }
    others_are_empty(&overlay, store, stores)
}

fn others_are_empty(overlay: &Overlay, store: usize, stores: usize) -> Result<(), TestCaseError> {
    for other in (0..stores).filter(|other| *other != store) {
        prop_assert_eq!(entries(overlay, other, &KeyRange::all(), ScanOrder::Forward), []);
        prop_assert_eq!(overlay.changelog_offset(other), None);
    }
    Ok(())
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![0u8..3, Just(255)], 0..3)
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0u8..14, key(), any::<u8>()), 0..most)
}

fn ranges() -> impl Strategy<Value = Vec<KeyRange>> {
    let bound = || {
        prop_oneof![
            Just(std::ops::Bound::Unbounded),
            key().prop_map(std::ops::Bound::Included),
            key().prop_map(std::ops::Bound::Excluded),
        ]
    };
    (key(), bound(), bound()).prop_map(|(prefix, start, end)| {
        vec![KeyRange::all(), KeyRange::prefix(&prefix), KeyRange { start, end }]
    })
}

/// A key of a store with segments: the number of its segment, then the rest.
fn in_segment(key: &[u8]) -> Vec<u8> {
    let segment = u64::from(key.first().copied().unwrap_or(0) % 4);
    [&segment.to_be_bytes(), key].concat()
}

/// As [`reads_like_a_map`], for a store with segments that are dropped now and then.
fn segments_read_like_a_map(
    database: Box<dyn Database>,
    (store, stores): (usize, usize),
    steps: Vec<Step>,
    ranges: &[KeyRange],
) -> Result<(), TestCaseError> {
    let mut overlay = Overlay::new(database, stores);
    overlay.set_segmented(store, SegmentedKeys { interval: 1, suffix: 0 });
    let mut committed = BTreeMap::new();
    let mut model: BTreeMap<Vec<u8>, Vec<u8>> = committed.clone();
    for (step, key, value) in steps {
        let key = in_segment(&key);
        match step {
            0 | 1 => {
                overlay.commit().unwrap();
                committed = model.clone();
            }
            2 => {
                overlay.abort();
                model = committed.clone();
            }
            3 | 4 => {
                overlay.commit().unwrap();
                let first = u64::from(value % 4);
                overlay.drop_segments(store, first).unwrap();
                model.retain(|key, _| *key >= first.to_be_bytes().to_vec());
                committed = model.clone();
            }
            5 | 6 => {
                overlay.write(store, &key, None);
                model.remove(&key);
            }
            _ => {
                overlay.write(store, &key, Some(&[value]));
                model.insert(key.clone(), vec![value]);
            }
        }
        let found = overlay.get(store, &key).unwrap().map(Cow::into_owned);
        prop_assert_eq!(found, model.get(&key).cloned());
        for range in ranges {
            let segment = |bound: &std::ops::Bound<Vec<u8>>| bound.clone().map(|k| in_segment(&k));
            let range = KeyRange { start: segment(&range.start), end: segment(&range.end) };
            let mut expected: Vec<_> =
                model.clone().into_iter().filter(|(k, _)| range.contains(k)).collect();
            prop_assert_eq!(entries(&overlay, store, &range, ScanOrder::Forward), expected.clone());
            expected.reverse();
            prop_assert_eq!(entries(&overlay, store, &range, ScanOrder::Reverse), expected);
        }
    }
    others_are_empty(&overlay, store, stores)
}

/// A database whose stores lie alternately in the one backend and the other.
fn routed(backends: [&dyn StateBackend; 2]) -> Box<dyn Database> {
    let stores = ["a", "b", "c", "d"].into_iter().enumerate();
    let stores: Vec<_> = stores.map(|(number, name)| (name, backends[number % 2])).collect();
    open_stores("0_0", &stores).unwrap()
}

/// Two backends, and not one.
fn two_in_memory() -> [Box<dyn StateBackend>; 2] {
    #[derive(Debug)]
    struct InMemory(#[expect(dead_code, reason = "it has an address of its own")] u8);
    impl StateBackend for InMemory {
        fn open(
            &self,
            task: &str,
            stores: &[&str],
        ) -> Result<Box<dyn Database>, crate::StateError> {
            MemoryBackend.open(task, stores)
        }
    }
    [Box::new(InMemory(0)), Box::new(InMemory(1))]
}

proptest! {
    #[test]
    fn segments_in_memory_read_like_a_map(steps in steps(80), ranges in ranges()) {
        segments_read_like_a_map(Box::new(MemoryDatabase::new(1)), ALONE, steps, &ranges)?;
    }

    #[test]
    fn memory_reads_like_a_map(steps in steps(80), ranges in ranges()) {
        reads_like_a_map(Box::new(MemoryDatabase::new(1)), ALONE, steps, &ranges)?;
    }

    #[test]
    fn two_backends_read_like_a_map(steps in steps(80), ranges in ranges(), store in 0usize..4) {
        let [a, b] = two_in_memory();
        reads_like_a_map(routed([&*a, &*b]), (store, 4), steps, &ranges)?;
    }

    #[test]
    fn segments_in_two_backends_read_like_a_map(
        steps in steps(80),
        ranges in ranges(),
        store in 0usize..4,
    ) {
        let [a, b] = two_in_memory();
        segments_read_like_a_map(routed([&*a, &*b]), (store, 4), steps, &ranges)?;
    }
}

#[cfg(feature = "rocksdb")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn rocks_reads_like_a_map(steps in steps(80), ranges in ranges()) {
        let directory = tempfile::tempdir().unwrap();
        let options = crate::rocks::RocksOptions::default();
        let backend = crate::rocks::RocksBackend::open(directory.path(), "app", options).unwrap();
        reads_like_a_map(backend.open("0_0", &["store"]).unwrap(), ALONE, steps, &ranges)?;
    }

    #[test]
    fn segments_in_rocks_read_like_a_map(steps in steps(80), ranges in ranges()) {
        let directory = tempfile::tempdir().unwrap();
        let options = crate::rocks::RocksOptions::default();
        let backend = crate::rocks::RocksBackend::open(directory.path(), "app", options).unwrap();
        segments_read_like_a_map(backend.open("0_0", &["store"]).unwrap(), ALONE, steps, &ranges)?;
    }

    #[test]
    fn rocks_beside_memory_reads_like_a_map(
        steps in steps(80),
        ranges in ranges(),
        store in 0usize..4,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let options = crate::rocks::RocksOptions::default();
        let backend = crate::rocks::RocksBackend::open(directory.path(), "app", options).unwrap();
        reads_like_a_map(routed([&backend, &MemoryBackend]), (store, 4), steps, &ranges)?;
    }
}
