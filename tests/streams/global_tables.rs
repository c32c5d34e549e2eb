//! Global tables: filled before the start, followed afterwards, in every thread.

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Config, ErrorPolicy, Record, StreamsBuilder, Topic, Topology};

use crate::rig::{CLOSE, Rig, block_on, config, eventually};

/// Joins `in` with the global table `names`, by the value.
fn join() -> Topology {
    let builder = StreamsBuilder::new();
    let names = builder.global_table::<String, String>("names", "names");
    builder
        .stream::<String, String>("in")
        .left_join_global_table(
            &names,
            |_, value| Some(value.clone()),
            |_, value, name| format!("{value}={}", name.unwrap_or_default()),
        )
        .to("out");
    builder.build().unwrap()
}

fn rig(partitions: u32) -> Rig {
    Rig::with_topics(&[("in", partitions), ("names", 3), ("out", 1)])
}

#[test]
fn it_is_filled_before_the_first_record_is_joined_in_every_thread() {
    let rig = rig(4);
    rig.send_numbers("names", 0..500);
    rig.send_numbers("in", 0..500);
    let app = rig.run(&join(), config("filled").with_num_stream_threads(3));
    let mut rows = rig.rows("out", 500);
    rows.sort();
    let mut expected: Vec<_> = (0..500).map(|n| format!("{n}:{n}={n}")).collect();
    expected.sort();
    assert_eq!(rows, expected);
    let names = app.store::<String, String>("names").unwrap();
    // Once, although each thread has it.
    assert_eq!(block_on(names.all()).unwrap().len(), 500);
    assert_eq!(block_on(names.approximate_len()).unwrap(), 500);
    assert_eq!(block_on(names.get(&"7".to_owned())).unwrap().as_deref(), Some("7"));
    app.close(CLOSE).unwrap();
}

#[test]
fn it_is_followed_and_filled_again_after_a_restart() {
    let rig = rig(1);
    let app = rig.run(&join(), config("again"));
    rig.send("names", "x:first");
    let names = app.store::<String, String>("names").unwrap();
    eventually("the update is there", || {
        block_on(names.get(&"x".to_owned())).unwrap().as_deref() == Some("first")
    });
    rig.send("in", "a:x");
    assert_eq!(rig.rows("out", 1), ["a:x=first"]);
    app.close(CLOSE).unwrap();
    rig.send("names", "x:second");
    rig.send("in", "b:x");
    let app = rig.run(&join(), config("again"));
    assert_eq!(rig.rows("out", 2)[1], "b:x=second");
    app.close(CLOSE).unwrap();
}

#[test]
fn what_cannot_be_read_follows_the_policy_at_the_start_and_later() {
    let builder = StreamsBuilder::new();
    builder.global_table::<String, i64>("numbers", "numbers");
    builder.stream::<String, String>("in").to("out");
    let topology = builder.build().unwrap();
    let bad = || Topic::<String, String>::new("numbers");

    let rig = Rig::with_topics(&[("in", 1), ("numbers", 1), ("out", 1)]);
    rig.send_records(&bad(), [Record::new("a".to_owned(), "bad".to_owned(), 0)]);
    let app = rig.app(&topology, config("fail"));
    app.start().unwrap();
    assert!(block_on(app.running()).is_err());
    let error = app.close(CLOSE).unwrap_err().to_string();
    assert!(error.contains("decode") && error.contains("numbers-0@0"), "{error}");

    let config = Config::new("skip").with_deserialization_exception_handler(ErrorPolicy::Skip);
    let options = DriverOptions { config, ..DriverOptions::default() };
    let mut driver = TopologyTestDriver::with_options(&topology, options).unwrap();
    driver.input(bad()).send("a", "bad").unwrap();
    driver.input::<String, i64>("numbers").send("b", 2).unwrap();
    assert_eq!(driver.dropped_records(), 1);
    let entries = driver.entries::<String, i64>("numbers").unwrap();
    assert_eq!(entries.len(), 1);
}

#[test]
fn a_topic_is_not_read_as_a_stream_too() {
    let builder = StreamsBuilder::new();
    builder.global_table::<String, String>("in", "table");
    builder.stream::<String, String>("in").to("out");
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("the topic 'in' is read twice"), "{error}");
}
