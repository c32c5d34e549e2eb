//! A stream joined with a global table: filled before the tasks start, followed, gone on with after a
//! restart, and what becomes of records that cannot be read.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream::broker::{Broker, NewTopic, ProducerOptions};
use millstream::{
    AppState, Config, ErrorPolicy, Record, StreamsApp, StreamsBuilder, TopicConsumer,
    TopicProducer, Wire,
};

use crate::numbers::{broker, eventually};
use crate::server;

const THREADS: usize = 2;
const CLOSE_WITHIN: Duration = Duration::from_secs(30);

/// The topics of an application, and who feeds and reads them.
struct Place {
    name: &'static str,
    producer: TopicProducer,
    joined: TopicConsumer<String, String>,
    state: tempfile::TempDir,
}

impl Place {
    fn new(broker: &dyn Broker, name: &'static str) -> Self {
        for (topic, partitions) in [("in", 2), ("names", 3), ("out", 1), ("letters", 1)] {
            // The records are of 1970.
            let topic = NewTopic::new(format!("{name}-{topic}"), partitions);
            let topic = topic.config("retention.ms", "-1");
            broker.admin().unwrap().create_topics(&[topic]).unwrap();
        }
        // The broker tells of a topic a moment after it was made.
        let joined = eventually("the topic is there", || {
            TopicConsumer::new(broker, format!("{name}-out").as_str()).ok()
        });
        let options = ProducerOptions::idempotent("feeder");
        let producer = TopicProducer::new(broker, options).unwrap();
        Self { name, producer, joined, state: tempfile::tempdir().unwrap() }
    }

    fn send<V: Wire>(&mut self, topic: &str, rows: impl IntoIterator<Item = (String, V)>) {
        let topic = format!("{}-{topic}", self.name).as_str().into();
        for (key, value) in rows {
            self.producer.send::<String, V>(&topic, Record::new(key, value, 1)).unwrap();
        }
        self.producer.flush().unwrap();
    }

    fn config(&self) -> Config {
        Config::new(self.name)
            .with_num_stream_threads(THREADS)
            .with_state_dir(self.state.path())
            .set("bootstrap.servers", server())
            .unwrap()
    }

    /// Joins the names in `in` with their numbers, if they have any.
    fn app(&self, config: Config) -> StreamsApp {
        let name = self.name;
        let builder = StreamsBuilder::new();
        let names = format!("{name}-names");
        let numbers = builder.global_table::<String, i64>(names.as_str(), "numbers");
        builder
            .stream::<String, String>(format!("{name}-in").as_str())
            .left_join_global_table(
                &numbers,
                |_, name| Some(name.clone()),
                |_, _, number| format!("{number:?}"),
            )
            .to(format!("{name}-out").as_str());
        StreamsApp::new(builder.build().unwrap(), config).unwrap()
    }

    fn run(&self, config: Config) -> StreamsApp {
        let app = self.app(config);
        app.start().unwrap();
        eventually("it runs", || (app.state() == AppState::Running).then_some(()));
        app
    }

    /// Asks for names until the answers are as expected; says what the first were.
    fn ask(&mut self, expected: &[(&str, Option<i64>)]) -> BTreeMap<String, String> {
        let expected = expected.iter().map(|(name, n)| ((*name).to_owned(), format!("{n:?}")));
        let expected: BTreeMap<String, String> = expected.collect();
        let mut first = None;
        eventually("the names are joined as expected", || {
            let names: Vec<_> = expected.keys().cloned().collect();
            self.send("in", names.iter().map(|name| (name.clone(), name.clone())));
            let mut answers = BTreeMap::new();
            let mut count = 0;
            eventually("every question is answered", || {
                for consumed in self.joined.poll().unwrap() {
                    answers.insert(consumed.record.key, consumed.record.value);
                    count += 1;
                }
                (count == names.len()).then_some(())
            });
            let found = answers == expected;
            first.get_or_insert(answers);
            found.then_some(())
        });
        first.unwrap_or_default()
    }

