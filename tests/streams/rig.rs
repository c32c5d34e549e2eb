//! What the tests share: a broker with topics, records in and out as rows of text, and waiting for
//! a condition instead of for time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{
    Broker, Clock, ConsumerOptions, NewTopic, PartitionOffsets, ProducerOptions, SystemClock,
    TopicPartition,
};
use millstream::codec::Data;
use millstream::{
    Config, ConsumedRecord, Record, StreamsApp, StreamsBuilder, Topic, TopicConsumer,
    TopicProducer, Topology,
};

/// How long a condition may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long a close may take.
pub(crate) const CLOSE: Duration = Duration::from_secs(10);

/// A broker in memory.
pub(crate) struct Rig {
    pub(crate) broker: EmbeddedBroker,
}

impl Rig {
    /// A broker with topics, each with so many partitions.
    pub(crate) fn with_topics(topics: &[(&str, u32)]) -> Self {
        let rig = Self { broker: EmbeddedBroker::in_memory() };
        for (name, partitions) in topics {
            rig.broker.create_topic(NewTopic::new(*name, *partitions)).unwrap();
        }
        rig
    }

    /// A broker with the topics `in` and `out`.
    pub(crate) fn new(partitions: u32) -> Self {
        Self::with_topics(&[("in", partitions), ("out", partitions)])
    }

    pub(crate) fn shared(&self) -> Arc<dyn Broker> {
        Arc::new(self.broker.clone())
    }

    /// An application that is not started.
    pub(crate) fn app(&self, topology: &Topology, config: Config) -> StreamsApp {
        StreamsApp::on(self.shared(), topology.clone(), config).unwrap()
    }

    /// An application that is running.
    pub(crate) fn run(&self, topology: &Topology, config: Config) -> StreamsApp {
        let app = self.app(topology, config);
        app.start().unwrap();
        block_on(app.running()).unwrap();
        app
    }

    /// Sends rows `key:value@timestamp` (0 if there is none), separated by spaces.
    pub(crate) fn send(&self, topic: &str, rows: &str) {
        let records = rows.split_whitespace().map(|row| {
            let (entry, timestamp) = row.split_once('@').unwrap_or((row, "0"));
            let (key, value) = entry.split_once(':').unwrap();
            Record::new(key.to_owned(), value.to_owned(), timestamp.parse().unwrap())
        });
        self.send_records(&topic.into(), records);
    }

    pub(crate) fn send_records<K: Data, V: Data>(
        &self,
        topic: &Topic<K, V>,
        records: impl IntoIterator<Item = Record<K, V>>,
    ) {
        let options = ProducerOptions::idempotent("test");
        let mut producer = TopicProducer::new(&self.broker, options).unwrap();
        for record in records {
            producer.send(topic, record).unwrap();
        }
        producer.flush().unwrap();
    }

    /// Sends the numbers of a range as keys and values, over all partitions.
    pub(crate) fn send_numbers(&self, topic: &str, numbers: std::ops::Range<i64>) {
        let records = numbers.map(|n| Record::new(n.to_string(), n.to_string(), n));
        self.send_records(&Topic::<String, String>::new(topic), records);
    }

    /// Waits until a topic holds at least `count` committed records; gives all it holds.
    pub(crate) fn read<K: Data, V: Data>(
        &self,
        topic: impl Into<Topic<K, V>>,
        count: usize,
    ) -> Vec<ConsumedRecord<K, V>> {
        let topic = topic.into();
        let mut consumer = TopicConsumer::new(&self.broker, &topic).unwrap();
        let mut records = Vec::new();
        eventually(&format!("{count} records in {}", topic.name()), || {
            records.extend(consumer.poll().unwrap());
            records.len() >= count
        });
        records
    }

    /// All committed records of a topic.
    pub(crate) fn all<K: Data, V: Data>(
        &self,
        topic: impl Into<Topic<K, V>>,
    ) -> Vec<ConsumedRecord<K, V>> {
        let mut consumer = TopicConsumer::new(&self.broker, topic).unwrap();
        let mut records = Vec::new();
        while !consumer.is_at_end().unwrap() {
            records.extend(consumer.poll().unwrap());
        }
        records
    }

    /// As [`read`](Self::read), as rows `key:value` in order of their partitions.
    pub(crate) fn rows(&self, topic: &str, count: usize) -> Vec<String> {
        let records = self.read::<String, String>(topic, count).into_iter();
        records.map(|c| format!("{}:{}", c.record.key, c.record.value)).collect()
    }

    /// The last count of each key in a topic, once they add up to `sum`.
    pub(crate) fn counts(&self, topic: &str, sum: i64) -> BTreeMap<String, i64> {
        let mut consumer = TopicConsumer::<String, i64>::new(&self.broker, topic).unwrap();
        let mut counts = BTreeMap::new();
        eventually(&format!("counts in {topic} that add up to {sum}"), || {
            for consumed in consumer.poll().unwrap() {
                counts.insert(consumed.record.key, consumed.record.value);
            }
            counts.values().sum::<i64>() >= sum
        });
        counts
    }

    /// How many partitions a topic has.
    pub(crate) fn partitions(&self, topic: &str) -> Option<u32> {
        let mut described =
            self.broker.admin().unwrap().describe_topics(&[topic]).unwrap().into_iter();
        described.next().flatten().map(|topic| topic.partitions)
    }

    /// The ends of a partition.
    pub(crate) fn offsets(&self, topic: &str, partition: u32) -> PartitionOffsets {
        let mut consumer = self.broker.consumer(ConsumerOptions::default()).unwrap();
        consumer.offsets(&TopicPartition::new(topic, partition)).unwrap()
    }
}

/// Settings that commit often.
pub(crate) fn config(application_id: &str) -> Config {
    Config::new(application_id)
        .with_commit_interval(Duration::from_millis(10))
        .with_poll_timeout(Duration::from_millis(10))
}

/// From `in` to `out`, unchanged.
pub(crate) fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().unwrap()
}

/// Counts the keys of `in` in the store `counts`, and writes the counts to `out`.
pub(crate) fn count() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().count("counts").to("out");
    builder.build().unwrap()
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !holds() {
        assert!(clock.monotonic() < DEADLINE, "waited too long for: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Runs a future on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}
