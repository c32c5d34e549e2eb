//! An application whose results tell whether every input counted once: each number goes to two
//! topics, and is counted in its group behind a repartition topic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use millstream::broker::kafka::{KafkaBroker, KafkaConfig};
use millstream::broker::{
    Broker, BrokerError, Consumer, NewTopic, ProducerOptions, TopicPartition,
};
use millstream::{
    Config, Error, Guarantee, Record, StreamsApp, StreamsBuilder, TopicConsumer, TopicProducer,
};
use millstream_kafka_server::KafkaOptions;

pub(crate) const GROUPS: i64 = 7;
const PARTITIONS: u32 = 2;
const TOPICS: [&str; 4] = ["numbers", "copy-a", "copy-b", "counts"];
/// How long anything may take that has to come about.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(10);

pub(crate) fn broker(servers: &str) -> Arc<dyn Broker> {
    Arc::new(KafkaBroker::connect(KafkaConfig::new(servers)).unwrap())
}

/// Waits until `found` gives something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "it does not come about that {what}");
        thread::sleep(TICK);
    }
}

/// Makes the topics of the application `name`.
pub(crate) fn create_topics(broker: &dyn Broker, name: &str) {
    for topic in TOPICS {
        // The records are of 1970.
        let topic =
            NewTopic::new(format!("{name}-{topic}"), PARTITIONS).config("retention.ms", "-1");
        broker.admin().unwrap().create_topics(&[topic]).unwrap();
    }
}

/// A broker that keeps the numbers: their times are long ago, and one that starts would delete them.
pub(crate) fn keeps_numbers() -> KafkaOptions {
    KafkaOptions::default().property("log.retention.ms", -1)
}

/// Settings of an application that commits often, with two threads.
pub(crate) fn config(name: &str, servers: &str, guarantee: Guarantee) -> Config {
    Config::new(name)
        .with_processing_guarantee(guarantee)
        .with_commit_interval(Duration::from_millis(100))
        .with_num_stream_threads(2)
        .set("bootstrap.servers", servers)
        .unwrap()
}

/// The application, with the settings of `config`; its topics have its name in front.
pub(crate) fn application(config: Config) -> Result<StreamsApp, Error> {
    let name = config.application_id().to_owned();
    let builder = StreamsBuilder::new();
    let numbers = builder.stream::<String, i64>(format!("{name}-numbers").as_str());
    numbers.to(format!("{name}-copy-a").as_str());
    numbers.to(format!("{name}-copy-b").as_str());
    numbers
        .group_by(|_, number| format!("g{}", number % GROUPS))
        .count("per-group")
        .to(format!("{name}-counts").as_str());
    StreamsApp::new(builder.build()?, config)
}

/// Writes the next numbers, as many as asked for, and remembers how far it has come.
pub(crate) struct Feeder {
    topic: String,
    producer: TopicProducer,
    pub(crate) fed: i64,
}

impl Feeder {
    pub(crate) fn new(broker: &dyn Broker, name: &str) -> Self {
        let options = ProducerOptions::idempotent("feeder");
        let producer = TopicProducer::new(broker, options).unwrap();
        Self { topic: format!("{name}-numbers"), producer, fed: 0 }
    }

    pub(crate) fn feed(&mut self, count: i64) {
        let topic = self.topic.as_str().into();
        for number in self.fed..self.fed + count {
            let record = Record::new(format!("k{}", number % 13), number, number + 1);
            self.producer.send::<String, i64>(&topic, record).unwrap();
        }
        self.producer.flush().unwrap();
        self.fed += count;
    }
}

/// What an application has written.
pub(crate) struct Results {
    copies: [TopicConsumer<String, i64>; 2],
    counts: TopicConsumer<String, i64>,
    /// How often each number was seen in the one topic and the other.
    seen: BTreeMap<i64, [u32; 2]>,
    latest: BTreeMap<String, i64>,
    name: String,
    /// For what is said when numbers are missing.
    logs: Box<dyn Consumer>,
}

