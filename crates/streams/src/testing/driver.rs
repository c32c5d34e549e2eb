use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millstream_broker::embedded::EmbeddedBroker;
use millstream_broker::{Broker, Clock, ManualClock, NewTopic, ProducerOptions};
use millstream_state::{MemoryBackend, StateBackend};

use super::{TestInputTopic, TestOutputTopic};
use crate::client::{TopicConsumer, TopicProducer};
use crate::codec::{CodecError, Data, Wire};
use crate::error::Error;
use crate::query::{Answer, StateView, StoreLookup};
use crate::record::VersionedRecord;
use crate::runtime::{Config, Guarantee, Pace, Step, StreamThread, ThreadOptions, prepare_topics};
use crate::topic::Topic;
use crate::topology::Topology;

/// How a [`TopologyTestDriver`] runs.
#[derive(Clone, Debug)]
pub struct DriverOptions {
    /// The application's settings. By default `application.id` is `test`, at-least-once.
    pub config: Config,
    /// Partitions of every topic that the topology reads or writes; 1 by default.
    pub partitions: u32,
    /// Commits, and so flushes caches, after so many records; 1 by default, as Kafka's driver does.
    pub commit_every: usize,
    /// Wall-clock time to begin at, in milliseconds since the Unix epoch; 0 by default.
    pub start_ms: i64,
    /// Where the stores are kept; in memory by default.
    pub state: Arc<dyn StateBackend>,
}

impl Default for DriverOptions {
    fn default() -> Self {
        let config = Config::new("test").with_processing_guarantee(Guarantee::AtLeastOnce);
        Self { config, partitions: 1, commit_every: 1, start_ms: 0, state: Arc::new(MemoryBackend) }
    }
}

/// Runs a topology in a test: what is sent to an input topic is processed before the call returns.
/// No threads, no waiting, no broker but the embedded one, and time moves only by
/// [`advance`](Self::advance).
///
/// ```
/// use millstream::StreamsBuilder;
/// use millstream::testing::TopologyTestDriver;
///
/// let builder = StreamsBuilder::new();
/// builder.stream::<String, String>("in").group_by_key().count("counts").to("out");
/// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
///
/// driver.input::<String, String>("in").send("a", "x")?;
/// driver.input::<String, String>("in").send("a", "y")?;
/// assert_eq!(
///     driver.output::<String, i64>("out").read_all()?,
///     [("a".to_owned(), 1), ("a".to_owned(), 2)]
/// );
/// assert_eq!(driver.get::<String, i64>("counts", &"a".to_owned())?, Some(2));
/// # Ok::<_, millstream::Error>(())
/// ```
pub struct TopologyTestDriver {
    topology: Topology,
    broker: EmbeddedBroker,
    clock: ManualClock,
    thread: StreamThread,
    pub(super) producer: TopicProducer,
    /// Positions of the output topics, as raw bytes.
    outputs: HashMap<String, RawConsumer>,
}

/// Raw bytes of a topic.
pub(super) type RawConsumer = TopicConsumer<Option<Vec<u8>>, Option<Vec<u8>>>;

impl TopologyTestDriver {
    /// Runs `topology` with one partition a topic and a commit after each record.
    pub fn new(topology: &Topology) -> Result<Self, Error> {
        Self::with_options(topology, DriverOptions::default())
    }

    /// Runs `topology` as `options` say.
    pub fn with_options(topology: &Topology, options: DriverOptions) -> Result<Self, Error> {
        let DriverOptions { config, partitions, commit_every, start_ms, state } = options;
        config.validate()?;
        // Nobody else is there to take its tasks, however far the clock is moved.
        let config = config.with_max_poll_interval(Duration::MAX);
        let topology = &topology.optimized(config.topology_optimization());
        let clock = ManualClock::at(start_ms);
        let broker = EmbeddedBroker::builder().clock(Arc::new(clock.clone())).open()?;
        let plan = prepare_topics(topology, &config, &mut *broker.admin()?, Some(partitions))?;
        let thread = ThreadOptions {
            topology: topology.clone(),
            config,
            broker: Arc::new(broker.clone()),
            clock: Arc::new(clock.clone()),
            state,
            process_id: "test-driver".to_owned(),
            index: 0,
            pace: Pace::Records(commit_every.max(1)),
            waker: None,
            on_restore: None,
        };
        let thread = StreamThread::with_plan(thread, plan)?;
        let producer = TopicProducer::new(&broker, ProducerOptions::idempotent("test-driver"))?;
        let mut driver = Self {
            topology: topology.clone(),
            broker,
            clock,
            thread,
            producer,
            outputs: HashMap::new(),
        };
        while !driver.thread.is_settled() {
            driver.thread.step()?;
        }
        Ok(driver)
    }

