use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::time_windowing::TimeWindowing;
use super::{GroupedStream, KTable, Materialized};
use crate::codec::{Data, Presence, Wire};
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::{TimeWindow, Windowed};
use crate::topology::NodeSetup;
use crate::windows::EmitStrategy;

/// A grouped stream divided into windows, to be aggregated (Kafka's `TimeWindowedKStream`): the
/// result is a table whose keys are keys in windows. Made by
/// [`windowed_by`](GroupedStream::windowed_by).
///
/// | A record | Tumbling, hopping, unlimited | Sliding |
/// |---|---|---|
/// | with a null key | is dropped and counted | is dropped and counted |
/// | with a null value | reaches the aggregator | is dropped and counted |
/// | out of order | updates its windows | updates its windows and may make new ones |
/// | for a window whose end and grace stream time has passed | is dropped and counted, for that window | is dropped and counted |
#[doc(alias = "TimeWindowedKStream")]
pub struct TimeWindowedStream<K, V> {
    grouped: GroupedStream<K, V>,
    windows: TimeWindowing,
    emit: EmitStrategy,
}

impl<K, V> fmt::Debug for TimeWindowedStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeWindowedStream")
            .field("windows", &self.windows)
            .field("emit", &self.emit)
            .finish_non_exhaustive()
    }
}

impl<K: Wire, V: Wire> TimeWindowedStream<K, V> {
    pub(super) fn new(grouped: GroupedStream<K, V>, windows: TimeWindowing) -> Self {
        Self { grouped, windows, emit: EmitStrategy::default() }
    }

    /// When results are handed on: updates by default.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{EmitStrategy, TimeWindows, testing::check};
    /// // A window of 10 ms is handed on when a record comes after its end.
    /// check(
    ///     |s| {
    ///         let windows = TimeWindows::tumbling(Duration::from_millis(10));
    ///         let windowed = s.group_by_key().windowed_by(windows);
    ///         let counts = windowed.emit(EmitStrategy::OnWindowClose).count("n");
    ///         counts.to_stream().map(|w, n| (w.key, n))
    ///     },
    ///     "a:x@1 a:y@2 a:z@10",
    ///     "a:2@2",
    /// );
    /// ```
    #[doc(alias = "emitStrategy")]
    pub fn emit(mut self, strategy: EmitStrategy) -> Self {
        self.emit = strategy;
        self
    }

    /// Counts the records of each key and window.
    ///
    /// ```text
    /// records   a         a    a              windows of 10 ms
    /// time      1         9    12
    /// results   [0,10):1  [0,10):2  [10,20):1
    /// ```
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{TimeWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let windows = TimeWindows::tumbling(Duration::from_millis(10));
    ///         let counts = s.group_by_key().windowed_by(windows).count("n");
    ///         counts.to_stream().map(|w, n| (format!("{}{}", w.key, w.window.start), n))
    ///     },
    ///     "a:x@1 a:y@9 a:z@12",
    ///     "a0:1 a0:2 a10:1",
    /// );
    /// ```
    pub fn count(&self, store: impl Into<Materialized<K, i64>>) -> KTable<Windowed<K>, i64> {
        let store = store.into();
        if matches!(self.windows, TimeWindowing::Fixed(_)) {
            store.burn_for_count(&mut self.grouped.stream.graph.borrow_mut());
        }
        let add = |count: Option<i64>| Ok(count.unwrap_or(0) + 1);
        let count = Arc::new(move |_: &K, _: Cow<'_, V>, count| add(count));
        let present = Arc::new(move |_: &K, _: Cow<'_, Presence>, count| add(count));
        let (windows, emit) = (self.windows.clone(), self.emit);
        let counts = self.aggregation("KSTREAM-AGGREGATE-", store, move |setup| {
            let place = (setup.stores[0], 0);
            match setup.presence_only {
                true => windows.node(place, emit, present.clone()),
                false => windows.node(place, emit, count.clone()),
            }
        });
        self.grouped.presence_is_enough(&counts);
        counts
    }

    /// Combines the values of each key and window: the first one is taken as it is. A result that is
    /// null (the `None` of an `Option`) deletes the window.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{TimeWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let windows = TimeWindows::tumbling(Duration::from_millis(10));
    ///         let joined = s.group_by_key().windowed_by(windows).reduce("r", |a, b| a + &b);
    ///         joined.to_stream().map(|w, v| (w.key, v))
    ///     },
    ///     "a:x@1 a:y@9 a:z@12",
    ///     "a:x a:xy a:z",
    /// );
    /// ```
    pub fn reduce(
        &self,
        store: impl Into<Materialized<K, V>>,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, V> {
        self.try_reduce(store, move |old, new| Ok(reducer(old, new)))
    }

    /// As [`reduce`](Self::reduce), with a closure that can fail.
    pub fn try_reduce(
        &self,
        store: impl Into<Materialized<K, V>>,
        reducer: impl Fn(V, V) -> Result<V, BoxError> + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, V> {
        self.fold("KSTREAM-REDUCE-", store.into(), move |_, value, old| match old {
            Some(old) => reducer(old, value.into_owned()),
            None => Ok(value.into_owned()),
        })
    }

    /// Folds the values of each key and window into an aggregate, beginning with what `initializer`
    /// gives. A result that is null (the `None` of an `Option`) deletes the window.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{SlidingWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let windows = SlidingWindows::of_time_difference(Duration::from_millis(10));
    ///         let windowed = s.group_by_key().windowed_by(windows);
    ///         let all = windowed.aggregate("a", String::new, |_, v, all| all + &v);
    ///         all.to_stream().map(|w, v| (format!("{}{}", w.key, w.window.start), v))
    ///     },
    ///     "a:x@20 a:y@25",
    ///     "a10:x a21:y a15:xy",
    /// );
    /// ```
    pub fn aggregate<A: Data>(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
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
    ) -> KTable<Windowed<K>, A> {
        self.fold("KSTREAM-AGGREGATE-", store.into(), move |key, value, old| {
            aggregator(key, value.into_owned(), old.unwrap_or_else(&initializer))
        })
    }

    fn fold<A: Data>(
        &self,
        prefix: &str,
        store: Materialized<K, A>,
        fold: impl Fn(&K, Cow<'_, V>, Option<A>) -> Result<A, BoxError> + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
        let (windows, emit, fold) = (self.windows.clone(), self.emit, Arc::new(fold));
        self.aggregation(prefix, store, move |setup| {
            windows.node((setup.stores[0], 0), emit, fold.clone())
        })
    }

    fn aggregation<A: Data>(
        &self,
        prefix: &str,
        mut store: Materialized<K, A>,
        factory: impl Fn(&mut NodeSetup<'_>) -> Box<dyn Node> + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
        let emit = self.emit;
        if let Some(problem) = self.windows.problem(emit) {
            let problem = format!("the aggregation '{}': {problem}", store.name);
            self.grouped.stream.graph.borrow_mut().problems.push(problem);
        }
        self.grouped.settle_name(&mut store, prefix);
        let (spec, name) = (self.windows.store_spec(emit), store.name.clone());
        self.grouped.aggregation(
            prefix,
            &name,
            |graph, node| store.attach_windows::<TimeWindow>(graph, &[node], node, spec),
            factory,
        )
    }
}
