//! A broker under test, and short words for what the tests do with it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use millstream_broker::embedded::{EmbeddedBroker, SimulatedDisk};
use millstream_broker::{
    Broker, BrokerError, CommitOutcome, Consumer, ConsumerOptions, GroupIdentity, GroupJoin,
    Headers, IsolationLevel, ManualClock, Membership, MembershipChange, MembershipEvent, NewTopic,
    OffsetAndMetadata, PartitionOffsets, Producer, ProducerOptions, RecordBatch, RecordBuffer,
    TaskId, TopicPartition,
};

/// How long a broker that works behind our back may take.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a committed transaction may stay invisible.
const MARKERS: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(5);
/// Where the clock starts.
pub const START_MS: i64 = 1_000_000_000;

/// A broker, and the time that it goes by.
pub struct Cluster {
    pub broker: Box<dyn Broker>,
    another: Arc<dyn Fn() -> Box<dyn Broker> + Send + Sync>,
    pub clock: ManualClock,
    /// A broker with a life of its own: it goes by the system's clock, and is not alone with a test.
    is_real: bool,
    /// How long a member may go without polling.
    pub poll_timeout: Duration,
    /// How long a transaction may be open.
    pub transaction_timeout: Duration,
    knows_static_members: bool,
    topics: AtomicU32,
    suffix: String,
}

impl Cluster {
    pub fn new(broker: EmbeddedBroker, clock: ManualClock) -> Self {
        Self::of(clock, move || Box::new(broker.clone()))
    }

    fn of(clock: ManualClock, open: impl Fn() -> Box<dyn Broker> + Send + Sync + 'static) -> Self {
        Self {
            broker: open(),
            another: Arc::new(open),
            clock,
            is_real: false,
            poll_timeout: Duration::from_secs(300),
            transaction_timeout: Duration::from_secs(10),
            knows_static_members: true,
            topics: AtomicU32::new(0),
            suffix: String::new(),
        }
    }

    /// On a Kafka broker that tests share.
    #[cfg(feature = "kafka")]
    pub fn kafka(protocol: millstream_broker::kafka::GroupProtocol) -> Self {
        Self::kafka_with(protocol, |_| {})
    }

    #[cfg(feature = "kafka")]
    fn kafka_with(
        protocol: millstream_broker::kafka::GroupProtocol,
        set: impl FnOnce(&mut millstream_broker::kafka::KafkaConfig),
    ) -> Self {
        use millstream_broker::kafka::{KafkaBroker, KafkaConfig};
        let mut config = KafkaConfig::new(crate::kafka::bootstrap_servers());
        config.group_protocol = protocol;
        config.session_timeout = Duration::from_secs(2);
        config.heartbeat_interval = Duration::from_millis(200);
        set(&mut config);
        Self {
            is_real: true,
            knows_static_members: protocol == millstream_broker::kafka::GroupProtocol::Classic,
            poll_timeout: Duration::from_secs(2),
            transaction_timeout: Duration::from_secs(5),
            suffix: format!("-{}", uuid::Uuid::new_v4().simple()),
            ..Self::of(ManualClock::at(0), move || {
                Box::new(KafkaBroker::connect(config.clone()).unwrap())
            })
        }
    }

    /// The same, read and written by librdkafka, as something is set that only librdkafka knows.
    #[cfg(feature = "kafka")]
    pub fn kafka_by_librdkafka() -> Self {
        Self::kafka_with(millstream_broker::kafka::GroupProtocol::Classic, |config| {
            config.consumer.insert("client.rack".to_owned(), "a".to_owned());
            config.producer.insert("compression.type".to_owned(), "lz4".to_owned());
        })
    }

    /// The same broker, seen from another process.
    pub fn elsewhere(&self) -> Self {
        let broker = (self.another)();
        let Self { clock, is_real, poll_timeout, transaction_timeout, suffix, .. } = self;
        Self {
            broker,
            another: self.another.clone(),
            clock: clock.clone(),
            is_real: *is_real,
            poll_timeout: *poll_timeout,
            transaction_timeout: *transaction_timeout,
            knows_static_members: self.knows_static_members,
            topics: AtomicU32::new(1000),
            suffix: suffix.clone(),
        }
    }

