//! The policy to skip: what is dropped is counted and logged, and everything else stands.

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{BoxError, Config, ErrorPolicy, Guarantee, StreamsBuilder, Topology};

use crate::log_lines::{lines_with, listen};
use crate::rig::{CLOSE, Rig, config};

fn skip_all(config: Config) -> Config {
    config
        .with_deserialization_exception_handler(ErrorPolicy::Skip)
        .with_processing_exception_handler(ErrorPolicy::Skip)
        .with_production_exception_handler(ErrorPolicy::Skip)
}

fn driver(builder: &StreamsBuilder) -> TopologyTestDriver {
    driver_of(&builder.build().unwrap(), 10 << 20)
}

fn driver_of(topology: &Topology, cache: usize) -> TopologyTestDriver {
    let config = Config::new("skip")
        .with_processing_guarantee(Guarantee::AtLeastOnce)
        .with_statestore_cache_max_bytes(cache);
    let options = DriverOptions { config: skip_all(config), ..DriverOptions::default() };
    TopologyTestDriver::with_options(topology, options).unwrap()
}

/// One warning names everything, and not the payload.
fn assert_logged(topic: &str, words: &[&str]) {
    let lines = lines_with(topic);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for word in words {
        assert!(lines[0].contains(word), "no {word} in: {}", lines[0]);
    }
    assert!(!lines[0].contains("secret"), "{}", lines[0]);
}

#[test]
fn of_three_outputs_the_second_fails() {
    fn fails(fail: fn() -> Result<(), BoxError>) {
        let builder = StreamsBuilder::new();
        builder
            .stream::<String, String>("in")
            .flat_map(|key, value| (1..=3).map(move |n| (key.clone(), format!("{value}{n}"))))
            .try_peek(move |_, value| if value.ends_with('2') { fail() } else { Ok(()) })
            .to("out");
        let mut driver = driver(&builder);
        driver.input::<String, String>("in").send("k", "v").unwrap();
        driver.input::<String, String>("in").send("l", "w").unwrap();
        let out: Vec<(String, String)> = driver.output("out").read_all().unwrap();
        let values: Vec<_> = out.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["v1", "v3", "w1", "w3"]);
        assert_eq!(driver.dropped_records(), 2);
    }
    fails(|| Err("boom".into()));
    fails(|| panic!("boom"));
}

#[test]
fn a_skip_while_decoding_names_everything_but_the_payload() {
    listen();
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("bad-longs").to("out");
    let mut driver = driver(&builder);
    driver.input::<String, String>("bad-longs").send("k", "secret").unwrap();
    driver.input::<String, i64>("bad-longs").send("k", 7).unwrap();
    assert_eq!(driver.output::<String, i64>("out").read_all().unwrap(), [("k".to_owned(), 7)]);
    assert_eq!(driver.dropped_records(), 1);
    assert_logged(
        "bad-longs",
        &["decode", "bad-longs-0@0", "KSTREAM-SOURCE-0000000000", "task 0_0", "value: ", "8 bytes"],
    );
}

#[test]
fn a_skip_while_processing_names_everything_but_the_payload() {
    listen();
    for (topic, fail, cause) in [
        ("bad-errors", (|| Err("boom".into())) as fn() -> Result<(), BoxError>, ": boom"),
        ("bad-panics", || panic!("boom"), ": panic: boom"),
    ] {
        let builder = StreamsBuilder::new();
        let stream = builder.stream::<String, String>(topic);
        stream
            .try_peek(move |_, v| if v == "secret" { fail() } else { Ok(()) })
            .named("p")
            .to("out");
        let mut driver = driver(&builder);
        driver.input::<String, String>(topic).send("k", "secret").unwrap();
        driver.input::<String, String>(topic).send("k", "fine").unwrap();
        assert_eq!(driver.output::<String, String>("out").read_all().unwrap().len(), 1);
        assert_eq!(driver.dropped_records(), 1);
        let place = format!("{topic}-0@0");
        assert_logged(topic, &["process", &place, "node 'p'", "task 0_0", cause]);
    }
}

#[test]
fn a_skip_for_an_unknown_topic_names_everything_but_the_payload() {
    listen();
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("bad-routes").to_dynamic(|key, _| format!("to-{key}"));
    let mut driver = driver(&builder);
    driver.create_topic("to-here").unwrap();
    driver.input::<String, String>("bad-routes").send("nowhere", "secret").unwrap();
    driver.input::<String, String>("bad-routes").send("here", "fine").unwrap();
    assert_eq!(driver.output::<String, String>("to-here").read_all().unwrap().len(), 1);
    assert_eq!(driver.dropped_records(), 1);
    assert_logged(
        "bad-routes",
        &["produce", "bad-routes-0@0", "KSTREAM-SINK-0000000001", "to-nowhere"],
    );
}

#[test]
fn a_record_too_large_is_skipped_alone() {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    stream.flat_map_values(|v| [v.clone(), v.repeat(2 << 20), v]).to("out");
    let mut driver = driver(&builder);
    driver.input::<String, String>("in").send("a", "x").unwrap();
    driver.input::<String, String>("in").send("b", "y").unwrap();
    let out = driver.output::<String, String>("out").read_all().unwrap();
    assert_eq!(out.iter().map(|(_, v)| v.as_str()).collect::<Vec<_>>(), ["x", "x", "y", "y"]);
    assert_eq!(driver.dropped_records(), 2);
}

#[test]
fn an_aggregator_that_fails_leaves_the_aggregate_as_it_was() {
    fn fails(cache: usize, fail: fn() -> Result<i64, BoxError>) {
        let builder = StreamsBuilder::new();
        let add = move |_: &String, value: String, sum: i64| match value.as_str() {
            "secret" => fail(),
            number => Ok(sum + number.parse::<i64>()?),
        };
        let stream = builder.stream::<String, String>("in");
        stream.group_by_key().try_aggregate("sums", || 100, add).to("out");
        let mut driver = driver_of(&builder.build().unwrap(), cache);
        for value in ["1", "secret", "2", "not a number", "3"] {
            driver.input::<String, String>("in").send("k", value).unwrap();
        }
        let sums = driver.output::<String, i64>("out").read_all().unwrap();
        assert_eq!(sums.iter().map(|(_, sum)| *sum).collect::<Vec<_>>(), [101, 103, 106]);
        assert_eq!(driver.dropped_records(), 2);
        assert_eq!(driver.get::<String, i64>("sums", &"k".to_owned()).unwrap(), Some(106));
    }
    for cache in [0, 10 << 20] {
        fails(cache, || Err("boom".into()));
        fails(cache, || panic!("boom"));
    }
}

#[test]
fn skipped_records_are_in_the_metrics_of_an_application() {
    let rig = Rig::new(2);
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    stream.try_map_values(|v| Ok(v.parse::<u32>()?.to_string())).to("out");
    let app = rig.run(&builder.build().unwrap(), skip_all(config("metrics")));
    rig.send("in", "a:1 b:x c:2 d:x e:3");
    assert_eq!(rig.read::<String, String>("out", 3).len(), 3);
    app.close(CLOSE).unwrap();
    let metrics = app.metrics();
    assert_eq!((metrics.processed, metrics.dropped), (5, 2));
}
