use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::repartition::sink_kind;
use super::{Branches, GroupedStream, KTable, Materialized};
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::operators::{self, Predicates};
use crate::processor::{Node, SinkFormats};
use crate::topic::Topic;
use crate::topology::{Graph, Keys, NodeKind, RepartitionFor, SinkTopic, TopicRef, key_changer};

/// A stream of records: a handle on a node of the topology. Cheap to clone; every method that ends
/// in another handle adds a node.
///
/// Closures take values by value where they make new ones, and by reference where they look. The
/// `try_` twin of a method takes a closure that can fail; its error, like a panic, feeds the policy
/// for processing.
pub struct KStream<K, V> {
    pub(super) graph: Rc<RefCell<Graph>>,
    pub(super) node: usize,
    /// The key may not be the one the topic was partitioned by.
    pub(super) key_changed: bool,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for KStream<K, V> {
    fn clone(&self) -> Self {
        Self {
            graph: self.graph.clone(),
            node: self.node,
            key_changed: self.key_changed,
            types: PhantomData,
        }
    }
}

impl<K, V> fmt::Debug for KStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KStream").field(&self.graph.borrow().nodes[self.node].name).finish()
    }
}

impl<K: Data, V: Data> KStream<K, V> {
    pub(super) fn new(graph: Rc<RefCell<Graph>>, node: usize, key_changed: bool) -> Self {
        Self { graph, node, key_changed, types: PhantomData }
    }

    /// Adds a child node and gives a handle on it.
    pub(super) fn then<K2: Data, V2: Data>(
        &self,
        prefix: &str,
        keys: Keys,
        factory: impl Fn() -> Box<dyn Node> + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        let mut graph = self.graph.borrow_mut();
        let name = graph.new_name(prefix);
        let node = graph.add_processor(name, vec![self.node], move |_| factory());
        graph.nodes[node].keys = keys;
        drop(graph);
        KStream::new(self.graph.clone(), node, self.key_changed || keys == Keys::Changes)
    }

