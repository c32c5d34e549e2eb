use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::repartition::sink_kind;
use super::{GroupedTable, KStream, Materialized};
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::operators;
use crate::processor::{Node, Outdated, SinkFormats};
use crate::topic::Topic;
use crate::topology::{Graph, NodeSetup, TopicRef};

/// A table: the latest value of each key, and the stream of its changes. A handle on a node of the
/// topology; cheap to clone.
pub struct KTable<K, V> {
    pub(super) graph: Rc<RefCell<Graph>>,
    pub(super) node: usize,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for KTable<K, V> {
    fn clone(&self) -> Self {
        Self { graph: self.graph.clone(), node: self.node, types: PhantomData }
    }
}

impl<K, V> fmt::Debug for KTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KTable").field(&self.graph.borrow().nodes[self.node].name).finish()
    }
}

impl<K: Data, V: Data> KTable<K, V> {
    pub(super) fn new(graph: Rc<RefCell<Graph>>, node: usize) -> Self {
        Self { graph, node, types: PhantomData }
    }

    fn then<V2: Data>(
        &self,
        prefix: &str,
        factory: impl Fn(&mut NodeSetup<'_>) -> Box<dyn Node> + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        let mut graph = self.graph.borrow_mut();
        let name = graph.new_name(prefix);
        let node = graph.add_processor(name, vec![self.node], factory);
        drop(graph);
        KTable::new(self.graph.clone(), node)
    }

    /// Names the last node, instead of its generated name. The names of other operators do not
    /// change.
    #[doc(alias = "Named")]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.graph.borrow_mut().rename(self.node, &name.into());
        self
    }

    /// Keeps the result of the last operator in a store, so that it can be queried. Tables that
    /// come from topics and aggregations have their stores already: a second one is a problem that
    /// [`build`](crate::StreamsBuilder::build) reports.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| s.to_table("all").filter(|_, v| v != "2").materialized("some").to_stream(),
    ///     "a:1 a:2",
    ///     "a:1 a:-",
    /// );
    /// ```
    pub fn materialized(self, store: impl Into<Materialized<K, V>>) -> Self {
        let mut store = store.into();
        let mut graph = self.graph.borrow_mut();
        if graph.nodes[self.node].stores.is_empty() && !graph.is_materialized(self.node) {
            if store.settle_name_of_table(&mut graph, self.node) {
                store.attach(&mut graph, self.node);
            }
        } else {
            let problem = format!(
                "the table '{}' has a store already: leave out `.materialized(\"{}\")`",
                graph.nodes[self.node].name, store.name
            );
            graph.problems.push(problem);
        }
        drop(graph);
        self
    }

    /// The changes of the table as a stream; a delete is `None`.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.group_by_key().count("n").to_stream(), "a:x a:y", "a:1 a:2");
    /// ```
    #[doc(alias = "toStream")]
    pub fn to_stream(&self) -> KStream<K, Option<V>> {
        let stream = self.then::<V>("KTABLE-TOSTREAM-", |_| operators::to_stream::<K, V>());
        KStream::new(self.graph.clone(), stream.node, false)
    }

    /// Writes the changes of the table to a topic; a delete is written as a tombstone. Short for
    /// `to_stream().to(..)`.
    ///
    /// ```
    /// # use millstream::StreamsBuilder;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("in").group_by_key().count("counts").to("counts");
    /// # builder.build()?;
    /// # Ok::<_, millstream::TopologyError>(())
    /// ```
    pub fn to(&self, topic: impl Into<Topic<K, V>>) {
        let topic = topic.into();
        let stream = self.to_stream();
        let mut graph = self.graph.borrow_mut();
        let name = graph.new_name("KSTREAM-SINK-");
        if topic.partitioner.is_some() {
            // A delete has no value to show it, and must go where the values of its key went.
            let problem = format!(
                "the table written to the topic '{}' cannot be `partitioned_by` values: use `to_stream()` and a topic of `Option` values",
                topic.name
            );
            graph.problems.push(problem);
        }
        let written = TopicRef::external(&topic.name);
        let formats = SinkFormats::of_table(topic);
        graph.add(name, vec![stream.node], sink_kind(written, formats));
    }

    /// Keeps the entries for which `predicate` holds; an entry that no longer does is deleted.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| s.to_table("t").filter(|_, value| value != "2").to_stream(),
    ///     "a:1 a:2 b:2",
    ///     "a:1 a:-",
    /// );
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

