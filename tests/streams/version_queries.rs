//! Versions of a key, asked of a running application: the latest, as of a time, and over a range of times.

use std::time::Duration;

use millstream::{
    Error, Materialized, Record, StreamsApp, StreamsBuilder, Topic, Topology, VersionedRecord,
};

use crate::rig::{CLOSE, Rig, block_on, config};

/// Updates of `prices`, in this order: `-` deletes, and what is in brackets is too old for the history.
const UPDATES: &str =
    "b:7@5 c:1@20 a:1@10 a:4@70000 a:3@30000 a:-@50000 a:9@65000 (a:0@9000) c:-@70001";

/// Keeps the versions of `prices` for 60 seconds, and counts them.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let versions = Materialized::<String, i64>::versioned("prices", Duration::from_secs(60));
    let prices = builder.table("prices", versions);
    prices.to_stream().group_by_key().count("counts").to("out");
    builder.build().unwrap()
}

fn rig(partitions: u32) -> Rig {
    Rig::with_topics(&[("prices", partitions), ("out", 1)])
}

fn send_updates(rig: &Rig) {
    let topic = Topic::<String, Option<i64>>::new("prices");
    for update in UPDATES.split(' ') {
        let update = update.trim_matches(['(', ')']);
        let (key, rest) = update.split_once(':').unwrap();
        let (value, time) = rest.split_once('@').unwrap();
        let record = Record::new(key.to_owned(), value.parse().ok(), time.parse().unwrap());
        rig.send_records(&topic, [record]);
    }
}

fn row(version: &VersionedRecord<i64>) -> String {
    let VersionedRecord { value, valid_from, valid_to } = version;
    let until = valid_to.map(|to| to.to_string()).unwrap_or_default();
    format!("{value}@{valid_from}-{until}")
}

fn rows(versions: &[VersionedRecord<i64>]) -> String {
    versions.iter().map(row).collect::<Vec<_>>().join(" ")
}

/// Questions and answers; the history of a task begins 60 seconds before its highest time.
const LATEST: &[(&str, &str)] = &[("a", "4@70000-"), ("b", "7@5-"), ("c", ""), ("nobody", "")];

const AS_OF: &[(&str, i64, &str)] = &[
    ("a", i64::MAX, "4@70000-"),
    ("a", 70_000, "4@70000-"),
    ("a", 69_999, "9@65000-70000"),
    ("a", 64_999, ""),
    ("a", 50_000, ""),
    ("a", 49_999, "3@30000-50000"),
    ("a", 10_001, "1@10-30000"),
    // Before the history.
    ("a", 9_999, ""),
    ("b", 10_000, "7@5-"),
    ("b", 4, ""),
    ("c", 70_000, "1@20-70001"),
    ("c", 70_001, ""),
    ("nobody", 70_000, ""),
];

const OVER: &[(&str, (i64, i64), &str)] = &[
    ("a", (i64::MIN, i64::MAX), "1@10-30000 3@30000-50000 9@65000-70000 4@70000-"),
    ("a", (0, 69_999), "1@10-30000 3@30000-50000 9@65000-70000"),
    ("a", (49_999, 65_000), "3@30000-50000 9@65000-70000"),
    ("a", (50_000, 64_999), ""),
    ("a", (30_000, 30_000), "3@30000-50000"),
    ("a", (70_000, 70_000), "4@70000-"),
    ("a", (80_000, i64::MAX), "4@70000-"),
    ("a", (40_000, 30_000), ""),
    // Ends before the history.
    ("a", (0, 9_999), ""),
    ("b", (0, 5), "7@5-"),
    ("b", (0, 4), ""),
    ("b", (i64::MIN, -1), ""),
    ("c", (i64::MIN, i64::MAX), "1@20-70001"),
    ("nobody", (i64::MIN, i64::MAX), ""),
];