    /// An input topic, to send to.
    pub fn input<K: Data, V: Data>(
        &mut self,
        topic: impl Into<Topic<K, V>>,
    ) -> TestInputTopic<'_, K, V> {
        TestInputTopic::new(self, topic.into())
    }

    /// A topic that the application writes, one of its own too, to read what is new since the last
    /// read. Each driver reads a topic once.
    pub fn output<K: Data, V: Data>(
        &mut self,
        topic: impl Into<Topic<K, V>>,
    ) -> TestOutputTopic<'_, K, V> {
        TestOutputTopic::new(self, topic.into())
    }

    /// Moves the wall clock on and runs what that makes due.
    #[doc(alias = "advanceWallClockTime")]
    pub fn advance(&mut self, by: Duration) -> Result<(), Error> {
        self.clock.advance(by);
        self.run()
    }

    /// Wall-clock time in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.wall_ms()
    }

    /// The entries of a store as bytes, as they are in the database.
    #[doc(hidden)]
    pub fn raw_entries(&mut self, store: &str) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Error> {
        self.lookup(store)?.raw_entries(&mut self.thread)
    }

    /// All versions in a versioned store, by key in byte order, each key's newest first. Deletes show
    /// as gaps.
    pub fn versions<K: Wire, V: Wire>(
        &mut self,
        store: &str,
    ) -> Result<Vec<(K, VersionedRecord<V>)>, Error> {
        let held = self.lookup(store)?.versions(&mut self.thread)?.into_iter();
        let decoded = held.map(|(key, version)| {
            let VersionedRecord { value, valid_from, valid_to } = version;
            let entry = K::decode(&key).and_then(|key| Ok((key, V::decode(&value)?)));
            let format_error = |cause: CodecError| Error::StoreFormat {
                store: store.to_owned(),
                cause: cause.into(),
            };
            let (key, value) = entry.map_err(format_error)?;
            Ok((key, VersionedRecord { value, valid_from, valid_to }))
        });
        decoded.collect()
    }

    /// What the suppression, or the join with grace, with the buffer `store` holds back: keys and their times, in the order in
    /// which they will come out.
    pub fn held_back<K: Wire>(&mut self, store: &str) -> Result<Vec<(K, i64)>, Error> {
        let held = self.lookup(store)?.held_back(&mut self.thread)?.into_iter();
        let decoded = held.map(|(key, time)| {
            let key = K::decode(&key);
            let format_error = |cause: CodecError| Error::StoreFormat {
                store: store.to_owned(),
                cause: cause.into(),
            };
            Ok((key.map_err(format_error)?, time))
        });
        decoded.collect()
    }

    /// Records dropped so far (Kafka's `dropped-records-total`).
    pub fn dropped_records(&self) -> u64 {
        self.thread.metrics().dropped
    }

    /// The broker underneath, for what the driver does not offer.
    pub fn broker(&self) -> &EmbeddedBroker {
        &self.broker
    }

    /// Asks the tasks that have a store.
    pub(super) fn ask<K: Data, V: Data, T>(
        &mut self,
        store: &str,
        question: impl FnMut(StateView<'_, K, V>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        match self.lookup(store)?.each(&mut self.thread, question)? {
            Answer::Found(parts) => Ok(parts),
            Answer::Elsewhere => Ok(Vec::new()),
        }
    }

    fn lookup(&self, store: &str) -> Result<StoreLookup, Error> {
        StoreLookup::find(&self.topology, store)
    }

    /// Processes everything there is.
    pub(super) fn run(&mut self) -> Result<(), Error> {
        self.producer.flush()?;
        while self.thread.step()? == Step::Busy {}
        Ok(())
    }

    pub(super) fn output_consumer(&mut self, topic: &str) -> Result<&mut RawConsumer, Error> {
        if !self.outputs.contains_key(topic) {
            let consumer = TopicConsumer::new(&self.broker, topic)?;
            self.outputs.insert(topic.to_owned(), consumer);
        }
        self.outputs
            .get_mut(topic)
            .ok_or_else(|| Error::Unavailable(format!("topic '{topic}' cannot be read")))
    }

    /// Creates a topic that only names chosen per record lead to.
    pub fn create_topic(&self, name: &str) -> Result<(), Error> {
        Ok(self.broker.create_topic(NewTopic::new(name, 1))?)
    }
}

impl fmt::Debug for TopologyTestDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopologyTestDriver").field("thread", &self.thread).finish_non_exhaustive()
    }
}
