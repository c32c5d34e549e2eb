//! Who leads what, between the owner of a client and the threads that work for it.

use std::collections::{BTreeSet, HashMap, HashSet};
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
        Self { settings, common, state: Mutex::new(State::new()), changed: Condvar::new() }
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
    fn new() -> Self {
        Self {
            partitions: HashMap::new(),
            leaders: HashMap::new(),
            nodes: HashMap::new(),
            unknown: HashMap::new(),
            working: HashSet::new(),
            waiting: 0,
            is_closed: false,
        }
    }

    /// Has a partition from now on, as if there had been none before.
    pub(super) fn insert(&mut self, partition: &TopicPartition, at: P) {
        self.unknown.remove(partition);
        self.partitions.insert(partition.clone(), at);
    }

    pub(super) fn remove(&mut self, partition: &TopicPartition) {
        self.unknown.remove(partition);
        self.partitions.remove(partition);
    }

    /// Topics of partitions that need a leader and have none.
    pub(super) fn without_leader(&self) -> Vec<String> {
        self.topics_of(|partition, at| at.needs_leader() && !self.leaders.contains_key(partition))
    }

    /// All topics.
    pub(super) fn topics(&self) -> Vec<String> {
        self.topics_of(|_, _| true)
    }

    fn topics_of(&self, is_one: impl Fn(&TopicPartition, &P) -> bool) -> Vec<String> {
        let partitions = self.partitions.iter().filter(|(partition, at)| is_one(partition, at));
        let topics: BTreeSet<&str> = partitions.map(|(partition, _)| &*partition.topic).collect();
        topics.into_iter().map(str::to_owned).collect()
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
        // What was led by a node that is gone is led by another one, or will be.
        self.leaders.retain(|_, leader| self.nodes.contains_key(&leader.node));
        let mut has_failed = false;
        for (partition, at) in &mut self.partitions {
            let Some(topic) = topics.iter().find(|topic| *topic.name == *partition.topic) else {
                continue;
            };
            let number = |row: &i32| u32::try_from(*row) == Ok(partition.partition);
            let row = topic.partitions.iter().find(|row| number(&row.partition));
            // Of what has a leader, or is not needed, nothing is to be said.
            let is_sought = at.needs_leader() && !self.leaders.contains_key(partition);
            let (missing, denied) = match code_of(topic.error) {
                _ if !is_sought => (None, None),
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
                let known = self.leaders.entry(partition.clone()).or_insert(leader);
                // Brokers may be behind what is known.
                if known.epoch < leader.epoch {
                    *known = leader;
                }
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

#[cfg(test)]
mod tests {
    use super::super::requests::{Node, PartitionMetadata, TopicMetadata};
    use super::*;

    /// Always in need of a leader; says how it has failed.
    #[derive(Default)]
    struct Eager(Option<Code>);

    impl Led for Eager {
        type Common = ();

        fn needs_leader(&self) -> bool {
            self.0.is_none()
        }

        fn fail(&mut self, code: Code) {
            self.0 = Some(code);
        }
    }

    fn state(topics: &[&str]) -> State<Eager> {
        let mut state = State::new();
        for topic in topics {
            state.partitions.insert(TopicPartition::new(*topic, 0), Eager::default());
        }
        state
    }

    /// Nodes that are there, and topics with an error and the leader of their partition.
    fn metadata(nodes: &[i32], topics: &[(&str, i16, i32)]) -> Metadata {
        let nodes = nodes.iter().map(|id| Node { id: *id, host: "h".to_owned(), port: 1 });
        let topics = topics.iter().map(|(name, error, leader)| {
            let row = PartitionMetadata { partition: 0, leader: *leader, leader_epoch: 0 };
            let partitions = if *error == 0 { vec![row] } else { Vec::new() };
            TopicMetadata { name: (*name).to_owned(), error: *error, partitions }
        });
        Metadata { nodes: nodes.collect(), topics: topics.collect() }
    }

    #[test]
    fn every_node_that_leads_gets_one_thread() {
        let mut state = state(&["a", "b", "c"]);
        assert_eq!(state.without_leader(), ["a", "b", "c"]);
        let known = metadata(&[1, 2], &[("a", 0, 1), ("b", 0, 1), ("c", 0, -1)]);
        assert_eq!(state.learn(known), (vec![1], false));
        assert_eq!(state.without_leader(), ["c"]);
        assert_eq!(state.learn(metadata(&[1, 2], &[("c", 0, 2)])), (vec![2], false));
        assert_eq!((state.led_by(1).count(), state.led_by(2).count()), (2, 1));
        state.ended(1);
        assert_eq!(state.without_leader(), ["a", "b"]);
        assert_eq!(state.learn(metadata(&[1], &[("a", 0, 1), ("b", 0, 1)])).0, [1]);
    }

    #[test]
    fn a_leader_is_replaced_by_a_later_one_only() {
        let mut state = state(&["a"]);
        let led = |node, epoch| {
            let mut known = metadata(&[1, 2], &[("a", 0, node)]);
            known.topics[0].partitions[0].leader_epoch = epoch;
            known
        };
        let mut leads = |known| {
            state.learn(known);
            state.led_by(1).count()
        };
        assert_eq!((leads(led(1, 5)), leads(led(2, 4)), leads(led(2, 6))), (1, 1, 0));
    }

    /// Only some topics were asked for when the node was found to be gone.
    #[test]
    fn what_a_node_led_that_is_gone_is_looked_up_again() {
        let mut state = state(&["a", "b"]);
        state.learn(metadata(&[1, 2], &[("a", 0, 1), ("b", 0, 1)]));
        state.forget_leader(&TopicPartition::new("a", 0));
        state.learn(metadata(&[2], &[("a", 0, 2)]));
        assert_eq!(state.without_leader(), ["b"]);
    }

    #[test]
    fn what_is_denied_fails_at_once_and_what_is_unknown_later() {
        let mut state = state(&["denied", "unknown"]);
        assert!(state.learn(metadata(&[1], &[("denied", 29, 0), ("unknown", 3, 0)])).1);
        let failed =
            |state: &State<Eager>, topic| state.partitions[&TopicPartition::new(topic, 0)].0;
        assert_eq!(failed(&state, "denied"), Some(Code::TopicAuthorizationFailed));
        assert_eq!(failed(&state, "unknown"), None);
        assert_eq!(state.without_leader(), ["unknown"]);
        // Of what has a leader nothing is said.
        state.learn(metadata(&[1], &[("unknown", 0, 1)]));
        assert!(!state.learn(metadata(&[1], &[("unknown", 29, 0)])).1);
        assert_eq!(failed(&state, "unknown"), None);
    }
}
