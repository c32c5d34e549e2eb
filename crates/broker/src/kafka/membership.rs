use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::park_timeout;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::client::{common, extend, open};
use super::cluster::Cluster;
use super::ffi::{Kind, MemberEvent, Native, NativeError, Queue};
use super::{GroupProtocol, KafkaAdmin};
use crate::{
    Admin, BrokerError, Clock, GroupIdentity, GroupJoin, Membership, MembershipChange,
    MembershipEvent, NewTopic, SystemClock, TaskId,
};

/// Requests that take a member out of its group.
const LEAVE_GROUP: usize = 13;
const CONSUMER_GROUP_HEARTBEAT: usize = 68;
/// How long leaving may take; afterwards the group notices by itself.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);
const LEAVE_POLL: Duration = Duration::from_millis(5);
/// How long a member without tasks may take to say that it leaves.
const UNTOLD_TIMEOUT: Duration = Duration::from_millis(500);
/// Two that have the same static identity put one another out within this time.
const TWINS_MEET_WITHIN: Duration = Duration::from_secs(5);
/// A broker that does not know the protocol says nothing.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A member of a group that hands out tasks. Kafka's groups hand out partitions, so there is a
/// topic for each sub-topology that nobody writes to, `<group>-tasks-<sub-topology>`, with one
/// partition for each task: whoever is assigned the partition runs the task. Input is read, and its
/// offsets are committed, under the same group beside it; the broker asks for the member's
/// generation and not for what it is assigned.
pub(super) struct KafkaMembership {
    cluster: Arc<Cluster>,
    join: GroupJoin,
    /// The task topics' names, with their sub-topologies.
    topics: BTreeMap<String, u32>,
    /// The identity of the last event, as far as there was one.
    identity: GroupIdentity,
    /// Whether that one is over: everything has been lost since.
    is_lost: bool,
    /// What was asked back and is not released yet.
    revoked: VecDeque<TopicPartitionList>,
    /// An error that came behind events, for the next poll.
    failure: Option<BrokerError>,
    queue: Queue,
    client: Arc<Native>,
    has_left: bool,
    /// Since when the group has been asked in vain.
    asked: Option<SystemClock>,
    /// When it last joined anew after somebody else was said to have its static identity.
    joined_anew: Option<SystemClock>,
}