    /// Names the last node, instead of its generated name. The names of other nodes do not change.
    #[doc(alias = "Named")]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.graph.borrow_mut().rename(self.node, &name.into());
        self
    }

    /// Makes a new key and value of each record. A grouping behind it repartitions.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.map(|key, value| (value, key)), "a:1 b:2", "1:a 2:b");
    /// ```
    pub fn map<K2: Data, V2: Data>(
        &self,
        f: impl Fn(K, V) -> (K2, V2) + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        self.try_map(move |key, value| Ok(f(key, value)))
    }

    /// As [`map`](Self::map), with a closure that can fail.
    pub fn try_map<K2: Data, V2: Data>(
        &self,
        f: impl Fn(K, V) -> Result<(K2, V2), BoxError> + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        let f = Arc::new(f);
        self.then("KSTREAM-MAP-", Keys::Changes, move || operators::map(f.clone()))
    }

    /// Makes a new value of each record.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.map_values(|value| value.len() as i64), "a:xyz", "a:3");
    /// ```
    #[doc(alias = "mapValues")]
    pub fn map_values<V2: Data>(
        &self,
        f: impl Fn(V) -> V2 + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.try_map_values(move |value| Ok(f(value)))
    }

    /// As [`map_values`](Self::map_values), with a closure that can fail.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.try_map_values(|v| Ok(v.parse::<i64>()?)), "a:12", "a:12");
    /// ```
    pub fn try_map_values<V2: Data>(
        &self,
        f: impl Fn(V) -> Result<V2, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.try_map_values_with_key(move |_, value| f(value))
    }

    /// Makes a new value of each record, with a look at its key.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.map_values_with_key(|k, v| format!("{k}{v}")), "a:1", "a:a1");
    /// ```
    pub fn map_values_with_key<V2: Data>(
        &self,
        f: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.try_map_values_with_key(move |key, value| Ok(f(key, value)))
    }

    /// As [`map_values_with_key`](Self::map_values_with_key), with a closure that can fail.
    pub fn try_map_values_with_key<V2: Data>(
        &self,
        f: impl Fn(&K, V) -> Result<V2, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        let f = Arc::new(f);
        self.then("KSTREAM-MAPVALUES-", Keys::Other, move || operators::map_values(f.clone()))
    }

    /// Keeps the records for which `predicate` holds.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.filter(|_, value| value != "2"), "a:1 b:2 c:3", "a:1 c:3");
    /// ```
    pub fn filter(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.try_filter(move |key, value| Ok(predicate(key, value)))
    }

    /// As [`filter`](Self::filter), with a predicate that can fail.
    pub fn try_filter(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.add_filter(predicate, true)
    }

    /// Keeps the records for which `predicate` does not hold.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.filter_not(|_, value| value == "2"), "a:1 b:2 c:3", "a:1 c:3");
    /// ```
    #[doc(alias = "filterNot")]
    pub fn filter_not(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.try_filter_not(move |key, value| Ok(predicate(key, value)))
    }

    /// As [`filter_not`](Self::filter_not), with a predicate that can fail.
    pub fn try_filter_not(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.add_filter(predicate, false)
    }

    fn add_filter(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
        keep: bool,
    ) -> Self {
        let f = Arc::new(predicate);
        self.then("KSTREAM-FILTER-", Keys::Passes, move || operators::filter(f.clone(), keep))
    }

    /// Gives each record a new key. A grouping behind it repartitions.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.select_key(|_, value| value.clone()), "a:1", "1:1");
    /// ```
    #[doc(alias = "selectKey")]
    pub fn select_key<K2: Data>(
        &self,
        f: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> KStream<K2, V> {
        self.try_select_key(move |key, value| Ok(f(key, value)))
    }

    /// As [`select_key`](Self::select_key), with a closure that can fail.
    pub fn try_select_key<K2: Data>(
        &self,
        f: impl Fn(&K, &V) -> Result<K2, BoxError> + Send + Sync + 'static,
    ) -> KStream<K2, V> {
        let f = Arc::new(f);
        self.then("KSTREAM-KEY-SELECT-", Keys::Changes, move || operators::select_key(f.clone()))
    }

    /// Looks at each record as it passes. What `f` does outside happens again when records are
    /// processed again after a failure.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.peek(|_, value| assert_eq!(value, "1")), "a:1", "a:1");
    /// ```
    pub fn peek(&self, f: impl Fn(&K, &V) + Send + Sync + 'static) -> Self {
        self.try_peek(move |key, value| {
            f(key, value);
            Ok(())
        })
    }

    /// As [`peek`](Self::peek), with a closure that can fail.
    pub fn try_peek(
        &self,
        f: impl Fn(&K, &V) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        let f = Arc::new(f);
        self.then("KSTREAM-PEEK-", Keys::Passes, move || operators::peek(f.clone()))
    }

    /// Ends the stream in a closure. What `f` does outside happens again when records are processed
    /// again after a failure.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| { s.for_each(|_, value| assert_eq!(value, "1")); s }, "a:1", "a:1");
    /// ```
    #[doc(alias = "foreach")]
    pub fn for_each(&self, f: impl Fn(K, V) + Send + Sync + 'static) {
        self.try_for_each(move |key, value| {
            f(key, value);
            Ok(())
        });
    }

    /// As [`for_each`](Self::for_each), with a closure that can fail.
    pub fn try_for_each(&self, f: impl Fn(K, V) -> Result<(), BoxError> + Send + Sync + 'static) {
        let f = Arc::new(f);
        let _end: Self =
            self.then("KSTREAM-FOREACH-", Keys::Other, move || operators::for_each(f.clone()));
    }

    /// Prints each record on standard output as `[label]: key, value`, by `Debug`, and ends the
    /// stream.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| { s.print("seen"); s }, "a:1", "a:1"); // [seen]: "a", "1"
    /// ```
    pub fn print(&self, label: impl Into<String>)
    where
        K: fmt::Debug,
        V: fmt::Debug,
    {
        let label = label.into();
        let _end: Self = self
            .then("KSTREAM-PRINTER-", Keys::Other, move || operators::print::<K, V>(label.clone()));
    }

    /// The records of both streams, in the order in which they are processed; there is no order
    /// between the two.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.merge(&s.map_values(|v| v + "!")), "a:1", "a:1! a:1");
    /// ```
    pub fn merge(&self, other: &Self) -> Self {
        let mut graph = self.graph.borrow_mut();
        let name = graph.new_name("KSTREAM-MERGE-");
        let mut parents = vec![self.node];
        if Rc::ptr_eq(&self.graph, &other.graph) {
            // Merged with itself it is itself.
            parents.extend((other.node != self.node).then_some(other.node));
        } else {
            graph.problems.push(format!(
                "'{name}' merges streams of two builders: make both with the same StreamsBuilder"
            ));
        }
        let changes = parents.iter().any(|parent| key_changer(&graph.nodes, *parent).is_some());
        let node = graph.add_processor(name, parents, |_| Self::pass_node());
        if changes {
            graph.nodes[node].keys = Keys::Changes;
        }
        drop(graph);
        Self::new(self.graph.clone(), node, self.key_changed || other.key_changed)
    }

    /// Begins to split the stream: each record goes to the first branch whose predicate holds.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let mut split = s.split();
    ///         let small = split.branch(|_, value| value.len() < 3);
    ///         let rest = split.default_branch().map_values(|_| "large".to_owned());
    ///         small.merge(&rest)
    ///     },
    ///     "a:1 b:2222",
    ///     "a:1 b:large",
    /// );
    /// ```
    #[doc(alias = "branch")]
    pub fn split(&self) -> Branches<K, V> {
        let predicates = Predicates::new();
        let shared = predicates.clone();
        let split: Self =
            self.then("KSTREAM-BRANCH-", Keys::Passes, move || operators::branch(&shared));
        Branches {
            graph: self.graph.clone(),
            node: split.node,
            key_changed: self.key_changed,
            predicates,
            count: 0,
        }
    }

    /// Writes the stream to a topic. With exactly-once, readers of committed records see each
    /// result once.
    ///
    /// ```
    /// # use millstream::StreamsBuilder;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("in").to("out");
    /// # builder.build()?;
    /// # Ok::<_, millstream::TopologyError>(())
    /// ```
    pub fn to(&self, topic: impl Into<Topic<K, V>>) {
        let topic = topic.into();
        let mut graph = self.graph.borrow_mut();
        let name = graph.new_name("KSTREAM-SINK-");
        let written = TopicRef::external(&topic.name);
        graph.add(name, vec![self.node], sink_kind(written, topic.into()));
    }

    /// Writes each record to the topic whose name `topic` gives for it. The topic must exist: a
    /// record for one that does not feeds the policy for producing.
    ///
    /// ```
    /// # use millstream::StreamsBuilder;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("in").to_dynamic(|key, _| format!("out-{key}"));
    /// # builder.build()?;
    /// # Ok::<_, millstream::TopologyError>(())
    /// ```
    #[doc(alias = "TopicNameExtractor")]
    pub fn to_dynamic(&self, topic: impl Fn(&K, &V) -> String + Send + Sync + 'static)
    where
        K: Wire,
        V: Wire,
    {
        self.try_to_dynamic(move |key, value| Ok(topic(key, value)));
    }

    /// As [`to_dynamic`](Self::to_dynamic), with a closure that can fail; its error feeds the policy
    /// for processing.
    pub fn try_to_dynamic(
        &self,
        topic: impl Fn(&K, &V) -> Result<String, BoxError> + Send + Sync + 'static,
    ) where
        K: Wire,
        V: Wire,
    {
        let name_of = Arc::new(topic);
        let mut graph = self.graph.borrow_mut();
        let name = graph.new_name("KSTREAM-SINK-");
        let formats: SinkFormats<K, V> = Topic::<K, V>::new(name.clone()).into();
        let factory = Arc::new(move |_: &mut crate::topology::NodeSetup<'_>| {
            operators::dynamic_sink(formats.clone(), name_of.clone())
        });
        graph.add(name, vec![self.node], NodeKind::Sink { topic: SinkTopic::Extracted, factory });
    }

    /// The stream as a table, kept in the store that `store` names: the latest value of each key.
    /// A value that is null (the `None` of an `Option`) deletes; a null key is dropped.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.to_table("latest").to_stream(), "a:1 a:2", "a:1 a:2");
    /// ```
    #[doc(alias = "toTable")]
    pub fn to_table(&self, store: impl Into<Materialized<K, V>>) -> KTable<K, V>
    where
        K: Wire,
        V: Wire,
    {
        let mut store = store.into();
        let mut graph = self.graph.borrow_mut();
        let name = graph.new_name("KSTREAM-TOTABLE-");
        store.settle_name(&mut graph, "KSTREAM-TOTABLE-", ".to_table(\"a-name\")");
        let repartitioned = self.key_changed;
        let parent = if repartitioned {
            self.add_repartition(&mut graph, &name, RepartitionFor::Aggregation)
        } else {
            self.node
        };
        let node = graph.add_processor(name, vec![parent], |setup| {
            operators::table_from_stream::<K, V>(setup.stores[0])
        });
        store.attach(&mut graph, node);
        graph.keyed.push(node);
        if repartitioned {
            graph.name_repartition_after(node, parent);
            let base = graph.nodes[node].name.clone();
            graph.refuse_unnamed_topic(Some(node), &base, ".to_table(..).named(\"a-name\")");
        }
        drop(graph);
        KTable::new(self.graph.clone(), node)
    }

    /// Groups the records by their keys, to be aggregated. Repartitions only where the key may have
    /// changed since the topic was read.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.group_by_key().count("n").to_stream(), "a:x b:x a:y", "a:1 b:1 a:2");
    /// ```
    #[doc(alias = "groupByKey")]
    pub fn group_by_key(&self) -> GroupedStream<K, V>
    where
        K: Wire,
        V: Wire,
    {
        GroupedStream::new(self.clone(), None)
    }

    /// Groups the records by a new key, to be aggregated; always repartitions.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.group_by(|_, v| v.clone()).count("n").to_stream(), "a:x b:x", "x:1 x:2");
    /// ```
    #[doc(alias = "groupBy")]
    pub fn group_by<K2: Wire>(
        &self,
        f: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> GroupedStream<K2, V>
    where
        V: Wire,
    {
        self.try_group_by(move |key, value| Ok(f(key, value)))
    }

    /// As [`group_by`](Self::group_by), with a closure that can fail.
    pub fn try_group_by<K2: Wire>(
        &self,
        f: impl Fn(&K, &V) -> Result<K2, BoxError> + Send + Sync + 'static,
    ) -> GroupedStream<K2, V>
    where
        V: Wire,
    {
        let stream = self.try_select_key(f);
        let select = Some(stream.node);
        GroupedStream::new(stream, select)
    }
}
