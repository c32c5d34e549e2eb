//! Foreign-key joins: what is promised beyond what the oracle has recorded.

use std::collections::BTreeMap;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Config, KTable, Record, StreamsBuilder, Topology};

use crate::rig::{CLOSE, Rig, block_on, config, eventually};

type Texts = KTable<String, String>;

/// What stands before the bar.
fn foreign_key(value: &str) -> Option<String> {
    let (key, _) = value.split_once('|')?;
    (!key.is_empty()).then(|| key.to_owned())
}

fn joined(left: bool) -> Topology {
    let builder = StreamsBuilder::new();
    join(left, &builder.table("left", "rows"), &builder.table("right", "others"));
    builder.build().unwrap()
}

/// As [`joined`], of tables that are made of one topic, so that both change in one commit: the
/// values that begin with their numbers.
fn joined_of_one(left: bool) -> Topology {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    let part = |number: &'static str| {
        let own = stream.filter(move |_, v| v.starts_with(number));
        let parsed = own.map_values(|v| (v.len() > 1).then(|| v[1..].to_owned()));
        let table = parsed.to_table(format!("store-{number}"));
        table.map_values(|v| v.expect("a null deletes"))
    };
    join(left, &part("0"), &part("1"));
    builder.build().unwrap()
}

fn join(left: bool, rows: &Texts, others: &Texts) {
    let result = if left {
        rows.left_join_on_foreign_key(
            others,
            |_, v| foreign_key(v),
            |_, v, other| v + other.as_deref().unwrap_or("?"),
        )
    } else {
        rows.join_on_foreign_key(others, |_, v| foreign_key(v), |_, v, other| v + &other)
    };
    result.named("fk").materialized("joined").to("out");
}

fn model(
    left: bool,
    rows: &BTreeMap<String, Option<String>>,
    others: &BTreeMap<String, Option<String>>,
) -> BTreeMap<String, String> {
    let join = |value: &String| {
        let other = foreign_key(value).and_then(|key| others.get(&key)?.clone());
        if left {
            Some(value.clone() + &other.unwrap_or("?".into()))
        } else {
            Some(value.clone() + &other?)
        }
    };
    let rows = rows.iter().filter_map(|(key, value)| Some((key.clone(), join(value.as_ref()?)?)));
    rows.collect()
}

#[test]
fn any_updates_in_any_commits_end_in_the_join_of_both_tables() {
    for (left, cache, commit_every) in
        [(false, 0, 1), (false, 1 << 20, 5), (true, 0, 7), (true, 1 << 20, 1), (true, 1 << 20, 40)]
    {
        let config = Config::new("fk").with_statestore_cache_max_bytes(cache);
        let options = DriverOptions { config, commit_every, ..DriverOptions::default() };
        let topology = joined_of_one(left);
        let mut driver = TopologyTestDriver::with_options(&topology, options).unwrap();
        let mut tables = [BTreeMap::new(), BTreeMap::new()];
        let mut seed = 11u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            (seed >> 33) % below
        };
        for _ in 0..400 / commit_every {
            let records: Vec<_> = (0..commit_every)
                .map(|n| {
                    let (table, key, value) = match next(3) {
                        0 => (1, ["x", "x1", "y"][next(3) as usize], format!("R{n}")),
                        _ => {
                            let foreign = ["x", "x1", "y", ""][next(4) as usize];
                            (0, ["a", "b", "c"][next(3) as usize], format!("{foreign}|{}", next(3)))
                        }
                    };
                    let value = (next(4) > 0).then_some(value);
                    tables[table].insert(key.to_owned(), value.clone());
                    Record::new(key.to_owned(), format!("{table}{}", value.unwrap_or_default()), 0)
                })
                .collect();
            driver.input::<String, String>("in").send_all(records).unwrap();
            let entries = driver.entries::<String, String>("joined").unwrap().into_iter();
            let kept: BTreeMap<_, _> = entries.map(|(key, value)| (key, value.value)).collect();
            assert_eq!(kept, model(left, &tables[0], &tables[1]), "{left} {cache} {commit_every}");
        }
    }
}

#[test]
fn a_row_that_very_many_refer_to_reaches_all_of_them() {
    let mut driver = TopologyTestDriver::new(&joined(false)).unwrap();
    for n in 0..700 {
        driver.input::<String, String>("left").send(format!("{n:03}"), format!("x|{n}")).unwrap();
    }
    driver.input::<String, String>("left").send("other", "x1|0").unwrap();
    driver.input::<String, String>("right").send("x", "R").unwrap();
    let out = driver.output::<String, String>("out").read_all().unwrap();
    let expected: Vec<_> = (0..700).map(|n| (format!("{n:03}"), format!("x|{n}R"))).collect();
    assert_eq!(out, expected);
}