impl Results {
    pub(crate) fn of(broker: &dyn Broker, name: &str) -> Self {
        let open = |topic: &str| TopicConsumer::new(broker, format!("{name}-{topic}").as_str());
        Self {
            copies: [open("copy-a").unwrap(), open("copy-b").unwrap()],
            counts: open("counts").unwrap(),
            seen: BTreeMap::new(),
            latest: BTreeMap::new(),
            name: name.to_owned(),
            logs: broker.consumer(Default::default()).unwrap(),
        }
    }

    /// Where the topics begin, are committed, and end.
    fn told(&mut self) -> String {
        let topics = ["numbers", "copy-a", "copy-b", "counts"];
        let rows =
            topics.iter().flat_map(|topic| (0..PARTITIONS).map(move |number| (topic, number)));
        let told = |(topic, number)| {
            let partition = TopicPartition::new(format!("{}-{topic}", self.name), number);
            format!("{partition}: {:?}", self.logs.offsets(&partition))
        };
        rows.map(told).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn read(&mut self) {
        for (place, copies) in self.copies.iter_mut().enumerate() {
            for consumed in copies.poll().unwrap() {
                self.seen.entry(consumed.record.value).or_default()[place] += 1;
            }
        }
        for consumed in self.counts.poll().unwrap() {
            self.latest.insert(consumed.record.key, consumed.record.value);
        }
    }

    fn counted(&self) -> i64 {
        self.latest.values().sum()
    }

    /// Waits until so many numbers have come out.
    pub(crate) fn wait_for(&mut self, count: i64) {
        while self.seen.len() < count as usize {
            self.read();
        }
    }

    /// The check that a guarantee promises to pass.
    #[track_caller]
    pub(crate) fn check_as(&mut self, guarantee: Guarantee, fed: i64) {
        match guarantee {
            Guarantee::ExactlyOnce => self.check(fed),
            Guarantee::AtLeastOnce => self.check_at_least_once(fed),
        }
    }

    /// Waits until `fed` numbers are through, and checks that each was once.
    #[track_caller]
    pub(crate) fn check(&mut self, fed: i64) {
        let start = Instant::now();
        let are_there = |results: &Self| {
            (0..fed).all(|n| results.seen.get(&n).is_some_and(|s| !s.contains(&0)))
        };
        while self.counted() < fed || !are_there(self) {
            self.read();
            thread::sleep(TICK);
            if start.elapsed() > PATIENCE {
                break;
            }
        }
        let wrong: Vec<_> = (0..fed)
            .filter(|number| self.seen.get(number) != Some(&[1, 1]))
            .map(|number| (number, self.seen.get(&number).copied()))
            .collect();
        assert!(
            wrong.is_empty(),
            "not once in both: {} of {fed}: {:?}\n{}",
            wrong.len(),
            &wrong[..wrong.len().min(20)],
            self.told()
        );
        assert_eq!(self.latest, expected(fed));
    }

    /// Waits until `fed` numbers are through, each at least once.
    #[track_caller]
    pub(crate) fn check_at_least_once(&mut self, fed: i64) {
        eventually("every number is there and counted", || {
            self.read();
            let are_copied =
                (0..fed).all(|n| self.seen.get(&n).is_some_and(|seen| !seen.contains(&0)));
            let counted = |(group, count): (String, i64)| self.latest.get(&group) >= Some(&count);
            (are_copied && expected(fed).into_iter().all(counted)).then_some(())
        });
    }
}

/// Counts of the groups when each number counts once.
fn expected(fed: i64) -> BTreeMap<String, i64> {
    let groups = 0..GROUPS;
    groups.map(|group| (format!("g{group}"), (fed - group + GROUPS - 1) / GROUPS)).collect()
}

/// What a group has committed for a topic, over its partitions.
pub(crate) fn committed(broker: &dyn Broker, group: &str, topic: &str) -> Option<i64> {
    let partitions: Vec<_> = (0..PARTITIONS).map(|n| TopicPartition::new(topic, n)).collect();
    let mut consumer = broker.consumer(Default::default()).unwrap();
    match consumer.committed(group, &partitions) {
        Ok(committed) => Some(committed.iter().flatten().map(|at| at.offset).sum()),
        Err(BrokerError::UnstableOffsets(_)) => None,
        Err(error) => panic!("{error}"),
    }
}
