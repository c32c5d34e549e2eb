//! The graph while the DSL builds it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_state::StateBackend;

use super::names::{generated_name, generated_parts, is_generated, repartition_topic};
use super::unnamed::Unnamed;
use crate::processor::{
    Node, Outdated, Segments, SourceNode, StateStore, StoreOptions, TopicHandle,
};

/// A topic as the topology names it; an internal one gets the application id in front.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TopicRef {
    pub(crate) name: String,
    pub(crate) internal: bool,
}

impl TopicRef {
    pub(crate) fn external(name: impl Into<String>) -> Self {
        Self { name: name.into(), internal: false }
    }

    pub(crate) fn internal(name: impl Into<String>) -> Self {
        Self { name: name.into(), internal: true }
    }
}

/// What a node's factory may ask for when its task is made.
pub(crate) struct NodeSetup<'a> {
    /// Numbers of the node's stores within the task, in the order they were connected.
    pub(crate) stores: &'a [usize],
    /// Numbers of its parents within the task.
    pub(crate) parents: &'a [u32],
    /// Numbers within the task of the tables it reads, in the order they were added.
    pub(crate) reads: &'a [u32],
    /// For a sink of one topic, that topic.
    pub(crate) sink: TopicHandle,
    /// Whether the node's changes carry old values.
    pub(crate) sends_old: bool,
    /// Whether a store is behind a table it reads and behind its parent.
    pub(crate) shares_store: bool,
    /// Whether the table that it hangs on is versioned.
    pub(crate) behind_versions: bool,
    /// Whether something behind the node takes null keys.
    pub(crate) null_keys_taken: bool,
    /// Whether its source tells of values only that they are there.
    pub(crate) presence_only: bool,
}

/// Makes a node for a task.
pub(crate) type NodeFactory = Arc<dyn Fn(&mut NodeSetup<'_>) -> Box<dyn Node> + Send + Sync>;

/// Makes a source for a task, given which of its topics it reads.
pub(crate) type SourceFactory = Arc<dyn Fn(usize) -> Box<dyn SourceNode> + Send + Sync>;

/// Where a sink writes.
#[derive(Clone, Debug)]
pub(crate) enum SinkTopic {
    Topic(TopicRef),
    /// Chosen for each record.
    Extracted,
}

#[derive(Clone)]
pub(crate) enum NodeKind {
    Source {
        topics: Vec<TopicRef>,
        factory: SourceFactory,
        /// Reads as `Presence` instead, where that is enough for all behind it.
        presence: Option<SourceFactory>,
    },
    Processor {
        factory: NodeFactory,
    },
    Sink {
        topic: SinkTopic,
        factory: NodeFactory,
    },
    /// It was taken out of the graph: it is in no sub-topology, and never made.
    TakenOut,
}

/// The windows in the keys of a table.
#[derive(Clone)]
pub(crate) struct TableWindows {
    /// How long after its end a window still takes records, in milliseconds.
    pub(crate) grace: i64,
    /// Gives the end of a time window by its start.
    pub(crate) end: Arc<dyn Fn(i64) -> i64 + Send + Sync>,
}

#[derive(Clone)]
pub(crate) struct NodeSpec {
    pub(crate) name: String,
    pub(crate) kind: NodeKind,
    /// Whether its name was given to it later, whatever it is.
    pub(crate) is_named: bool,
    pub(crate) parents: Vec<usize>,
    /// Stores it uses, by number.
    pub(crate) stores: Vec<usize>,
    /// Nodes of tables whose values it asks for, by number. It is connected to what stores them.
    pub(crate) reads: Vec<usize>,
    /// Whether a store is behind a table it reads and behind its parent. Known when all is built.
    pub(crate) shares_store: bool,
    /// For the nodes of tables: whether changes carry the old value.
    pub(crate) sends_old: bool,
    /// What is called after this node, each with what its name adds. The node may be among it.
    pub(crate) companions: Vec<(Companion, Cow<'static, str>)>,
    /// For a windowed aggregation, what its windows are.
    pub(crate) windows: Option<TableWindows>,
    /// For the nodes of tables: whether a table made of a versioned one is versioned too.
    pub(crate) keeps_versions: bool,
    /// Whether records with null keys are joined, with nothing: repartitionings above let them pass.
    pub(crate) takes_null_keys: bool,
    /// What it does with changes of a versioned table that are not the latest of their keys.
    pub(crate) outdated: Outdated,
    pub(crate) keys: Keys,
    /// Whether it asks of a value only whether it is there.
    pub(crate) presence_is_enough: bool,
    /// The number of the node that it comes right behind in the order of all, its own unless it was
    /// moved there.
    pub(crate) place: usize,
}

/// What a node of a stream does to keys. Repartitionings behind one change of keys may become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keys {
    /// It is one of the operators that are for changing them (Kafka's `isKeyChangingOperation`).
    Changes,
    /// It hands records on as they are.
    Passes,
    /// It may change values, or be written by hand.
    #[default]
    Other,
}

/// Something that is called after a node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Companion {
    Node(usize),
    Store(usize),
    /// The internal topic that a source reads.
    TopicOf(usize),
}

