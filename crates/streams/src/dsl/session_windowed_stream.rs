use std::fmt;
use std::sync::Arc;

use super::materialized::WindowStoreSpec;
use super::{GroupedStream, KTable, Materialized};
use crate::codec::{Data, Presence, Wire};
use crate::error::BoxError;
use crate::operators;
use crate::processor::Node;
use crate::record::{SessionWindow, Windowed};
use crate::topology::NodeSetup;
use crate::windows::{EmitStrategy, SessionWindows};

/// A grouped stream divided into sessions, to be aggregated (Kafka's `SessionWindowedKStream`): the
/// result is a table whose keys are keys in sessions. When a record makes one session of several, or
/// makes one longer, the table deletes what was there before. Made by
/// [`windowed_by`](GroupedStream::windowed_by).
///
/// | A record | What becomes of it |
/// |---|---|
/// | with a null key | is dropped and counted |
/// | with a null value | reaches the aggregator |
/// | out of order | joins the sessions around it, or is one of its own |
/// | whose session's end, gap and grace stream time has passed | is dropped and counted |
#[doc(alias = "SessionWindowedKStream")]
pub struct SessionWindowedStream<K, V> {
    grouped: GroupedStream<K, V>,
    windows: SessionWindows,
    emit: EmitStrategy,
}

impl<K, V> fmt::Debug for SessionWindowedStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionWindowedStream")
            .field("windows", &self.windows)
            .field("emit", &self.emit)
            .finish_non_exhaustive()
    }
}

impl<K: Wire, V: Wire> SessionWindowedStream<K, V> {
    pub(super) fn new(grouped: GroupedStream<K, V>, windows: SessionWindows) -> Self {
        Self { grouped, windows, emit: EmitStrategy::default() }
    }

    /// When results are handed on: updates by default.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{EmitStrategy, SessionWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let windows = SessionWindows::of_inactivity_gap(Duration::from_millis(10));
    ///         let windowed = s.group_by_key().windowed_by(windows);
    ///         let counts = windowed.emit(EmitStrategy::OnWindowClose).count("n");
    ///         counts.to_stream().map(|w, n| (w.key, n))
    ///     },
    ///     "a:x@1 a:y@5 b:z@16",
    ///     "a:2@5",
    /// );
    /// ```
    #[doc(alias = "emitStrategy")]
    pub fn emit(mut self, strategy: EmitStrategy) -> Self {
        self.emit = strategy;
        self
    }

