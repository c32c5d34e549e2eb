//! Stream threads and instances: tasks spread, move and go on exactly once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use millstream::StreamsApp;

use crate::rig::{CLOSE, Rig, config, copy, count, eventually};

/// Sends numbers, ten at a time, until `enough`; gives how many were sent.
fn send_until(rig: &Rig, next: &AtomicI64, enough: impl Fn() -> bool) {
    eventually("every instance at work", || {
        let first = next.fetch_add(10, Ordering::SeqCst);
        rig.send_numbers("in", first..first + 10);
        enough()
    });
}

/// Every number below `count` is in `out`, and none twice.
fn assert_each_once(rig: &Rig, count: i64) {
    let records = rig.read::<String, String>("out", count as usize);
    let numbers: BTreeSet<i64> = records.iter().map(|c| c.record.value.parse().unwrap()).collect();
    assert_eq!(records.len(), numbers.len(), "some number is there twice");
    assert_eq!(numbers.len(), count as usize);
    assert_eq!(numbers.last(), Some(&(count - 1)));
}

fn works(app: &StreamsApp) -> bool {
    app.metrics().processed > 0
}

#[test]
fn threads_share_the_partitions() {
    for (threads, partitions) in [(1, 1), (1, 4), (2, 3), (3, 4), (3, 2)] {
        let rig = Rig::new(partitions);
        let app = rig.run(&count(), config("threads").with_num_stream_threads(threads));
        rig.send_numbers("in", 0..200);
        rig.send_numbers("in", 0..100);
        let counts = rig.counts("out", 300);
        assert_eq!(counts.len(), 200);
        assert!((0..200).all(|n| counts[&n.to_string()] == 1 + i64::from(n < 100)));
        app.close(CLOSE).unwrap();
        assert_eq!(app.metrics().processed, 300);
    }
}

#[test]
fn an_instance_joins_later_and_takes_tasks() {
    let rig = Rig::new(4);
    let next = AtomicI64::new(0);
    let first = rig.run(&copy(), config("spread"));
    send_until(&rig, &next, || works(&first));
    let second = rig.run(&copy(), config("spread"));
    send_until(&rig, &next, || works(&second));
    assert_each_once(&rig, next.load(Ordering::SeqCst));
    first.close(CLOSE).unwrap();
    second.close(CLOSE).unwrap();
}

#[test]
fn one_instance_closes_and_the_other_takes_over() {
    let rig = Rig::new(4);
    let next = AtomicI64::new(0);
    let [first, second] = [(); 2].map(|()| rig.run(&count(), config("takeover")));
    send_until(&rig, &next, || works(&first) && works(&second));
    first.close(CLOSE).unwrap();
    let first_did = first.metrics().processed;
    let first_number = next.fetch_add(100, Ordering::SeqCst);
    rig.send_numbers("in", first_number..first_number + 100);
    let sent = next.load(Ordering::SeqCst);
    let counts = rig.counts("out", sent);
    assert!(counts.values().all(|count| *count == 1), "a record was counted twice");
    assert_eq!(counts.len() as i64, sent);
    second.close(CLOSE).unwrap();
    assert_eq!((first_did + second.metrics().processed) as i64, sent);
}

#[test]
fn counts_go_on_through_any_number_of_handovers() {
    let rig = Rig::new(3);
    let mut apps: Vec<StreamsApp> = Vec::new();
    for round in 0..6 {
        apps.push(rig.run(&count(), config("relay").with_num_stream_threads(1 + round % 2)));
        rig.send_numbers("in", 0..50);
        if apps.len() > 2 {
            apps.remove(round % 2).close(CLOSE).unwrap();
        }
    }
    let counts = rig.counts("out", 300);
    assert_eq!(counts.len(), 50);
    assert!(counts.values().all(|count| *count == 6), "{counts:?}");
    for app in apps {
        app.close(CLOSE).unwrap();
    }
}

#[test]
fn more_threads_than_tasks_is_no_error() {
    let rig = Rig::new(1);
    let app = rig.run(&copy(), config("idle").with_num_stream_threads(3));
    rig.send_numbers("in", 0..10);
    assert_each_once(&rig, 10);
    app.close(CLOSE).unwrap();
}
