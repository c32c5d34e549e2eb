//! Stores whose entries live for a limited time.

use std::time::Duration;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Config, Materialized, StreamsBuilder, Topology};

use crate::rig::{CLOSE, Rig, block_on, config};

const TIME: Duration = Duration::from_millis(1_000);

fn topology(caching: bool) -> Topology {
    let builder = StreamsBuilder::new();
    let store = Materialized::new("n").time_to_live(TIME);
    let store = if caching { store } else { store.without_cache() };
    let counts = builder.stream::<String, String>("in").group_by_key().count(store);
    counts.to("out");
    builder.build().unwrap()
}

fn driver(caching: bool, commit_every: usize) -> TopologyTestDriver {
    let config = Config::new("ttl");
    let options = DriverOptions { config, commit_every, ..DriverOptions::default() };
    TopologyTestDriver::with_options(&topology(caching), options).unwrap()
}

fn send(driver: &mut TopologyTestDriver, key: &str, time: i64) {
    driver.input::<String, String>("in").send_at(key, "x", time).unwrap();
}

fn plain(found: Vec<(String, i64)>) -> String {
    found.iter().map(|(key, n)| format!("{key}:{n}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_over_is_not_read_and_begins_anew() {
    for (caching, commit_every) in [(true, 1), (true, 100), (false, 1), (false, 100)] {
        let mut driver = driver(caching, commit_every);
        for (key, time) in [("a", 0), ("b", 500), ("a", 999), ("c", 1499)] {
            send(&mut driver, key, time);
        }
        assert_eq!(plain(driver.range("n", ..).unwrap()), "a:2 b:1 c:1");
        send(&mut driver, "c", 1500);
        assert_eq!(plain(driver.range("n", ..).unwrap()), "a:2 c:2");
        assert_eq!(driver.get::<_, i64>("n", &"b".to_owned()).unwrap(), None);
        assert_eq!(plain(driver.prefix("n", &"a".to_owned()).unwrap()), "a:2");
        assert_eq!(plain(driver.range_reverse("n", ..="b".to_owned()).unwrap()), "a:2");
        // Late, and over at once.
        send(&mut driver, "b", 499);
        assert_eq!(driver.get::<_, i64>("n", &"b".to_owned()).unwrap(), None);
        send(&mut driver, "b", 5_000);
        assert_eq!(plain(driver.range("n", ..).unwrap()), "b:1");
    }
}

#[test]
fn what_is_over_is_deleted_little_by_little() {
    for caching in [true, false] {
        let mut driver = driver(caching, 1);
        for number in 0..3_000 {
            send(&mut driver, &number.to_string(), number);
            if number % 100 != 0 {
                continue;
            }
            let kept = driver.raw_entries("n").unwrap().len();
            assert!(kept <= 2 * (1_000 + 40), "{kept} after {number}");
        }
        let mut changelog = driver.output::<String, Option<i64>>("ttl-n-changelog");
        let records = changelog.read_all().unwrap();
        let deletes = records.iter().filter(|(_, n)| n.is_none()).count();
        assert!(deletes >= 3_000 - 1_040, "{deletes}");
        // Time jumps: everything is over, and no record deletes more than a few.
        let mut before = driver.raw_entries("n").unwrap().len();
        for number in 0..400 {
            send(&mut driver, "z", 1_000_000 + number);
            let kept = driver.raw_entries("n").unwrap().len();
            assert!(before.saturating_sub(kept) <= 2 * 130, "{before} {kept}");
            before = kept;
        }
        assert_eq!(before, 2);
    }
}

#[test]
fn a_restored_store_forgets_too() {
    let rig = Rig::new(1);
    let app = rig.run(&topology(true), config("ttl-restored"));
    rig.send("in", "a:x@0 b:x@10000000000000 a:x@10000000000900");
    rig.counts("out", 2);
    app.close(CLOSE).unwrap();
    let app = rig.run(&topology(true), config("ttl-restored"));
    let store = app.store::<String, i64>("n").unwrap();
    assert_eq!(plain(block_on(store.all()).unwrap()), "a:1 b:1");
    rig.send("in", "c:x@10000000001000");
    while block_on(store.get(&"c".to_owned())).unwrap().is_none() {
        std::thread::yield_now();
    }
    assert_eq!(plain(block_on(store.all()).unwrap()), "a:1 c:1");
    app.close(CLOSE).unwrap();
}

#[test]
fn stores_that_cannot() {
    let builder = StreamsBuilder::new();
    let store = Materialized::<String, i64>::new("plain").plain().time_to_live(TIME);
    builder.add_store(store);
    let store = Materialized::<String, i64>::new("windows").time_to_live(TIME);
    builder.add_window_store(store, TIME);
    let error = builder.build().unwrap_err().to_string();
    for name in ["'plain'", "'windows'"] {
        assert!(error.contains(&format!("the store {name} cannot have a time to live")), "{error}");
    }
}
