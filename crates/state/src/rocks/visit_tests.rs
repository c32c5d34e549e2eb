//! What is visited is what is scanned of the windows of a key.

use std::ops::{Bound, ControlFlow};

use super::{RocksBackend, RocksOptions};
use crate::{KeyRange, Overlay, ScanOrder, SegmentedKeys, StateBackend};

#[test]
fn windows_of_a_key_are_visited_in_memory_and_in_files() {
    let root = tempfile::tempdir().unwrap();
    let backend = RocksBackend::open(root.path(), "app", RocksOptions::default()).unwrap();
    let mut overlay = Overlay::new(backend.open("0_0", &["s"]).unwrap(), 1);
    overlay.set_segmented(0, SegmentedKeys { interval: 3000, suffix: 12 });
    let stored = |segment: u64, key: &[u8], time: u64| {
        [&segment.to_be_bytes()[..], key, &time.to_be_bytes(), &[0; 4]].concat()
    };
    let keys: Vec<Vec<u8>> = [8usize, 3, 20]
        .into_iter()
        .flat_map(|len| (0..40u8).map(move |n| vec![n / 2; len - usize::from(n % 2)]))
        .collect();
    for round in 0..5u64 {
        for (number, key) in keys.iter().enumerate().filter(|(n, _)| n % 5 != round as usize) {
            for time in [round * 1000, round * 1000 + 70 + number as u64, round / 3 * 3000 + 2999] {
                overlay.write(0, &stored(round / 3, key, time), Some(&time.to_be_bytes()));
            }
        }
        // Files, then what waits in memory, then what is not committed.
        if round < 4 {
            overlay.set_changelog_offset(0, round as i64);
            overlay.commit().unwrap();
        }
        if round < 3 {
            overlay.persist(0, true).unwrap();
        }
    }
    for key in &keys {
        for (segment, from, to) in
            [(0, 0, 3000), (0, 900, 2100), (1, 3001, 4500), (1, 0, u64::MAX), (2, 0, 9)]
        {
            let (start, end) = (stored(segment, key, from), stored(segment, key, to));
            let range = KeyRange {
                start: Bound::Included(start.clone()),
                end: Bound::Included(end.clone()),
            };
            for order in [ScanOrder::Forward, ScanOrder::Reverse] {
                let scanned: Vec<_> = overlay
                    .scan(0, &range, order)
                    .map(|entry| entry.map(|(k, v)| (k.into_owned(), v.into_owned())).unwrap())
                    // A longer key may lie between two windows of a key.
                    .filter(|(key, _)| key.len() == start.len())
                    .collect();
                let mut visited = Vec::new();
                overlay
                    .visit(0, (&start, &end), order, &mut |key, value| {
                        if key.len() == start.len() {
                            visited.push((key.to_vec(), value.to_vec()));
                        }
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                assert_eq!(visited, scanned);
                let mut first = None;
                overlay
                    .visit(0, (&start, &end), order, &mut |key, value| {
                        if key.len() != start.len() {
                            return ControlFlow::Continue(());
                        }
                        first = Some((key.to_vec(), value.to_vec()));
                        ControlFlow::Break(())
                    })
                    .unwrap();
                assert_eq!(first.as_ref(), scanned.first());
            }
        }
    }
}