#[test]
fn the_tables_may_have_different_partitions_and_move() {
    let rig = Rig::with_topics(&[("left", 3), ("right", 2), ("out", 1)]);
    let topology = joined(true);
    let app = rig.run(&topology, config("fk"));
    rig.send("right", "x:R y:S");
    rig.send(
        "left",
        &(0..30).map(|n| format!("{n}:{}|{n} ", ["x", "y", "z"][n % 3])).collect::<String>(),
    );
    let kept = |app: &millstream::StreamsApp| {
        let joined = app.store::<String, String>("joined").unwrap();
        block_on(joined.all()).unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>()
    };
    let expected = |x: &str, y: &str, z: &str| -> BTreeMap<String, String> {
        let row = |n: usize| {
            let (key, other) = [("x", x), ("y", y), ("z", z)][n % 3];
            (n.to_string(), format!("{key}|{n}{other}"))
        };
        (0..30).map(row).collect()
    };
    eventually("all rows are joined", || kept(&app) == expected("R", "S", "?"));
    assert_eq!(rig.partitions("fk-fk-subscription-registration-topic"), Some(2));
    assert_eq!(rig.partitions("fk-fk-subscription-response-topic"), Some(3));
    app.close(CLOSE).unwrap();
    // The subscriptions come back from their changelog.
    let app = rig.run(&topology, config("fk"));
    rig.send("right", "x:T z:U");
    eventually("the other rows are heard of", || kept(&app) == expected("T", "S", "U"));
    app.close(CLOSE).unwrap();
}

#[test]
fn a_result_that_is_only_listened_to_needs_no_store() {
    let builder = StreamsBuilder::new();
    let rows: Texts = builder.table("left", "rows");
    let others: Texts = builder.table("right", "others");
    let key = |_: &String, v: &String| foreign_key(v);
    let result = rows.join_on_foreign_key(&others, key, |_, v, other| v + &other).named("fk");
    let stream = result.to_stream();
    stream.join_table(&rows, |_, joined, row| joined.unwrap_or_default() + &row).to("out");
    result.map_values(|v| v + "!").to("other");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input::<String, String>("right").send("x", "R").unwrap();
    driver.input::<String, String>("left").send("a", "x|1").unwrap();
    let out = driver.output::<String, String>("out").read_all().unwrap();
    assert_eq!(out, [("a".to_owned(), "x|1Rx|1".to_owned())]);
}

const REGISTRATION: &str = "test-fk-subscription-registration-topic";

fn register(driver: &mut TopologyTestDriver, bytes: &[u8]) -> Result<(), millstream::Error> {
    let record = Record::new(b"x".to_vec(), bytes.to_vec(), 0);
    driver.input::<Vec<u8>, Vec<u8>>(REGISTRATION).send_record(record)
}

#[test]
fn subscriptions_of_older_versions_are_answered() {
    let mut driver = TopologyTestDriver::new(&joined(true)).unwrap();
    driver.input::<String, String>("right").send("x", "R").unwrap();
    // Of a row that is not there, so without a hash; it says no partition.
    register(&mut driver, b"\x80\x02pk").unwrap();
    let kept = driver.entries::<Vec<u8>, Vec<u8>>("fk-subscription-store").unwrap();
    assert_eq!(kept[0].0, b"\0\0\0\x01xpk");
    assert_eq!(kept[0].1.value, b"\x80\x02pk", "kept as it came");
    let answers = driver.output::<String, Vec<u8>>("test-fk-subscription-response-topic");
    let answers = { answers }.read_all().unwrap();
    assert_eq!(answers, [("pk".to_owned(), b"\x80R".to_vec())]);
}

#[test]
fn a_subscription_that_cannot_be_read_names_the_topic_and_what_is_wrong() {
    for (bytes, what) in [
        (b"\x80".as_slice(), "less than 2 bytes"),
        (b"\x80\x07pk", "unknown instruction"),
        (b"\x83\x02pk\0\0\0\0", "version 3"),
    ] {
        let mut driver = TopologyTestDriver::new(&joined(true)).unwrap();
        let error = register(&mut driver, bytes).unwrap_err().to_string();
        for part in ["decode", REGISTRATION, what] {
            assert!(error.contains(part), "no '{part}' in: {error}");
        }
    }
}