    /// Counts the records of each session.
    ///
    /// ```text
    /// records   a       a                 a        gap: 10 ms
    /// time      1       5                 30
    /// results   [1,1]:1 [1,1]:- [1,5]:2   [30,30]:1
    /// ```
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{SessionWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let windows = SessionWindows::of_inactivity_gap(Duration::from_millis(10));
    ///         let counts = s.group_by_key().windowed_by(windows).count("n");
    ///         counts.to_stream().map(|w, n| (format!("{}-{}", w.window.start, w.window.end), n))
    ///     },
    ///     "a:x@1 a:y@5 a:z@30",
    ///     "1-1:1 1-1:- 1-5:2 30-30:1",
    /// );
    /// ```
    pub fn count(
        &self,
        store: impl Into<Materialized<K, i64>>,
    ) -> KTable<Windowed<K, SessionWindow>, i64> {
        let store = store.into();
        store.burn_for_count(&mut self.grouped.stream.graph.borrow_mut());
        let add = |n: Option<i64>| Ok(n.unwrap_or(0) + 1);
        let (zero, merge) = (
            Arc::new(|| Some(0)),
            Arc::new(|_: &K, a: Option<i64>, b: i64| Ok(a.unwrap_or(0) + b)),
        );
        let count = Arc::new(move |_: &K, _: V, n| add(n));
        let present = Arc::new(move |_: &K, _: Presence, n| add(n));
        let (windows, emit_final) = (self.windows, self.emit == EmitStrategy::OnWindowClose);
        let counts = self.aggregation("KSTREAM-AGGREGATE-", store, move |setup| {
            let (zero, merge, place) = (zero.clone(), merge.clone(), (setup.stores[0], 0));
            match setup.presence_only {
                true => operators::session_aggregate(
                    place,
                    windows,
                    emit_final,
                    (zero, present.clone(), merge),
                ),
                false => operators::session_aggregate(
                    place,
                    windows,
                    emit_final,
                    (zero, count.clone(), merge),
                ),
            }
        });
        self.grouped.presence_is_enough(&counts);
        counts
    }

    /// Combines the values of each session: the first one is taken as it is. A result that is null
    /// (the `None` of an `Option`) deletes the session.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{SessionWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let windows = SessionWindows::of_inactivity_gap(Duration::from_millis(10));
    ///         let joined = s.group_by_key().windowed_by(windows).reduce("r", |a, b| a + &b);
    ///         joined.to_stream().map(|w, v| (w.key, v))
    ///     },
    ///     "a:x@1 a:y@5",
    ///     "a:x a:- a:xy",
    /// );
    /// ```
    pub fn reduce(
        &self,
        store: impl Into<Materialized<K, V>>,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, V> {
        self.try_reduce(store, move |old, new| Ok(reducer(old, new)))
    }

    /// As [`reduce`](Self::reduce), with a closure that can fail.
    pub fn try_reduce(
        &self,
        store: impl Into<Materialized<K, V>>,
        reducer: impl Fn(V, V) -> Result<V, BoxError> + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, V> {
        let reducer = Arc::new(reducer);
        let merger = reducer.clone();
        let combine =
            |old: Option<V>, value, reducer: &dyn Fn(V, V) -> Result<V, BoxError>| match old {
                Some(old) => reducer(old, value),
                None => Ok(value),
            };
        self.fold(
            "KSTREAM-REDUCE-",
            store.into(),
            || None,
            move |_: &K, value: V, old| combine(old, value, &*reducer),
            move |_: &K, old, value| combine(old, value, &*merger),
        )
    }

    /// Folds the values of each session into an aggregate. `initializer` is called for each record;
    /// `merger` puts the aggregates of sessions together, first that of `initializer` with the
    /// earliest session's; then `aggregator` adds the record. A result that is null (the `None` of an
    /// `Option`) deletes the session.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{SessionWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let windows = SessionWindows::of_inactivity_gap(Duration::from_millis(10));
    ///         let windowed = s.group_by_key().windowed_by(windows);
    ///         let all = windowed.aggregate("a", String::new, |_, v, all| all + &v, |_, a, b| a + &b);
    ///         all.to_stream().map(|w, v| (w.key, v))
    ///     },
    ///     "a:x@1 a:y@5",
    ///     "a:x a:- a:xy",
    /// );
    /// ```
    pub fn aggregate<A: Data>(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, A> {
        self.try_aggregate(
            store,
            initializer,
            move |key, value, aggregate| Ok(aggregator(key, value, aggregate)),
            move |key, a, b| Ok(merger(key, a, b)),
        )
    }

    /// As [`aggregate`](Self::aggregate), with closures that can fail.
    pub fn try_aggregate<A: Data>(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, BoxError> + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> Result<A, BoxError> + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, A> {
        let initializer = Arc::new(initializer);
        let (first, next) = (initializer.clone(), initializer.clone());
        self.fold(
            "KSTREAM-AGGREGATE-",
            store.into(),
            move || Some(initializer()),
            move |key: &K, value: V, old: Option<A>| {
                aggregator(key, value, old.unwrap_or_else(|| first()))
            },
            move |key: &K, old: Option<A>, other| merger(key, old.unwrap_or_else(|| next()), other),
        )
    }

    fn fold<A: Data>(
        &self,
        prefix: &str,
        store: Materialized<K, A>,
        initializer: impl Fn() -> Option<A> + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, Option<A>) -> Result<A, BoxError> + Send + Sync + 'static,
        merger: impl Fn(&K, Option<A>, A) -> Result<A, BoxError> + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, A> {
        let (windows, emit_final) = (self.windows, self.emit == EmitStrategy::OnWindowClose);
        let closures = (Arc::new(initializer), Arc::new(aggregator), Arc::new(merger));
        self.aggregation(prefix, store, move |setup| {
            let place = (setup.stores[0], 0);
            operators::session_aggregate(place, windows, emit_final, closures.clone())
        })
    }

    fn aggregation<A: Data>(
        &self,
        prefix: &str,
        mut store: Materialized<K, A>,
        factory: impl Fn(&mut NodeSetup<'_>) -> Box<dyn Node> + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, A> {
        let spec = WindowStoreSpec::of_sessions(self.windows, self.emit);
        self.grouped.settle_name(&mut store, prefix);
        let name = store.name.clone();
        self.grouped.aggregation(
            prefix,
            &name,
            |graph, node| store.attach_windows::<SessionWindow>(graph, &[node], node, spec),
            factory,
        )
    }
}
