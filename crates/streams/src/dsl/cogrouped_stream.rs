use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::time_windowing::TimeWindowing;
use super::{GroupedStream, KTable, Materialized};
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::operators;
use crate::processor::Node;
use crate::record::Change;
use crate::topology::{Companion, Graph, NodeSetup};
use crate::windows::SessionWindows;

/// Makes the first aggregate of a key.
pub(super) type Initializer<A> = Arc<dyn Fn() -> A + Send + Sync>;

/// Puts the aggregates of two sessions together.
pub(super) type Merger<K, A> = Arc<dyn Fn(&K, A, A) -> Result<A, BoxError> + Send + Sync>;

/// Several grouped streams that are folded into one aggregate for each key (Kafka's
/// `CogroupedKStream`, KIP-150): they may be of different types, and each has its own aggregator.
/// Made by [`cogroup`](GroupedStream::cogroup).
///
/// ```text
/// words     a:x              a:y
/// numbers           a:1              b:2
/// result    a:"x"   a:"x1"   a:"x1y" b:"2"
/// ```
///
/// | A record | What becomes of it |
/// |---|---|
/// | with a null key or value | is dropped and counted |
/// | out of order | is folded in when it comes; the result keeps the highest timestamp |
///
/// The topics of all streams must have the same number of partitions. A stream whose key may have
/// changed is repartitioned first, by the name of its grouping: give each a name with
/// [`named`](GroupedStream::named).
#[doc(alias = "CogroupedKStream")]
pub struct CogroupedStream<K, A> {
    graph: Rc<RefCell<Graph>>,
    inputs: Vec<Input<K, A>>,
}

/// One of the grouped streams.
struct Input<K, A> {
    /// Adds a repartitioning where it needs one, called after the store unless it has a name; gives
    /// the node that the records come from.
    parent: Rc<dyn Fn(&mut Graph, &str) -> usize>,
    aggregation: Arc<dyn Aggregation<K, A>>,
}

/// What is done with the values of one stream, whatever their type.
pub(super) trait Aggregation<K, A>: Send + Sync {
    fn plain(&self, store: usize, initializer: Initializer<A>) -> Box<dyn Node>;

    fn in_time(
        &self,
        windows: &TimeWindowing,
        place: (usize, usize),
        initializer: Initializer<A>,
    ) -> Box<dyn Node>;

    fn in_sessions(
        &self,
        windows: SessionWindows,
        place: (usize, usize),
        initializer: Initializer<A>,
        merger: Merger<K, A>,
    ) -> Box<dyn Node>;
}

struct Typed<V, F> {
    aggregator: Arc<F>,
    types: PhantomData<fn(V)>,
}

impl<K: Wire, V: Wire, A: Data, F> Aggregation<K, A> for Typed<V, F>
where
    F: Fn(&K, V, A) -> Result<A, BoxError> + Send + Sync + 'static,
{
    fn plain(&self, store: usize, initializer: Initializer<A>) -> Box<dyn Node> {
        let initializer = Arc::new(move || initializer());
        operators::aggregate(store, initializer, self.aggregator.clone())
    }

    fn in_time(
        &self,
        windows: &TimeWindowing,
        place: (usize, usize),
        initializer: Initializer<A>,
    ) -> Box<dyn Node> {
        let aggregator = self.aggregator.clone();
        let fold = move |key: &K, value: Cow<'_, V>, old: Option<A>| {
            aggregator(key, value.into_owned(), old.unwrap_or_else(|| initializer()))
        };
        windows.node(place, Default::default(), Arc::new(fold))
    }

    fn in_sessions(
        &self,
        windows: SessionWindows,
        place: (usize, usize),
        initializer: Initializer<A>,
        merger: Merger<K, A>,
    ) -> Box<dyn Node> {
        let aggregator = self.aggregator.clone();
        let (first, next, begin) = (initializer.clone(), initializer.clone(), initializer);
        let fold = move |key: &K, value: V, old: Option<A>| {
            aggregator(key, value, old.unwrap_or_else(|| first()))
        };
        let merge = move |key: &K, old: Option<A>, other: A| {
            merger(key, old.unwrap_or_else(|| next()), other)
        };
        let closures = (Arc::new(move || Some(begin())), Arc::new(fold), Arc::new(merge));
        operators::session_aggregate(place, windows, false, closures)
    }
}

