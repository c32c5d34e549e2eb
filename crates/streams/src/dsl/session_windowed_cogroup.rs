use std::sync::Arc;

use super::cogrouped_stream::{Initializer, Merger};
use super::materialized::WindowStoreSpec;
use super::{CogroupedStream, KTable, Materialized};
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::record::{SessionWindow, Windowed};
use crate::windows::{EmitStrategy, SessionWindows};

/// Several grouped streams divided into the same sessions, to be folded into one aggregate (Kafka's
/// `SessionWindowedCogroupedKStream`). Made by [`windowed_by`](CogroupedStream::windowed_by). What
/// becomes of null, late and out-of-order records is as in a
/// [`SessionWindowedStream`](super::SessionWindowedStream); each stream has its own stream time.
#[doc(alias = "SessionWindowedCogroupedKStream")]
#[derive(Clone, Debug)]
pub struct SessionWindowedCogroup<K, A> {
    cogroup: CogroupedStream<K, A>,
    windows: SessionWindows,
}

impl<K: Wire, A: Data> SessionWindowedCogroup<K, A> {
    pub(super) fn new(cogroup: CogroupedStream<K, A>, windows: SessionWindows) -> Self {
        Self { cogroup, windows }
    }

    /// Folds all streams into one aggregate for each key and session. `initializer` is called for each
    /// record; `merger` puts the aggregates of sessions together, and then the stream's aggregator adds
    /// the record. A result that is null (the `None` of an `Option`) deletes the session.
    ///
    /// ```text
    /// words     a:x@1                               gap: 5 ms
    /// numbers              a:1@4
    /// result    [1,1]:x    [1,1]:null [1,4]:x1
    /// ```
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{SessionWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let counts = s.group_by_key().cogroup(|_, _, n| n + 1);
    ///         let windows = SessionWindows::of_inactivity_gap(Duration::from_millis(10));
    ///         let counts = counts.windowed_by(windows).aggregate("n", || 0i64, |_, a, b| a + b);
    ///         counts.to_stream().map(|w, n| (w.key, n))
    ///     },
    ///     "a:x@1 a:y@2",
    ///     "a:1 a:- a:2",
    /// );
    /// ```
    pub fn aggregate(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, A> {
        self.try_aggregate(store, initializer, move |key, a, b| Ok(merger(key, a, b)))
    }

    /// As [`aggregate`](Self::aggregate), with a merger that can fail.
    pub fn try_aggregate(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> Result<A, BoxError> + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, A> {
        let (store, windows) = (self.cogroup.named_store(store), self.windows);
        let spec = WindowStoreSpec::of_sessions(windows, EmitStrategy::default());
        let (initializer, merger): (Initializer<A>, Merger<K, A>) =
            (Arc::new(initializer), Arc::new(merger));
        let name = store.name.clone();
        self.cogroup.table(
            &name,
            |graph, users, table| store.attach_windows::<SessionWindow>(graph, users, table, spec),
            move |aggregation, setup, input| {
                let place = (setup.stores[0], input);
                aggregation.in_sessions(windows, place, initializer.clone(), merger.clone())
            },
        )
    }
}
