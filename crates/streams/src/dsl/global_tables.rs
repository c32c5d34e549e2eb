use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::table_joins::joins_two_builders;
use super::{KStream, Materialized, StreamsBuilder};
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::operators;
use crate::processor::{Processor, ProcessorNode, StoreHandle};
use crate::topic::Topic;
use crate::topology::{Companion, Graph, NodeKind, TopicRef};

/// A table that every instance has as a whole, whatever partitions its tasks have (Kafka's
/// `GlobalKTable`): for joins by any key, without co-partitioning. Made by
/// [`global_table`](StreamsBuilder::global_table).
///
/// Each stream thread keeps a copy of its own in memory, so that reading it takes no lock. It is
/// complete, as of the start, before the first record is processed; later changes come as they are
/// read, not in step with the timestamps of the streams.
#[doc(alias = "GlobalKTable")]
pub struct GlobalTable<K, V> {
    graph: Rc<RefCell<Graph>>,
    store: StoreHandle<K, V>,
}

impl<K, V> Clone for GlobalTable<K, V> {
    fn clone(&self) -> Self {
        Self { graph: self.graph.clone(), store: self.store.clone() }
    }
}

impl<K, V> fmt::Debug for GlobalTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GlobalTable").field(&self.store.name()).finish()
    }
}

impl<K, V> GlobalTable<K, V> {
    /// The table's store, for processors written by hand.
    pub fn store(&self) -> &StoreHandle<K, V> {
        &self.store
    }
}

impl StreamsBuilder {
    /// Reads a topic as a global table, kept in the store that `store` names: the latest value of each
    /// key, of all partitions. A null value deletes; a record without a key is dropped and counted. It
    /// has no changelog: the topic is read from its beginning at each start, and should be compacted.
    ///
    /// ```
    /// # use millstream::{StreamsBuilder, testing::TopologyTestDriver};
    /// let builder = StreamsBuilder::new();
    /// let names = builder.global_table::<String, String>("products", "product-names");
    /// builder
    ///     .stream::<String, String>("orders")
    ///     .join_global_table(&names, |_, product| Some(product.clone()), |_, _, name| name)
    ///     .to("named");
    /// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, String>("products").send("p1", "tea")?;
    /// driver.input::<String, String>("orders").send("ann", "p1")?;
    /// let named = driver.output::<String, String>("named").read_all()?;
    /// assert_eq!(named, [("ann".to_owned(), "tea".to_owned())]);
    /// # Ok::<_, millstream::Error>(())
    /// ```
    #[doc(alias = "globalTable")]
    pub fn global_table<K: Data, V: Data>(
        &self,
        topic: impl Into<Topic<K, V>>,
        store: impl Into<Materialized<K, V>>,
    ) -> GlobalTable<K, V> {
        let topic = topic.into();
        let name = TopicRef::external(&topic.name);
        let source = Arc::new(move || operators::table_topic_source(&topic));
        let mut graph = self.graph.borrow_mut();
        let store = store.into().logging(None).without_cache();
        let name_of_store = store.name.as_str().into();
        let kind = NodeKind::Source { topics: vec![name], factory: source };
        let node = add_global(&mut graph, kind, |graph, processor, source| {
            graph.add_processor(processor, vec![source], |setup| {
                operators::table_source::<K, V>(setup.stores.first().copied())
            })
        });
        let number = store.attach(&mut graph, node);
        let store = StoreHandle { name: name_of_store, number, types: PhantomData };
        drop(graph);
        GlobalTable { graph: self.graph.clone(), store }
    }

    /// Adds a store that every stream thread fills by itself from all partitions of a topic, by a
    /// processor of one's own. Processors read it with
    /// [`global_store`](crate::ProcessorContext::global_store). It has no changelog: the topic is read
    /// from its beginning at each start.
    #[doc(alias = "addGlobalStore")]
    pub fn add_global_store<K: Data, V: Data, SK: Data, SV: Data, P: Processor<K, V>>(
        &self,
        store: impl Into<Materialized<SK, SV>>,
        topic: impl Into<Topic<K, V>>,
        processor: impl Fn(&StoreHandle<SK, SV>) -> P + Send + Sync + 'static,
    ) -> StoreHandle<SK, SV> {
        let topic = topic.into();
        let name = TopicRef::external(&topic.name);
        let source = Arc::new(move || operators::stream_source(&topic));
        let mut graph = self.graph.borrow_mut();
        let store = store.into().logging(None).without_cache().add_to(&mut graph, None);
        let handle = store.clone();
        let kind = NodeKind::Source { topics: vec![name], factory: source };
        let node = add_global(&mut graph, kind, |graph, name, source| {
            graph.add_processor(name, vec![source], move |_| {
                Box::new(ProcessorNode {
                    processor: RefCell::new(processor(&handle)),
                    types: PhantomData::<fn(K, V)>,
                })
            })
        });
        graph.connect(node, store.number);
        store
    }
}

/// Adds source and processor of a global table; gives the processor.
fn add_global(
    graph: &mut Graph,
    source: NodeKind,
    processor: impl FnOnce(&mut Graph, String, usize) -> usize,
) -> usize {
    let source_name = graph.new_name("KSTREAM-SOURCE-");
    let name = graph.new_name("KTABLE-SOURCE-");
    let source = graph.add(source_name, Vec::new(), source);
    graph.globals.push(source);
    let node = processor(graph, name, source);
    graph.nodes[node].companions = vec![(Companion::Node(source), "-source".into())];
    node
}

