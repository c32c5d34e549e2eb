//! From the graph to a checked topology.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::graph::{
    ChangelogKind, Graph, NodeKind, NodeSpec, SinkTopic, SourceFactory, TopicRef, history,
};
use super::names::changelog_topic;
use super::optimize::Optimization;
use super::sub_topologies::{children_of, sub_topologies};
use super::{InternalTopic, SubTopology, SubTopologyTopics, Topology, TopologyParts};
use crate::error::TopologyError;

impl Graph {
    /// Checks the graph and divides it. All problems are reported together.
    pub(crate) fn build(&self) -> Result<Topology, TopologyError> {
        let mut graph = self.clone();
        graph.share_repartitions();
        graph.checked()
    }

    fn checked(self) -> Result<Topology, TopologyError> {
        let mut problems = self.unnamed_problems();
        problems.extend(self.problems.iter().cloned());
        if !self.nodes.iter().any(|node| matches!(node.kind, NodeKind::Source { .. })) {
            problems.push(
                "it reads no topic: begin with `builder.stream(..)` or `builder.table(..)`"
                    .to_owned(),
            );
        }
        self.check_names(&mut problems);
        self.check_stores(&mut problems);
        self.check_topics(&mut problems);
        let nodes = self.connected(&mut problems);
        let children = children_of(&nodes);
        if !problems.is_empty() {
            return Err(TopologyError { problems });
        }
        let copartitioned = self.keyed.iter().map(|node| {
            (self.nodes[*node].name.clone(), self.sources_above(*node).into_iter().collect())
        });
        Ok(Topology {
            inner: Arc::new(TopologyParts {
                copartitioned: copartitioned.collect(),
                sub_topologies: sub_topologies(&nodes, self.stores.len(), &self.globals),
                nodes,
                children,
                globals: self.globals,
                table_sources: self.table_sources,
                inner_joins: self.inner_joins,
                optimization: Optimization::None,
                written: None,
                stores: self.stores,
                repartitions: self.repartitions,
            }),
        })
    }

    fn check_names(&self, problems: &mut Vec<String>) {
        let mut seen = BTreeSet::new();
        let is_there = |node: &&NodeSpec| !matches!(node.kind, NodeKind::TakenOut);
        for node in self.nodes.iter().filter(is_there) {
            if !seen.insert(&node.name) {
                problems.push(format!(
                    "two nodes are called '{}': give one of them another name with `.named(..)`",
                    node.name
                ));
            }
        }
        let mut seen = BTreeSet::new();
        for store in &self.stores {
            if !seen.insert(&store.name) {
                problems.push(format!(
                    "two stores are called '{}': a store's name is also its changelog's, so give one of them another name",
                    store.name
                ));
            }
            if let Err(reason) = check_topic_name(&store.name) {
                problems.push(format!("the store name '{}' {reason}", store.name));
            }
        }
        let mut seen = BTreeSet::new();
        for repartition in &self.repartitions {
            if !seen.insert(&repartition.topic) {
                problems.push(format!(
                    "two operators repartition through the topic '{}': name one of them with `.named(..)` after `group_by`, or in `repartition(..)`",
                    repartition.topic
                ));
            }
            if repartition.partitions == Some(0) {
                problems.push(format!(
                    "the repartition topic '{}' is to have 0 partitions: ask for at least 1",
                    repartition.topic
                ));
            }
        }
    }

    fn check_stores(&self, problems: &mut Vec<String>) {
        for (number, store) in self.stores.iter().enumerate() {
            if !self.nodes.iter().any(|node| node.stores.contains(&number)) {
                problems.push(format!(
                    "the store '{}' is connected to no processor: pass it to `process_with`, or remove it",
                    store.name
                ));
            }
        }
    }

