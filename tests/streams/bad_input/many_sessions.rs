//! Very many sessions of one key that one record merges: one result, and no more time than in proportion
//! to them.

use std::time::{Duration, Instant};

use millstream::{
    Config, Record, SessionWindow, SessionWindows, StreamsBuilder, Topic, Topology, Windowed,
};

use crate::rig::{CLOSE, Rig, block_on, config, eventually};

/// Later than the wall clock, so that no topic's retention deletes it.
const BASE: i64 = 10_000_000_000_000;

/// Counts of sessions.
fn sessions() -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    let windows = SessionWindows::of_inactivity_gap(Duration::from_secs(1_000_000));
    let counts = grouped.windowed_by(windows.grace(Duration::from_secs(1_000_000))).count("n");
    let counts = counts.to_stream().filter(|_, n| n.is_some());
    counts.map(|w, n| (w.key, n.unwrap_or(0))).to("out");
    builder.build().unwrap()
}

/// The session that the record with this number made.
fn session(number: i64) -> Windowed<String, SessionWindow> {
    let time = BASE + 3 * number;
    Windowed { key: "a".to_owned(), window: SessionWindow { start: time, end: time } }
}

/// Merges `many` sessions by one record: a program with a shorter gap left them behind. Gives how long
/// that took.
fn merge(config: Config, many: i64) -> Duration {
    let rig = Rig::new(1);
    // A record is processed in one transaction, however long it takes.
    let config = config.with_transaction_timeout(Duration::from_secs(120));
    rig.run(&sessions(), config.clone()).close(CLOSE).unwrap();
    let changelog = Topic::new(format!("{}-n-changelog", config.application_id()));
    let left = (0..many).map(|n| Record::new(session(n), 1i64, BASE + 3 * n));
    rig.send_records(&changelog, left);
    let app = rig.run(&sessions(), config);
    let begun = Instant::now();
    rig.send("in", &format!("a:x@{}", BASE + 1));
    eventually("they are merged", || !rig.all::<String, i64>("out").is_empty());
    let took = begun.elapsed();
    assert_eq!(rig.counts("out", 1)["a"], many + 1);
    let all = app.session_store::<String, i64>("n").unwrap();
    let window = SessionWindow { start: BASE, end: BASE + 3 * (many - 1) };
    let left = block_on(all.fetch_all(..)).unwrap();
    assert_eq!(left, [(Windowed { key: "a".to_owned(), window }, many + 1)]);
    app.close(CLOSE).unwrap();
    took
}

/// How many are merged: a million in a release build, `MILLSTREAM_SESSIONS=1000000`.
fn many() -> i64 {
    let wanted = std::env::var("MILLSTREAM_SESSIONS").ok().and_then(|many| many.parse().ok());
    wanted.unwrap_or(100_000)
}

#[test]
fn in_memory() {
    let few = merge(config("few"), many() / 10);
    let many = merge(config("many"), many());
    // Were it quadratic, it would be 100 times as long.
    assert!(many < few * 10 * 4 + Duration::from_secs(1), "{few:?} and {many:?}");
}

#[test]
#[cfg(feature = "rocksdb")]
fn on_disk() {
    let place = tempfile::tempdir().unwrap();
    merge(config("many").with_state_dir(place.path()), many());
}
