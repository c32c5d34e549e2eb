use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::KafkaConfig;
use super::client::{CALL_TIMEOUT, common, extend, open};
use super::errors::Doing;
use super::ffi::{self, Kind, Listed, LogEnd, Native};
use crate::{
    BrokerError, Clock, GroupIdentity, OffsetAndMetadata, PartitionOffsets, SystemClock,
    TopicPartition,
};

/// How long a commit waits for a rebalance to pass.
const REBALANCE_TRIES: u32 = 40;

/// How long a leader has to answer what a partition's offsets are before it is looked for anew; twice as
/// long a partition is asked for that has none.
const LEADER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a member asks for committed offsets, which an open transaction may hold up.
const COMMITTED_TIMEOUT: Duration = Duration::from_millis(500);

/// What the clients of one cluster share.
pub(super) struct Cluster {
    config: KafkaConfig,
    /// For requests about topics.
    topics: AdminClient<DefaultClientContext>,
    /// For requests about offsets.
    offsets: Arc<Native>,
    /// Members of groups in this process, by their ids: only they can commit without a transaction.
    members: Mutex<HashMap<String, Member>>,
    /// The largest batch that a topic takes.
    limits: Mutex<HashMap<String, usize>>,
}

/// A member of a group in this process.
struct Member {
    group: String,
    instance: Option<String>,
    client: Weak<Native>,
}