/// What a store's factory is told when its task is made.
pub(crate) struct StoreSetup {
    pub(crate) options: StoreOptions,
}

/// Makes a store for a task.
pub(crate) type StoreFactory = Arc<dyn Fn(StoreSetup) -> Box<dyn StateStore> + Send + Sync>;

/// What a changelog has to keep, which decides how its topic is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangelogKind {
    /// The latest value of each key.
    Latest,
    /// Versions of keys, for so many milliseconds.
    Versions { history: i64 },
    /// Windows, for so many milliseconds.
    Windows { retention: i64 },
    /// Records that wait for others to be joined with, for so many milliseconds.
    JoinWindows { retention: i64 },
}

#[derive(Clone)]
pub(crate) struct StoreSpec {
    pub(crate) name: String,
    pub(crate) kind: ChangelogKind,
    pub(crate) factory: StoreFactory,
    pub(crate) timestamped: bool,
    pub(crate) caching: bool,
    /// Configs of the changelog topic beyond the defaults; `None` switches logging off.
    pub(crate) changelog: Option<BTreeMap<String, String>>,
    /// The node that forwards what the store's cache gives at a flush.
    pub(crate) owner: Option<usize>,
    /// For a store of windows, how they lie in the database.
    pub(crate) segments: Option<Segments>,
    /// Whether it is left out where nothing asks its table for values.
    pub(crate) optional: bool,
    /// The formats of key and value, as the compiler calls them.
    pub(crate) formats: [&'static str; 2],
    /// The topic that its table is read from, where that takes the place of a changelog.
    pub(crate) source_topic: Option<TopicRef>,
    /// Where it is kept, if not with the others.
    pub(crate) backend: Option<Arc<dyn StateBackend>>,
}

impl StoreSpec {
    /// Its name, and the backend that is its own.
    pub(crate) fn place(&self) -> (&str, Option<&dyn StateBackend>) {
        (&self.name, self.backend.as_deref())
    }
}

/// A repartition topic, without the application id.
#[derive(Clone, Debug)]
pub(crate) struct RepartitionSpec {
    pub(crate) topic: String,
    pub(crate) partitions: Option<u32>,
    pub(crate) purpose: RepartitionFor,
    /// The first of its nodes. They were added one after the other, and the last is the source.
    pub(crate) first: usize,
    pub(crate) source: usize,
}

/// What records are repartitioned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RepartitionFor {
    /// It was asked for as it is: it is neither shared nor moved.
    Itself,
    Join,
    /// An aggregation, or a table.
    Aggregation,
}

/// An inner join of two streams.
#[derive(Clone)]
pub(crate) struct InnerJoin {
    /// The windows of this side and the other, their joins, and what merges the two.
    pub(crate) nodes: [usize; 5],
    /// What takes the place of the last one when both sides are one stream.
    pub(crate) self_join: NodeFactory,
}

/// The graph under construction, shared by all handles of one builder.
#[derive(Clone, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<NodeSpec>,
    pub(crate) stores: Vec<StoreSpec>,
    pub(crate) repartitions: Vec<RepartitionSpec>,
    /// Nodes whose input topics must be co-partitioned.
    pub(crate) keyed: Vec<usize>,
    /// Nodes of tables whose values nothing but a store can tell.
    pub(crate) only_stored: Vec<usize>,
    /// Tables that are read from topics.
    pub(crate) table_sources: Vec<usize>,
    pub(crate) inner_joins: Vec<InnerJoin>,
    /// Sources of global stores.
    pub(crate) globals: Vec<usize>,
    /// State that has no name of its own.
    pub(super) unnamed: Vec<Unnamed>,
    pub(crate) takes_generated_names: bool,
    pub(crate) problems: Vec<String>,
    index: usize,
    /// The last processor node written by hand, and the number that its generated name took.
    last_processor: Option<(usize, usize)>,
    /// The last table that took a number for a store it may not need, and that number.
    last_store: Option<(usize, usize)>,
}

