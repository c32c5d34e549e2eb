//! Every database reads like a sorted map with a savepoint.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{Database, KeyRange, MemoryDatabase, Overlay, RestoreBatch, ScanOrder, SegmentedKeys};

/// What is done, to which key, with which value.
type Step = (u8, Vec<u8>, u8);

fn entries(overlay: &Overlay, range: &KeyRange, order: ScanOrder) -> Vec<(Vec<u8>, Vec<u8>)> {
    overlay
        .scan(0, range, order)
        .map(|entry| entry.map(|(k, v)| (k.into_owned(), v.into_owned())).unwrap())
        .collect()
}

/// Does `steps` in front of an empty database and in a map, and compares.
fn reads_like_a_map(
    database: Box<dyn Database>,
    steps: Vec<Step>,
    ranges: &[KeyRange],
) -> Result<(), TestCaseError> {
    let mut overlay = Overlay::new(database, 1);
    let mut committed = BTreeMap::new();
    let mut model = committed.clone();
    let mut offset = None;
    for (step, key, value) in steps {
        match step {
            0 => {
                offset = Some(offset.unwrap_or(0) + 1);
                overlay.set_changelog_offset(0, offset.unwrap());
                overlay.commit().unwrap();
                committed = model.clone();
            }
            1 => {
                overlay.abort();
                model = committed.clone();
            }
            2..=4 => {
                overlay.write(0, &key, None);
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
                overlay.restore(0, &mut records, offset.unwrap()).unwrap();
                assert!(records.is_empty());
                assert_eq!(overlay.changelog_offset(0), offset);
                overlay.persist(7, value.is_multiple_of(2)).unwrap();
                committed.remove(deleted);
                committed.insert(key.clone(), [&[value], &b"restored"[..]].concat());
                model = committed.clone();
            }
            6 => {
                overlay.persist(7, value.is_multiple_of(16)).unwrap();
            }
            7 if value < 32 => {
                overlay.reset(0).unwrap();
                (committed, offset) = (BTreeMap::new(), None);
                model = committed.clone();
            }
            _ => {
                overlay.write(0, &key, Some(&[value]));
                model.insert(key.clone(), vec![value]);
            }
        }
        prop_assert_eq!(overlay.changelog_offset(0), offset);
        prop_assert_eq!(
            overlay.get(0, &key).unwrap().map(Cow::into_owned),
            model.get(&key).cloned()
        );
        for range in ranges {
            let mut expected: Vec<_> =
                model.clone().into_iter().filter(|(k, _)| range.contains(k)).collect();
            prop_assert_eq!(entries(&overlay, range, ScanOrder::Forward), expected.clone());
            expected.reverse();
            prop_assert_eq!(entries(&overlay, range, ScanOrder::Reverse), expected);
        }
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
    steps: Vec<Step>,
    ranges: &[KeyRange],
) -> Result<(), TestCaseError> {
    let mut overlay = Overlay::new(database, 1);
    overlay.set_segmented(0, SegmentedKeys { interval: 1, suffix: 0 });
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
                overlay.drop_segments(0, first).unwrap();
                model.retain(|key, _| *key >= first.to_be_bytes().to_vec());
                committed = model.clone();
            }
            5 | 6 => {
                overlay.write(0, &key, None);
                model.remove(&key);
            }
            _ => {
                overlay.write(0, &key, Some(&[value]));
                model.insert(key.clone(), vec![value]);
            }
        }
        let found = overlay.get(0, &key).unwrap().map(Cow::into_owned);
        prop_assert_eq!(found, model.get(&key).cloned());
        for range in ranges {
            let segment = |bound: &std::ops::Bound<Vec<u8>>| bound.clone().map(|k| in_segment(&k));
            let range = KeyRange { start: segment(&range.start), end: segment(&range.end) };
            let mut expected: Vec<_> =
                model.clone().into_iter().filter(|(k, _)| range.contains(k)).collect();
            prop_assert_eq!(entries(&overlay, &range, ScanOrder::Forward), expected.clone());
            expected.reverse();
            prop_assert_eq!(entries(&overlay, &range, ScanOrder::Reverse), expected);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn segments_in_memory_read_like_a_map(steps in steps(80), ranges in ranges()) {
        segments_read_like_a_map(Box::new(MemoryDatabase::new(1)), steps, &ranges)?;
    }

    #[test]
    fn memory_reads_like_a_map(steps in steps(80), ranges in ranges()) {
        reads_like_a_map(Box::new(MemoryDatabase::new(1)), steps, &ranges)?;
    }
}

#[cfg(feature = "rocksdb")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn rocks_reads_like_a_map(steps in steps(80), ranges in ranges()) {
        use crate::StateBackend;
        let directory = tempfile::tempdir().unwrap();
        let options = crate::rocks::RocksOptions::default();
        let backend = crate::rocks::RocksBackend::open(directory.path(), "app", options).unwrap();
        reads_like_a_map(backend.open("0_0", &["store"]).unwrap(), steps, &ranges)?;
    }

    #[test]
    fn segments_in_rocks_read_like_a_map(steps in steps(80), ranges in ranges()) {
        use crate::StateBackend;
        let directory = tempfile::tempdir().unwrap();
        let options = crate::rocks::RocksOptions::default();
        let backend = crate::rocks::RocksBackend::open(directory.path(), "app", options).unwrap();
        segments_read_like_a_map(backend.open("0_0", &["store"]).unwrap(), steps, &ranges)?;
    }
}
