use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::generated_names::Naming;
use super::{KStream, KTable, Materialized};
use crate::codec::Data;
use crate::error::TopologyError;
use crate::operators;
use crate::processor::{StoreHandle, VersionedStoreHandle};
use crate::topic::Topic;
use crate::topology::{Companion, Graph, NodeKind, TopicRef, Topology};

/// Where a topology begins: hands out streams and tables, and builds what was made of them.
///
/// ```
/// use millstream::StreamsBuilder;
///
/// let builder = StreamsBuilder::new();
/// builder
///     .stream::<String, String>("text-lines")
///     .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
///     .group_by(|_, word| word.clone())
///     .count("word-counts")
///     .to("word-counts");
/// let topology = builder.build()?;
/// # Ok::<_, millstream::TopologyError>(())
/// ```
#[derive(Default)]
pub struct StreamsBuilder {
    pub(super) graph: Rc<RefCell<Graph>>,
}

impl StreamsBuilder {
    /// An empty topology.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a topic as a stream of records. A name is enough for types that know their formats; a
    /// [`Topic`] says more. A record whose key or value cannot be read, or is null where the type
    /// has no null, feeds the policy for decoding: a topic without keys is `Option<K>` or `()`.
    ///
    /// ```
    /// # use millstream::{StreamsBuilder, Topic, codec::{BincodeCodec, WireCodec}};
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("numbers").to("copy");
    /// let pairs = Topic::with("pairs", WireCodec::<String>::new(), BincodeCodec::<(i64, i64)>::new());
    /// builder.stream(pairs).map_values(|(a, b)| a + b).to("sums");
    /// # builder.build()?;
    /// # Ok::<_, millstream::TopologyError>(())
    /// ```
    pub fn stream<K: Data, V: Data>(&self, topic: impl Into<Topic<K, V>>) -> KStream<K, V> {
        self.stream_of([topic])
    }

    /// Reads several topics as one stream, each in its own formats. There is no order between them
    /// but that of their timestamps, as far as records are there. A grouping behind it needs them to
    /// have the same number of partitions.
    ///
    /// ```
    /// # use millstream::{StreamsBuilder, testing::TopologyTestDriver};
    /// let builder = StreamsBuilder::new();
    /// builder.stream_of::<String, i64>(["north", "south"]).to("all");
    /// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("south").send("a", 1)?;
    /// driver.input::<String, i64>("north").send("b", 2)?;
    /// let all = driver.output::<String, i64>("all").read_all()?;
    /// assert_eq!(all, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    /// # Ok::<_, millstream::Error>(())
    /// ```
    #[doc(alias = "stream")]
    pub fn stream_of<K: Data, V: Data>(
        &self,
        topics: impl IntoIterator<Item = impl Into<Topic<K, V>>>,
    ) -> KStream<K, V> {
        let name = self.graph.borrow_mut().new_name("KSTREAM-SOURCE-");
        self.read_topics(name, topics)
    }

    pub(super) fn read_topics<K: Data, V: Data>(
        &self,
        name: String,
        topics: impl IntoIterator<Item = impl Into<Topic<K, V>>>,
    ) -> KStream<K, V> {
        let typed: Vec<Topic<K, V>> = topics.into_iter().map(Into::into).collect();
        let topics: Vec<_> = typed.iter().map(|topic| TopicRef::external(&topic.name)).collect();
        let mut graph = self.graph.borrow_mut();
        if topics.is_empty() {
            graph.problems.push(format!("the source '{name}' reads no topic: name at least one"));
        }
        let factory = Arc::new(move |number: usize| operators::stream_source(&typed[number]));
        let node =
            graph.add(name, Vec::new(), NodeKind::Source { topics, factory, presence: None });
        KStream::new(self.graph.clone(), node, false)
    }

    /// Reads a topic as a table, kept in the store that `store` names: the latest value of each
    /// key. A null value deletes; a record without a key is dropped and counted. An older timestamp
    /// does not hinder an update.
    ///
    /// ```
    /// # use millstream::{StreamsBuilder, testing::TopologyTestDriver};
    /// let builder = StreamsBuilder::new();
    /// builder.table::<String, i64>("prices", "latest-prices");
    /// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("prices").send("tea", 3)?;
    /// driver.input::<String, i64>("prices").send("tea", 4)?;
    /// assert_eq!(driver.get::<String, i64>("latest-prices", &"tea".to_owned())?, Some(4));
    /// # Ok::<_, millstream::Error>(())
    /// ```
    pub fn table<K: Data, V: Data>(
        &self,
        topic: impl Into<Topic<K, V>>,
        store: impl Into<Materialized<K, V>>,
    ) -> KTable<K, V> {
        let (topic, mut store) = (topic.into(), store.into());
        let mut graph = self.graph.borrow_mut();
        store.optional = store.naming != Naming::Given;
        let prefix = format!("{}-", topic.name);
        store.settle_name(&mut graph, &prefix, ".table(\"topic\", \"a-name\")");
        let source = graph.new_name("KSTREAM-SOURCE-");
        let name = graph.new_name("KTABLE-SOURCE-");
        let topics = vec![TopicRef::external(&topic.name)];
        let factory = Arc::new(move |_: usize| operators::table_topic_source(&topic));
        let source =
            graph.add(source, Vec::new(), NodeKind::Source { topics, factory, presence: None });
        let node = graph.add_processor(name, vec![source], |setup| {
            operators::table_source::<K, V>(setup.stores.first().copied())
        });
        store.attach(&mut graph, node);
        graph.table_sources.push(node);
        graph.nodes[node].companions = vec![(Companion::Node(source), "-source".into())];
        drop(graph);
        KTable::new(self.graph.clone(), node)
    }

    /// Adds a store for processors written by hand; connect it with
    /// [`process_with`](KStream::process_with), where there is an example.
    #[doc(alias = "addStateStore")]
    pub fn add_store<K: Data, V: Data>(
        &self,
        store: impl Into<Materialized<K, V>>,
    ) -> StoreHandle<K, V> {
        store.into().add_to(&mut self.graph.borrow_mut(), None)
    }

    /// Adds a versioned store, [`Materialized::versioned`], for processors written by hand; connect it
    /// with [`process_with`](KStream::process_with), and reach it with
    /// [`ProcessorContext::versioned_store`](crate::ProcessorContext::versioned_store).
    #[doc(alias = "versionedKeyValueStoreBuilder")]
    pub fn add_versioned_store<K: Data, V: Data>(
        &self,
        store: Materialized<K, V>,
    ) -> VersionedStoreHandle<K, V> {
        let name = store.name.as_str().into();
        let number = store.add_versions(&mut self.graph.borrow_mut(), None);
        VersionedStoreHandle { name, number, types: PhantomData }
    }

    /// Checks the topology and divides it into sub-topologies. All problems are reported together,
    /// each with the names of its nodes and what to do. The handles stay usable, and what they add
    /// later is in the next `build`.
    pub fn build(&self) -> Result<Topology, TopologyError> {
        self.graph.borrow().build()
    }
}

impl fmt::Debug for StreamsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamsBuilder").field("nodes", &self.graph.borrow().nodes.len()).finish()
    }
}