    /// A name for this test alone.
    pub fn name(&self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }

    /// A static identity, where groups know them.
    pub fn static_name(&self) -> Option<&'static str> {
        self.knows_static_members.then_some("pod-1")
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        if self.is_real { thread::sleep(time) } else { self.clock.advance(time) }
    }

    /// Waits until `found` gives something; a broker of ours does so at once, or never.
    #[track_caller]
    pub fn eventually<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            match found() {
                Some(found) => return found,
                None if self.is_real && start.elapsed() < PATIENCE => thread::sleep(TICK),
                None => panic!("it does not come about that {what}"),
            }
        }
    }

    pub fn in_memory() -> Self {
        let clock = ManualClock::at(START_MS);
        let builder = EmbeddedBroker::builder().clock(clock_of(&clock));
        Self::new(builder.open().unwrap(), clock)
    }

    /// With segments and a cache so small that every test goes through the disk.
    pub fn durable() -> Self {
        let clock = ManualClock::at(START_MS);
        let builder = EmbeddedBroker::builder()
            .clock(clock_of(&clock))
            .segment_bytes(500)
            .cache_bytes(0)
            .storage(SimulatedDisk::new(1).mount());
        Self::new(builder.open().unwrap(), clock)
    }

    /// A new topic with a name of its own.
    pub fn topic(&self, partitions: u32) -> TopicPartition {
        self.create(|name| NewTopic::new(name, partitions))
    }

    /// A new topic; its partition 0.
    pub fn create(&self, topic: impl FnOnce(&str) -> NewTopic) -> TopicPartition {
        let number = self.topics.fetch_add(1, Ordering::SeqCst);
        let name = self.name(&format!("topic-{number}"));
        let mut admin = self.broker.admin().unwrap();
        let mut topic = topic(&name);
        if self.is_real {
            // The records of the tests are of 1970.
            topic = topic.config("retention.ms", "-1");
        }
        admin.create_topics(&[topic]).unwrap();
        TopicPartition::new(name, 0)
    }

    /// The topic of that name, made when it is not there yet.
    pub fn topic_if_missing(&self, name: &str) -> TopicPartition {
        match self.broker.admin().unwrap().create_topics(&[NewTopic::new(name, 1)]) {
            Ok(()) | Err(BrokerError::TopicExists(_)) => TopicPartition::new(name, 0),
            Err(error) => panic!("{error}"),
        }
    }

    pub fn producer(&self) -> Box<dyn Producer> {
        let options = ProducerOptions::idempotent("producer");
        self.broker.producer(options).unwrap()
    }

    pub fn transactional(&self, id: &str) -> Box<dyn Producer> {
        let mut options = ProducerOptions::transactional("producer", self.name(id));
        options.transaction_timeout = self.transaction_timeout;
        self.broker.producer(options).unwrap()
    }

    pub fn consumer(&self) -> Box<dyn Consumer> {
        self.consumer_with(ConsumerOptions::default())
    }

    pub fn uncommitted_consumer(&self) -> Box<dyn Consumer> {
        self.consumer_with(ConsumerOptions {
            isolation: IsolationLevel::ReadUncommitted,
            ..ConsumerOptions::default()
        })
    }

    pub fn consumer_with(&self, options: ConsumerOptions) -> Box<dyn Consumer> {
        let isolation = options.isolation;
        let inner = self.broker.consumer(options).unwrap();
        if self.is_real {
            Box::new(Patient { inner, isolation, positions: HashMap::new() })
        } else {
            inner
        }
    }

    pub fn join(&self, group: &str, client: &str, tasks: u32) -> Box<dyn Membership> {
        self.join_as(group, client, None, tasks)
    }

    pub fn join_as(
        &self,
        group: &str,
        client: &str,
        instance: Option<&str>,
        tasks: u32,
    ) -> Box<dyn Membership> {
        let join = GroupJoin {
            group: self.name(group),
            client_id: client.to_owned(),
            instance: instance.map(str::to_owned),
            tasks: (0..tasks).map(task).collect(),
            poll_timeout: self.poll_timeout,
            waker: None,
        };
        self.broker.membership(join).unwrap()
    }

    /// What is committed for one partition.
    #[track_caller]
    pub fn committed(&self, group: &str, partition: &TopicPartition) -> Option<i64> {
        let mut consumer = self.consumer();
        let group = self.name(group);
        let committed = self.eventually("the offsets are stable", || {
            match consumer.committed(&group, std::slice::from_ref(partition)) {
                Err(BrokerError::UnstableOffsets(_)) => None,
                committed => Some(committed.unwrap()),
            }
        });
        committed[0].as_ref().map(|at| at.offset)
    }

    /// Everything a consumer sees of a partition: offsets and values.
    pub fn read(&self, partition: &TopicPartition) -> Vec<(i64, String)> {
        let mut consumer = self.consumer();
        let beginning = consumer.offsets(partition).unwrap().beginning;
        consumer.assign(partition, beginning).unwrap();
        drain(&mut *consumer, partition)
    }

    /// Polls members in turn, releasing what is asked back, until `done` with the events of each.
    /// Nobody ever has a task that another has not released.
    #[track_caller]
    pub fn settle(
        &self,
        members: &mut [&mut Box<dyn Membership>],
        done: impl Fn(&[Vec<MembershipEvent>]) -> bool,
    ) -> Vec<Vec<MembershipEvent>> {
        let mut all = vec![Vec::new(); members.len()];
        self.eventually("the members settle", || {
            for (member, events) in members.iter_mut().zip(&mut all) {
                events.extend(take_part(&mut ***member));
            }
            // Once more: what one releases another may have.
            for (member, events) in members.iter_mut().zip(&mut all) {
                events.extend(take_part(&mut ***member));
            }
            let mut owned: Vec<_> = all.iter().flat_map(|events| owned(events)).collect();
            owned.sort_unstable();
            assert!(owned.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
            done(&all).then_some(())
        });
        all
    }

    /// A member alone in its group, with everything.
    pub fn sole_member(&self, group: &str, tasks: u32) -> (Box<dyn Membership>, GroupIdentity) {
        let mut member = self.join(group, "m", tasks);
        let events = self.settle(&mut [&mut member], shares(&[tasks as usize]));
        (member, identity(&events[0]))
    }

    /// The identity of somebody who is no member.
    pub fn nobody(&self, group: &str) -> GroupIdentity {
        nobody(self.name(group))
    }

    /// The values alone.
    pub fn values(&self, partition: &TopicPartition) -> Vec<String> {
        let read = self.read(partition).into_iter();
        read.map(|(_, value)| value).collect()
    }
}

