use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::repartition::{add_internal_sink, add_internal_source};
use super::{KTable, Materialized};
use crate::codec::{ChangeCodec, Codec, Wire, WireCodec};
use crate::error::BoxError;
use crate::operators;
use crate::processor::{Node, SinkFormats};
use crate::record::Change;
use crate::topology::{Companion, Graph, NodeSetup, RepartitionFor, repartition_topic};

/// A table grouped by a new key, to be aggregated (Kafka's `KGroupedTable`). An entry that changes
/// is first taken out, then put in again.
#[doc(alias = "KGroupedTable")]
pub struct GroupedTable<K, V> {
    graph: Rc<RefCell<Graph>>,
    select: usize,
    name: Option<String>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> fmt::Debug for GroupedTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupedTable").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<K: Wire, V: Wire> GroupedTable<K, V> {
    pub(super) fn new(graph: Rc<RefCell<Graph>>, select: usize) -> Self {
        Self { graph, select, name: None, types: PhantomData }
    }

    /// Names the grouping: its repartition topic is called `<application.id>-<name>-repartition`,
    /// and all aggregations of the grouping read it. Without a name each has its own, called after its
    /// store.
    #[doc(alias = "Grouped")]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.graph.borrow_mut().rename(self.select, &name);
        self.name = Some(name);
        self
    }

    /// Counts the entries of each group.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| s.to_table("t").group_by(|k, v| (v, k.clone())).count("n").to_stream(),
    ///     "a:x b:x b:y",
    ///     "x:1 x:2 x:1 y:1",
    /// );
    /// ```
    pub fn count(&self, store: impl Into<Materialized<K, i64>>) -> KTable<K, i64> {
        self.aggregate(store, || 0, |_, _, count| count + 1, |_, _, count| count - 1)
    }

    /// Combines the values of each group: `adder` puts a value in, `subtractor` takes one out.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let sizes = s.to_table("t").group_by(|_, v| ("all".to_owned(), v.len() as i64));
    ///         sizes.reduce("sum", |a, b| a + b, |a, b| a - b).to_stream()
    ///     },
    ///     "a:x b:xxx a:xx",
    ///     "all:1 all:4 all:5",
    /// );
    /// ```
    pub fn reduce(
        &self,
        store: impl Into<Materialized<K, V>>,
        adder: impl Fn(V, V) -> V + Send + Sync + 'static,
        subtractor: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<K, V> {
        self.try_reduce(store, move |a, b| Ok(adder(a, b)), move |a, b| Ok(subtractor(a, b)))
    }

    /// As [`reduce`](Self::reduce), with closures that can fail.
    pub fn try_reduce(
        &self,
        store: impl Into<Materialized<K, V>>,
        adder: impl Fn(V, V) -> Result<V, BoxError> + Send + Sync + 'static,
        subtractor: impl Fn(V, V) -> Result<V, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, V> {
        let (adder, subtractor) = (Arc::new(adder), Arc::new(subtractor));
        self.stateful("KTABLE-REDUCE-", store.into(), move |setup| {
            let (adder, subtractor) = (adder.clone(), subtractor.clone());
            operators::table_reduce::<K, V, _, _>(setup.stores[0], adder, subtractor)
        })
    }

    /// Folds the values of each group: `adder` puts a value in, `subtractor` takes one out. A result
    /// that is null (the `None` of an `Option`) deletes the group.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let sizes = s.to_table("t").group_by(|_, v| ("all".to_owned(), v.len() as i64));
    ///         sizes.aggregate("sum", || 0, |_, n, sum| sum + n, |_, n, sum| sum - n).to_stream()
    ///     },
    ///     "a:x b:xxx a:xx",
    ///     "all:1 all:4 all:5",
    /// );
    /// ```
    pub fn aggregate<A: Wire>(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        adder: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        subtractor: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<K, A> {
        self.try_aggregate(
            store,
            initializer,
            move |key, value, aggregate| Ok(adder(key, value, aggregate)),
            move |key, value, aggregate| Ok(subtractor(key, value, aggregate)),
        )
    }

    /// As [`aggregate`](Self::aggregate), with closures that can fail.
    pub fn try_aggregate<A: Wire>(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        adder: impl Fn(&K, V, A) -> Result<A, BoxError> + Send + Sync + 'static,
        subtractor: impl Fn(&K, V, A) -> Result<A, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let initializer = Arc::new(initializer);
        let (adder, subtractor) = (Arc::new(adder), Arc::new(subtractor));
        self.stateful("KTABLE-AGGREGATE-", store.into(), move |setup| {
            operators::table_aggregate::<K, V, A, _, _, _>(
                setup.stores[0],
                initializer.clone(),
                adder.clone(),
                subtractor.clone(),
            )
        })
    }

    fn stateful<A: Wire>(
        &self,
        prefix: &str,
        mut store: Materialized<K, A>,
        factory: impl Fn(&mut NodeSetup<'_>) -> Box<dyn Node> + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let mut graph = self.graph.borrow_mut();
        // Kafka Streams calls the store of a `reduce` so too.
        store.settle_name(&mut graph, "KTABLE-AGGREGATE-", ".aggregate(\"a-name\", ..)");
        let sink = graph.new_name("KSTREAM-SINK-");
        let source = graph.new_name("KSTREAM-SOURCE-");
        let name = graph.new_name(prefix);
        let topic = repartition_topic(self.name.as_deref().unwrap_or(&store.name));
        let key = WireCodec::<K>::shared();
        let value: Arc<dyn Codec<Change<V>>> = Arc::new(ChangeCodec::new(WireCodec::<V>::shared()));
        let formats = SinkFormats::internal(key.clone(), value.clone());
        let sink = add_internal_sink(&mut graph, sink, self.select, &topic, formats);
        let source = add_internal_source(&mut graph, source, topic, key, value);
        if let Some(spec) = graph.repartitions.last_mut() {
            spec.purpose = RepartitionFor::Aggregation;
        }
        let node = graph.add_processor(name, vec![source], factory);
        store.attach(&mut graph, node);
        graph.nodes[node].companions = vec![
            (Companion::Node(sink), "-sink".into()),
            (Companion::Node(source), "-source".into()),
        ];
        drop(graph);
        KTable::new(self.graph.clone(), node)
    }
}