/// A poisoned lock guards plain data that stays whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    pub(super) fn connect(config: KafkaConfig) -> Result<Arc<Self>, BrokerError> {
        let mut native = common(&config, "millstream-admin");
        extend(&mut native, &config.admin);
        // librdkafka looks for a coordinator by a group of the client's own, also when it is asked
        // for another's; nobody joins this one.
        let mut reader = native.clone();
        reader.set("group.id", "millstream-admin");
        let doing = Doing { servers: &config.bootstrap_servers, action: "to make a Kafka client" };
        Ok(Arc::new(Self {
            topics: native.create().map_err(|error| doing.wrapped(&error))?,
            offsets: open(Kind::Reader, &config, &reader)?,
            members: Mutex::default(),
            limits: Mutex::default(),
            config,
        }))
    }

    pub(super) fn config(&self) -> &KafkaConfig {
        &self.config
    }

    pub(super) fn servers(&self) -> &str {
        &self.config.bootstrap_servers
    }

    pub(super) fn admin(&self) -> &AdminClient<DefaultClientContext> {
        &self.topics
    }

    pub(super) fn doing<'a>(&'a self, action: &'a str) -> Doing<'a> {
        Doing { servers: self.servers(), action }
    }

    /// Partitions of every topic there is.
    pub(super) fn partitions(&self) -> Result<HashMap<String, u32>, BrokerError> {
        let found = self.topics.inner().fetch_metadata(None, CALL_TIMEOUT);
        let metadata = found.map_err(|error| {
            let doing = self.doing("to list the topics");
            self.not_let_in().unwrap_or_else(|| doing.wrapped(&error))
        })?;
        let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
        Ok(topics.map(|topic| (topic.name().to_owned(), topic.partitions().len() as u32)).collect())
    }

    /// The error when the brokers do not let us in.
    fn not_let_in(&self) -> Option<BrokerError> {
        let _only_that_it_tries = self.offsets.refresh_leaders(CALL_TIMEOUT / 5);
        let reason = self.offsets.not_let_in()?;
        let action = format!(
            "to log in at {} (security.protocol, ssl.ca.location, sasl.mechanism, sasl.username, sasl.password)",
            self.servers()
        );
        Some(BrokerError::Denied { action, reason })
    }

    /// Configs of topics that exist.
    pub(super) fn configs(&self, topics: &[&str]) -> Result<Vec<ConfigResource>, BrokerError> {
        let doing = self.doing("to read the configs of topics");
        let asked: Vec<_> = topics.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let options = AdminOptions::new().request_timeout(Some(CALL_TIMEOUT));
        let answers = block_on(self.topics.describe_configs(&asked, &options));
        let answers = answers.map_err(|error| doing.wrapped(&error))?;
        answers
            .into_iter()
            .zip(topics)
            .map(|(answer, topic)| match answer {
                Ok(configs) if !configs.entries.is_empty() => Ok(configs),
                // The wrapper drops the error of a topic; one that we may look at has configs.
                Ok(_) if self.partitions()?.contains_key(*topic) => {
                    let action = format!("to read the configs of topic '{topic}'");
                    let code = Code::TopicAuthorizationFailed;
                    Err(self.doing(&action).code(code, code.to_string()))
                }
                Ok(_) => Err(BrokerError::UnknownTopic((*topic).to_owned())),
                Err(Code::UnknownTopicOrPartition) => {
                    Err(BrokerError::UnknownTopic((*topic).to_owned()))
                }
                Err(code) => {
                    let action = format!("to read the configs of topic '{topic}'");
                    Err(self.doing(&action).code(code, code.to_string()))
                }
            })
            .collect()
    }

    /// The largest batch that `topic` takes, in bytes. Asked once.
    pub(super) fn limit(&self, topic: &str) -> Result<usize, BrokerError> {
        if let Some(limit) = lock(&self.limits).get(topic) {
            return Ok(*limit);
        }
        let configs = self.configs(&[topic])?;
        let limit = configs
            .first()
            .and_then(|configs| configs.get("max.message.bytes")?.value.as_ref()?.parse().ok())
            .unwrap_or(1024 * 1024);
        lock(&self.limits).insert(topic.to_owned(), limit);
        Ok(limit)
    }

    pub(super) fn forget_limit(&self, topic: &str) {
        lock(&self.limits).remove(topic);
    }

    pub(super) fn offsets(
        &self,
        partition: &TopicPartition,
    ) -> Result<PartitionOffsets, BrokerError> {
        let ask = |end| {
            let clock = SystemClock::new();
            loop {
                let error = match ffi::log_end(&self.offsets, partition, end, LEADER_TIMEOUT) {
                    Ok(offset) => return Ok(offset),
                    Err(error) => error,
                };
                if let Some(missing) = self.missing(partition) {
                    return Err(missing);
                }
                // A topic that was just made has no leaders for a moment; neither has any while a
                // broker comes back.
                let action = format!("to read the offsets of {partition}");
                let passes = matches!(
                    error.code,
                    Code::NoEnt
                        | Code::LeaderNotAvailable
                        | Code::NotLeaderForPartition
                        | Code::FencedLeaderEpoch
                        | Code::UnknownLeaderEpoch
                        | Code::UnknownTopicOrPartition
                );
                let error = match error.code {
                    _ if !passes => self.doing(&action).failed(error),
                    _ => BrokerError::Timeout(format!("{partition} has no leader")),
                };
                if !passes || clock.monotonic() > 2 * LEADER_TIMEOUT {
                    return Err(error);
                }
                std::thread::park_timeout(LEADER_TIMEOUT / 60);
                // What cannot be asked now is asked in the next round.
                let _later = self.offsets.refresh_leaders(LEADER_TIMEOUT);
            }
        };
        // Errors of connections are news too, and wait to be taken.
        self.offsets.poll(Duration::ZERO);
        Ok(PartitionOffsets {
            beginning: ask(LogEnd::Beginning)?,
            // In this order: the end is never before the last stable offset.
            last_stable: ask(LogEnd::LastStable)?,
            end: ask(LogEnd::End)?,
        })
    }

    /// Says so when a partition does not exist.
    fn missing(&self, partition: &TopicPartition) -> Option<BrokerError> {
        match self.partitions().ok()?.get(&*partition.topic) {
            None => Some(BrokerError::UnknownTopic(partition.topic.to_string())),
            Some(count) if *count <= partition.partition => {
                Some(BrokerError::UnknownPartition(partition.clone()))
            }
            Some(_) => None,
        }
    }

    /// Committed offsets of a group, of `partitions` or of all.
    pub(super) fn group_offsets(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<Vec<Listed>, BrokerError> {
        let rows = match (partitions, self.member_of(group)) {
            (Some(partitions), Some(member)) => member.committed(partitions, COMMITTED_TIMEOUT),
            _ => ffi::group_offsets(&self.offsets, group, partitions, CALL_TIMEOUT),
        };
        let action = format!("to read the offsets of group '{group}'");
        let doing = self.doing(&action);
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) if error.code == Code::UnstableOffsetCommit => {
                return Err(BrokerError::UnstableOffsets(group.to_owned()));
            }
            // A group that nobody has used yet.
            Err(error) if error.code == Code::GroupIdNotFound => return Ok(Vec::new()),
            Err(error) => return Err(doing.failed(error)),
        };
        for row in &rows {
            match row.code {
                Code::NoError => {}
                Code::UnstableOffsetCommit => {
                    return Err(BrokerError::UnstableOffsets(group.to_owned()));
                }
                // What is committed of a topic that was deleted is nothing.
                Code::UnknownTopicOrPartition => {}
                code => return Err(doing.code(code, code.to_string())),
            }
        }
        Ok(rows)
    }

    pub(super) fn committed(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<OffsetAndMetadata>>, BrokerError> {
        let rows = self.group_offsets(group, Some(partitions))?;
        let mut committed: HashMap<_, _> = rows
            .into_iter()
            .filter(|row| row.offset >= 0 && row.code == Code::NoError)
            .map(|row| {
                let Listed { partition, offset, metadata, .. } = row;
                (partition, OffsetAndMetadata { offset, metadata })
            })
            .collect();
        Ok(partitions.iter().map(|partition| committed.remove(partition)).collect())
    }

    pub(super) fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), BrokerError> {
        let rows = ffi::alter_group_offsets(&self.offsets, group, offsets, CALL_TIMEOUT);
        self.check_rows(group, rows)
    }

    pub(super) fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), BrokerError> {
        let rows = ffi::delete_group_offsets(&self.offsets, group, partitions, CALL_TIMEOUT);
        self.check_rows(group, rows)
    }

    fn check_rows(
        &self,
        group: &str,
        rows: Result<Vec<Listed>, ffi::NativeError>,
    ) -> Result<(), BrokerError> {
        let action = format!("to change the offsets of group '{group}'");
        let in_use = [Code::UnknownMemberId, Code::NonEmptyGroup, Code::GroupSubscribedToTopic];
        let failed = match rows {
            Ok(rows) => rows.iter().map(|row| row.code).find(|code| *code != Code::NoError),
            Err(error) if in_use.contains(&error.code) => Some(error.code),
            Err(error) => return Err(self.doing(&action).failed(error)),
        };
        match failed {
            None => Ok(()),
            Some(code) if in_use.contains(&code) => {
                Err(BrokerError::GroupNotEmpty(group.to_owned()))
            }
            Some(code) => Err(self.doing(&action).code(code, code.to_string())),
        }
    }

    /// Notes a member of this process.
    pub(super) fn register(&self, identity: &GroupIdentity, client: &Arc<Native>) {
        let mut members = lock(&self.members);
        members.retain(|_, member| member.client.strong_count() > 0);
        let GroupIdentity { group, member, instance, .. } = identity.clone();
        members.insert(member, Member { group, instance, client: Arc::downgrade(client) });
    }

    /// A member of this group in this process.
    fn member_of(&self, group: &str) -> Option<Arc<Native>> {
        let members = lock(&self.members);
        members.values().filter(|member| member.group == group).find_map(|m| m.client.upgrade())
    }

    fn member(&self, identity: &GroupIdentity) -> Option<Arc<Native>> {
        let members = lock(&self.members);
        let member = members.get(&identity.member)?;
        (member.instance == identity.instance).then(|| member.client.upgrade())?
    }

    /// The identity as of now: a group may have moved on to its next generation without anything
    /// being taken from the member. Nothing can be taken from it, and it cannot come back under
    /// another id unnoticed, before its owner has dealt with the event that says so.
    pub(super) fn current(&self, identity: &GroupIdentity) -> GroupIdentity {
        let mut current = identity.clone();
        if let Some(client) = self.member(identity)
            && !client.is_assignment_lost()
        {
            let (member, generation) = client.member();
            if member == identity.member && generation > identity.generation {
                current.generation = generation;
            }
        }
        current
    }

    /// Commits without a transaction.
    pub(super) fn commit(
        &self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError> {
        let GroupIdentity { group, member, generation, .. } = identity;
        let unknown =
            || BrokerError::UnknownMember { group: group.clone(), member: member.clone() };
        if member.is_empty() {
            return match self.alter_group_offsets(group, offsets) {
                Err(BrokerError::GroupNotEmpty(_)) => Err(unknown()),
                altered => altered,
            };
        }
        let client = self.member(identity).ok_or_else(unknown)?;
        for _ in 0..REBALANCE_TRIES {
            let (id, now) = client.member();
            if id != *member || now < *generation || client.is_assignment_lost() {
                return Err(unknown());
            }
            match client.commit(offsets) {
                // Between two generations; the client's own threads bring it about.
                Err(error) if error.code == Code::RebalanceInProgress => {
                    std::thread::park_timeout(CALL_TIMEOUT / 200);
                }
                committed => {
                    return committed.map_err(|error| {
                        let error = client.cause(error);
                        self.group_error(identity, error)
                    });
                }
            }
        }
        Err(BrokerError::RebalanceInProgress(group.clone()))
    }

    /// An error of a commit under `identity`.
    pub(super) fn group_error(
        &self,
        identity: &GroupIdentity,
        error: ffi::NativeError,
    ) -> BrokerError {
        let GroupIdentity { group, member, generation, .. } = identity.clone();
        match error.code {
            Code::IllegalGeneration | Code::StaleMemberEpoch => {
                BrokerError::IllegalGeneration { group, member, generation }
            }
            // What to do about somebody who has the same static identity, the membership says.
            Code::UnknownMemberId | Code::FencedInstanceId => {
                BrokerError::UnknownMember { group, member }
            }
            Code::RebalanceInProgress => BrokerError::RebalanceInProgress(group),
            _ => {
                let action = format!("to commit offsets of group '{group}'");
                self.doing(&action).failed(error)
            }
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("config", &self.config).finish_non_exhaustive()
    }
}
