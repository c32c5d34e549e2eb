//! What may be arranged otherwise than it was written, with the same results.

use std::sync::Arc;

use super::graph::{ChangelogKind, InnerJoin, NodeKind};
use super::repartitions::take_out;
use super::sub_topologies::{children_of, sub_topologies};
use super::{Topology, TopologyParts};

/// What may be rearranged when a topology is run (Kafka's `topology.optimization`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Optimization {
    /// Nothing: the topology runs as it was written.
    #[default]
    None,
    /// All that follows.
    All,
    /// A table that is read from a topic has no changelog: the topic takes its place. It must keep
    /// the latest value of each key, so it has to be compacted.
    ReuseSourceTopics,
    /// Aggregations and joins behind one change of keys share a repartition topic, that of the first,
    /// right behind that change: filters between are then behind the topic.
    MergeRepartitionTopics,
    /// The inner join of a stream with itself keeps its records once.
    SingleStoreSelfJoin,
}

impl Optimization {
    fn includes(self, one: Self) -> bool {
        self == Self::All || self == one
    }
}

impl Topology {
    /// The topology as it runs under a setting of `topology.optimization`. An application and a test
    /// driver do this by themselves; call it to see how the topology is then divided. A program that
    /// has state must not change the setting: its changelogs and repartition topics are others.
    ///
    /// ```
    /// use millstream::{Optimization, StreamsBuilder, Topology};
    /// let builder = StreamsBuilder::new();
    /// builder.table::<String, i64>("prices", "latest").to("out");
    /// let topology = builder.build()?;
    /// let changelog = |topology: &Topology| topology.topics("app")[0].changelog_topics[0].name.clone();
    /// assert_eq!(changelog(&topology), "app-latest-changelog");
    /// assert_eq!(changelog(&topology.optimized(Optimization::All)), "prices");
    /// # Ok::<_, millstream::TopologyError>(())
    /// ```
    pub fn optimized(&self, optimization: Optimization) -> Self {
        if optimization == self.inner.optimization {
            return self.clone();
        }
        let written = self.inner.written.as_ref().unwrap_or(&self.inner);
        let mut parts = TopologyParts::clone(written);
        parts.optimization = optimization;
        parts.written = Some(written.clone());
        if optimization.includes(Optimization::ReuseSourceTopics) {
            parts.reuse_source_topics();
        }
        if optimization.includes(Optimization::MergeRepartitionTopics) {
            parts.merge_repartition_topics();
        }
        // Last: sides that are repartitioned alike may be one stream only now.
        if optimization.includes(Optimization::SingleStoreSelfJoin) {
            parts.join_with_one_store();
        }
        parts.children = children_of(&parts.nodes);
        parts.sub_topologies = sub_topologies(&parts.nodes, parts.stores.len(), &parts.globals);
        Self { inner: Arc::new(parts) }
    }
}

impl TopologyParts {
    fn reuse_source_topics(&mut self) {
        for node in &self.table_sources {
            let Some(source) = self.nodes[*node].parents.first() else { continue };
            let NodeKind::Source { topics, .. } = &self.nodes[*source].kind else { continue };
            // Old versions are not kept by a topic that is compacted as others are.
            let mut stores = self.stores.iter_mut();
            let store = stores
                .find(|store| store.owner == Some(*node) && store.kind == ChangelogKind::Latest);
            if let (Some(store), [topic]) = (store, topics.as_slice())
                && store.changelog.is_some()
            {
                store.source_topic = Some(topic.clone());
            }
        }
    }

    /// Where both sides of an inner join are one stream, the window of one side is enough.
    fn join_with_one_store(&mut self) {
        for InnerJoin { nodes, self_join } in std::mem::take(&mut self.inner_joins) {
            let [this_window, other_window, this, other, merge] = nodes;
            if self.nodes[this_window].parents != self.nodes[other_window].parents {
                continue;
            }
            let stores = self.nodes[this_window].stores.clone();
            let merge = &mut self.nodes[merge];
            merge.kind = NodeKind::Processor { factory: self_join };
            merge.parents = vec![this_window];
            merge.stores = stores;
            for gone in [other_window, this, other] {
                take_out(&mut self.nodes, gone);
            }
        }
    }
}
