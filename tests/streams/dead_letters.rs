//! The dead letter of a record that ends the application: written as Kafka Streams does, whatever the
//! answer to the failure is.

use millstream::broker::{Broker, ConsumerOptions, Headers, IsolationLevel, TopicPartition};
use millstream::{AppState, Config, Error, Guarantee, StreamsBuilder, Topology};

use crate::rig::{CLOSE, Rig, config, eventually};

/// How a record fails.
type Failing = fn(&StreamsBuilder);

const FAILURES: &[(&str, Failing)] = &[
    ("decode", |b| b.stream::<String, i64>("in").to("out")),
    ("process", |b| {
        let stream = b.stream::<String, String>("in");
        stream.try_map_values(|v| if v == "bad" { Err("boom".into()) } else { Ok(v) }).to("out");
    }),
    ("process", |b| {
        let stream = b.stream::<String, String>("in");
        stream.map_values(|v| if v == "bad" { panic!("boom") } else { v }).to("out");
    }),
    ("produce", |b| b.stream::<String, String>("in").to_dynamic(|_, _| "nowhere".to_owned())),
];

fn topology(failing: Failing) -> Topology {
    let builder = StreamsBuilder::new();
    failing(&builder);
    builder.build().unwrap()
}

fn with_letters(guarantee: Guarantee) -> Config {
    config("letters").with_processing_guarantee(guarantee).with_dead_letter_topic("dead")
}

/// Runs until the record has ended the application.
fn fail(rig: &Rig, failing: Failing, guarantee: Guarantee) {
    let app = rig.app(&topology(failing), with_letters(guarantee));
    rig.send("in", "k:bad@7");
    app.start().unwrap();
    eventually("the end", || app.state() == AppState::Error);
    let error = app.close(CLOSE).unwrap_err();
    assert!(matches!(error, Error::Record(_)), "{error}");
}

/// Values of a topic's first partition, uncommitted ones too, with the headers of each.
fn uncommitted(rig: &Rig, topic: &str) -> Vec<(Vec<u8>, Headers)> {
    let options = ConsumerOptions {
        isolation: IsolationLevel::ReadUncommitted,
        ..ConsumerOptions::default()
    };
    let mut consumer = rig.broker.consumer(options).unwrap();
    let partition = TopicPartition::new(topic, 0);
    consumer.assign(&partition, 0).unwrap();
    let mut found = Vec::new();
    while let Some(batch) = consumer.fetch(&partition, 1 << 20).unwrap() {
        found.extend(
            batch
                .iter()
                .map(|record| (record.value.unwrap_or_default().to_vec(), record.headers())),
        );
    }
    found
}

#[test]
fn it_stays_where_nothing_is_a_transaction() {
    for (stage, failing) in FAILURES {
        let rig = Rig::with_topics(&[("in", 1), ("out", 1), ("dead", 1)]);
        fail(&rig, *failing, Guarantee::AtLeastOnce);
        let letters = rig.read::<String, String>("dead", 1);
        assert_eq!(letters.len(), 1, "{stage}");
        let record = &letters[0].record;
        assert_eq!((&*record.key, &*record.value, record.timestamp), ("k", "bad", 7), "{stage}");
        let said = |name: &str| {
            let headers = record.headers.iter();
            let header = headers.into_iter().find(|header| *header.key == *name).unwrap();
            String::from_utf8(header.value.as_deref().unwrap().to_vec()).unwrap()
        };
        assert_eq!(said("__streams.errors.exception"), *stage);
        assert_eq!(said("__streams.errors.topic"), "in");
        assert_eq!(said("__streams.errors.offset"), "0");
    }
}

#[test]
fn it_is_aborted_with_its_transaction() {
    for (stage, failing) in FAILURES {
        let rig = Rig::with_topics(&[("in", 1), ("out", 1), ("dead", 1)]);
        fail(&rig, *failing, Guarantee::ExactlyOnce);
        assert_eq!(rig.all::<String, String>("dead").len(), 0, "{stage}");
        let letters = uncommitted(&rig, "dead");
        assert_eq!(letters.len(), 1, "{stage}");
        assert_eq!(letters[0].0, b"bad");
        // Nobody waits for the transaction to time out.
        let end = rig.offsets("dead", 0);
        assert_eq!(end.last_stable, end.end, "{stage}");
    }
}

/// Whoever begins again with the record writes its letter again, as in Kafka Streams.
#[test]
fn each_attempt_writes_one() {
    let rig = Rig::with_topics(&[("in", 1), ("out", 1), ("dead", 1)]);
    let (_, failing) = FAILURES[1];
    fail(&rig, failing, Guarantee::AtLeastOnce);
    let app = rig.app(&topology(failing), with_letters(Guarantee::AtLeastOnce));
    app.start().unwrap();
    eventually("the end", || app.state() == AppState::Error);
    app.close(CLOSE).unwrap_err();
    assert_eq!(rig.all::<String, String>("dead").len(), 2);
}
