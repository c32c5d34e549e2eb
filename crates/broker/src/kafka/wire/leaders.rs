//! Who leads what, between the owner of a client and the threads that work for it.

use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::code_of;
use super::connection::Address;
use super::requests::Metadata;
use super::settings::Settings;
use crate::{Clock, SystemClock, TopicPartition};

/// A topic that brokers do not know for so long does not exist. One that was just made, or that a
/// broker which comes back has not heard of yet, is known sooner.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);

/// What a client keeps of a partition.
pub(super) trait Led: Send + 'static {
    /// What all partitions have in common.
    type Common: Send + Sync;

    /// Whether there is something to ask its leader for.
    fn needs_leader(&self) -> bool;

    /// The brokers say that it cannot be had.
    fn fail(&mut self, code: Code);
}

/// What a thread is to do next.
pub(super) enum Next<T> {
    Now(T),
    /// Not before this time has passed.
    Later(Duration),
    /// Not before something changes.
    Nothing,
}

/// Who leads a partition, since which change of leaders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leader {
    pub(super) node: i32,
    pub(super) epoch: i32,
}

pub(super) struct State<P> {
    pub(super) partitions: HashMap<TopicPartition, P>,
    leaders: HashMap<TopicPartition, Leader>,
    nodes: HashMap<i32, Address>,
    /// Since when the brokers have not known a partition.
    unknown: HashMap<TopicPartition, SystemClock>,
    /// Nodes that have a thread.
    working: HashSet<i32>,
    /// Threads that wait for a change.
    waiting: usize,
    pub(super) is_closed: bool,
}

/// What the threads of a client share with its owner.
pub(super) struct Shared<P: Led> {
    pub(super) settings: Settings,
    pub(super) common: P::Common,
    state: Mutex<State<P>>,
    changed: Condvar,
}

impl<P: Led> Shared<P> {
    pub(super) fn new(settings: Settings, common: P::Common) -> Self {
        let state = State {
            partitions: HashMap::new(),
            leaders: HashMap::new(),
            nodes: HashMap::new(),
            unknown: HashMap::new(),
            working: HashSet::new(),
            waiting: 0,
            is_closed: false,
        };
        Self { settings, common, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// A poisoned lock guards plain data that stays whole.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has those who wait look again.
    pub(super) fn notify(&self, state: &State<P>) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Waits for what is to be done next; `None` when the client is closed.
    pub(super) fn wait_for<T>(&self, mut next: impl FnMut(&mut State<P>) -> Next<T>) -> Option<T> {
        let mut state = self.lock();
        while !state.is_closed {
            let later = match next(&mut state) {
                Next::Now(found) => return Some(found),
                Next::Later(time) => Some(time),
                Next::Nothing => None,
            };
            state.waiting += 1;
            state = match later {
                Some(time) => {
                    let waited = self.changed.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.waiting -= 1;
        }
        None
    }

    /// Waits until `found` gives something, for so long; `None` when it does not.
    pub(super) fn wait_within<T>(
        &self,
        time: Duration,
        mut found: impl FnMut(&mut State<P>) -> Option<T>,
    ) -> Option<T> {
        let clock = SystemClock::new();
        let mut state = self.lock();
        loop {
            if let Some(found) = found(&mut state) {
                return Some(found);
            }
            let rest = time.checked_sub(clock.monotonic()).filter(|rest| !rest.is_zero())?;
            state.waiting += 1;
            let waited = self.changed.wait_timeout(state, rest);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    /// Waits for so long, or until the client is closed.
    pub(super) fn pause(&self, time: Duration) {
        let _closed = self.wait_within(time, |state| state.is_closed.then_some(()));
    }

    /// Has the threads end.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        self.notify(&state);
    }
}

impl<P: Led> State<P> {
    /// Topics of partitions that need a leader and have none.
    pub(super) fn without_leader(&self) -> Vec<String> {
        let mut topics: Vec<String> = self
            .partitions
            .iter()
            .filter(|(partition, at)| at.needs_leader() && !self.leaders.contains_key(partition))
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

    pub(super) fn address(&self, node: i32) -> Option<Address> {
        self.nodes.get(&node).cloned()
    }

    /// The partitions that this node leads.
    pub(super) fn led_by(
        &mut self,
        node: i32,
    ) -> impl Iterator<Item = (&TopicPartition, &mut P, Leader)> {
        let leaders = &self.leaders;
        self.partitions.iter_mut().filter_map(move |(partition, at)| {
            let leader = leaders.get(partition).filter(|leader| leader.node == node)?;
            Some((partition, at, *leader))
        })
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
            let (missing, denied) = match code_of(topic.error) {
                Code::NoError if row.is_none() => (Some(Code::UnknownPartition), None),
                Code::UnknownTopicOrPartition => (Some(Code::UnknownTopicOrPartition), None),
                code @ (Code::TopicAuthorizationFailed | Code::InvalidTopic) => (None, Some(code)),
                _ => (None, None),
            };
            let gone = missing.filter(|_| {
                let since = self.unknown.entry(partition.clone()).or_default();
                since.monotonic() > UNKNOWN_FOR
            });
            if missing.is_none() || gone.is_some() {
                self.unknown.remove(partition);
            }
            if let Some(code) = denied.or(gone) {
                at.fail(code);
                has_failed = true;
            }
            if let Some(row) = row.filter(|row| self.nodes.contains_key(&row.leader)) {
                let leader = Leader { node: row.leader, epoch: row.leader_epoch };
                self.leaders.entry(partition.clone()).or_insert(leader);
            }
        }
        let led = self.partitions.keys().filter_map(|partition| self.leaders.get(partition));
        let mut new: Vec<i32> = led.map(|leader| leader.node).collect();
        new.retain(|node| self.working.insert(*node));
        (new, has_failed)
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
        self.working.remove(&node);
        self.forget_node(node);
    }
}

/// Whether to ask again who leads a partition, as it may be another one by now.
pub(super) fn has_another_leader(code: Code) -> bool {
    matches!(
        code,
        Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::ReplicaNotAvailable
            | Code::KafkaStorageError
            | Code::UnknownTopicOrPartition
            | Code::RequestTimedOut
            | Code::Unknown
    )
}
