//! The graph of a topology: built by the DSL, checked, divided into sub-topologies, described.

mod build;
mod describe;
mod diagram;
mod graph;
mod lock;
mod names;
mod neighbours;
mod optimize;
mod partitions;
mod repartitions;
mod sub_topologies;
mod table_values;
mod unnamed;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use graph::{
    ChangelogKind, Companion, Graph, InnerJoin, Keys, NodeFactory, NodeKind, NodeSetup, NodeSpec,
    RepartitionFor, RepartitionSpec, SinkTopic, SourceFactory, StoreSetup, StoreSpec, TableWindows,
    TopicRef,
};
pub(crate) use names::{changelog_topic, foreign_key_topic, repartition_topic};
pub use optimize::Optimization;
pub(crate) use partitions::PartitionCounts;
pub(crate) use repartitions::key_changer;

/// A checked program: nodes, stores and topics, divided into sub-topologies. Made by
/// [`StreamsBuilder::build`](crate::StreamsBuilder::build); cheap to clone and shared by all threads.
#[derive(Clone)]
pub struct Topology {
    pub(crate) inner: Arc<TopologyParts>,
}

#[derive(Clone)]
pub(crate) struct TopologyParts {
    pub(crate) nodes: Vec<NodeSpec>,
    pub(crate) children: Vec<Vec<usize>>,
    pub(crate) stores: Vec<StoreSpec>,
    pub(crate) repartitions: Vec<RepartitionSpec>,
    /// Sources of global stores.
    pub(crate) globals: Vec<usize>,
    /// Tables that are read from topics.
    pub(crate) table_sources: Vec<usize>,
    pub(crate) inner_joins: Vec<InnerJoin>,
    pub(crate) optimization: Optimization,
    /// What it was made of, if it is optimized.
    pub(crate) written: Option<Arc<TopologyParts>>,
    /// Groups of source nodes whose topics must have the same number of partitions, each with the
    /// name of the node that needs it.
    pub(crate) copartitioned: Vec<(String, Vec<usize>)>,
    pub(crate) sub_topologies: Vec<SubTopology>,
}

/// The nodes that run together in one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubTopology {
    /// Its number, the first part of its tasks' ids.
    pub id: u32,
    pub(crate) nodes: Vec<usize>,
    pub(crate) stores: Vec<usize>,
    /// Whether it fills global stores: every stream thread does, and no task is made of it.
    pub(crate) is_global: bool,
}

/// A topic that the application makes for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternalTopic {
    /// Its full name, `<application.id>-…`.
    pub name: String,
    /// Kafka's topic configs it is created with.
    pub configs: BTreeMap<String, String>,
    /// How many partitions the program asks for; `None`: as many as its upstream topics have
    /// (repartition) or as there are tasks (changelog).
    pub partitions: Option<u32>,
}

/// What a sub-topology reads, writes and makes for itself, with full names, for an application id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubTopologyTopics {
    /// The sub-topology.
    pub id: u32,
    /// Topics it reads, sorted.
    pub sources: Vec<String>,
    /// Topics it writes, sorted; topics chosen per record are not known here.
    pub sinks: Vec<String>,
    /// Repartition topics among the sources.
    pub repartition_topics: Vec<InternalTopic>,
    /// Changelogs of its stores.
    pub changelog_topics: Vec<InternalTopic>,
}

impl Topology {
    /// The sub-topologies in order of their numbers.
    pub fn sub_topologies(&self) -> &[SubTopology] {
        &self.inner.sub_topologies
    }

    /// Topics of each sub-topology that has tasks, as they are called for the application `application_id`.
    pub fn topics(&self, application_id: &str) -> Vec<SubTopologyTopics> {
        let sub_topologies = self.inner.sub_topologies.iter().filter(|sub| !sub.is_global);
        sub_topologies.map(|sub| self.inner.topics_of(sub, application_id)).collect()
    }

    /// The topology as Kafka Streams' `TopologyDescription` prints it.
    ///
    /// ```
    /// # use millstream::StreamsBuilder;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, String>("in").to("out");
    /// assert_eq!(
    ///     builder.build()?.describe(),
    ///     "Topologies:\n   Sub-topology: 0\n    Source: KSTREAM-SOURCE-0000000000 (topics: [in])\n\
    ///      \x20     --> KSTREAM-SINK-0000000001\n    Sink: KSTREAM-SINK-0000000001 (topic: out)\n\
    ///      \x20     <-- KSTREAM-SOURCE-0000000000\n\n"
    /// );
    /// # Ok::<_, millstream::TopologyError>(())
    /// ```
    pub fn describe(&self) -> String {
        describe::describe(&self.inner)
    }

    /// The topology as a Mermaid flow chart.
    pub fn to_mermaid(&self) -> String {
        diagram::mermaid(&self.inner)
    }

    /// The topology as a Graphviz graph.
    pub fn to_graphviz(&self) -> String {
        diagram::graphviz(&self.inner)
    }
}

impl std::fmt::Debug for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe())
    }
}
