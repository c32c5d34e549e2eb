//! Stores that are limited in time and in size.

use std::time::Duration;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{
    BoxError, Config, Materialized, Processor, ProcessorContext, Record, StoreHandle,
    StreamsBuilder, Topology,
};

use crate::rig::{CLOSE, Rig, block_on, config, eventually};

const TIME: Duration = Duration::from_millis(100);

/// Counts, at most three of them, each for 100 ms.
fn counts() -> Topology {
    let builder = StreamsBuilder::new();
    let store = Materialized::new("n").time_to_live(TIME).lru(3);
    builder.stream::<String, String>("in").group_by_key().count(store).to("out");
    builder.build().unwrap()
}

/// Keeps the latest value of each key.
struct Keep(StoreHandle<String, String>);

impl Processor<String, String> for Keep {
    type KeyOut = String;
    type ValueOut = String;
    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut ProcessorContext<'_, '_, String, String>,
    ) -> Result<(), BoxError> {
        Ok(ctx.store(&self.0)?.put(&record.key, record.value)?)
    }
}

/// The latest values, at most three of them, each for 100 ms, put there by hand.
fn by_hand() -> Topology {
    let builder = StreamsBuilder::new();
    let store = Materialized::<String, String>::new("n").time_to_live(TIME).lru(3);
    let store = builder.add_store(store);
    let stream = builder.stream::<String, String>("in");
    stream.process_with(&store.clone(), move || Keep(store.clone())).to("out");
    builder.build().unwrap()
}

fn driver(topology: &Topology, commit_every: usize) -> TopologyTestDriver {
    let options =
        DriverOptions { config: Config::new("both"), commit_every, ..DriverOptions::default() };
    TopologyTestDriver::with_options(topology, options).unwrap()
}

/// Keys that the store shows, one after the other.
fn shown(driver: &mut TopologyTestDriver) -> String {
    let found: Vec<(String, i64)> = driver.range("n", ..).unwrap();
    found.into_iter().map(|(key, n)| format!("{key}{n}")).collect::<Vec<_>>().join(" ")
}

/// Records, each with the entries that are there afterwards.
const ROWS: &[(&str, i64, &str)] = &[
    ("a", 0, "a1"),
    ("b", 10, "a1 b1"),
    ("c", 20, "a1 b1 c1"),
    // The one that was not used for longest goes.
    ("d", 30, "b1 c1 d1"),
    ("b", 40, "b2 c1 d1"),
    // What is over takes nobody's place: c goes by its time, and b and d stay.
    ("e", 120, "b2 d1 e1"),
    ("f", 125, "b2 e1 f1"),
    // An update begins a new life, and counts as use.
    ("b", 130, "b3 e1 f1"),
    ("g", 135, "b3 f1 g1"),
    // Late, and over at once: it takes nobody's place for long.
    ("z", 1, "b3 g1"),
    ("h", 140, "b3 g1 h1"),
    // Time leaps: all is over.
    ("a", 1_000, "a1"),
    ("b", 1_001, "a1 b1"),
    ("c", 1_002, "a1 b1 c1"),
    ("d", 1_003, "b1 c1 d1"),
];

#[test]
fn entries_go_by_their_time_and_when_there_are_too_many() {
    for commit_every in [1, 4, 100] {
        let mut driver = driver(&counts(), commit_every);
        for (key, time, expected) in ROWS {
            driver.input::<String, String>("in").send_at(*key, "x", *time).unwrap();
            assert_eq!(shown(&mut driver), *expected, "after {key}@{time}");
            let kept = driver.raw_entries("n").unwrap().len();
            assert!(kept <= 2 * 3, "{kept} after {key}@{time}");
        }
    }
}

/// A store of both kinds forgets by itself when a processor writes it: nothing but its entries moves
/// its time.
#[test]
fn a_processor_that_writes_by_hand_has_entries_that_end_too() {
    let mut driver = driver(&by_hand(), 1);
    for (key, time) in [("a", 0), ("b", 50), ("c", 120)] {
        driver.input::<String, String>("in").send_at(key, "x", time).unwrap();
    }
    let found: Vec<(String, String)> = driver.range("n", ..).unwrap();
    let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["b", "c"]);
}

#[test]
fn a_restored_store_keeps_to_both_limits() {
    const BASE: i64 = 10_000_000_000_000;
    let rig = Rig::new(1);
    let send = |rows: &[(&str, i64)]| {
        let rows = rows.iter().map(|(key, time)| format!("{key}:x@{} ", BASE + time));
        rig.send("in", &rows.collect::<String>());
    };
    let app = rig.run(&counts(), config("both"));
    send(&[("a", 0), ("b", 10), ("c", 20), ("d", 30)]);
    rig.counts("out", 4);
    app.close(CLOSE).unwrap();
    let app = rig.run(&counts(), config("both"));
    let store = app.store::<String, i64>("n").unwrap();
    let keys = || {
        let all = block_on(store.all()).unwrap();
        all.into_iter().map(|(key, _)| key).collect::<String>()
    };
    assert_eq!(keys(), "bcd");
    send(&[("e", 115)]);
    eventually("b is over", || keys() == "cde");
    send(&[("f", 116)]);
    eventually("c was not used for longest", || keys() == "def");
    app.close(CLOSE).unwrap();
}