    /// Keeps the entries for which `predicate` does not hold.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| s.to_table("t").filter_not(|_, value| value == "2").to_stream(),
    ///     "a:1 a:2 b:2",
    ///     "a:1 a:-",
    /// );
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
        let filtered: Self = self.then("KTABLE-FILTER-", move |setup| {
            let store = setup.stores.first().copied();
            let parent = setup.parents[0];
            let (sends_old, tells_all) = (setup.sends_old, setup.behind_versions);
            operators::table_filter::<K, V, _>(f.clone(), keep, parent, store, sends_old, tells_all)
        });
        // With old values a delete of what never matched need not be forwarded (KAFKA-10077).
        let mut graph = self.graph.borrow_mut();
        graph.send_old_values(filtered.node);
        graph.nodes[filtered.node].keeps_versions = true;
        graph.send_old_values(self.node);
        drop(graph);
        filtered
    }

    /// Makes a new value of each entry. A result that is null where the table is materialized
    /// deletes the key.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.to_table("t").map_values(|v| v + "!").to_stream(), "a:1", "a:1!");
    /// ```
    #[doc(alias = "mapValues")]
    pub fn map_values<V2: Data>(
        &self,
        f: impl Fn(V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.try_map_values_with_key(move |_, value| Ok(f(value)))
    }

    /// As [`map_values`](Self::map_values), with a closure that can fail.
    pub fn try_map_values<V2: Data>(
        &self,
        f: impl Fn(V) -> Result<V2, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.try_map_values_with_key(move |_, value| f(value))
    }

    /// Makes a new value of each entry, with a look at its key.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| s.to_table("t").map_values_with_key(|k, v| format!("{k}{v}")).to_stream(),
    ///     "a:1",
    ///     "a:a1",
    /// );
    /// ```
    pub fn map_values_with_key<V2: Data>(
        &self,
        f: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.try_map_values_with_key(move |key, value| Ok(f(key, value)))
    }

    /// As [`map_values_with_key`](Self::map_values_with_key), with a closure that can fail.
    pub fn try_map_values_with_key<V2: Data>(
        &self,
        f: impl Fn(&K, V) -> Result<V2, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        let f = Arc::new(f);
        let mapped = self.then("KTABLE-MAPVALUES-", move |setup| {
            let store = setup.stores.first().copied();
            let (f, parent) = (f.clone(), setup.parents[0]);
            operators::table_map_values::<K, V, V2, _>(f, parent, store, setup.sends_old)
        });
        self.graph.borrow_mut().nodes[mapped.node].keeps_versions = true;
        mapped
    }

    /// Makes a new value of each change, deletes (`None`) included, with a look at its key and its
    /// timestamp in milliseconds; `None` deletes.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let table = s.to_table("t");
    ///         table.transform_values(|_, v, time| Some(format!("{}@{time}", v?))).to_stream()
    ///     },
    ///     "a:1@5",
    ///     "a:1@5@5",
    /// );
    /// ```
    #[doc(alias = "transformValues")]
    pub fn transform_values<V2: Data>(
        &self,
        f: impl Fn(&K, Option<V>, i64) -> Option<V2> + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.try_transform_values(move |key, value, timestamp| Ok(f(key, value, timestamp)))
    }

    /// As [`transform_values`](Self::transform_values), with a closure that can fail.
    pub fn try_transform_values<V2: Data>(
        &self,
        f: impl Fn(&K, Option<V>, i64) -> Result<Option<V2>, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        let f = Arc::new(f);
        let transformed = self.then("KTABLE-TRANSFORMVALUES-", move |setup| {
            let store = setup.stores.first().copied();
            let (f, parent) = (f.clone(), setup.parents[0]);
            operators::table_transform_values::<K, V, V2, _>(f, parent, store, setup.sends_old)
        });
        self.graph.borrow_mut().nodes[transformed.node].keeps_versions = true;
        transformed
    }

    /// Groups the entries by a new key, with new values, to be aggregated; always repartitions.
    /// What an update replaces is taken out of its old group.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| s.to_table("t").group_by(|k, v| (v, k.clone())).count("n").to_stream(),
    ///     "a:x b:x a:y",
    ///     "x:1 x:2 x:1 y:1",
    /// );
    /// ```
    #[doc(alias = "groupBy")]
    pub fn group_by<K2: Wire + PartialEq, V2: Wire>(
        &self,
        f: impl Fn(&K, V) -> (K2, V2) + Send + Sync + 'static,
    ) -> GroupedTable<K2, V2> {
        self.try_group_by(move |key, value| Ok(f(key, value)))
    }

    /// As [`group_by`](Self::group_by), with a closure that can fail.
    pub fn try_group_by<K2: Wire + PartialEq, V2: Wire>(
        &self,
        f: impl Fn(&K, V) -> Result<(K2, V2), BoxError> + Send + Sync + 'static,
    ) -> GroupedTable<K2, V2> {
        let f = Arc::new(f);
        let select = self.then::<V>("KTABLE-SELECT-", move |_| {
            operators::table_group_by::<K, V, K2, V2, _>(f.clone())
        });
        let mut graph = self.graph.borrow_mut();
        graph.send_old_values(self.node);
        graph.nodes[select.node].outdated = Outdated::LeftOut;
        drop(graph);
        GroupedTable::new(self.graph.clone(), select.node)
    }
}