impl Graph {
    /// The next generated name. A name of one's own burns the number all the same, so that naming
    /// one operator never renames another.
    pub(crate) fn new_name(&mut self, prefix: &str) -> String {
        let name = generated_name(prefix, self.index);
        self.index += 1;
        name
    }

    /// Whether the table of `node` is versioned, by what has been said of it so far.
    pub(crate) fn is_versioned(&self, node: usize) -> bool {
        history(&self.nodes, &self.stores, node).is_some()
    }

    /// Adds the node of a processor written by hand. It is the one kind of node for which Kafka
    /// Streams takes no number when it is named, so [`rename`](Self::rename) gives its number back.
    pub(crate) fn add_processor_by_hand(
        &mut self,
        prefix: &str,
        parent: usize,
        factory: impl Fn(&mut NodeSetup<'_>) -> Box<dyn Node> + Send + Sync + 'static,
    ) -> usize {
        let name = self.new_name(prefix);
        let node = self.add_processor(name, vec![parent], factory);
        self.last_processor = Some((node, self.index - 1));
        node
    }

    /// Takes the number that Kafka Streams takes for the store of `node` when it is given no name.
    pub(crate) fn burn_store_name(&mut self, node: usize, prefix: &str) {
        let _burnt = self.new_name(prefix);
        self.last_store = Some((node, self.index - 1));
    }

    /// Whether `node` has taken such a number.
    pub(crate) fn has_store_number(&self, node: usize) -> bool {
        self.last_store.is_some_and(|(taker, _)| taker == node)
    }

    /// Takes a number for something that comes before the nodes from `first` on, whose names were
    /// generated last: theirs become the next ones. Gives the name.
    pub(crate) fn new_name_before(&mut self, first: usize, prefix: &str) -> String {
        let mut lowest = self.index;
        for node in &mut self.nodes[first..] {
            if let Some((start, number)) = generated_parts(&node.name) {
                lowest = lowest.min(number);
                node.name = generated_name(start, number + 1);
            }
        }
        self.index += 1;
        generated_name(prefix, lowest)
    }

    /// Gives that number back: the store has a name. Only where no later node has a number.
    pub(crate) fn store_is_named(&mut self, node: usize) {
        if self.last_store == Some((node, self.index.wrapping_sub(1))) {
            self.index -= 1;
            self.last_store = None;
        }
    }

    pub(crate) fn add(&mut self, name: String, parents: Vec<usize>, kind: NodeKind) -> usize {
        self.nodes.push(NodeSpec {
            name,
            kind,
            is_named: false,
            parents,
            stores: Vec::new(),
            reads: Vec::new(),
            shares_store: false,
            sends_old: false,
            companions: Vec::new(),
            windows: None,
            keeps_versions: false,
            takes_null_keys: false,
            outdated: Outdated::Processed,
            keys: Keys::Other,
            presence_is_enough: false,
            place: self.nodes.len(),
        });
        self.nodes.len() - 1
    }

    pub(crate) fn add_processor(
        &mut self,
        name: String,
        parents: Vec<usize>,
        factory: impl Fn(&mut NodeSetup<'_>) -> Box<dyn Node> + Send + Sync + 'static,
    ) -> usize {
        self.add(name, parents, NodeKind::Processor { factory: Arc::new(factory) })
    }

    pub(crate) fn add_store(&mut self, store: StoreSpec) -> usize {
        self.stores.push(store);
        self.stores.len() - 1
    }

    pub(crate) fn connect(&mut self, node: usize, store: usize) {
        if !self.nodes[node].stores.contains(&store) {
            self.nodes[node].stores.push(store);
        }
    }

    /// Has the table node `node` send old values: what it forwards is undone and done again
    /// downstream. A table that is not materialized takes them from its parent.
    pub(crate) fn send_old_values(&mut self, node: usize) {
        if std::mem::replace(&mut self.nodes[node].sends_old, true) {
            return;
        }
        if self.nodes[node].stores.is_empty() {
            for parent in self.nodes[node].parents.clone() {
                self.send_old_values(parent);
            }
        }
    }

    /// For how long the table of a node keeps versions, if it does.
    pub(crate) fn history(&self, node: usize) -> Option<i64> {
        history(&self.nodes, &self.stores, node)
    }

    /// The windows in the keys of the table node `node`, those with the longest grace if it is made of
    /// several tables (Kafka's `GraphGraceSearchUtil`).
    pub(crate) fn windows_above(&self, node: usize) -> Option<TableWindows> {
        if let Some(windows) = &self.nodes[node].windows {
            return Some(windows.clone());
        }
        let above = self.nodes[node].parents.iter().filter_map(|node| self.windows_above(*node));
        above.max_by_key(|windows| windows.grace)
    }

    /// Gives a node a name of its own, and those called after it names that go with it.
    pub(crate) fn rename(&mut self, node: usize, name: &str) {
        self.is_named_now(node);
        self.nodes[node].is_named = true;
        name.clone_into(&mut self.nodes[node].name);
        for (companion, suffix) in self.nodes[node].companions.clone() {
            let name = format!("{name}{suffix}");
            match companion {
                Companion::Node(companion) => self.nodes[companion].name = name,
                Companion::Store(store) => self.stores[store].name = name,
                Companion::TopicOf(source) => self.rename_topic_of(source, &name),
            }
        }
        // Only where no later node has a number of its own, which is so directly behind `process`.
        if self.last_processor == Some((node, self.index.wrapping_sub(1))) {
            self.index -= 1;
            self.last_processor = None;
        }
    }

    fn rename_topic_of(&mut self, source: usize, to: &str) {
        let nodes = self.nodes[source - 1..=source].iter_mut();
        let topics = nodes.flat_map(|node| match &mut node.kind {
            NodeKind::Source { topics, .. } => topics.as_mut_slice(),
            NodeKind::Sink { topic: SinkTopic::Topic(topic), .. } => std::slice::from_mut(topic),
            NodeKind::Sink { .. } | NodeKind::Processor { .. } | NodeKind::TakenOut => &mut [],
        });
        topics.for_each(|topic| to.clone_into(&mut topic.name));
        let mut specs = self.repartitions.iter_mut();
        if let Some(spec) = specs.find(|spec| spec.source == source) {
            to.clone_into(&mut spec.topic);
        }
    }

    /// Has the repartitioning that ends in `source` called after `node`. Its filter, sink and
    /// source were added one after the other.
    pub(crate) fn name_repartition_after(&mut self, node: usize, source: usize) {
        self.nodes[node].companions = vec![
            (Companion::Node(source - 2), "-repartition-filter".into()),
            (Companion::Node(source - 1), "-repartition-sink".into()),
            (Companion::Node(source), "-repartition-source".into()),
            (Companion::TopicOf(source), "-repartition".into()),
        ];
    }

    /// Names of the nodes around a repartition topic, and the topic. The three numbers are burnt
    /// whatever the names (`OptimizableRepartitionNode`).
    pub(crate) fn repartition_names(&mut self, base: &str) -> RepartitionNames {
        let sink = self.new_name("KSTREAM-SINK-");
        let filter = self.new_name("KSTREAM-FILTER-");
        let source = self.new_name("KSTREAM-SOURCE-");
        let topic = repartition_topic(base);
        if is_generated(base) {
            RepartitionNames { topic, sink, filter, source }
        } else {
            RepartitionNames::of(topic)
        }
    }
}

pub(crate) struct RepartitionNames {
    pub(crate) topic: String,
    pub(crate) sink: String,
    pub(crate) filter: String,
    pub(crate) source: String,
}

impl RepartitionNames {
    /// Nodes that are named after their topic.
    pub(crate) fn of(topic: String) -> Self {
        let named = |suffix| format!("{topic}-{suffix}");
        let (sink, filter, source) = (named("sink"), named("filter"), named("source"));
        Self { topic, sink, filter, source }
    }
}

/// For how long the table of a node keeps versions, if it does: by its store, or without one as the
/// table it is made of.
pub(super) fn history(nodes: &[NodeSpec], stores: &[StoreSpec], node: usize) -> Option<i64> {
    match stores.iter().find(|store| store.owner == Some(node)) {
        Some(StoreSpec { kind: ChangelogKind::Versions { history }, .. }) => Some(*history),
        Some(_) => None,
        None if nodes[node].keeps_versions => {
            nodes[node].parents.iter().find_map(|parent| history(nodes, stores, *parent))
        }
        None => None,
    }
}
