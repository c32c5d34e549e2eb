//! The partitions that are read, between the owner of a consumer and the threads that fetch for it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::connection::Address;
use super::records::ReadRecords;
use super::requests::Metadata;
use super::settings::Settings;
use crate::{Clock, RecordBatch, SystemClock, TopicPartition, Waker};

/// A topic that brokers do not know for so long does not exist. One that was just made, or that a
/// broker which comes back has not heard of yet, is known sooner.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);

/// Why a partition cannot be read.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// What a broker says.
    Code(Code),
    /// What it sent cannot be read.
    Unreadable(String),
}

/// A partition that is read.
#[derive(Debug)]
pub(super) struct Reading {
    /// Which assignment of the partition this is: answers to earlier ones are not for it.
    assignment: u64,
    /// Where the owner is.
    pub(super) position: i64,
    /// What is to be asked for.
    next: i64,
    ready: VecDeque<RecordBatch>,
    ready_bytes: usize,
    /// Where the records that can be seen end, when that was last said.
    pub(super) end: Option<i64>,
    failure: Option<Failure>,
    /// Since when the brokers have not known it.
    unknown: Option<(SystemClock, Code)>,
}

/// Who leads a partition, and for how manieth time leaders have changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leader {
    pub(super) node: i32,
    pub(super) epoch: i32,
}

/// A partition that is asked for.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) partition: TopicPartition,
    pub(super) leader_epoch: i32,
    pub(super) offset: i64,
    assignment: u64,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) partitions: HashMap<TopicPartition, Reading>,
    leaders: HashMap<TopicPartition, Leader>,
    nodes: HashMap<i32, Address>,
    /// Nodes that have a thread.
    fetching: HashSet<i32>,
    assignments: u64,
    /// Threads that wait for a change.
    waiting: usize,
    pub(super) is_closed: bool,
}

