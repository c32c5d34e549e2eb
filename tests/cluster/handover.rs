//! Kafka Streams and ours in turns over the same application: each goes on from the offsets, the
//! changelog and the repartition topic that the other has left.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream::broker::{NewTopic, ProducerOptions};
use millstream::{
    Config, Guarantee, Record, StreamsApp, StreamsBuilder, TopicConsumer, TopicProducer,
};
use millstream_kafka_server::{JavaOptions, JavaTopics, JavaWordCount};

use crate::numbers::{broker, committed, eventually};
use crate::server;

const PARTITIONS: u32 = 2;
const TURNS: usize = 4;
const LINES_A_TURN: usize = 50;
const CLOSE_WITHIN: Duration = Duration::from_secs(30);

type Counts = BTreeMap<String, i64>;

/// Lines that nobody else has, and their words' counts on top of those so far.
fn lines(turn: usize, counts: &mut Counts) -> Vec<String> {
    let line = |number: usize| format!("Turn {turn}, again word{} word{}", number % 7, number % 11);
    let lines: Vec<_> = (0..LINES_A_TURN).map(line).collect();
    for word in lines.iter().flat_map(|line| words(line)) {
        *counts.entry(word).or_default() += 1;
    }
    lines
}

fn words(line: &str) -> Vec<String> {
    let words = line.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn ours(name: &str, guarantee: Guarantee) -> StreamsApp {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(format!("{name}-lines").as_str())
        .flat_map_values(|line| words(&line))
        .group_by(|_, word| word.clone())
        .count("word-counts")
        .to(format!("{name}-counts").as_str());
    let config = Config::new(name).with_processing_guarantee(guarantee);
    let config = config.set("bootstrap.servers", server()).unwrap();
    StreamsApp::new(builder.build().unwrap(), config).unwrap()
}

fn in_turns(name: &str, guarantee: Guarantee, java_begins: bool) {
    let broker = broker(&server());
    let (lines_topic, counts_topic) = (format!("{name}-lines"), format!("{name}-counts"));
    // The records are of 1970.
    let topics = [&lines_topic, &counts_topic]
        .map(|topic| NewTopic::new(topic, PARTITIONS).config("retention.ms", "-1"));
    broker.admin().unwrap().create_topics(&topics).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let java = JavaOptions::new(server(), name)
        .topics(&lines_topic, &counts_topic)
        .state(folder.path())
        .setting("commit.interval.ms", 100);
    let java = if guarantee == Guarantee::ExactlyOnce { java } else { java.at_least_once() };
    let mut producer = TopicProducer::new(&*broker, ProducerOptions::idempotent("lines")).unwrap();
    // The broker tells of a topic a moment after it was made.
    let mut results = eventually("the topic is there", || {
        TopicConsumer::<String, i64>::new(&*broker, counts_topic.as_str()).ok()
    });
    let (mut expected, mut found) = (Counts::new(), Counts::new());
    for turn in 0..TURNS {
        for (number, line) in lines(turn, &mut expected).into_iter().enumerate() {
            let record = Record::new(format!("k{number}"), line, number as i64);
            producer.send::<String, String>(&lines_topic.as_str().into(), record).unwrap();
        }
        producer.flush().unwrap();
        let mut all_are_counted = || {
            eventually("all words are counted", || {
                let new = results.poll().unwrap().into_iter().map(|consumed| consumed.record);
                found.extend(new.map(|record| (record.key, record.value)));
                (found == expected).then_some(())
            });
        };
        if java_begins == (turn % 2 == 0) {
            let java = JavaWordCount::start(&java);
            all_are_counted();
            java.stop();
        } else {
            let ours = ours(name, guarantee);
            ours.start().unwrap();
            all_are_counted();
            ours.close(CLOSE_WITHIN).unwrap();
        }
    }
    // Every line was committed by one of the two.
    assert!(committed(&*broker, name, &lines_topic).unwrap() >= (TURNS * LINES_A_TURN) as i64);
    let java = JavaTopics::new(server());
    for topic in [counts_topic, format!("{name}-word-counts-changelog")] {
        let found: Counts = java.consume(&topic).into_iter().collect();
        assert_eq!(found, expected, "{topic}");
    }
}

#[test]
fn java_then_ours_exactly_once() {
    in_turns("java-first", Guarantee::ExactlyOnce, true);
}

#[test]
fn ours_then_java_exactly_once() {
    in_turns("ours-first", Guarantee::ExactlyOnce, false);
}

#[test]
fn java_then_ours_at_least_once() {
    in_turns("java-first-at-least-once", Guarantee::AtLeastOnce, true);
}
