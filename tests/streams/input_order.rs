//! A task with several inputs takes the record with the smallest timestamp, and waits for an empty
//! input as long as it is told to.

use std::time::Duration;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Config, Record, StreamsBuilder, Topology};

use crate::rig::{CLOSE, Rig, config};

/// Two topics in one.
fn merged() -> Topology {
    let builder = StreamsBuilder::new();
    let left = builder.stream::<String, String>("left");
    left.merge(&builder.stream("right")).to("out");
    builder.build().unwrap()
}

fn rig() -> Rig {
    Rig::with_topics(&[("left", 1), ("right", 1), ("out", 1)])
}

#[test]
fn records_of_two_topics_come_in_order_of_their_timestamps() {
    for (left, right, expected) in [
        ("l:1@1 l:2@3 l:3@5", "r:1@2 r:2@4 r:3@6", "l:1 r:1 l:2 r:2 l:3 r:3"),
        ("l:1@10 l:2@20", "r:1@1 r:2@2", "r:1 r:2 l:1 l:2"),
        // Within a partition offsets rule: a late record waits its turn.
        ("l:1@5 l:2@1", "r:1@3 r:2@6", "r:1 l:1 l:2 r:2"),
        ("l:1@7 l:2@7", "r:1@7", "l:1 l:2 r:1"),
    ] {
        let rig = rig();
        rig.send("left", left);
        rig.send("right", right);
        let app = rig.run(&merged(), config("order"));
        let count = expected.split(' ').count();
        assert_eq!(rig.rows("out", count).join(" "), expected, "{left} | {right}");
        app.close(CLOSE).unwrap();
    }
}

/// A driver on which both topics can be filled before anything is processed: the records are sent
/// behind its back.
fn driver(idle: Option<Duration>) -> (TopologyTestDriver, Rig) {
    let config = Config::new("idle").with_max_task_idle(idle);
    let options = DriverOptions { config, ..DriverOptions::default() };
    let driver = TopologyTestDriver::with_options(&merged(), options).unwrap();
    let rig = Rig { broker: driver.broker().clone() };
    (driver, rig)
}

fn out(driver: &mut TopologyTestDriver) -> String {
    let records: Vec<(String, String)> = driver.output("out").read_all().unwrap();
    let rows: Vec<_> = records.into_iter().map(|(k, v)| format!("{k}:{v}")).collect();
    rows.join(" ")
}

#[test]
fn a_task_waits_for_an_empty_input_as_long_as_it_is_told() {
    let (mut driver, rig) = driver(Some(Duration::from_millis(100)));
    rig.send("left", "l:1@5");
    driver.advance(Duration::from_millis(1)).unwrap();
    driver.advance(Duration::from_millis(98)).unwrap();
    assert_eq!(out(&mut driver), "", "it waits");
    rig.send("right", "r:1@3");
    driver.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(out(&mut driver), "r:1", "what was waited for came; now the other one is empty");
    driver.advance(Duration::from_millis(99)).unwrap();
    assert_eq!(out(&mut driver), "");
    driver.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(out(&mut driver), "l:1", "the wait is over");
}

#[test]
fn without_waiting_what_is_there_is_taken() {
    for idle in [None, Some(Duration::ZERO)] {
        let (mut driver, rig) = driver(idle);
        rig.send("left", "l:1@5");
        driver.advance(Duration::from_millis(1)).unwrap();
        rig.send("right", "r:1@3");
        driver.advance(Duration::from_millis(1)).unwrap();
        assert_eq!(out(&mut driver), "l:1 r:1", "{idle:?}");
    }
}

#[test]
fn a_driver_takes_the_smallest_timestamp_of_all_tasks() {
    let builder = StreamsBuilder::new();
    for input in ["left", "right"] {
        builder.stream::<String, String>(input).to("out");
    }
    let topology = builder.build().unwrap();
    assert_eq!(topology.sub_topologies().len(), 2);
    let mut driver = TopologyTestDriver::new(&topology).unwrap();
    Rig { broker: driver.broker().clone() }.send("right", "r:1@1 r:2@9");
    let record = Record::new("l".to_owned(), "1".to_owned(), 5);
    driver.input::<String, String>("left").send_record(record).unwrap();
    assert_eq!(out(&mut driver), "r:1 l:1 r:2");
}