impl KafkaMembership {
    pub(super) fn join(cluster: &Arc<Cluster>, join: GroupJoin) -> Result<Self, BrokerError> {
        let topics = prepare_topics(cluster, &join)?;
        let config = cluster.config();
        let mut native = common(config, &join.client_id);
        native.set("max.poll.interval.ms", join.poll_timeout.as_millis().to_string());
        extend(&mut native, &config.consumer);
        native
            .set("group.id", &join.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false");
        match config.group_protocol {
            GroupProtocol::Classic => native
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set("session.timeout.ms", config.session_timeout.as_millis().to_string())
                .set("heartbeat.interval.ms", config.heartbeat_interval.as_millis().to_string()),
            GroupProtocol::Consumer => native.set("group.protocol", "consumer"),
        };
        if let Some(instance) = &join.instance {
            native.set("group.instance.id", instance);
        }
        let client = open(Kind::Member, config, &native)?;
        let action = format!("to join group '{}'", join.group);
        let queue = client.consumer_queue(join.waker.clone()).ok_or_else(|| {
            BrokerError::Cluster { action: action.clone(), reason: "no queue".to_owned() }
        })?;
        let names: Vec<String> = topics.keys().cloned().collect();
        client.subscribe(&names).map_err(|error| cluster.doing(&action).failed(error))?;
        let identity = GroupIdentity {
            group: join.group.clone(),
            member: String::new(),
            generation: -1,
            instance: join.instance.clone(),
        };
        Ok(Self {
            cluster: cluster.clone(),
            join,
            topics,
            identity,
            is_lost: false,
            revoked: VecDeque::new(),
            failure: None,
            queue,
            client,
            has_left: false,
            asked: Some(SystemClock::new()),
            joined_anew: None,
        })
    }

    /// Takes its static identity back. A broker that died in a rebalance comes back with the group
    /// as it was before, and takes the member for its own predecessor; if another instance does
    /// have the identity, that one will do the same, and it is not done twice.
    fn join_anew(&mut self, error: BrokerError) -> Result<MembershipEvent, BrokerError> {
        let twice = self.joined_anew.is_some_and(|last| last.monotonic() < TWINS_MEET_WITHIN);
        if twice || !matches!(error, BrokerError::InstanceFenced { .. }) {
            return Err(error);
        }
        tracing::warn!("{}: {error}; it joins once more", self.join.client_id);
        let joined_anew = Some(SystemClock::new());
        self.begin_again(joined_anew)
    }

    /// Joins as somebody new, with nothing; what it had is lost.
    fn begin_again(
        &mut self,
        joined_anew: Option<SystemClock>,
    ) -> Result<MembershipEvent, BrokerError> {
        let tasks = self.join.tasks.clone();
        *self = Self {
            joined_anew,
            // As long as there is no new one: it is refused by the group.
            identity: self.identity.clone(),
            is_lost: true,
            ..Self::join(&self.cluster, self.join.clone())?
        };
        let change = MembershipChange::Lost(tasks);
        Ok(MembershipEvent { change, identity: self.identity.clone() })
    }

    /// Whether the member has another id than at its last event, and nothing was said to be lost in
    /// between. A static member that its group had put out is let in again like that, with all that
    /// it had in its hands; others may have it since.
    fn is_somebody_else(&self) -> bool {
        let member = self.client.member().0;
        let was = &self.identity.member;
        !self.is_lost && !was.is_empty() && !member.is_empty() && member != *was
    }

    /// The tasks that a list of the task topics' partitions stands for.
    fn tasks(&self, list: &TopicPartitionList) -> Vec<TaskId> {
        let tasks = list.elements().into_iter().filter_map(|row| {
            let sub_topology = *self.topics.get(row.topic())?;
            let partition = u32::try_from(row.partition()).ok()?;
            Some(TaskId { sub_topology, partition })
        });
        // The topic may have more partitions than there are tasks: it never shrinks.
        let mut tasks: Vec<_> = tasks.filter(|task| self.join.tasks.contains(task)).collect();
        tasks.sort_unstable();
        tasks
    }

    fn failed(&self, error: NativeError) -> BrokerError {
        let error = self.client.cause(error);
        let action = format!("to be a member of group '{}'", self.join.group);
        match error.code {
            Code::FencedInstanceId => BrokerError::InstanceFenced {
                group: self.join.group.clone(),
                instance: self.join.instance.clone().unwrap_or_default(),
            },
            Code::InvalidSessionTimeout => BrokerError::InvalidSetting {
                key: "session.timeout.ms".to_owned(),
                reason: "it is outside the broker's group.min.session.timeout.ms and group.max.session.timeout.ms".to_owned(),
            },
            Code::InconsistentGroupProtocol => BrokerError::Cluster {
                action,
                reason: "its other members assign in another way (a Kafka Streams application, or another group.protocol): stop them first".to_owned(),
            },
            _ => self.cluster.doing(&action).failed(error),
        }
    }

    /// An event with the identity as it is now: the member can move on only once its owner has
    /// dealt with the event.
    fn event(&mut self, change: MembershipChange) -> MembershipEvent {
        self.asked = None;
        let (member, generation) = self.client.member();
        // A member that has lost everything has no identity; the old one is refused by the group.
        if !member.is_empty() && generation >= 0 {
            self.identity = GroupIdentity { member, generation, ..self.identity.clone() };
            self.is_lost = false;
            self.cluster.register(&self.identity, &self.client);
        }
        MembershipEvent { change, identity: self.identity.clone() }
    }

    /// Takes what is in the queue.
    fn next(&mut self) -> Result<Option<MembershipEvent>, BrokerError> {
        loop {
            let Some(event) = self.queue.next() else { return Ok(None) };
            if !matches!(event, MemberEvent::Error(_)) && self.is_somebody_else() {
                tracing::warn!("{}: the group had put it out; it joins anew", self.join.client_id);
                return self.begin_again(self.joined_anew).map(Some);
            }
            match event {
                MemberEvent::Assign(list) => {
                    self.client
                        .incremental_assign(&at_beginning(&list))
                        .map_err(|error| self.failed(error))?;
                    let tasks = self.tasks(&list);
                    return Ok(Some(self.event(MembershipChange::Assigned(tasks))));
                }
                MemberEvent::Revoke(list) => {
                    let tasks = self.tasks(&list);
                    if self.client.is_assignment_lost() {
                        self.is_lost = true;
                        let change = MembershipChange::Lost(tasks);
                        let event = MembershipEvent { change, identity: self.identity.clone() };
                        self.revoked.clear();
                        self.unassign(&list)?;
                        return Ok(Some(event));
                    }
                    let event = self.event(MembershipChange::Revoked(tasks));
                    self.revoked.push_back(list);
                    return Ok(Some(event));
                }
                MemberEvent::Error(error) => match error.code {
                    Code::PollExceeded
                    | Code::BrokerTransportFailure
                    | Code::AllBrokersDown
                    | Code::Resolve
                    | Code::OperationTimedOut
                    | Code::UnknownTopicOrPartition => {
                        tracing::warn!("{}: {}", self.join.client_id, error.text);
                    }
                    _ => return self.join_anew(self.failed(error)).map(Some),
                },
            }
        }
    }

    fn unassign(&self, list: &TopicPartitionList) -> Result<(), BrokerError> {
        self.client.incremental_unassign(list).map_err(|error| self.failed(error))
    }
}

impl Membership for KafkaMembership {
    fn poll(&mut self) -> Result<Vec<MembershipEvent>, BrokerError> {
        if self.has_left {
            let GroupIdentity { group, member, .. } = self.identity.clone();
            return Err(BrokerError::UnknownMember { group, member });
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        // Errors of connections are news too, and wait to be taken.
        self.client.poll(Duration::ZERO);
        let mut events = Vec::new();
        loop {
            match self.next() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) if events.is_empty() => return Err(error),
                Err(error) => {
                    self.failure = Some(error);
                    break;
                }
            }
        }
        if self.cluster.config().group_protocol == GroupProtocol::Consumer
            && let Some(asked) = self.asked
        {
            if self.client.member().1 > 0 {
                // Nothing for it is no event.
                events.push(self.event(MembershipChange::Assigned(Vec::new())));
            } else if asked.monotonic() > ANSWER_TIMEOUT {
                return Err(BrokerError::Unsupported(format!(
                    "group.protocol=consumer: group '{}' has not answered for {ANSWER_TIMEOUT:?}; it needs Kafka 4.0 or later (group.version=1), or set group.protocol=classic",
                    self.join.group
                )));
            }
        }
        Ok(events)
    }

