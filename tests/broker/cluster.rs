//! A broker under test, and short words for what the tests do with it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use millstream_broker::embedded::{EmbeddedBroker, SimulatedDisk};
use millstream_broker::{
    Broker, BrokerError, CommitOutcome, Consumer, ConsumerOptions, GroupIdentity, GroupJoin,
    Headers, IsolationLevel, ManualClock, Membership, MembershipChange, MembershipEvent, NewTopic,
    OffsetAndMetadata, Producer, ProducerOptions, RecordBuffer, TaskId, TopicPartition,
};

/// How long a member may go without polling.
pub const POLL_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a transaction may be open.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Where the clock starts.
pub const START_MS: i64 = 1_000_000_000;

/// A broker, and a clock that it goes by.
pub struct Cluster {
    pub broker: Box<dyn Broker>,
    pub clock: ManualClock,
    topics: AtomicU32,
}

impl Cluster {
    pub fn new(broker: impl Broker + 'static, clock: ManualClock) -> Self {
        Self { broker: Box::new(broker), clock, topics: AtomicU32::new(0) }
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
        let name = format!("topic-{number}");
        let mut admin = self.broker.admin().unwrap();
        admin.create_topics(&[topic(&name)]).unwrap();
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
        let mut options = ProducerOptions::transactional("producer", id);
        options.transaction_timeout = TRANSACTION_TIMEOUT;
        self.broker.producer(options).unwrap()
    }

    pub fn consumer(&self) -> Box<dyn Consumer> {
        self.broker.consumer(ConsumerOptions::default()).unwrap()
    }

    pub fn uncommitted_consumer(&self) -> Box<dyn Consumer> {
        let options = ConsumerOptions {
            isolation: IsolationLevel::ReadUncommitted,
            ..ConsumerOptions::default()
        };
        self.broker.consumer(options).unwrap()
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
            group: group.to_owned(),
            client_id: client.to_owned(),
            instance: instance.map(str::to_owned),
            tasks: (0..tasks).map(task).collect(),
            poll_timeout: POLL_TIMEOUT,
            waker: None,
        };
        self.broker.membership(join).unwrap()
    }

    /// What is committed for one partition.
    pub fn committed(&self, group: &str, partition: &TopicPartition) -> Option<i64> {
        let mut consumer = self.consumer();
        let committed = consumer.committed(group, std::slice::from_ref(partition));
        committed.unwrap()[0].as_ref().map(|at| at.offset)
    }

    /// Everything a consumer sees of a partition: offsets and values.
    pub fn read(&self, partition: &TopicPartition) -> Vec<(i64, String)> {
        let mut consumer = self.consumer();
        let beginning = consumer.offsets(partition).unwrap().beginning;
        consumer.assign(partition, beginning).unwrap();
        drain(&mut *consumer, partition)
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

/// Polls members in turn until nothing happens any longer, and releases what is asked back at once.
/// Returns each one's events.
pub fn settle(members: &mut [&mut Box<dyn Membership>]) -> Vec<Vec<MembershipEvent>> {
    let mut all = vec![Vec::new(); members.len()];
    loop {
        let mut quiet = true;
        for (member, events) in members.iter_mut().zip(&mut all) {
            let new = member.poll().unwrap();
            quiet &= new.is_empty();
            for event in &new {
                if let MembershipChange::Revoked(tasks) = &event.change {
                    member.release(tasks).unwrap();
                    quiet = false;
                }
            }
            events.extend(new);
        }
        if quiet {
            return all;
        }
    }
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

/// The identity of somebody who is no member.
pub fn nobody(group: &str) -> GroupIdentity {
    GroupIdentity { group: group.to_owned(), member: String::new(), generation: -1, instance: None }
}

pub fn at(partition: &TopicPartition, offset: i64) -> Vec<(TopicPartition, OffsetAndMetadata)> {
    vec![(partition.clone(), OffsetAndMetadata::new(offset))]
}
