//! The test driver itself.

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Error, Headers, Record, StreamsBuilder, Timestamped, Topic};

use crate::rig::count;

#[test]
fn several_partitions() {
    let options = DriverOptions { partitions: 4, ..DriverOptions::default() };
    let mut driver = TopologyTestDriver::with_options(&count(), options).unwrap();
    let records = (0..80).map(|n| Record::new((n % 40).to_string(), "x".to_owned(), n));
    driver.input::<String, String>("in").send_all(records).unwrap();
    let out = driver.output::<String, i64>("out").read_records().unwrap();
    assert_eq!(out.len(), 80);
    let partitions: std::collections::BTreeSet<u32> = out.iter().map(|c| c.partition).collect();
    assert_eq!(partitions.len(), 4, "keys are spread");
    assert_eq!(driver.get::<String, i64>("counts", &"7".to_owned()).unwrap(), Some(2));
    let entries = driver.entries::<String, i64>("counts").unwrap();
    assert_eq!(entries.len(), 40);
    assert!(entries.iter().map(|(key, _)| key).is_sorted(), "over all partitions");
}

#[test]
fn stores() {
    let mut driver = TopologyTestDriver::new(&count()).unwrap();
    assert_eq!(driver.entries::<String, i64>("counts").unwrap(), []);
    assert_eq!(driver.get::<String, i64>("counts", &"a".to_owned()).unwrap(), None);
    driver.input::<String, String>("in").send_at("a", "x", 9).unwrap();
    driver.input::<String, String>("in").send_at("a", "x", 5).unwrap();
    let entry = ("a".to_owned(), Timestamped { value: 2, timestamp: 9 });
    assert_eq!(driver.entries::<String, i64>("counts").unwrap(), [entry]);
    let unknown = driver.get::<String, i64>("totals", &"a".to_owned()).unwrap_err().to_string();
    assert!(unknown.contains("no store 'totals'; it has: counts"), "{unknown}");
    let types = driver.get::<String, String>("counts", &"a".to_owned()).unwrap_err().to_string();
    assert!(types.contains("'counts' holds other types"), "{types}");
}

#[test]
fn headers_and_timestamps_travel() {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    let mapped =
        stream.map(|key, value| (key, value)).flat_map_values(|value| [value.clone(), value]);
    mapped.filter(|_, _| true).peek(|_, _| {}).select_key(|_, value| value.clone()).to("out");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    let mut headers = Headers::new();
    headers.push("trace", Some(b"123"));
    headers.push("empty", None);
    let record = Record::new("k".to_owned(), "v".to_owned(), 77).with_headers(headers.clone());
    driver.input("in").send_record(record).unwrap();
    let out = driver.output::<String, String>("out").read_records().unwrap();
    assert_eq!(out.len(), 2);
    for (offset, consumed) in out.into_iter().enumerate() {
        assert_eq!(consumed.offset, offset as i64);
        let expected =
            Record::new("v".to_owned(), "v".to_owned(), 77).with_headers(headers.clone());
        assert_eq!(consumed.record, expected);
    }
}

#[test]
fn timestamps_out_of_the_values() {
    let builder = StreamsBuilder::new();
    let topic = Topic::<String, i64>::new("in").timestamps(|_, value| *value);
    builder.stream(&topic).to("out");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input(&topic).send_at("k", 42, 7).unwrap();
    let out = driver.output::<String, i64>("out").read_records().unwrap();
    assert_eq!(out[0].record.timestamp, 42);
    // A record whose timestamp is negative is dropped and counted.
    driver.input(&topic).send_at("k", -1, 7).unwrap();
    assert_eq!(
        (driver.output::<String, i64>("out").read_all().unwrap().len(), driver.dropped_records()),
        (0, 1)
    );
}

#[test]
fn a_failing_record_is_an_error_of_its_send() {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    stream.try_map_values(|value| Ok(value.parse::<i64>()?)).named("parse").to("out");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input::<String, String>("in").send("a", "1").unwrap();
    let Err(Error::Record(failure)) = driver.input::<String, String>("in").send("b", "x") else {
        panic!("the record went through");
    };
    assert_eq!((&*failure.topic, failure.partition, failure.offset), ("in", 0, 1));
    assert_eq!(&*failure.node, "parse");
    assert_eq!(driver.output::<String, i64>("out").read_all().unwrap(), [("a".to_owned(), 1)]);
}

#[test]
fn an_output_is_read_once_and_its_format_is_checked() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input::<String, String>("in").send("a", "1").unwrap();
    assert_eq!(driver.output::<String, String>("out").read_all().unwrap().len(), 1);
    assert_eq!(driver.output::<String, String>("out").read_all().unwrap(), []);
    driver.input::<String, String>("in").send("a", "2").unwrap();
    let wrong = driver.output::<String, i64>("out").read_all().unwrap_err().to_string();
    assert!(wrong.contains("out-0@1"), "{wrong}");
    let missing = driver.output::<String, i64>("nowhere").read_all().unwrap_err().to_string();
    assert!(missing.contains("nowhere"), "{missing}");
}

#[test]
fn routes_chosen_per_record() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to_dynamic(|key, _| format!("to-{key}"));
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    driver.create_topic("to-a").unwrap();
    driver.input::<String, String>("in").send("a", "1").unwrap();
    assert_eq!(driver.output::<String, String>("to-a").read_all().unwrap().len(), 1);
    let error = driver.input::<String, String>("in").send("b", "2").unwrap_err().to_string();
    assert!(error.contains("produce failed") && error.contains("to-b"), "{error}");
}
