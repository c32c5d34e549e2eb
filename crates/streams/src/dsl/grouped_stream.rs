use std::sync::Arc;

use super::{KStream, KTable, Materialized};
use crate::codec::{Data, Presence, Wire};
use crate::error::BoxError;
use crate::operators;
use crate::processor::Node;
use crate::topology::{Graph, NodeSetup, RepartitionFor};

/// A stream grouped by key, to be aggregated (Kafka's `KGroupedStream`). In every aggregation
/// records with a null key or value are dropped and counted.
#[doc(alias = "KGroupedStream")]
#[derive(Clone, Debug)]
pub struct GroupedStream<K, V> {
    pub(super) stream: KStream<K, V>,
    pub(super) name: Option<String>,
    /// The node of the new key, where `group_by` made one.
    select: Option<usize>,
}

impl<K: Wire, V: Wire> GroupedStream<K, V> {
    pub(super) fn new(stream: KStream<K, V>, select: Option<usize>) -> Self {
        Self { stream, name: None, select }
    }

    /// Names the grouping: its repartition topic, if it needs one, is called
    /// `<application.id>-<name>-repartition`, and all aggregations of the grouping read it. Without a
    /// name each has its own, called after its store.
    #[doc(alias = "Grouped")]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if let Some(select) = self.select {
            self.stream.graph.borrow_mut().rename(select, &name);
        }
        self.name = Some(name);
        self
    }

    /// Counts the records of each key.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.group_by_key().count("n").to_stream(), "a:x a:y b:z", "a:1 a:2 b:1");
    /// ```
    pub fn count(&self, store: impl Into<Materialized<K, i64>>) -> KTable<K, i64> {
        let store = store.into();
        store.burn_for_count(&mut self.stream.graph.borrow_mut());
        let (zero, count) = (Arc::new(|| 0_i64), Arc::new(|_: &K, _: V, count| Ok(count + 1)));
        let present = Arc::new(|_: &K, _: Presence, count| Ok(count + 1));
        let counts = self.stateful("KSTREAM-AGGREGATE-", store, move |setup| {
            let (store, zero) = (setup.stores[0], zero.clone());
            match setup.presence_only {
                true => operators::aggregate(store, zero, present.clone()),
                false => operators::aggregate(store, zero, count.clone()),
            }
        });
        self.presence_is_enough(&counts);
        counts
    }

    /// Behind a repartition topic values are not decoded where all that reads it is a count.
    pub(super) fn presence_is_enough<K2, A>(&self, counts: &KTable<K2, A>) {
        self.stream.graph.borrow_mut().nodes[counts.node].presence_is_enough = true;
    }

    /// Combines the values of each key: the first one is taken as it is. A result that is null (the
    /// `None` of an `Option`) deletes the key.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.group_by_key().reduce("r", |a, b| a + &b).to_stream(), "a:x a:y", "a:x a:xy");
    /// ```
    pub fn reduce(
        &self,
        store: impl Into<Materialized<K, V>>,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<K, V> {
        self.try_reduce(store, move |old, new| Ok(reducer(old, new)))
    }

    /// As [`reduce`](Self::reduce), with a closure that can fail.
    pub fn try_reduce(
        &self,
        store: impl Into<Materialized<K, V>>,
        reducer: impl Fn(V, V) -> Result<V, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, V> {
        let reducer = Arc::new(reducer);
        self.stateful("KSTREAM-REDUCE-", store.into(), move |setup| {
            operators::reduce::<K, V, _>(setup.stores[0], reducer.clone())
        })
    }

    /// Folds the values of each key into an aggregate, beginning with what `initializer` gives. A
    /// result that is null (the `None` of an `Option`) deletes the key.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| s.group_by_key().aggregate("a", String::new, |_, v, all| all + &v).to_stream(),
    ///     "a:x a:y",
    ///     "a:x a:xy",
    /// );
    /// ```
    pub fn aggregate<A: Data>(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<K, A> {
        self.try_aggregate(store, initializer, move |key, value, aggregate| {
            Ok(aggregator(key, value, aggregate))
        })
    }

    /// As [`aggregate`](Self::aggregate), with a closure that can fail.
    pub fn try_aggregate<A: Data>(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let (initializer, aggregator) = (Arc::new(initializer), Arc::new(aggregator));
        self.stateful("KSTREAM-AGGREGATE-", store.into(), move |setup| {
            operators::aggregate::<K, V, A, _, _>(
                setup.stores[0],
                initializer.clone(),
                aggregator.clone(),
            )
        })
    }

    fn stateful<A: Data>(
        &self,
        prefix: &str,
        mut store: Materialized<K, A>,
        factory: impl Fn(&mut NodeSetup<'_>) -> Box<dyn Node> + Send + Sync + 'static,
    ) -> KTable<K, A> {
        self.settle_name(&mut store, prefix);
        let name = store.name.clone();
        self.aggregation(prefix, &name, |graph, node| store.attach(graph, node), factory)
    }

    /// Gives a store without a name of its own a generated one.
    pub(super) fn settle_name<S, A>(&self, store: &mut Materialized<S, A>, prefix: &str) {
        let what = match prefix {
            "KSTREAM-REDUCE-" => ".reduce(\"a-name\", ..)",
            _ => ".count(\"a-name\")` or `.aggregate(\"a-name\", ..)",
        };
        store.settle_name(&mut self.stream.graph.borrow_mut(), prefix, what);
    }

    /// Adds the node of an aggregation, with a repartitioning before it where it needs one; `attach`
    /// gives it the store called `store`.
    pub(super) fn aggregation<K2: Data, A: Data>(
        &self,
        prefix: &str,
        store: &str,
        attach: impl FnOnce(&mut Graph, usize),
        factory: impl Fn(&mut NodeSetup<'_>) -> Box<dyn Node> + Send + Sync + 'static,
    ) -> KTable<K2, A> {
        let stream = &self.stream;
        let mut graph = stream.graph.borrow_mut();
        let name = graph.new_name(prefix);
        let parent = self.parent(&mut graph, store);
        let node = graph.add_processor(name, vec![parent], factory);
        attach(&mut graph, node);
        graph.keyed.push(node);
        drop(graph);
        KTable::new(stream.graph.clone(), node)
    }

    /// The node that an aggregation takes records from: behind a repartitioning where it needs one,
    /// which is called after the grouping or the store.
    pub(super) fn parent(&self, graph: &mut Graph, store: &str) -> usize {
        let base = self.name.as_deref().unwrap_or(store);
        match self.stream.key_changed {
            true => self.stream.add_repartition(graph, base, RepartitionFor::Aggregation),
            false => self.stream.node,
        }
    }
}
