//! Records that cannot be read or written: empty, huge, malformed.

use millstream::broker::ProducerOptions;
use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{
    AppState, Config, Error, ErrorPolicy, Record, Stage, StreamsBuilder, Topic, TopicProducer,
};

use super::assert_says;
use crate::rig::{CLOSE, Rig, config, copy, count, eventually};

type Bytes = Option<Vec<u8>>;

fn longs(policy: ErrorPolicy) -> TopologyTestDriver {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").to("out");
    let config = Config::new("longs").with_deserialization_exception_handler(policy);
    let options = DriverOptions { config, ..DriverOptions::default() };
    TopologyTestDriver::with_options(&builder.build().unwrap(), options).unwrap()
}

/// A key, a value, and what is said when it is read as text and a long.
type Malformed = (Option<&'static [u8]>, Option<&'static [u8]>, &'static [&'static str]);

const MALFORMED: &[Malformed] = &[
    (Some(b"k"), Some(b"seven"), &["value: ", "8 bytes"]),
    (Some(b"k"), Some(b""), &["value: ", "8 bytes"]),
    (Some(b"k"), None, &["value: ", "null", "Option"]),
    (None, Some(&[0; 8]), &["key: ", "null", "Option"]),
    (Some(&[0xff, 0xfe]), Some(&[0; 8]), &["key: ", "UTF-8"]),
];

#[test]
fn malformed_records_fail_with_words_for_what_is_wrong() {
    for (key, value, expected) in MALFORMED {
        let mut driver = longs(ErrorPolicy::Fail);
        let record = Record::new(key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec), 0);
        let Err(error) = driver.input::<Bytes, Bytes>("in").send_record(record) else {
            panic!("{key:?} and {value:?} were read");
        };
        assert_says(&error, &["decode failed", "in-0@0", "KSTREAM-SOURCE-0000000000"]);
        assert_says(&error, expected);
        let Error::Record(failure) = error else { panic!("{error:?}") };
        assert_eq!(failure.stage, Stage::Decode);
    }
}

#[test]
fn malformed_records_are_skipped() {
    let mut driver = longs(ErrorPolicy::Skip);
    let bad = MALFORMED
        .iter()
        .map(|(key, value, _)| Record::new(key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec), 0));
    let good = Record::new(Some(b"k".to_vec()), Some(vec![0; 8]), 0);
    driver.input::<Bytes, Bytes>("in").send_all(bad.chain([good])).unwrap();
    assert_eq!(driver.output::<String, i64>("out").read_all().unwrap(), [("k".to_owned(), 0)]);
    assert_eq!(driver.dropped_records(), MALFORMED.len() as u64);
}

#[test]
fn an_empty_key_is_a_key() {
    let rig = Rig::new(3);
    let app = rig.run(&count(), config("empty"));
    rig.send("in", ":1 :2 a: :3");
    let counts = rig.counts("out", 4);
    assert_eq!((counts[""], counts["a"]), (3, 1));
    app.close(CLOSE).unwrap();
}

#[test]
fn a_record_below_the_limit_goes_through_and_one_above_is_refused() {
    let rig = Rig::new(1);
    let app = rig.run(&copy(), config("large"));
    let large = |size| Record::new("k".to_owned(), "x".repeat(size), 0);
    let topic = Topic::<String, String>::new("in");
    rig.send_records(&topic, [large(1_000_000), large(500_000), large(700_000)]);
    assert_eq!(rig.read::<String, String>("out", 3).len(), 3);
    let mut producer =
        TopicProducer::new(&rig.broker, ProducerOptions::idempotent("test")).unwrap();
    let sent = producer.send(&topic, large(1 << 20)).and_then(|()| producer.flush());
    assert_says(
        sent.unwrap_err(),
        &["'in'", "larger than the limit of 1048588 bytes", "max.message.bytes"],
    );
    app.close(CLOSE).unwrap();
}

#[test]
fn an_output_too_large_ends_the_application() {
    let rig = Rig::new(1);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").map_values(|v| v.repeat(2 << 20)).to("out");
    let app = rig.run(&builder.build().unwrap(), config("bloat"));
    rig.send("in", "a:x");
    eventually("the end", || app.state() == AppState::Error);
    let parts = ["KSTREAM-SINK-0000000002", "in-0@0", "larger than the limit", "max.message.bytes"];
    assert_says(app.close(CLOSE).unwrap_err(), &parts);
}

#[test]
fn an_aggregate_that_grows_too_large_is_refused_by_its_changelog() {
    let rig = Rig::new(1);
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    stream.group_by_key().aggregate("texts", String::new, |_, v, all| all + &v);
    let app = rig.run(&builder.build().unwrap(), config("grows"));
    let half = |key: &str| Record::new(key.to_owned(), "x".repeat(600_000), 0);
    rig.send_records(&Topic::<String, String>::new("in"), [half("k"), half("k")]);
    eventually("the end", || app.state() == AppState::Error);
    assert_says(
        app.close(CLOSE).unwrap_err(),
        &["-changelog-0", "larger than the limit", "max.message.bytes"],
    );
}

#[test]
fn a_huge_key_is_refused_where_it_is_sent_and_where_it_is_made() {
    let rig = Rig::new(1);
    let topic = Topic::<String, String>::new("in");
    let mut producer =
        TopicProducer::new(&rig.broker, ProducerOptions::idempotent("test")).unwrap();
    let sent = producer.send(&topic, Record::new("k".repeat(2 << 20), "v".to_owned(), 0));
    let limit = ["larger than the limit of 1048588 bytes", "max.message.bytes"];
    let error = sent.unwrap_err();
    assert_says(&error, &["'in'"]);
    assert_says(&error, &limit);
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    stream.group_by(|key, _| key.repeat(2 << 20)).count("counts").to("out");
    let app = rig.run(&builder.build().unwrap(), config("keys"));
    producer.send(&topic, Record::new("k".to_owned(), "v".to_owned(), 0)).unwrap();
    producer.flush().unwrap();
    assert_eq!(rig.rows("in", 1), ["k:v"], "nothing is left of what was refused");
    eventually("the end", || app.state() == AppState::Error);
    let error = app.close(CLOSE).unwrap_err();
    assert_says(&error, &["produce failed", "counts-repartition", "in-0@0"]);
    assert_says(&error, &limit);
    assert!(!error.to_string().contains("kkk"), "the key is told");
}