    fn check_topics(&self, problems: &mut Vec<String>) {
        let mut read = BTreeMap::new();
        for node in &self.nodes {
            let NodeKind::Source { topics, .. } = &node.kind else {
                continue;
            };
            for topic in topics {
                if let Err(reason) = check_topic_name(&topic.name) {
                    problems.push(format!("the topic name '{}' {reason}", topic.name));
                }
                if let Some(first) = read.insert(topic, &node.name) {
                    problems.push(format!(
                        "the topic '{}' is read twice, by '{first}' and '{}': read it once and use the handle twice",
                        topic.name, node.name
                    ));
                }
            }
        }
        for node in &self.nodes {
            let NodeKind::Sink { topic: SinkTopic::Topic(topic), .. } = &node.kind else {
                continue;
            };
            if let Err(reason) = check_topic_name(&topic.name) {
                problems.push(format!("the topic name '{}' {reason}", topic.name));
            }
            if !topic.internal && self.is_above(topic, node.parents.clone()) {
                problems.push(format!(
                    "'{}' writes to the topic '{}', which it is itself fed from: every record would come round for ever; write to another topic, or break the cycle",
                    node.name, topic.name
                ));
            }
        }
    }

    /// Whether `topic` is among the sources above `nodes`, across the topics that the topology
    /// itself writes.
    fn is_above(&self, topic: &TopicRef, mut nodes: Vec<usize>) -> bool {
        let mut seen = BTreeSet::new();
        while let Some(node) = nodes.pop() {
            if !seen.insert(node) {
                continue;
            }
            nodes.extend(&self.nodes[node].parents);
            let NodeKind::Source { topics, .. } = &self.nodes[node].kind else {
                continue;
            };
            if topics.contains(topic) {
                return true;
            }
            let writers = self.nodes.iter().enumerate().filter(|(_, writer)| {
                matches!(&writer.kind, NodeKind::Sink { topic: SinkTopic::Topic(written), .. } if topics.contains(written))
            });
            nodes.extend(writers.map(|(number, _)| number));
        }
        false
    }

    /// The sources that feed a node, and the tables it reads.
    fn sources_above(&self, node: usize) -> BTreeSet<usize> {
        let (mut sources, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut nodes = vec![node];
        while let Some(node) = nodes.pop() {
            if !seen.insert(node) {
                continue;
            }
            nodes.extend(self.nodes[node].parents.iter().chain(&self.nodes[node].reads));
            if matches!(self.nodes[node].kind, NodeKind::Source { .. }) {
                sources.insert(node);
            }
        }
        sources
    }
}

impl TopologyParts {
    /// The store that keeps the table of a node.
    pub(crate) fn table_store(&self, node: usize) -> Option<usize> {
        self.stores.iter().position(|store| store.owner == Some(node))
    }

    /// Whether the table of a node is versioned: it says of each change whether it is the latest of
    /// its key (Kafka's `isOutputVersioned`).
    pub(crate) fn is_versioned(&self, node: usize) -> bool {
        history(&self.nodes, &self.stores, node).is_some()
    }

    /// Whether a node hangs on a versioned table.
    pub(crate) fn is_behind_versions(&self, node: usize) -> bool {
        self.nodes[node].parents.iter().any(|parent| self.is_versioned(*parent))
    }

    /// Whether anything behind a node, however far, takes null keys (Kafka's
    /// `NodesWithRelaxedNullKeyJoinDownstream`).
    pub(crate) fn are_null_keys_taken(&self, node: usize) -> bool {
        let (mut open, mut seen) = (vec![node], BTreeSet::from([node]));
        while let Some(above) = open.pop() {
            let written = match &self.nodes[above].kind {
                NodeKind::Sink { topic: SinkTopic::Topic(topic), .. } if topic.internal => {
                    Some(topic)
                }
                _ => None,
            };
            for (below, spec) in self.nodes.iter().enumerate() {
                let reads = match &spec.kind {
                    NodeKind::Source { topics, .. } => written.is_some_and(|t| topics.contains(t)),
                    _ => spec.parents.contains(&above),
                };
                if reads && spec.takes_null_keys {
                    return true;
                }
                if reads && seen.insert(below) {
                    open.push(below);
                }
            }
        }
        false
    }

    /// What a source is read with if all behind it asks of values only whether they are there.
    pub(crate) fn presence(&self, node: usize) -> Option<&SourceFactory> {
        let NodeKind::Source { presence, .. } = &self.nodes[node].kind else { return None };
        let mut children = self.children[node].iter();
        presence.as_ref().filter(|_| children.all(|child| self.nodes[*child].presence_is_enough))
    }

