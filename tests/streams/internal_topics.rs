//! The topics an application makes for itself: partitions, configs, and that they are cleaned.

use std::time::Duration;

use millstream::broker::{Broker, NewTopic, TopicDescription};
use millstream::{Error, Materialized, Repartitioned, StreamsBuilder, Topology};

use crate::rig::{CLOSE, Rig, config, eventually};

fn describe(rig: &Rig, topic: &str) -> TopicDescription {
    let mut described = rig.broker.admin().unwrap().describe_topics(&[topic]).unwrap();
    described.remove(0).unwrap_or_else(|| panic!("no topic {topic}"))
}

/// Groups `in` by its values: one repartition topic, one changelog.
fn count_values() -> Topology {
    let builder = StreamsBuilder::new();
    let counts = Materialized::new("counts").changelog_config("segment.bytes", "4096");
    builder.stream::<String, String>("in").group_by(|_, v| v.clone()).count(counts).to("out");
    builder.build().unwrap()
}

#[test]
fn partitions_and_configs() {
    let rig = Rig::new(3);
    let app = rig.run(&count_values(), config("made").with_topic_config("retention.bytes", "99"));
    let changelog = describe(&rig, "made-counts-changelog");
    let repartition = describe(&rig, "made-counts-repartition");
    assert_eq!((changelog.partitions, repartition.partitions), (3, 3));
    for (topic, name, value) in [
        (&changelog, "cleanup.policy", "compact"),
        (&changelog, "segment.bytes", "4096"),
        (&changelog, "retention.bytes", "99"),
        (&changelog, "message.timestamp.type", "CreateTime"),
        (&repartition, "cleanup.policy", "delete"),
        (&repartition, "retention.ms", "-1"),
        (&repartition, "retention.bytes", "99"),
    ] {
        assert_eq!(topic.configs.get(name).map(String::as_str), Some(value), "{name}");
    }
    app.close(CLOSE).unwrap();
}

#[test]
fn a_repartition_topic_has_as_many_partitions_as_it_asks_for() {
    let rig = Rig::new(2);
    let builder = StreamsBuilder::new();
    let five = Repartitioned::named("five").partitions(5);
    let stream = builder.stream::<String, String>("in").repartition(five);
    stream.group_by_key().count("counts").to("out");
    let app = rig.run(&builder.build().unwrap(), config("five"));
    assert_eq!(describe(&rig, "five-five-repartition").partitions, 5);
    assert_eq!(describe(&rig, "five-counts-changelog").partitions, 5);
    rig.send_numbers("in", 0..50);
    assert_eq!(rig.counts("out", 50).len(), 50);
    app.close(CLOSE).unwrap();
}

#[test]
fn an_existing_one_with_other_partitions_is_an_error() {
    for topic in ["old-counts-changelog", "old-counts-repartition"] {
        let rig = Rig::new(3);
        rig.broker.create_topic(NewTopic::new(topic, 2)).unwrap();
        let Err(Error::Topology(error)) = rig.app(&count_values(), config("old")).start() else {
            panic!("{topic} was taken as it is");
        };
        let words = error.to_string();
        let says = [&format!("'{topic}' has 2 partitions"), "need 3", "reset the application"];
        assert!(says.iter().all(|said| words.contains(*said)), "{words}");
    }
}

#[test]
fn existing_ones_that_fit_are_taken() {
    let rig = Rig::new(3);
    for _ in 0..2 {
        rig.run(&count_values(), config("twice")).close(CLOSE).unwrap();
    }
    assert_eq!(describe(&rig, "twice-counts-changelog").partitions, 3);
}

#[test]
fn repartition_topics_are_purged_behind_the_commit() {
    let rig = Rig::new(1);
    let config = config("purge").with_repartition_purge_interval(Duration::from_millis(5));
    let app = rig.run(&count_values(), config);
    let mut sent = 0;
    let mut beginning = 0;
    for _ in 0..3 {
        eventually("a purge", || {
            rig.send_numbers("in", sent..sent + 10);
            sent += 10;
            let offsets = rig.offsets("purge-counts-repartition", 0);
            offsets.beginning > beginning
        });
        beginning = rig.offsets("purge-counts-repartition", 0).beginning;
    }
    // Nothing was purged that was not counted.
    assert_eq!(rig.counts("out", sent).len() as i64, sent);
    app.close(CLOSE).unwrap();
}

#[test]
fn by_default_little_is_purged_soon() {
    let rig = Rig::new(1);
    let app = rig.run(&count_values(), config("keep"));
    rig.send_numbers("in", 0..50);
    rig.counts("out", 50);
    app.close(CLOSE).unwrap();
    assert_eq!(rig.offsets("keep-counts-repartition", 0).beginning, 0);
}