pub fn clock_of(clock: &ManualClock) -> std::sync::Arc<ManualClock> {
    std::sync::Arc::new(clock.clone())
}

pub fn task(partition: u32) -> TaskId {
    TaskId { sub_topology: 0, partition }
}

/// Records without keys, with the time 0.
pub fn buffer(values: &[&str]) -> RecordBuffer {
    let mut buffer = RecordBuffer::new();
    for value in values {
        buffer.push(0, None, Some(value.as_bytes()), &Headers::new());
    }
    buffer
}

pub fn send(producer: &mut dyn Producer, partition: &TopicPartition, values: &[&str]) {
    producer.send(partition, &mut buffer(values)).unwrap();
    producer.flush().unwrap();
}

pub fn commit(producer: &mut dyn Producer) {
    match producer.commit() {
        CommitOutcome::Committed => {}
        other => panic!("not committed: {other:?}"),
    }
}

pub fn commit_error(producer: &mut dyn Producer) -> BrokerError {
    match producer.commit() {
        CommitOutcome::Aborted(error) => error,
        other => panic!("not aborted: {other:?}"),
    }
}

/// Sends and commits one transaction.
pub fn transact(producer: &mut dyn Producer, partition: &TopicPartition, values: &[&str]) {
    producer.begin().unwrap();
    send(producer, partition, values);
    commit(producer);
}

