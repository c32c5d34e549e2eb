use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use millstream_kafka_server::{JavaOptions, JavaTopics, JavaWordCount, KafkaServer};

/// The latest count of each word.
fn counts(topics: &JavaTopics) -> BTreeMap<String, i64> {
    topics.consume("word-counts").into_iter().collect()
}

fn wait_for_counts(topics: &JavaTopics, expected: &[(&str, i64)]) {
    let expected = expected.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect();
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let counts = counts(topics);
        if counts == expected {
            return;
        }
        assert!(Instant::now() < end, "{counts:?} instead of {expected:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn java_counts_stops_and_goes_on() {
    let bootstrap = KafkaServer::shared().bootstrap();
    let topics = JavaTopics::new(&bootstrap);
    topics.create("text-lines", 2);
    topics.create("word-counts", 2);
    topics.produce("text-lines", &["Hello world", "hello, again!"]);
    let options = JavaOptions::new(&bootstrap, "java-words").setting("commit.interval.ms", 50);
    let java = JavaWordCount::start(&options);
    wait_for_counts(&topics, &[("hello", 2), ("world", 1), ("again", 1)]);
    java.stop();
    let named = topics.list();
    for internal in ["java-words-word-counts-changelog", "java-words-word-counts-repartition"] {
        assert!(named.contains(&(internal.to_owned(), 2)), "{internal} is not in {named:?}");
    }
    topics.produce("text-lines", &["hello once more"]);
    let started = Instant::now();
    let java = JavaWordCount::start(&options);
    assert!(started.elapsed() < Duration::from_secs(20), "the first one is still in the group");
    let expected = [("hello", 3), ("world", 1), ("again", 1), ("once", 1), ("more", 1)];
    wait_for_counts(&topics, &expected);
    java.stop();
}
