//! Before the first task: checks the topics a topology needs, and makes its own (Kafka's
//! `InternalTopicManager`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millstream_broker::{Admin, BrokerError, NewTopic, TaskId, TopicDescription};

use super::Config;
use crate::error::{Error, TopologyError};
use crate::topology::{InternalTopic, NodeKind, PartitionCounts, SinkTopic, Topology};

/// A repartition topic of the embedded broker is bounded to so many bytes over all its partitions,
/// so that a stream thread that runs ahead of those behind it waits instead of filling the memory.
const REPARTITION_BOUND: u64 = 32 * 1024 * 1024;

const CLEANUP_POLICY: &str = "cleanup.policy";

/// Partitions of all topics, and the tasks that follow from them.
#[derive(Clone, Debug)]
pub(crate) struct PartitionPlan {
    pub(crate) counts: Arc<PartitionCounts>,
    pub(crate) tasks: Arc<[TaskId]>,
}

/// Checks and creates. With `create_external` a source or sink topic that is missing is created
/// with so many partitions; otherwise it is an error.
pub(crate) fn prepare_topics(
    topology: &Topology,
    config: &Config,
    admin: &mut dyn Admin,
    create_external: Option<u32>,
) -> Result<PartitionPlan, Error> {
    let parts = &topology.inner;
    let mut external = external_topics(topology);
    if let Some(topic) = config.dead_letter_topic() {
        let setting = "errors.dead.letter.queue.topic.name".to_owned();
        external.entry(topic.to_owned()).or_insert(setting);
    }
    let names: Vec<&str> = external.keys().map(String::as_str).collect();
    let mut existing = partitions_of(admin, &names)?;
    let mut problems = Vec::new();
    for (name, node) in
        external.iter().filter(|(name, _)| !existing.contains_key(*name)).collect::<Vec<_>>()
    {
        match create_external {
            Some(partitions) => {
                create(admin, NewTopic::new(name, partitions))?;
                existing.insert(name.clone(), partitions);
            }
            None => problems.push(format!(
                "the topic '{name}', used by '{node}', does not exist: create it before starting, or correct its name, or grant the application's user the right Describe on it"
            )),
        }
    }
    if !problems.is_empty() {
        return Err(TopologyError { problems }.into());
    }
    let counts = PartitionCounts::resolve(parts, |topic| existing.get(topic).copied())?;
    let application_id = config.application_id();
    let mut internal = Vec::new();
    for sub in &parts.sub_topologies {
        let topics = parts.topics_of(sub, application_id);
        for topic in topics.repartition_topics {
            let partitions = counts.get(&crate::topology::TopicRef::internal(
                topic.name.strip_prefix(&format!("{application_id}-")).unwrap_or(&topic.name),
            ));
            let bounded = new_topic(topic, partitions, config)
                .bounded(REPARTITION_BOUND / u64::from(partitions.max(1)));
            internal.push(bounded);
        }
        // A source topic that takes the place of a changelog is there already.
        let own = |topic: &InternalTopic| !external.contains_key(&topic.name);
        for topic in topics.changelog_topics.into_iter().filter(own) {
            internal.push(new_topic(topic, counts.tasks_of(parts, sub), config));
        }
    }
    ensure(admin, internal)?;
    let tasks = counts.tasks(parts).into();
    Ok(PartitionPlan { counts: Arc::new(counts), tasks })
}

/// Names of the topics that are read and written and not the application's own, each with a node.
fn external_topics(topology: &Topology) -> BTreeMap<String, String> {
    let mut external = BTreeMap::new();
    for node in &topology.inner.nodes {
        let topics = match &node.kind {
            NodeKind::Source { topics, .. } => topics.as_slice(),
            NodeKind::Sink { topic: SinkTopic::Topic(topic), .. } => std::slice::from_ref(topic),
            NodeKind::Sink { .. } | NodeKind::Processor { .. } | NodeKind::TakenOut => &[],
        };
        for topic in topics.iter().filter(|topic| !topic.internal) {
            external.entry(topic.name.clone()).or_insert_with(|| node.name.clone());
        }
    }
    external
}

fn partitions_of(
    admin: &mut dyn Admin,
    names: &[&str],
) -> Result<BTreeMap<String, u32>, BrokerError> {
    let described = admin.describe_topics(names)?.into_iter().flatten();
    Ok(described.map(|topic| (topic.name, topic.partitions)).collect())
}

fn new_topic(topic: InternalTopic, partitions: u32, config: &Config) -> NewTopic {
    let mut new = NewTopic::new(topic.name, partitions);
    new.replication_factor = config.replication_factor();
    let common = config.topic_configs().map(|(name, value)| (name.to_owned(), value.to_owned()));
    // What the library sets gives way to the settings of the application, as in Kafka Streams.
    new.configs = topic.configs.into_iter().chain(common).collect();
    new
}

/// Creates the topics that are missing, and checks those that are there.
fn ensure(admin: &mut dyn Admin, topics: Vec<NewTopic>) -> Result<(), Error> {
    let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
    let described = admin.describe_topics(&names)?;
    let there = topics.iter().zip(&described);
    let problems: Vec<String> =
        there.filter_map(|(wanted, there)| unfit(wanted, there.as_ref()?)).collect();
    if !problems.is_empty() {
        return Err(TopologyError { problems }.into());
    }
    for (topic, _) in topics.into_iter().zip(described).filter(|(_, there)| there.is_none()) {
        create(admin, topic)?;
    }
    Ok(())
}

/// Why an internal topic that is there cannot be used.
fn unfit(wanted: &NewTopic, there: &TopicDescription) -> Option<String> {
    let NewTopic { name, partitions, configs, .. } = wanted;
    if there.partitions != *partitions {
        return Some(format!(
            "the internal topic '{name}' has {} partitions, but its tasks need {partitions}: the partitions of an input topic have changed since it was created; reset the application, or give it a new application.id",
            there.partitions
        ));
    }
    let policy = there.configs.get(CLEANUP_POLICY).map_or("delete", String::as_str);
    let compacts = |policy: &str| policy.split(',').any(|part| part.trim() == "compact");
    let wanted_policy = configs.get(CLEANUP_POLICY).map_or("delete", String::as_str);
    // A log that is not compacted loses state; one that is loses records that wait.
    (compacts(policy) != compacts(wanted_policy)).then(|| {
        format!(
            "the internal topic '{name}' has cleanup.policy={policy}, but needs {wanted_policy}: correct it, or delete the topic if nothing in it is needed"
        )
    })
}

/// Creates a topic; that another instance was faster is no error.
fn create(admin: &mut dyn Admin, topic: NewTopic) -> Result<(), BrokerError> {
    match admin.create_topics(&[topic]) {
        Ok(()) | Err(BrokerError::TopicExists(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Names of the topics that a sub-topology writes, for back-pressure.
pub(super) fn written_topics(
    topology: &Topology,
    sub_topology: u32,
    application_id: &str,
) -> BTreeSet<String> {
    let sub = &topology.inner.sub_topologies[sub_topology as usize];
    topology.inner.topics_of(sub, application_id).sinks.into_iter().collect()
}
