//! The write-back cache: what it holds back, when it gives in, and that it never changes a result.

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Config, Materialized, Record, StreamsBuilder, Topology};

use crate::rig::count;

/// What comes out of `out`, and how much is in the changelog, when `keys` come in one commit.
fn run(topology: &Topology, cache: usize, keys: &[&str]) -> (Vec<(String, i64)>, usize) {
    let config = Config::new("cache").with_statestore_cache_max_bytes(cache);
    let options = DriverOptions { config, commit_every: keys.len(), ..DriverOptions::default() };
    let mut driver = TopologyTestDriver::with_options(topology, options).unwrap();
    let records = keys.iter().map(|key| Record::new((*key).to_owned(), "x".to_owned(), 0));
    driver.input::<String, String>("in").send_all(records).unwrap();
    let logged = driver.output::<String, i64>("cache-counts-changelog").read_all().unwrap().len();
    (driver.output("out").read_all().unwrap(), logged)
}

#[test]
fn without_a_cache_every_update_is_forwarded_and_logged() {
    let builder = StreamsBuilder::new();
    let store = Materialized::new("counts").without_cache();
    builder.stream::<String, String>("in").group_by_key().count(store).to("out");
    for (topology, cache) in [(count(), 0), (builder.build().unwrap(), 1 << 20)] {
        let (out, logged) = run(&topology, cache, &["a", "b", "a", "a"]);
        let expected = [("a", 1), ("b", 1), ("a", 2), ("a", 3)].map(|(k, n)| (k.to_owned(), n));
        assert_eq!((out.as_slice(), logged), (expected.as_slice(), 4));
    }
}

#[test]
fn a_cache_forwards_the_last_update_of_each_key_at_a_commit() {
    let (out, logged) = run(&count(), 1 << 20, &["a", "b", "a", "a", "c", "b"]);
    // In the order in which the keys were last written.
    let expected = [("a", 3), ("c", 1), ("b", 2)].map(|(k, n)| (k.to_owned(), n));
    assert_eq!((out.as_slice(), logged), (expected.as_slice(), 3));
}

#[test]
fn a_tiny_cache_evicts_and_ends_right() {
    let keys: Vec<String> = (0..600).map(|n| format!("key-{}", n * 7 % 100)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut lengths = Vec::new();
    for cache in [1, 200, 2000, 4000, 1 << 20] {
        let (out, logged) = run(&count(), cache, &keys);
        let last: std::collections::BTreeMap<_, _> = out.iter().cloned().collect();
        assert_eq!(last.len(), 100);
        assert!(last.values().all(|count| *count == 6), "cache of {cache}: {last:?}");
        assert_eq!(logged, out.len());
        lengths.push(out.len());
    }
    assert_eq!((lengths[0], lengths[4]), (600, 100), "{lengths:?}");
    assert!(lengths.is_sorted_by(|a, b| a >= b), "more cache, less output: {lengths:?}");
}

#[test]
fn two_stores_share_the_budget_and_end_right() {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    let counts = stream.group_by_key().count("counts");
    counts.to("out");
    let table = counts.filter(|_, count| count % 2 == 0).materialized("even");
    table.to_stream().group_by(|_, _| "all".to_owned()).count("changes").to("changes");
    let topology = builder.build().unwrap();
    let keys: Vec<String> = (0..400).map(|n| format!("key-{}", n % 50)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for cache in [0, 1, 3000, 1 << 20] {
        let (out, _) = run(&topology, cache, &keys);
        let last: std::collections::BTreeMap<_, _> = out.into_iter().collect();
        assert!(last.len() == 50 && last.values().all(|count| *count == 8), "{cache}: {last:?}");
    }
}
