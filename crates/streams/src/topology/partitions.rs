//! How many partitions each topic of a topology has, and which tasks follow from that.

use std::collections::BTreeMap;

use millstream_broker::TaskId;

use super::graph::{NodeKind, SinkTopic, TopicRef};
use super::{SubTopology, TopologyParts};
use crate::error::TopologyError;

/// Partitions of every source topic, repartition topics included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartitionCounts(BTreeMap<TopicRef, u32>);

impl PartitionCounts {
    /// Works out the partitions of repartition topics from those of the external topics, and checks
    /// co-partitioning. `external` gives the count of an existing topic.
    pub(crate) fn resolve(
        topology: &TopologyParts,
        external: impl Fn(&str) -> Option<u32>,
    ) -> Result<Self, TopologyError> {
        let mut counts = BTreeMap::new();
        let mut problems = Vec::new();
        let sources = topology.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Source { topics, .. } => Some((&node.name, topics)),
            _ => None,
        });
        for (node, topic) in
            sources.flat_map(|(node, topics)| topics.iter().map(move |t| (node, t)))
        {
            if topic.internal {
                continue;
            }
            match external(&topic.name) {
                Some(partitions) => {
                    counts.insert(topic.clone(), partitions);
                }
                None => problems.push(format!(
                    "the topic '{}', read by '{node}', does not exist: create it before starting, or correct its name",
                    topic.name
                )),
            }
        }
        if !problems.is_empty() {
            return Err(TopologyError { problems });
        }
        let mut counts = Self(counts);
        counts.resolve_repartitions(topology);
        counts.check_copartitioning(topology)?;
        Ok(counts)
    }

    /// A repartition topic has as many partitions as it asks for, or as the largest topic that
    /// feeds the sub-topology writing it. Repeated until chains of them are settled.
    fn resolve_repartitions(&mut self, topology: &TopologyParts) {
        for _ in 0..=topology.repartitions.len() {
            for spec in &topology.repartitions {
                let topic = TopicRef::internal(&spec.topic);
                let upstream = topology
                    .sub_topologies
                    .iter()
                    .filter(|sub| writes(topology, sub, &topic))
                    .filter_map(|sub| self.largest_source(topology, sub))
                    .max();
                if let Some(partitions) = spec.partitions.or(upstream) {
                    self.0.insert(topic, partitions);
                }
            }
            self.align_repartitions(topology);
        }
    }

    /// Where inputs must be co-partitioned, repartition topics that may have any number of
    /// partitions get as many as the others have (Kafka's `CopartitionedTopicsEnforcer`).
    fn align_repartitions(&mut self, topology: &TopologyParts) {
        for (_, sources) in &topology.copartitioned {
            let topics = sources.iter().flat_map(|source| topics_of(topology, *source));
            let (free, fixed): (Vec<_>, Vec<_>) = topics.partition(|topic| {
                let mut specs = topology.repartitions.iter();
                topic.internal
                    && specs.any(|spec| spec.topic == topic.name && spec.partitions.is_none())
            });
            let among = if fixed.is_empty() { &free } else { &fixed };
            let Some(partitions) = among.iter().filter_map(|topic| self.0.get(*topic)).max() else {
                continue;
            };
            let partitions = *partitions;
            for topic in free {
                self.0.insert(topic.clone(), partitions);
            }
        }
    }

    fn check_copartitioning(&self, topology: &TopologyParts) -> Result<(), TopologyError> {
        let mut problems = Vec::new();
        for (node, sources) in &topology.copartitioned {
            let topics = sources.iter().flat_map(|source| topics_of(topology, *source));
            let counts: Vec<_> =
                topics.filter_map(|topic| Some((&topic.name, *self.0.get(topic)?))).collect();
            if counts.windows(2).any(|pair| pair[0].1 != pair[1].1) {
                let list: Vec<_> =
                    counts.iter().map(|(topic, n)| format!("'{topic}' has {n}")).collect();
                problems.push(format!(
                    "'{node}' works by key, but its topics differ in their partitions ({}), so the records of one key would be in several tasks: give the topics the same number of partitions, or put `.repartition(..)` before it; a table is read as a stream for that, and made a table again by `.to_table(..)`",
                    list.join(", ")
                ));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(TopologyError { problems }) }
    }

    fn largest_source(&self, topology: &TopologyParts, sub: &SubTopology) -> Option<u32> {
        let topics = sub.nodes.iter().flat_map(|node| topics_of(topology, *node));
        topics.filter_map(|topic| self.0.get(topic)).max().copied()
    }

    /// Partitions of a source topic.
    pub(crate) fn get(&self, topic: &TopicRef) -> u32 {
        self.0.get(topic).copied().unwrap_or(0)
    }

    /// Tasks of one sub-topology: as many as its largest source topic has partitions,
    /// none if it fills global stores.
    pub(crate) fn tasks_of(&self, topology: &TopologyParts, sub: &SubTopology) -> u32 {
        if sub.is_global { 0 } else { self.largest_source(topology, sub).unwrap_or(0) }
    }

    /// All tasks, in order.
    pub(crate) fn tasks(&self, topology: &TopologyParts) -> Vec<TaskId> {
        let sub_topologies = topology.sub_topologies.iter();
        sub_topologies
            .flat_map(|sub| {
                (0..self.tasks_of(topology, sub))
                    .map(|partition| TaskId { sub_topology: sub.id, partition })
            })
            .collect()
    }
}

fn topics_of(topology: &TopologyParts, node: usize) -> impl Iterator<Item = &TopicRef> {
    let topics = match &topology.nodes[node].kind {
        NodeKind::Source { topics, .. } => topics.as_slice(),
        _ => &[],
    };
    topics.iter()
}

fn writes(topology: &TopologyParts, sub: &SubTopology, topic: &TopicRef) -> bool {
    sub.nodes.iter().any(|node| {
        matches!(&topology.nodes[*node].kind, NodeKind::Sink { topic: SinkTopic::Topic(t), .. } if t == topic)
    })
}
