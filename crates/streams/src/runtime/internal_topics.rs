//! Before the first task: checks the topics a topology needs, and makes its own (Kafka's
//! `InternalTopicManager`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millstream_broker::{Admin, BrokerError, NewTopic, TaskId};

use super::Config;
use crate::error::{Error, TopologyError};
use crate::topology::{InternalTopic, NodeKind, PartitionCounts, SinkTopic, Topology};

/// A repartition topic of the embedded broker is bounded to so many bytes over all its partitions,
/// so that a stream thread that runs ahead of those behind it waits instead of filling the memory.
const REPARTITION_BOUND: u64 = 32 * 1024 * 1024;

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
    let external = external_topics(topology);
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
                "the topic '{name}', used by '{node}', does not exist: create it before starting, or correct its name"
            )),
        }
    }
    if !problems.is_empty() {
        return Err(TopologyError { problems }.into());
    }
    let counts = PartitionCounts::resolve(parts, |topic| existing.get(topic).copied())?;
    let application_id = config.application_id();
    for sub in &parts.sub_topologies {
        let topics = parts.topics_of(sub, application_id);
        for topic in topics.repartition_topics {
            let partitions = counts.get(&crate::topology::TopicRef::internal(
                topic.name.strip_prefix(&format!("{application_id}-")).unwrap_or(&topic.name),
            ));
            let bounded = new_topic(topic, partitions, config)
                .bounded(REPARTITION_BOUND / u64::from(partitions.max(1)));
            ensure(admin, bounded)?;
        }
        for topic in topics.changelog_topics {
            ensure(admin, new_topic(topic, counts.tasks_of(parts, sub), config))?;
        }
    }
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
            NodeKind::Sink { .. } | NodeKind::Processor { .. } => &[],
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

/// Creates a topic, or checks the one that is there.
fn ensure(admin: &mut dyn Admin, topic: NewTopic) -> Result<(), Error> {
    let (name, wanted) = (topic.name.clone(), topic.partitions);
    match partitions_of(admin, &[&name])?.get(&name) {
        None => Ok(create(admin, topic)?),
        Some(partitions) if *partitions == wanted => Ok(()),
        Some(partitions) => {
            let problem = format!(
                "the internal topic '{name}' has {partitions} partitions, but its tasks need {wanted}: the partitions of an input topic have changed since it was created; reset the application, or give it a new application.id"
            );
            Err(TopologyError { problems: vec![problem] }.into())
        }
    }
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