async fn assert_answers(app: &StreamsApp) {
    let prices = app.versioned_store::<String, i64>("prices").unwrap();
    let one = |found: Option<VersionedRecord<i64>>| found.iter().map(row).collect::<String>();
    for (key, expected) in LATEST {
        let found = prices.get(&(*key).to_owned()).await.unwrap();
        assert_eq!(one(found), *expected, "the latest of {key}");
    }
    for (key, time, expected) in AS_OF {
        let found = prices.get_as_of(&(*key).to_owned(), *time).await.unwrap();
        assert_eq!(one(found), *expected, "{key} as of {time}");
    }
    for (key, (from, to), expected) in OVER {
        let key = (*key).to_owned();
        let mut found = prices.versions(&key, *from..=*to).await.unwrap();
        assert_eq!(rows(&found), *expected, "{key} from {from} to {to}");
        found.reverse();
        assert_eq!(prices.versions_reverse(&key, *from..=*to).await.unwrap(), found);
    }
    let key = "a".to_owned();
    assert_eq!(rows(&prices.versions(&key, ..65_000).await.unwrap()), "1@10-30000 3@30000-50000");
}

#[test]
fn over_partitions_and_threads_and_after_a_restart() {
    for (partitions, threads) in [(1, 1), (4, 2)] {
        let rig = rig(partitions);
        let config = || config("ask-versions").with_num_stream_threads(threads);
        let app = rig.run(&topology(), config());
        send_updates(&rig);
        let updates = UPDATES.split(' ').count();
        rig.read::<String, Option<i64>>("ask-versions-prices-changelog", updates);
        block_on(assert_answers(&app));
        app.close(CLOSE).unwrap();
        let app = rig.run(&topology(), config());
        assert!(app.metrics().restored >= updates as u64);
        block_on(assert_answers(&app));
        app.close(CLOSE).unwrap();
    }
}

#[cfg(feature = "rocksdb")]
#[test]
fn on_disk_after_a_restart_that_restores_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let rig = rig(1);
    let config = || config("disk-versions").with_state_dir(directory.path());
    let app = rig.run(&topology(), config());
    send_updates(&rig);
    rig.read::<String, Option<i64>>("disk-versions-prices-changelog", UPDATES.split(' ').count());
    app.close(CLOSE).unwrap();
    let app = rig.run(&topology(), config());
    assert_eq!(app.metrics().restored, 0);
    block_on(assert_answers(&app));
    app.close(CLOSE).unwrap();
}

#[test]
fn what_cannot_be_answered() {
    fn says<T>(result: Result<T, Error>, expected: &str) {
        match result {
            Err(Error::Unavailable(words)) => assert!(words.contains(expected), "{words}"),
            Err(other) => panic!("another error: {other}"),
            Ok(_) => panic!("an answer instead of: {expected}"),
        }
    }
    let rig = rig(1);
    let app = rig.app(&topology(), config("refuse-versions"));
    let key = "a".to_owned();
    let not_running = |app: &StreamsApp, state: &str| {
        let prices = app.versioned_store::<String, i64>("prices").unwrap();
        let says_so = format!(
            "store 'prices' is in no task of this instance now (the application is {state})"
        );
        says(block_on(prices.get(&key)), &says_so);
    };
    not_running(&app, "Created");
    app.start().unwrap();
    block_on(app.running()).unwrap();
    says(app.versioned_store::<String, i64>("rates"), "no store 'rates'; it has: prices, counts");
    let plain = app.versioned_store::<String, i64>("counts").unwrap();
    says(block_on(plain.get(&key)), "store 'counts' is not versioned: ask it with `store`");
    says(block_on(plain.versions(&key, ..)), "store 'counts' is not versioned");
    let wrong = app.versioned_store::<String, String>("prices").unwrap();
    says(block_on(wrong.get_as_of(&key, 5)), "'prices' holds other types than");
    let plain = app.store::<String, i64>("prices").unwrap();
    says(block_on(plain.get(&key)), "store 'prices' keeps versions: ask it with `versioned_store`");
    app.close(CLOSE).unwrap();
    not_running(&app, "NotRunning");
}