    pub(crate) fn topics_of(&self, sub: &SubTopology, application_id: &str) -> SubTopologyTopics {
        let mut sources = BTreeSet::new();
        let mut sinks = BTreeSet::new();
        let mut repartition_topics = Vec::new();
        for node in &sub.nodes {
            match &self.nodes[*node].kind {
                NodeKind::Source { topics, .. } => {
                    for topic in topics {
                        sources.insert(topic.full_name(application_id));
                        repartition_topics.extend(self.repartition(topic, application_id));
                    }
                }
                NodeKind::Sink { topic: SinkTopic::Topic(topic), .. } => {
                    sinks.insert(topic.full_name(application_id));
                }
                NodeKind::Sink { .. } | NodeKind::Processor { .. } | NodeKind::TakenOut => {}
            }
        }
        let changelogs = sub.stores.iter().filter_map(|store| {
            let store = &self.stores[*store];
            let mut configs = changelog_configs(store.kind);
            configs.extend(store.changelog.clone()?);
            let name = match &store.source_topic {
                Some(topic) => topic.full_name(application_id),
                None => changelog_topic(application_id, &store.name),
            };
            Some(InternalTopic { name, configs, partitions: None })
        });
        SubTopologyTopics {
            id: sub.id,
            sources: sources.into_iter().collect(),
            sinks: sinks.into_iter().collect(),
            repartition_topics,
            changelog_topics: changelogs.collect(),
        }
    }

    fn repartition(&self, topic: &TopicRef, application_id: &str) -> Option<InternalTopic> {
        let spec =
            self.repartitions.iter().find(|spec| topic.internal && spec.topic == topic.name)?;
        Some(InternalTopic {
            name: topic.full_name(application_id),
            configs: created_with([
                ("cleanup.policy", "delete"),
                ("segment.bytes", "52428800"),
                ("retention.ms", "-1"),
            ]),
            partitions: spec.partitions,
        })
    }
}

/// How much longer than its store a changelog of windows or versions keeps them, in milliseconds:
/// Kafka's default of `windowstore.changelog.additional.retention.ms`.
const ADDITIONAL_RETENTION: i64 = 24 * 60 * 60 * 1000;

/// Configs of a changelog (`UnwindowedUnversionedChangelogTopicConfig`,
/// `WindowedChangelogTopicConfig`, `VersionedChangelogTopicConfig`).
fn changelog_configs(kind: ChangelogKind) -> BTreeMap<String, String> {
    match kind {
        ChangelogKind::Latest => created_with([("cleanup.policy", "compact")]),
        ChangelogKind::Versions { history } => {
            let lag = history.saturating_add(ADDITIONAL_RETENTION).to_string();
            created_with([("cleanup.policy", "compact"), ("min.compaction.lag.ms", &lag)])
        }
        ChangelogKind::Windows { retention } => windowed_configs("compact,delete", retention),
        ChangelogKind::JoinWindows { retention } => windowed_configs("delete", retention),
    }
}

fn windowed_configs(policy: &str, retention: i64) -> BTreeMap<String, String> {
    let retention = retention.saturating_add(ADDITIONAL_RETENTION).to_string();
    created_with([("cleanup.policy", policy), ("retention.ms", &retention)])
}

/// Configs of an internal topic (`RepartitionTopicConfig`).
fn created_with<const N: usize>(configs: [(&str, &str); N]) -> BTreeMap<String, String> {
    let common = [("message.timestamp.type", "CreateTime")];
    let all = configs.into_iter().chain(common);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What Kafka's `Topic.validate` checks.
fn check_topic_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name == "." || name == ".." {
        return Err("is empty or a dot: a name has letters, digits, '.', '_' and '-'");
    }
    if name.len() > 249 {
        return Err("is longer than 249 characters");
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.chars().all(legal) {
        Ok(())
    } else {
        Err("has a character that is not allowed: a name has letters, digits, '.', '_' and '-'")
    }
}
