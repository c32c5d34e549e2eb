use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::{Materialized, StreamsBuilder};
use crate::codec::Data;
use crate::operators;
use crate::processor::{GlobalStoreHandle, Processor, StoreHandle, processor_node};
use crate::topic::Topic;
use crate::topology::{Companion, Graph, NodeFactory, NodeKind, SourceFactory, TopicRef};

/// A table that every stream thread has the whole of, whatever partitions its tasks read: a handle
/// to join streams with it. Cheap to clone.
///
/// It is filled from all partitions of its topic before the first task starts, and followed from
/// then on, without waiting for streams to reach the same time.
pub struct GlobalKTable<K, V> {
    pub(super) graph: Rc<RefCell<Graph>>,
    node: usize,
    store: GlobalStoreHandle<K, V>,
}

impl<K, V> GlobalKTable<K, V> {
    /// Its store, for processors to read.
    pub fn store(&self) -> GlobalStoreHandle<K, V> {
        self.store.clone()
    }

    /// Names the table's node, instead of its generated name. The names of other nodes do not
    /// change.
    #[doc(alias = "Named")]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.graph.borrow_mut().rename(self.node, &name.into());
        self
    }
}

impl<K, V> Clone for GlobalKTable<K, V> {
    fn clone(&self) -> Self {
        Self { graph: self.graph.clone(), node: self.node, store: self.store.clone() }
    }
}

impl<K, V> fmt::Debug for GlobalKTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GlobalKTable").field(&self.store.name()).finish()
    }
}

impl StreamsBuilder {
    /// Reads a topic as a global table: every stream thread keeps all its partitions in the store
    /// that `store` names. A null value deletes; a record without a key is dropped and counted; one
    /// that cannot be read feeds the policy for decoding, also while the table is filled at the
    /// start. An older timestamp does not hinder an update. The store has no changelog: the topic is
    /// one, and should be compacted.
    ///
    /// ```
    /// # use millstream::{StreamsBuilder, testing::TopologyTestDriver};
    /// let builder = StreamsBuilder::new();
    /// let rates = builder.global_table::<String, i64>("rates", "rates");
    /// builder
    ///     .stream::<String, i64>("payments")
    ///     .join_global_table(&rates, |currency, _| Some(currency.clone()), |_, n, rate| n * rate)
    ///     .to("in-cents");
    /// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("rates").send("EUR", 100)?;
    /// driver.input::<String, i64>("payments").send("EUR", 3)?;
    /// assert_eq!(driver.output::<String, i64>("in-cents").read_all()?, [("EUR".to_owned(), 300)]);
    /// # Ok::<_, millstream::Error>(())
    /// ```
    #[doc(alias = "globalTable")]
    pub fn global_table<K: Data, V: Data>(
        &self,
        topic: impl Into<Topic<K, V>>,
        store: impl Into<Materialized<K, V>>,
    ) -> GlobalKTable<K, V> {
        let (topic, mut store) = (topic.into(), store.into());
        let mut graph = self.graph.borrow_mut();
        let name = topic.name.clone();
        // It has no changelog that could be lost with its name, but queries ask for it.
        store.settle_name(&mut graph, &format!("{name}-"), ".global_table(\"topic\", \"a-name\")");
        let store = store.add_global(&mut graph, true);
        let source = Arc::new(move |_| operators::table_topic_source(&topic));
        let factory: NodeFactory =
            Arc::new(|setup| operators::table_source::<K, V>(setup.stores.first().copied()));
        let node = add_global(&mut graph, &name, source, factory, store.number);
        drop(graph);
        let store = GlobalStoreHandle::new(store);
        GlobalKTable { graph: self.graph.clone(), node, store }
    }

    /// Adds a global store that a processor fills from a topic: every stream thread has the whole of
    /// it. `processor` is called once for each thread, with the handle it writes through; others
    /// read by the handle that this gives, with
    /// [`global_store`](crate::ProcessorContext::global_store).
    ///
    /// The processor sees every record of all partitions, those that were there before the start
    /// too. What it forwards goes nowhere, and what it schedules is not called.
    ///
    /// ```
    /// use millstream::{BoxError, Processor, ProcessorContext, Record, StoreHandle, StreamsBuilder};
    ///
    /// /// Keeps the length of each text.
    /// struct Lengths(StoreHandle<String, i64>);
    ///
    /// impl Processor<String, String> for Lengths {
    ///     type KeyOut = ();
    ///     type ValueOut = ();
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, String>,
    ///         ctx: &mut ProcessorContext<'_, '_, (), ()>,
    ///     ) -> Result<(), BoxError> {
    ///         Ok(ctx.store(&self.0)?.put(&record.key, record.value.len() as i64)?)
    ///     }
    /// }
    ///
    /// # use millstream::testing::TopologyTestDriver;
    /// let builder = StreamsBuilder::new();
    /// builder.add_global_store("lengths", "texts", |store| Lengths(store.clone()));
    /// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, String>("texts").send("a", "four")?;
    /// assert_eq!(driver.get::<String, i64>("lengths", &"a".to_owned())?, Some(4));
    /// # Ok::<_, millstream::Error>(())
    /// ```
    #[doc(alias = "addGlobalStore")]
    pub fn add_global_store<SK: Data, SV: Data, K: Data, V: Data, P: Processor<K, V>>(
        &self,
        store: impl Into<Materialized<SK, SV>>,
        topic: impl Into<Topic<K, V>>,
        processor: impl Fn(&StoreHandle<SK, SV>) -> P + Send + Sync + 'static,
    ) -> GlobalStoreHandle<SK, SV> {
        let (topic, store) = (topic.into(), store.into());
        let mut graph = self.graph.borrow_mut();
        let name = topic.name.clone();
        let store = store.add_global(&mut graph, false);
        let source = Arc::new(move |_| operators::stream_source(&topic));
        let handle = store.clone();
        let factory: NodeFactory = Arc::new(move |_| processor_node::<K, V, P>(processor(&handle)));
        add_global(&mut graph, &name, source, factory, store.number);
        GlobalStoreHandle::new(store)
    }
}

/// Adds what fills a global store; gives its processor.
fn add_global(
    graph: &mut Graph,
    topic: &str,
    source: SourceFactory,
    processor: NodeFactory,
    store: usize,
) -> usize {
    let source_name = graph.new_name("KSTREAM-SOURCE-");
    let name = graph.new_name("KTABLE-SOURCE-");
    let topics = vec![TopicRef::external(topic)];
    let source = NodeKind::Source { topics, factory: source, presence: None };
    let source = graph.add(source_name, Vec::new(), source);
    graph.globals.push(source);
    let node = graph.add(name, vec![source], NodeKind::Processor { factory: processor });
    graph.connect(node, store);
    graph.nodes[node].companions = vec![(Companion::Node(source), "-source".into())];
    node
}