/// Fetches until there is nothing more.
pub fn drain(consumer: &mut dyn Consumer, partition: &TopicPartition) -> Vec<(i64, String)> {
    let mut read = Vec::new();
    while let Some(batch) = consumer.fetch(partition, 1 << 20).unwrap() {
        read.extend(batch.iter().map(|record| {
            let value = record.value.unwrap_or(b"null");
            (record.offset, String::from_utf8_lossy(value).into_owned())
        }));
    }
    read
}

/// Polls once, and releases what is asked back at once.
pub fn take_part(member: &mut dyn Membership) -> Vec<MembershipEvent> {
    let events = member.poll().unwrap();
    for event in &events {
        if let MembershipChange::Revoked(tasks) = &event.change {
            member.release(tasks).unwrap();
        }
    }
    events
}

/// Whether each member has so many tasks.
pub fn shares(counts: &[usize]) -> impl Fn(&[Vec<MembershipEvent>]) -> bool {
    move |all| all.iter().map(|events| owned(events).len()).eq(counts.iter().copied())
}

/// The tasks left after these events.
pub fn owned(events: &[MembershipEvent]) -> Vec<TaskId> {
    let mut owned = Vec::new();
    for event in events {
        match &event.change {
            MembershipChange::Assigned(tasks) => owned.extend(tasks),
            MembershipChange::Revoked(tasks) | MembershipChange::Lost(tasks) => {
                owned.retain(|task| !tasks.contains(task));
            }
        }
    }
    owned.sort_unstable();
    owned
}

pub fn identity(events: &[MembershipEvent]) -> GroupIdentity {
    events.last().unwrap().identity.clone()
}

pub fn nobody(group: impl Into<String>) -> GroupIdentity {
    GroupIdentity { group: group.into(), member: String::new(), generation: -1, instance: None }
}

pub fn at(partition: &TopicPartition, offset: i64) -> Vec<(TopicPartition, OffsetAndMetadata)> {
    vec![(partition.clone(), OffsetAndMetadata::new(offset))]
}

/// A consumer of a broker that answers in its own time: what can be seen is there at the next fetch.
struct Patient {
    inner: Box<dyn Consumer>,
    isolation: IsolationLevel,
    positions: HashMap<TopicPartition, i64>,
}

impl Consumer for Patient {
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.positions.insert(partition.clone(), offset);
        self.inner.assign(partition, offset)
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        self.inner.unassign(partition);
    }

    fn fetch(
        &mut self,
        partition: &TopicPartition,
        max_bytes: usize,
    ) -> Result<Option<RecordBatch>, BrokerError> {
        let start = Instant::now();
        loop {
            if let Some(batch) = self.inner.fetch(partition, max_bytes)? {
                self.positions.insert(partition.clone(), batch.next_offset());
                return Ok(Some(batch));
            }
            let log = self.inner.offsets(partition)?;
            let visible = match self.isolation {
                IsolationLevel::ReadCommitted => log.last_stable,
                IsolationLevel::ReadUncommitted => log.end,
            };
            let position = self.positions[partition];
            if (visible..=log.end).contains(&position) && position >= log.beginning {
                // The markers of a commit come a little after its answer.
                if position == log.end || start.elapsed() > MARKERS {
                    return Ok(None);
                }
            }
            assert!(start.elapsed() < PATIENCE, "{partition} is not read from {position} on");
            thread::sleep(TICK);
        }
    }

    fn lag(&mut self, partition: &TopicPartition) -> Option<u64> {
        self.inner.lag(partition)
    }

    fn offsets(&mut self, partition: &TopicPartition) -> Result<PartitionOffsets, BrokerError> {
        self.inner.offsets(partition)
    }

    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<OffsetAndMetadata>>, BrokerError> {
        self.inner.committed(group, partitions)
    }

    fn commit(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError> {
        self.inner.commit(offsets, identity)
    }
}
