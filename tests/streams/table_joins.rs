//! Joins of tables with tables and streams: what is promised beyond what the oracle has recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millstream::testing::{DriverOptions, TopologyTestDriver, check};
use millstream::{Config, ErrorPolicy, KStream, KTable, Record, StreamsBuilder, Topology};

use crate::rig::{CLOSE, Rig, config};

type Numbers = KTable<String, i64>;

fn driver(topology: &Topology, cache: usize, commit_every: usize) -> TopologyTestDriver {
    let config = Config::new("joins").with_statestore_cache_max_bytes(cache);
    let options = DriverOptions { config, commit_every, ..DriverOptions::default() };
    TopologyTestDriver::with_options(topology, options).unwrap()
}

fn send(driver: &mut TopologyTestDriver, topic: &str, key: &str, value: Option<i64>) {
    driver.input::<String, Option<i64>>(topic).send(key, value).unwrap();
}

/// The last value of each key that was written, without those that were deleted.
fn last(driver: &mut TopologyTestDriver, topic: &str) -> BTreeMap<String, i64> {
    let written = driver.output::<String, Option<i64>>(topic).read_all().unwrap();
    let last: BTreeMap<String, Option<i64>> = written.into_iter().collect();
    last.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// A kind of join, what it makes of two values, and the same in a topology.
type Kind = (fn(&Numbers, &Numbers) -> Numbers, fn(Option<i64>, Option<i64>) -> Option<i64>);

/// No sum: old values that were never sent must not cancel out.
fn product(left: Option<i64>, right: Option<i64>) -> i64 {
    left.unwrap_or(1000) * right.unwrap_or(5000)
}

const KINDS: [Kind; 3] = [
    (|l, r| l.join(r, |_, l, r| l * r), |l, r| Some(l? * r?)),
    (|l, r| l.left_join(r, |_, l, r| product(Some(l), r)), |l, r| Some(product(Some(l?), r))),
    (|l, r| l.outer_join(r, |_, l, r| product(l, r)), |l, r| (l.or(r)).map(|_| product(l, r))),
];

/// Updates of one topic: which table, which key, and what it is set to.
type Update = (usize, &'static str, Option<i64>);

/// A long row of updates and deletes of few keys, always the same.
fn updates(count: usize) -> Vec<Update> {
    let mut seed = 7u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let one = |_| {
        let key = ["a", "b", "c"][next(3) as usize];
        (next(2) as usize, key, (next(3) > 0).then(|| next(100).cast_signed()))
    };
    (0..count).map(one).collect()
}

/// One of two tables that are made of one topic, so that both change in one commit: the values
/// that begin with its number.
fn part(stream: &KStream<String, String>, number: usize) -> Numbers {
    let own = stream.filter(move |_, v| v.starts_with(&number.to_string()));
    let parsed = own.map_values(|v| v[1..].parse::<i64>().ok());
    parsed.to_table(format!("store-{number}")).map_values(|n| n.expect("a null deletes"))
}

#[test]
fn any_updates_in_any_commits_end_in_the_join_of_both_tables() {
    for (number, (join, model)) in KINDS.iter().enumerate() {
        for materialized in [false, true] {
            let builder = StreamsBuilder::new();
            let stream = builder.stream("in");
            let mut joined = join(&part(&stream, 0), &part(&stream, 1));
            if materialized {
                joined = joined.materialized("joined");
            }
            joined.to("out");
            let grouped = joined.group_by(|_, value| ("all".to_owned(), value));
            grouped.reduce("sum", |all, v| all + v, |all, v| all - v);
            let topology = builder.build().unwrap();
            for (cache, commit_every) in
                [(0, 1), (0, 12), (1 << 20, 1), (1 << 20, 4), (1 << 20, 48)]
            {
                let mut driver = driver(&topology, cache, commit_every);
                let mut tables = [BTreeMap::new(), BTreeMap::new()];
                let mut heard = BTreeMap::new();
                let what = format!("join {number}, {materialized}, {cache}, {commit_every}");
                for commit in updates(480).chunks(commit_every) {
                    let records = commit.iter().map(|(table, key, value)| {
                        let value = value.map_or("-".to_owned(), |n| n.to_string());
                        Record::new((*key).to_owned(), format!("{table}{value}"), 0)
                    });
                    driver.input::<String, String>("in").send_all(records).unwrap();
                    for (table, key, value) in commit {
                        tables[*table].insert(*key, *value);
                    }
                    let value = |table: usize, key| tables[table].get(key).copied().flatten();
                    let row = |key| Some((key, model(value(0, key), value(1, key))?));
                    let expected: Vec<(&str, i64)> =
                        ["a", "b", "c"].into_iter().filter_map(row).collect();
                    let out = driver.output::<String, Option<i64>>("out").read_all().unwrap();
                    heard.extend(out);
                    let present = heard.iter().filter_map(|(key, n)| Some((key.as_str(), (*n)?)));
                    assert_eq!(present.collect::<Vec<_>>(), expected, "{what}");
                    let sum = driver.get::<String, i64>("sum", &"all".to_owned()).unwrap();
                    let expected: i64 = expected.iter().map(|(_, n)| n).sum();
                    assert_eq!(sum.unwrap_or(0), expected, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_delete_reaches_a_table_joined_with_a_view_of_itself() {
    for (cache, materialized) in [(0, true), (1 << 20, true), (0, false), (1 << 20, false)] {
        let builder = StreamsBuilder::new();
        let all: Numbers = builder.table("left", "all");
        let mut joined = all.join(&all.map_values(|n| n * 10), |_, n, ten| n + ten);
        if materialized {
            joined = joined.materialized("joined");
        }
        joined.to("out");
        let mut driver = driver(&builder.build().unwrap(), cache, 1);
        for (key, value) in [("a", Some(1)), ("b", Some(2)), ("a", Some(3)), ("b", None)] {
            send(&mut driver, "left", key, value);
        }
        assert_eq!(last(&mut driver, "out"), [("a".to_owned(), 33)].into());
        if materialized {
            let kept = driver.entries::<String, i64>("joined").unwrap();
            let kept: Vec<_> = kept.into_iter().map(|(key, value)| (key, value.value)).collect();
            assert_eq!(kept, [("a".to_owned(), 33)]);
        }
    }
}

#[test]
fn views_of_views_are_joined_without_a_store() {
    for cache in [0, 1 << 20] {
        let builder = StreamsBuilder::new();
        let left: Numbers = builder.table("left", "left-store");
        let right: Numbers = builder.table("right", "right-store");
        let odd = left.filter(|_, n| n % 2 == 1).map_values(|n| n + 1);
        let timed = right.transform_values(|_, n, time| n.map(|n| n * 10 + time));
        let joined = odd.left_join(&timed, |_, odd, timed| odd + timed.unwrap_or(0));
        // A join is a view too.
        joined.join(&right, |_, joined, right| joined * 1000 + right).materialized("m").to("out");
        let topology = builder.build().unwrap();
        assert_eq!(topology.topics("app")[0].changelog_topics.len(), 3, "no other store");
        let mut driver = driver(&topology, cache, 1);
        for (topic, key, value) in [
            ("right", "a", Some(3)),
            ("left", "a", Some(5)),
            ("left", "b", Some(2)),
            ("right", "b", Some(4)),
            ("right", "a", Some(1)),
        ] {
            send(&mut driver, topic, key, value);
        }
        assert_eq!(last(&mut driver, "out"), [("a".to_owned(), 16_001)].into());
        send(&mut driver, "left", "a", Some(6));
        assert_eq!(last(&mut driver, "out"), BTreeMap::new());
        assert_eq!(
            driver.entries::<String, i64>("m").unwrap(),
            [],
            "what no longer passes is gone"
        );
    }
}

#[test]
fn a_table_may_get_its_store_after_it_was_joined() {
    let builder = StreamsBuilder::new();
    let odd = builder.table::<String, i64>("right", "right-store").filter(|_, n| n % 2 == 1);
    let stream = builder.stream::<String, Option<i64>>("left");
    stream.join_table(&odd, |_, l, r| l.unwrap_or(0) + r).named("join").to("out");
    let _kept = odd.materialized("odd");
    let topology = builder.build().unwrap();
    let describe = topology.describe();
    assert!(describe.contains("Processor: join (stores: [odd])"), "{describe}");
    let mut driver = driver(&topology, 1 << 20, 1);
    for (topic, value) in [("right", 1), ("left", 10), ("right", 2), ("left", 20)] {
        send(&mut driver, topic, "a", Some(value));
    }
    let out = driver.output::<String, i64>("out").read_all().unwrap();
    assert_eq!(out, [("a".to_owned(), 11)]);
}

/// Both ways in which a closure can fail.
fn fail_on_13(n: i64, panics: bool) -> Result<i64, millstream::BoxError> {
    match n {
        13 if panics => panic!("unlucky"),
        13 => Err("unlucky".into()),
        n => Ok(n),
    }
}

#[test]
fn what_fails_in_a_join_is_skipped_and_everything_else_stands() {
    for (panics, cache) in [(false, 0), (true, 0), (false, 1 << 20)] {
        let builder = StreamsBuilder::new();
        let left: Numbers = builder.table("left", "left-store");
        let right: Numbers = builder.table("right", "right-store");
        let unlucky = right.try_map_values(move |n| fail_on_13(n, panics)).named("unlucky");
        let joined = left.try_join(&unlucky, move |_, l, r| fail_on_13(l + r, panics));
        joined.materialized("joined").to("out");
        let config = Config::new("joins")
            .with_statestore_cache_max_bytes(cache)
            .with_processing_exception_handler(ErrorPolicy::Skip);
        let options = DriverOptions { config, ..DriverOptions::default() };
        let mut driver =
            TopologyTestDriver::with_options(&builder.build().unwrap(), options).unwrap();
        for (topic, key, value, dropped) in [
            ("left", "a", 1, 0),
            ("right", "a", 12, 1),
            // The table has it all the same, and the next one meets it.
            ("left", "a", 2, 1),
            ("right", "a", 13, 2),
            ("left", "a", 3, 3),
            ("right", "a", 4, 3),
            ("left", "b", 5, 3),
            ("right", "b", 5, 3),
        ] {
            send(&mut driver, topic, key, Some(value));
            assert_eq!(driver.dropped_records(), dropped, "{topic} {key} {value}");
        }
        let expected = [("a".to_owned(), 7), ("b".to_owned(), 10)];
        assert_eq!(last(&mut driver, "out"), expected.into());
    }
}

#[test]
fn a_failure_in_a_view_names_the_view() {
    for panics in [false, true] {
        let unlucky = Arc::new(AtomicBool::new(false));
        let fails = unlucky.clone();
        let builder = StreamsBuilder::new();
        let right: Numbers = builder.table("right", "right-store");
        let view = right.try_map_values(move |n| {
            fail_on_13(if fails.load(Ordering::Relaxed) { 13 } else { n }, panics)
        });
        let stream = builder.stream::<String, i64>("left");
        stream.join_table(&view.named("view"), |_, l, r| l + r).named("join").to("out");
        let mut driver = driver(&builder.build().unwrap(), 0, 1);
        driver.input::<String, i64>("right").send("a", 1).unwrap();
        unlucky.store(true, Ordering::Relaxed);
        let sent = driver.input::<String, i64>("left").send("a", 1);
        let error = sent.unwrap_err().to_string();
        assert!(error.contains("node 'view'") && error.contains("unlucky"), "{error}");
        assert!(error.contains("left-0@0"), "{error}");
    }
}

#[test]
fn a_join_repartitions_to_as_many_partitions_as_its_table_has() {
    let builder = StreamsBuilder::new();
    let table: KTable<String, String> = builder.table("names", "names");
    let stream = builder.stream::<String, String>("in").select_key(|_, value| value.clone());
    stream.join_table(&table, |_, value, name| value + &name).named("by-value").to("out");
    let topology = builder.build().unwrap();
    let rig = Rig::with_topics(&[("in", 2), ("names", 5), ("out", 1)]);
    rig.send("names", &(0..20).map(|n| format!("{n}:x{n} ")).collect::<String>());
    let app = rig.run(&topology, config("fit"));
    crate::rig::eventually("the names are known", || {
        let names = app.store::<String, String>("names").unwrap();
        crate::rig::block_on(names.approximate_len()).is_ok_and(|len| len == 20)
    });
    rig.send_numbers("in", 0..20);
    let mut rows = rig.rows("out", 20);
    rows.sort();
    let mut expected: Vec<_> = (0..20).map(|n| format!("{n}:{n}x{n}")).collect();
    expected.sort();
    assert_eq!(rows, expected);
    assert_eq!(rig.partitions("fit-by-value-repartition"), Some(5));
    app.close(CLOSE).unwrap();
}

#[test]
fn a_stream_of_null_keys_meets_a_table() {
    let nulls = |s: KStream<String, String>| {
        let letters = s.filter(|_, v| v.as_str() >= "a").map(|k, v| (Some(k), v));
        let letters = letters.to_table("t").named("letters");
        let numbers = s.filter(|_, v| v.as_str() < "a");
        (numbers.map(|k, v| ((k != "-").then_some(k), v)), letters)
    };
    let show = |v: String, found: Option<String>| v + found.as_deref().unwrap_or("?");
    check(
        |s| {
            let (numbers, letters) = nulls(s);
            numbers.left_join_table(&letters, move |_, v, found| show(v, found)).named("left")
        },
        "a:x a:1 -:2 b:3",
        "a:1x -:2? b:3?",
    );
    check(
        |s| {
            let (numbers, letters) = nulls(s);
            numbers.join_table(&letters, move |_, v, found| v + &found).named("inner")
        },
        "a:x a:1 -:2 b:3",
        "a:1x",
    );
}