impl<K: Data, V: Wire> KStream<K, V> {
    /// Joins each record with the value that a global table has for the key that `key` finds in the
    /// record; one whose key the table does not have gives nothing. Records with a null value, or for
    /// which `key` finds nothing, are dropped and counted; a null key of the record itself does not
    /// matter. The result has the record's key and timestamp.
    ///
    /// ```text
    /// stream   a:x             a:x     a:y
    /// table            x:1
    /// result                   a:x1
    /// ```
    ///
    /// ```
    /// # use millstream::{StreamsBuilder, testing::TopologyTestDriver};
    /// let builder = StreamsBuilder::new();
    /// let names = builder.global_table::<String, String>("products", "product-names");
    /// let orders = builder.stream::<String, String>("orders");
    /// orders.join_global_table(&names, |_, id| Some(id.clone()), |_, _, name| name).to("named");
    /// # builder.build()?;
    /// # Ok::<_, millstream::TopologyError>(())
    /// ```
    #[doc(alias = "join")]
    pub fn join_global_table<GK: Data, GV: Data, R: Data>(
        &self,
        table: &GlobalTable<GK, GV>,
        key: impl Fn(&K, &V) -> Option<GK> + Send + Sync + 'static,
        f: impl Fn(&K, V, GV) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_join_global_table(
            table,
            move |k, v| Ok(key(k, v)),
            move |key, value, found| Ok(f(key, value, found)),
        )
    }

    /// As [`join_global_table`](Self::join_global_table), with closures that can fail.
    pub fn try_join_global_table<GK: Data, GV: Data, R: Data>(
        &self,
        table: &GlobalTable<GK, GV>,
        key: impl Fn(&K, &V) -> Result<Option<GK>, BoxError> + Send + Sync + 'static,
        f: impl Fn(&K, V, GV) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.add_global_join(table, false, key, move |key, value, found: Option<GV>| {
            found.map(|found| f(key, value, found)).transpose()
        })
    }

    /// As [`join_global_table`](Self::join_global_table), but where the table has nothing, or `key`
    /// finds no key, `f` gets `None`. Records with a null value are dropped and counted.
    ///
    /// ```
    /// # use millstream::{StreamsBuilder, testing::TopologyTestDriver};
    /// let builder = StreamsBuilder::new();
    /// let names = builder.global_table::<String, String>("products", "product-names");
    /// builder
    ///     .stream::<String, String>("orders")
    ///     .left_join_global_table(&names, |_, id| Some(id.clone()), |_, id, name| name.unwrap_or(id))
    ///     .to("named");
    /// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, String>("orders").send("ann", "p1")?;
    /// let named = driver.output::<String, String>("named").read_all()?;
    /// assert_eq!(named, [("ann".to_owned(), "p1".to_owned())]);
    /// # Ok::<_, millstream::Error>(())
    /// ```
    #[doc(alias = "leftJoin")]
    pub fn left_join_global_table<GK: Data, GV: Data, R: Data>(
        &self,
        table: &GlobalTable<GK, GV>,
        key: impl Fn(&K, &V) -> Option<GK> + Send + Sync + 'static,
        f: impl Fn(&K, V, Option<GV>) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_left_join_global_table(
            table,
            move |k, v| Ok(key(k, v)),
            move |key, value, found| Ok(f(key, value, found)),
        )
    }

    /// As [`left_join_global_table`](Self::left_join_global_table), with closures that can fail.
    pub fn try_left_join_global_table<GK: Data, GV: Data, R: Data>(
        &self,
        table: &GlobalTable<GK, GV>,
        key: impl Fn(&K, &V) -> Result<Option<GK>, BoxError> + Send + Sync + 'static,
        f: impl Fn(&K, V, Option<GV>) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.add_global_join(table, true, key, move |key, value, found| {
            f(key, value, found).map(Some)
        })
    }

    fn add_global_join<GK: Data, GV: Data, R: Data>(
        &self,
        table: &GlobalTable<GK, GV>,
        keeps_all: bool,
        key: impl Fn(&K, &V) -> Result<Option<GK>, BoxError> + Send + Sync + 'static,
        f: impl Fn(&K, V, Option<GV>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let mut graph = self.graph.borrow_mut();
        // Kafka Streams calls the inner join so, too.
        let name = graph.new_name("KSTREAM-LEFTJOIN-");
        if !Rc::ptr_eq(&self.graph, &table.graph) {
            graph.problems.push(joins_two_builders(&name));
        }
        let (store, key, f) = (table.store.number, Arc::new(key), Arc::new(f));
        let node = graph.add_processor(name, vec![self.node], move |_| {
            operators::global_table_join::<K, V, GK, GV, R, _, _>(
                store,
                keeps_all,
                key.clone(),
                f.clone(),
            )
        });
        graph.nodes[node].takes_null_keys = keeps_all;
        drop(graph);
        KStream::new(self.graph.clone(), node, self.key_changed)
    }
}
