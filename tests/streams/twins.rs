//! The `try_` twins of the operators: every closure may return an error, or panic.

use std::sync::mpsc;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{BoxError, Config, Error, ErrorPolicy, KStream, KTable, Stage, StreamsBuilder};

type Text = KStream<String, String>;

/// Gives a value back, if it is not "bad".
type Check = fn(&str) -> Result<String, BoxError>;

/// The node whose closure fails, and how it comes between the topic and `out`.
type Twin = (&'static str, fn(&Text, Check));

const CHECKS: &[(Check, &str)] = &[
    (|v| if v == "bad" { Err("boom".into()) } else { Ok(v.to_owned()) }, ": boom"),
    (|v| if v == "bad" { panic!("boom") } else { Ok(v.to_owned()) }, ": panic: boom"),
];

const OF_STREAMS: &[Twin] = &[
    ("map", |s, c| s.try_map(move |k, v| Ok((k, c(&v)?))).named("map").to("out")),
    ("values", |s, c| s.try_map_values(move |v| c(&v)).named("values").to("out")),
    ("keyed", |s, c| s.try_map_values_with_key(move |_, v| c(&v)).named("keyed").to("out")),
    ("flat", |s, c| s.try_flat_map(move |k, v| Ok([(k, c(&v)?)])).named("flat").to("out")),
    ("flats", |s, c| s.try_flat_map_values(move |v| Ok([c(&v)?])).named("flats").to("out")),
    ("flat-keyed", |s, c| {
        let flat = s.try_flat_map_values_with_key(move |_, v| Ok([c(&v)?]));
        flat.named("flat-keyed").to("out");
    }),
    ("keep", |s, c| s.try_filter(move |_, v| Ok(c(v)? == *v)).named("keep").to("out")),
    ("drop", |s, c| s.try_filter_not(move |_, v| Ok(c(v)? != *v)).named("drop").to("out")),
    ("select", |s, c| s.try_select_key(move |_, v| c(v)).named("select").to("out")),
    ("peek", |s, c| s.try_peek(move |_, v| c(v).map(drop)).named("peek").to("out")),
    ("split", |s, c| {
        s.split().named("split").try_branch(move |_, v| Ok(c(v)? == *v)).to("out");
    }),
    ("KSTREAM-SINK-", |s, c| {
        s.filter(|_, _| false).to("out"); // makes the topic
        s.try_to_dynamic(move |_, v| c(v).map(|_| "out".to_owned()));
    }),
    ("group", |s, c| {
        last(&s.try_group_by(move |_, v| c(v)).named("group").reduce("r", |_, new| new));
    }),
    ("reduce", |s, c| {
        let grouped = s.group_by(|_, _| "all".to_owned());
        last(&grouped.try_reduce("r", move |_, new| c(&new)).named("reduce"));
    }),
    ("fold", |s, c| {
        let grouped = s.group_by(|_, _| "all".to_owned());
        last(&grouped.try_aggregate("a", String::new, move |_, v, _| c(&v)).named("fold"));
    }),
];

const OF_TABLES: &[Twin] = &[
    ("keep", |s, c| last(&s.to_table("t").try_filter(move |_, v| Ok(c(v)? == *v)).named("keep"))),
    ("drop", |s, c| {
        last(&s.to_table("t").try_filter_not(move |_, v| Ok(c(v)? != *v)).named("drop"));
    }),
    ("values", |s, c| last(&s.to_table("t").try_map_values(move |v| c(&v)).named("values"))),
    ("keyed", |s, c| {
        last(&s.to_table("t").try_map_values_with_key(move |_, v| c(&v)).named("keyed"));
    }),
    ("transform", |s, c| {
        let table = s.to_table("t");
        let made = table.try_transform_values(move |_, v, _| v.map(|v| c(&v)).transpose());
        last(&made.named("transform"));
    }),
    ("group", |s, c| {
        let grouped = s.to_table("t").try_group_by(move |k, v| Ok((k.clone(), c(&v)?)));
        last(&grouped.named("group").reduce("r", |_, new| new, |old, _| old));
    }),
    ("reduce", |s, c| {
        let grouped = s.to_table("t").group_by(|_, v| ("all".to_owned(), v));
        last(&grouped.try_reduce("r", move |_, new| c(&new), |old, _| Ok(old)).named("reduce"));
    }),
    ("fold", |s, c| {
        let grouped = s.to_table("t").group_by(|_, v| ("all".to_owned(), v));
        let folded =
            grouped.try_aggregate("a", String::new, move |_, v, _| c(&v), |_, _, all| Ok(all));
        last(&folded.named("fold"));
    }),
];

fn last(table: &KTable<String, String>) {
    table.to("out");
}

fn driver(policy: ErrorPolicy, build: impl Fn(&Text)) -> TopologyTestDriver {
    let builder = StreamsBuilder::new();
    build(&builder.stream("in"));
    let config = Config::new("twins").with_processing_exception_handler(policy);
    let options = DriverOptions { config, ..DriverOptions::default() };
    TopologyTestDriver::with_options(&builder.build().unwrap(), options).unwrap()
}

/// The node fails for "bad", in words without key and value.
fn assert_fails(node: &str, cause: &str, build: impl Fn(&Text)) {
    let mut driver = driver(ErrorPolicy::Fail, build);
    let mut input = driver.input::<String, String>("in");
    input.send("key-1", "one").unwrap();
    let Err(error) = input.send("key-2", "bad") else { panic!("{node}: no error") };
    let message = error.to_string();
    assert!(message.contains(&format!("node '{node}")) && message.ends_with(cause), "{message}");
    assert!(!message.contains("bad") && !message.contains("key-"), "{message}");
    assert!(matches!(&error, Error::Record(f) if f.stage == Stage::Process), "{error:?}");
}

/// "bad" is dropped, among others that are not.
fn skipping(node: &str, build: impl Fn(&Text)) -> TopologyTestDriver {
    let mut driver = driver(ErrorPolicy::Skip, build);
    for (key, value, dropped) in [("key-1", "one", 0), ("key-2", "bad", 1), ("key-3", "two", 1)] {
        driver.input::<String, String>("in").send(key, value).unwrap();
        assert_eq!(driver.dropped_records(), dropped, "{node} after '{value}'");
    }
    driver
}

#[test]
fn a_closure_that_fails_is_named_and_its_record_is_dropped_alone() {
    for (node, twin) in OF_STREAMS.iter().chain(OF_TABLES) {
        for (check, cause) in CHECKS {
            assert_fails(node, cause, |stream| twin(stream, *check));
            let mut driver = skipping(node, |stream| twin(stream, *check));
            let out = driver.output::<String, String>("out").read_all().unwrap();
            let values: Vec<_> = out.iter().map(|(_, value)| value.as_str()).collect();
            assert_eq!(values, ["one", "two"], "{node}");
        }
    }
}

#[test]
fn a_closure_at_the_end_of_a_stream_that_fails_is_named_and_its_record_is_dropped_alone() {
    for (check, cause) in CHECKS {
        let (sender, seen) = mpsc::channel();
        let build = |stream: &Text| {
            let sender = sender.clone();
            stream.try_for_each(move |_, value| Ok(sender.send(check(&value)?)?));
        };
        assert_fails("KSTREAM-FOREACH-", cause, build);
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), ["one"]);
        skipping("KSTREAM-FOREACH-", build);
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), ["one", "two"]);
    }
}