    fn release(&mut self, tasks: &[TaskId]) -> Result<(), BrokerError> {
        let released = self.revoked.iter().position(|list| self.tasks(list) == tasks);
        // Without one everything has been lost meanwhile.
        if let Some(at) = released {
            self.unassign(&self.revoked[at])?;
            self.revoked.remove(at);
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), BrokerError> {
        if std::mem::replace(&mut self.has_left, true) {
            return Ok(());
        }
        // A client that is closed leaves its group only when it has no static identity; one that
        // unsubscribes leaves in any case.
        let leave = match self.cluster.config().group_protocol {
            GroupProtocol::Classic => LEAVE_GROUP,
            GroupProtocol::Consumer => CONSUMER_GROUP_HEARTBEAT,
        };
        let sent = || self.client.counts().sent(leave);
        let mut before = sent();
        while let Some(list) = self.revoked.pop_front() {
            self.unassign(&list)?;
        }
        self.client.unsubscribe().map_err(|error| self.failed(error))?;
        let clock = SystemClock::new();
        let mut released = None;
        while clock.monotonic() < LEAVE_TIMEOUT {
            while let Some(event) = self.queue.next() {
                match event {
                    // It is not let go before a rebalance that has begun is over.
                    MemberEvent::Assign(list) => self
                        .client
                        .incremental_assign(&at_beginning(&list))
                        .map_err(|error| self.failed(error))?,
                    MemberEvent::Revoke(list) => self.unassign(&list)?,
                    MemberEvent::Error(_) => {}
                }
            }
            if self.client.has_assignment() {
                released = None;
            } else if released.is_none() {
                released = Some(clock.monotonic());
                if leave == CONSUMER_GROUP_HEARTBEAT {
                    // Those before were of a member that stays.
                    before = sent();
                }
            }
            // Nobody is told by one that has not joined yet, or that has told it at once.
            let waited = released.map(|since| clock.monotonic() - since);
            let told = sent() > before;
            if waited.is_some_and(|waited| told || waited > UNTOLD_TIMEOUT) {
                break;
            }
            park_timeout(LEAVE_POLL);
        }
        Ok(())
    }
}

/// The partitions with a place to start, so that nobody has to ask for one.
fn at_beginning(list: &TopicPartitionList) -> TopicPartitionList {
    let mut placed = TopicPartitionList::with_capacity(list.count());
    for row in list.elements() {
        let mut row = placed.add_partition(row.topic(), row.partition());
        // The beginning is an offset like any other.
        let _set = row.set_offset(rdkafka::Offset::Offset(0));
    }
    placed
}

/// Makes the task topics, or gives them the partitions they lack.
fn prepare_topics(
    cluster: &Arc<Cluster>,
    join: &GroupJoin,
) -> Result<BTreeMap<String, u32>, BrokerError> {
    let mut wanted: BTreeMap<u32, u32> = BTreeMap::new();
    for task in &join.tasks {
        let partitions = wanted.entry(task.sub_topology).or_default();
        *partitions = (*partitions).max(task.partition + 1);
    }
    let mut admin = KafkaAdmin::new(cluster.clone());
    let there = cluster.partitions()?;
    let name = |sub_topology| format!("{}-tasks-{sub_topology}", join.group);
    for (sub_topology, partitions) in &wanted {
        let topic = name(*sub_topology);
        let made = match there.get(&topic) {
            Some(known) if known >= partitions => continue,
            Some(_) => admin.create_partitions(&topic, *partitions),
            None => {
                let mut new =
                    NewTopic::new(&topic, *partitions).config("cleanup.policy", "compact");
                new.replication_factor = cluster.config().replication_factor;
                admin.create_topics(&[new])
            }
        };
        match made {
            // Another member was faster.
            Err(BrokerError::TopicExists(_)) => {}
            Err(BrokerError::InvalidTopic { .. }) if there.contains_key(&topic) => {}
            made => made?,
        }
    }
    Ok(wanted.keys().map(|sub_topology| (name(*sub_topology), *sub_topology)).collect())
}