/// What the threads of a consumer share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    waker: Option<Waker>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(settings: Settings, waker: Option<Waker>) -> Self {
        Self { settings, waker, state: Mutex::default(), changed: Condvar::new() }
    }

    /// A poisoned lock guards plain data that stays whole.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the threads look again.
    pub(super) fn notify(&self, state: &State) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Waits until `found` gives something; `None` when the consumer is closed.
    pub(super) fn wait_for<T>(&self, mut found: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(found) = found(&mut state) {
                return Some(found);
            }
            state.waiting += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    /// Waits for so long, or until the consumer is closed.
    pub(super) fn pause(&self, time: Duration) {
        let clock = SystemClock::new();
        let mut state = self.lock();
        while !state.is_closed
            && let Some(rest) = time.checked_sub(clock.monotonic()).filter(|rest| !rest.is_zero())
        {
            state.waiting += 1;
            let waited = self.changed.wait_timeout(state, rest);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }
}

impl State {
    /// Reads a partition from `offset` on.
    pub(super) fn assign(&mut self, partition: &TopicPartition, offset: i64) {
        self.assignments += 1;
        let reading = Reading {
            assignment: self.assignments,
            position: offset,
            next: offset,
            ready: VecDeque::new(),
            ready_bytes: 0,
            end: None,
            failure: None,
            unknown: None,
        };
        self.partitions.insert(partition.clone(), reading);
    }

    /// Topics of partitions that nobody is known to lead.
    pub(super) fn without_leader(&self) -> Vec<String> {
        let mut topics: Vec<String> = self
            .partitions
            .iter()
            .filter(|(partition, at)| at.failure.is_none() && !self.leaders.contains_key(partition))
            .map(|(partition, _)| partition.topic.to_string())
            .collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// The brokers that are known.
    pub(super) fn addresses(&self) -> Vec<Address> {
        self.nodes.values().cloned().collect()
    }

    /// Notes who leads what; the nodes that need a thread, and whether a partition has failed.
    pub(super) fn learn(&mut self, metadata: Metadata) -> (Vec<i32>, bool) {
        let Metadata { nodes, topics } = metadata;
        self.nodes = nodes.into_iter().map(|node| (node.id, (node.host, node.port))).collect();
        let mut has_failed = false;
        for (partition, at) in &mut self.partitions {
            let Some(topic) = topics.iter().find(|topic| *topic.name == *partition.topic) else {
                continue;
            };
            let number = |row: &i32| u32::try_from(*row) == Ok(partition.partition);
            let row = topic.partitions.iter().find(|row| number(&row.partition));
            let missing = match super::code_of(topic.error) {
                Code::NoError if row.is_none() => Some(Code::UnknownPartition),
                Code::UnknownTopicOrPartition => Some(Code::UnknownTopicOrPartition),
                code @ (Code::TopicAuthorizationFailed | Code::InvalidTopic) => {
                    at.failure = Some(Failure::Code(code));
                    has_failed = true;
                    None
                }
                _ => None,
            };
            at.unknown =
                missing.map(|code| (at.unknown.map_or_else(SystemClock::new, |at| at.0), code));
            if let Some((since, code)) = at.unknown
                && since.monotonic() > UNKNOWN_FOR
            {
                at.failure = Some(Failure::Code(code));
                at.unknown = None;
                has_failed = true;
            }
            if let Some(row) = row.filter(|row| self.nodes.contains_key(&row.leader)) {
                let leader = Leader { node: row.leader, epoch: row.leader_epoch };
                self.leaders.entry(partition.clone()).or_insert(leader);
            }
        }
        let led = self.partitions.keys().filter_map(|partition| self.leaders.get(partition));
        let mut new: Vec<i32> = led.map(|leader| leader.node).collect();
        new.retain(|node| self.fetching.insert(*node));
        (new, has_failed)
    }

    /// What to ask a node for, with its address, and whether it leads others that have enough.
    pub(super) fn asks(&self, node: i32, enough: usize) -> Option<(Address, Vec<Ask>, bool)> {
        let mut have_enough = false;
        let mut asks = Vec::new();
        for (partition, at) in &self.partitions {
            let Some(leader) = self.leaders.get(partition).filter(|leader| leader.node == node)
            else {
                continue;
            };
            if at.failure.is_some() {
                continue;
            }
            if at.ready_bytes >= enough {
                have_enough = true;
                continue;
            }
            let (assignment, offset, leader_epoch) = (at.assignment, at.next, leader.epoch);
            asks.push(Ask { partition: partition.clone(), leader_epoch, offset, assignment });
        }
        let address = self.nodes.get(&node)?.clone();
        (!asks.is_empty()).then_some((address, asks, have_enough))
    }

    /// The partition that was asked for, if it is still read from there.
    fn asked(&mut self, ask: &Ask) -> Option<&mut Reading> {
        let at = self.partitions.get_mut(&ask.partition)?;
        (at.assignment == ask.assignment && at.next == ask.offset).then_some(at)
    }

    /// Takes what came of a partition; whether there is news for its owner.
    pub(super) fn take(&mut self, ask: &Ask, end: i64, read: ReadRecords) -> bool {
        let Some(at) = self.asked(ask) else { return false };
        let is_news = !read.batches.is_empty() || at.end != Some(end);
        at.end = Some(end);
        at.next = read.next_offset;
        at.ready_bytes += read.batches.iter().map(RecordBatch::size).sum::<usize>();
        at.ready.extend(read.batches);
        is_news
    }

    /// Notes that a partition cannot be read.
    pub(super) fn fail(&mut self, ask: &Ask, failure: Failure) {
        if let Some(at) = self.asked(ask) {
            at.failure = Some(failure);
        }
    }

    /// Has the leader of a partition looked up again.
    pub(super) fn forget_leader(&mut self, partition: &TopicPartition) {
        self.leaders.remove(partition);
    }

    /// Has the leaders of what this node leads looked up again.
    pub(super) fn forget_node(&mut self, node: i32) {
        self.leaders.retain(|_, leader| leader.node != node);
    }

    /// The thread of this node has ended.
    pub(super) fn ended(&mut self, node: i32) {
        self.fetching.remove(&node);
        self.forget_node(node);
    }
}

impl Reading {
    /// The next batch, or what has failed behind the last one, and whether more is to be fetched now.
    pub(super) fn next(
        &mut self,
        max_bytes: usize,
        enough: usize,
    ) -> (Option<Result<RecordBatch, Failure>>, bool) {
        let Some(batch) = self.ready.pop_front() else {
            let failure = self.failure.take();
            let again = failure.is_some();
            return (failure.map(Err), again);
        };
        let had_enough = self.ready_bytes >= enough;
        let (batch, rest) = batch.split(max_bytes);
        if let Some(rest) = rest {
            self.ready.push_front(rest);
        }
        self.ready_bytes -= batch.size();
        self.position = batch.next_offset();
        (Some(Ok(batch)), had_enough && self.ready_bytes < enough)
    }
}