    fn letters(&self, broker: &dyn Broker) -> Vec<String> {
        let topic = format!("{}-letters", self.name);
        let mut letters =
            TopicConsumer::<Vec<u8>, Option<Vec<u8>>>::new(broker, topic.as_str()).unwrap();
        let mut found = Vec::new();
        while !letters.is_at_end().unwrap() {
            found.extend(letters.poll().unwrap());
        }
        let keys = found.into_iter().map(|letter| letter.record.key);
        keys.map(|key| String::from_utf8(key).unwrap()).collect()
    }
}

fn name(number: i64) -> String {
    format!("n{number}")
}

#[test]
fn filled_before_the_start_followed_and_gone_on_with() {
    let broker = broker(&server());
    let mut place = Place::new(&*broker, "global");
    place.send("names", (0..300).map(|n| (name(n), n)));
    place.send("in", (0..300).map(|n| (name(n), name(n))));
    let app = place.run(place.config());
    assert_eq!(app.metrics().restored, 300 * THREADS as u64);
    let mut found = BTreeMap::new();
    eventually("all are joined", || {
        found.extend(
            place.joined.poll().unwrap().into_iter().map(|c| (c.record.key, c.record.value)),
        );
        (found.len() == 300).then_some(())
    });
    // Not one was joined before the table was there.
    assert!((0..300).all(|n| found[&name(n)] == format!("Some({n})")), "{found:?}");

    place.send(
        "names",
        [("n1".to_owned(), Some(1001i64)), ("n2".to_owned(), None), ("new".to_owned(), Some(7))],
    );
    place.ask(&[("n1", Some(1001)), ("n2", None), ("new", Some(7)), ("n3", Some(3))]);
    app.close(CLOSE_WITHIN).unwrap();

    place.send("names", [("n3".to_owned(), Some(3003i64)), ("new".to_owned(), None)]);
    let app = place.run(place.config());
    // On disk each thread goes on from where it was.
    let read = if cfg!(feature = "rocksdb") { 2 } else { 305 };
    assert_eq!(app.metrics().restored, read * THREADS as u64);
    let expected =
        [("n1", Some(1001)), ("n2", None), ("new", None), ("n3", Some(3003)), ("n4", Some(4))];
    let first = place.ask(&expected);
    // What was there before the start is there for the first record.
    assert!(expected.iter().all(|(name, n)| first[*name] == format!("{n:?}")), "{first:?}");
    app.close(CLOSE_WITHIN).unwrap();
}

#[test]
fn what_cannot_be_read_follows_the_policy() {
    let broker = broker(&server());
    let mut place = Place::new(&*broker, "unread");
    place.send("names", [(name(0), 0i64)]);
    place.send("names", [(name(1), "bad".to_owned())]);
    let app = place.app(place.config());
    app.start().unwrap();
    eventually("it stops", || app.state().is_terminal().then_some(()));
    let error = app.close(CLOSE_WITHIN).unwrap_err().to_string();
    assert!(error.contains("decode") && error.contains("unread-names-"), "{error}");

    let skips = place.config().with_deserialization_exception_handler(ErrorPolicy::Skip);
    let skips = skips.with_dead_letter_topic("unread-letters");
    let app = place.run(skips);
    place.ask(&[("n0", Some(0)), ("n1", None)]);
    // Later as at the start.
    place.send("names", [(name(2), "bad".to_owned())]);
    place.send("names", [(name(2), 2i64)]);
    place.send("in", [("no text".to_owned(), vec![0xff, 0xfe])]);
    place.ask(&[("n0", Some(0)), ("n1", None), ("n2", Some(2))]);
    // Each thread skips what it reads; a letter is written for the stream's record alone.
    let dropped = 2 * THREADS as u64 + 1;
    eventually("all that was skipped is counted", || {
        (app.metrics().dropped == dropped).then_some(())
    });
    app.close(CLOSE_WITHIN).unwrap();
    assert_eq!(place.letters(&*broker), ["no text"]);
}