impl<K: Wire, V: Wire> GroupedStream<K, V> {
    /// Begins to fold several streams into one aggregate: `aggregator` adds a value of this one.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let (small, large) = (s.filter(|_, v| v.len() < 2), s.filter(|_, v| v.len() > 1));
    ///         let all = small.group_by_key().cogroup(|_, v, all: String| all + &v);
    ///         let all = all.cogroup(&large.group_by_key(), |_, v, all| all + "#" + &v);
    ///         all.aggregate("all", String::new).to_stream()
    ///     },
    ///     "a:x a:yy b:z",
    ///     "a:x a:x#yy b:z",
    /// );
    /// ```
    pub fn cogroup<A: Data>(
        &self,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> CogroupedStream<K, A> {
        self.try_cogroup(move |key, value, aggregate| Ok(aggregator(key, value, aggregate)))
    }

    /// As [`cogroup`](Self::cogroup), with a closure that can fail.
    pub fn try_cogroup<A: Data>(
        &self,
        aggregator: impl Fn(&K, V, A) -> Result<A, BoxError> + Send + Sync + 'static,
    ) -> CogroupedStream<K, A> {
        let graph = self.stream.graph.clone();
        CogroupedStream { graph, inputs: Vec::new() }.try_cogroup(self, aggregator)
    }
}

impl<K: Wire, A: Data> CogroupedStream<K, A> {
    /// Adds a stream; `aggregator` adds a value of it to the aggregate.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let grouped = s.group_by_key();
    ///         let twice = grouped.cogroup(|_, v, all: String| all + &v);
    ///         let twice = twice.cogroup(&grouped, |_, _, all| all + "!");
    ///         twice.aggregate("twice", String::new).to_stream()
    ///     },
    ///     "a:x",
    ///     "a:x!",
    /// );
    /// ```
    pub fn cogroup<V: Wire>(
        self,
        grouped: &GroupedStream<K, V>,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> Self {
        self.try_cogroup(grouped, move |key, value, aggregate| {
            Ok(aggregator(key, value, aggregate))
        })
    }

    /// As [`cogroup`](Self::cogroup), with a closure that can fail.
    pub fn try_cogroup<V: Wire>(
        mut self,
        grouped: &GroupedStream<K, V>,
        aggregator: impl Fn(&K, V, A) -> Result<A, BoxError> + Send + Sync + 'static,
    ) -> Self {
        if !Rc::ptr_eq(&self.graph, &grouped.stream.graph) {
            self.graph.borrow_mut().problems.push(
                "a cogroup has streams of two builders: make all with the same StreamsBuilder"
                    .to_owned(),
            );
            return self;
        }
        let source = grouped.clone();
        self.inputs.push(Input {
            parent: Rc::new(move |graph, store| source.parent(graph, store)),
            aggregation: Arc::new(Typed { aggregator: Arc::new(aggregator), types: PhantomData }),
        });
        self
    }

    /// Folds all streams into one aggregate for each key, beginning with what `initializer` gives. A
    /// result that is null (the `None` of an `Option`) deletes the key.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| s.group_by_key().cogroup(|_, _, n| n + 1).aggregate("n", || 0i64).to_stream(),
    ///     "a:x a:y",
    ///     "a:1 a:2",
    /// );
    /// ```
    pub fn aggregate(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let store = self.named_store(store);
        let (name, initializer): (_, Initializer<A>) = (store.name.clone(), Arc::new(initializer));
        self.table(
            &name,
            |graph, users, table| store.attach_to(graph, users, table),
            move |aggregation, setup, _| aggregation.plain(setup.stores[0], initializer.clone()),
        )
    }

    /// The store that an aggregation is given, under the next generated name if it has none.
    pub(super) fn named_store(&self, store: impl Into<Materialized<K, A>>) -> Materialized<K, A> {
        let mut store = store.into();
        let (graph, call) = (&mut self.graph.borrow_mut(), ".aggregate(\"a-name\", ..)");
        store.settle_name(graph, "COGROUPKSTREAM-AGGREGATE-", call);
        store
    }

    /// Adds the nodes of all streams and the one that merges them; `attach` gives them their store.
    pub(super) fn table<K2: Data>(
        &self,
        store: &str,
        attach: impl FnOnce(&mut Graph, &[usize], usize),
        node: impl Fn(&dyn Aggregation<K, A>, &NodeSetup<'_>, usize) -> Box<dyn Node>
        + Clone
        + Send
        + Sync
        + 'static,
    ) -> KTable<K2, A> {
        let mut graph = self.graph.borrow_mut();
        let inputs = self.inputs.iter();
        let parents: Vec<_> = inputs.map(|input| (input.parent)(&mut graph, store)).collect();
        let mut users = Vec::new();
        for (number, (input, parent)) in self.inputs.iter().zip(parents).enumerate() {
            let name = graph.new_name("COGROUPKSTREAM-AGGREGATE-");
            let (aggregation, node) = (input.aggregation.clone(), node.clone());
            users.push(graph.add_processor(name, vec![parent], move |setup| {
                node(&*aggregation, setup, number)
            }));
        }
        let name = graph.new_name("COGROUPKSTREAM-MERGE-");
        let table =
            graph.add_processor(name, users.clone(), |_| operators::pass::<K2, Change<A>>());
        let numbered = users.iter().enumerate();
        let mut companions: Vec<_> = numbered
            .map(|(i, user)| (Companion::Node(*user), format!("-cogroup-agg-{i}").into()))
            .collect();
        companions.push((Companion::Node(table), "-cogroup-merge".into()));
        graph.nodes[table].companions = companions;
        attach(&mut graph, &users, table);
        graph.keyed.push(table);
        drop(graph);
        KTable::new(self.graph.clone(), table)
    }

    /// Reports what is wrong with its windows.
    pub(super) fn report(&self, store: &str, problem: Option<String>) {
        if let Some(problem) = problem {
            let problem = format!("the aggregation '{store}': {problem}");
            self.graph.borrow_mut().problems.push(problem);
        }
    }
}

impl<K, A> Clone for Input<K, A> {
    fn clone(&self) -> Self {
        Self { parent: self.parent.clone(), aggregation: self.aggregation.clone() }
    }
}

impl<K, A> Clone for CogroupedStream<K, A> {
    fn clone(&self) -> Self {
        Self { graph: self.graph.clone(), inputs: self.inputs.clone() }
    }
}

impl<K, A> fmt::Debug for CogroupedStream<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CogroupedStream").field("streams", &self.inputs.len()).finish()
    }
}
