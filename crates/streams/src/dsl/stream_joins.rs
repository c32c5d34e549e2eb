use std::any::TypeId;
use std::rc::Rc;
use std::sync::Arc;

use super::stream_join_names::JoinNames;
use super::table_joins::joins_two_builders;
use super::{KStream, Materialized, StreamJoined};
use crate::codec::{Data, JoinSide, List, WaitingKey, Wire};
use crate::error::BoxError;
use crate::operators::{self, StreamJoin, StreamJoiner};
use crate::topology::{Graph, InnerJoin, RepartitionFor};
use crate::windows::JoinWindows;

/// Joins the values of two sides, one of which may be missing; no result for none.
type Joiner<K, L, R, V> =
    dyn Fn(&K, Option<L>, Option<R>) -> Result<Option<V>, BoxError> + Send + Sync;

/// Joins two values.
type PairJoiner<K, L, R, V> = dyn Fn(&K, L, R) -> Result<Option<V>, BoxError> + Send + Sync;

/// Which sides give results without a partner.
#[derive(Clone, Copy)]
pub(super) struct Outer {
    pub(super) left: bool,
    pub(super) right: bool,
}

impl<K: Wire, V: Wire> KStream<K, V> {
    /// Joins the records of two streams that have the same key and lie in one window: each pair gives a
    /// result, with the higher timestamp of the two and the headers of the one that came last.
    ///
    /// ```text
    /// left     a:1@0                         a:3@20
    /// right            a:x@5     a:y@30                 windows: 10 ms either side
    /// result           a:1x@5                a:3y@30
    /// ```
    ///
    /// | A record | What becomes of it |
    /// |---|---|
    /// | with a null key or value | is dropped and counted |
    /// | out of order | is joined with what its window holds |
    /// | whose partners left the store (window and grace passed) | finds none of them |
    ///
    /// The topics of both must have the same number of partitions. A side whose key may have changed is
    /// repartitioned first, through the topic `<application.id>-<name>-left-repartition` or
    /// `…-right-repartition`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{JoinWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let numbers = s.filter(|_, v| v.as_str() < "a");
    ///         let letters = s.filter(|_, v| v.as_str() >= "a");
    ///         let windows = JoinWindows::of_time_difference(Duration::from_millis(10));
    ///         numbers.join(&letters, windows, "pairs", |_, number, letter| number + &letter)
    ///     },
    ///     "a:1@0 a:x@5 b:y@6 a:z@30",
    ///     "a:1x@5",
    /// );
    /// ```
    pub fn join<V2: Wire, R: Data>(
        &self,
        other: &KStream<K, V2>,
        windows: JoinWindows,
        joined: impl Into<StreamJoined>,
        f: impl Fn(&K, V, V2) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_join(other, windows, joined, move |key, left, right| Ok(f(key, left, right)))
    }

    /// As [`join`](Self::join), with a closure that can fail.
    pub fn try_join<V2: Wire, R: Data>(
        &self,
        other: &KStream<K, V2>,
        windows: JoinWindows,
        joined: impl Into<StreamJoined>,
        f: impl Fn(&K, V, V2) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let outer = Outer { left: false, right: false };
        self.add_join(other, windows, joined.into(), outer, move |key, left, right| {
            match (left, right) {
                (Some(left), Some(right)) => f(key, left, right).map(Some),
                _ => Ok(None),
            }
        })
    }

    /// As [`join`](Self::join), but a record of this stream that finds no partner gives a result too,
    /// with `None`: when stream time has passed its window and the grace, with its own timestamp. A
    /// record with a null key does so at once.
    ///
    /// ```text
    /// left     a:1@0                            windows: 10 ms either side
    /// right            b:x@5        b:y@11
    /// result                        a:1-@0
    /// ```
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{JoinWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let numbers = s.filter(|_, v| v.as_str() < "a");
    ///         let letters = s.filter(|_, v| v.as_str() >= "a");
    ///         let windows = JoinWindows::of_time_difference(Duration::from_millis(10));
    ///         numbers.left_join(&letters, windows, "pairs", |_, number, letter| {
    ///             number + letter.as_deref().unwrap_or("?")
    ///         })
    ///     },
    ///     "a:1@0 b:x@5 b:y@11",
    ///     "a:1?@0",
    /// );
    /// ```
    #[doc(alias = "leftJoin")]
    pub fn left_join<V2: Wire, R: Data>(
        &self,
        other: &KStream<K, V2>,
        windows: JoinWindows,
        joined: impl Into<StreamJoined>,
        f: impl Fn(&K, V, Option<V2>) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_left_join(other, windows, joined, move |key, left, right| Ok(f(key, left, right)))
    }

    /// As [`left_join`](Self::left_join), with a closure that can fail.
    pub fn try_left_join<V2: Wire, R: Data>(
        &self,
        other: &KStream<K, V2>,
        windows: JoinWindows,
        joined: impl Into<StreamJoined>,
        f: impl Fn(&K, V, Option<V2>) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let outer = Outer { left: true, right: false };
        self.add_join(other, windows, joined.into(), outer, move |key, left, right| {
            left.map(|left| f(key, left, right)).transpose()
        })
    }

    /// As [`left_join`](Self::left_join), for the records of both streams.
    ///
    /// ```text
    /// left     a:1@0                            windows: 10 ms either side
    /// right            b:x@5        b:y@30
    /// result                        a:1-@0 b:-x@5
    /// ```
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{JoinWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let numbers = s.filter(|_, v| v.as_str() < "a");
    ///         let letters = s.filter(|_, v| v.as_str() >= "a");
    ///         let windows = JoinWindows::of_time_difference(Duration::from_millis(10));
    ///         numbers.outer_join(&letters, windows, "pairs", |_, number, letter| {
    ///             number.or(letter).unwrap_or_default()
    ///         })
    ///     },
    ///     "a:1@0 b:x@5 b:y@30",
    ///     "a:1@0 b:x@5",
    /// );
    /// ```
    #[doc(alias = "outerJoin")]
    pub fn outer_join<V2: Wire, R: Data>(
        &self,
        other: &KStream<K, V2>,
        windows: JoinWindows,
        joined: impl Into<StreamJoined>,
        f: impl Fn(&K, Option<V>, Option<V2>) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_outer_join(other, windows, joined, move |key, left, right| Ok(f(key, left, right)))
    }

    /// As [`outer_join`](Self::outer_join), with a closure that can fail.
    pub fn try_outer_join<V2: Wire, R: Data>(
        &self,
        other: &KStream<K, V2>,
        windows: JoinWindows,
        joined: impl Into<StreamJoined>,
        f: impl Fn(&K, Option<V>, Option<V2>) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let outer = Outer { left: true, right: true };
        self.add_join(other, windows, joined.into(), outer, move |key, left, right| {
            f(key, left, right).map(Some)
        })
    }

    fn add_join<V2: Wire, R: Data>(
        &self,
        other: &KStream<K, V2>,
        windows: JoinWindows,
        joined: StreamJoined,
        outer: Outer,
        f: impl Fn(&K, Option<V>, Option<V2>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let StreamJoined { name, stores, changelog, backend } = joined;
        let mut graph = self.graph.borrow_mut();
        let called = name.as_deref().unwrap_or("(without a name)");
        if let Some(problem) = windows.problem() {
            graph.problems.push(format!("the join '{called}': {problem}"));
        }
        let mut right = other.node;
        if !Rc::ptr_eq(&self.graph, &other.graph) {
            graph.problems.push(joins_two_builders(called));
            right = self.node;
        }
        let mut left = self.node;
        // Without a name the topic is called after what is repartitioned.
        let base = |graph: &Graph, node: usize, side| match &name {
            Some(name) => format!("{name}-{side}"),
            None => graph.nodes[node].name.clone(),
        };
        if self.key_changed {
            let base = base(&graph, left, "left");
            left = self.add_repartition(&mut graph, &base, RepartitionFor::Join);
        }
        if other.key_changed && right == other.node {
            let base = base(&graph, right, "right");
            right = other.add_repartition(&mut graph, &base, RepartitionFor::Join);
        }
        let names = JoinNames::new(&mut graph, name.as_deref(), outer);
        if name.is_none() {
            graph.refuse_unnamed(&names.merge, ".join(&other, windows, \"a-name\", ..)");
        }
        let own_names = stores.is_some();
        let (this_store, other_store, shared_store) = match stores {
            Some((this, other)) => {
                let shared = format!("{this}{}", names.shared_ending);
                (this, other, shared)
            }
            None => (names.this_store, names.other_store, names.shared_store),
        };

        let this_window = graph.add_processor(names.this_window, vec![left], |setup| {
            operators::join_window::<K, V>(setup.stores[0])
        });
        let other_window = graph.add_processor(names.other_window, vec![right], |setup| {
            operators::join_window::<K, V2>(setup.stores[0])
        });
        let this_store = Materialized::<K, V>::new(this_store).logging(changelog.clone());
        let this_store = this_store.kept_in(backend.clone());
        let this_store = this_store.add_join_store(&mut graph, &windows, own_names);
        graph.connect(this_window, this_store);
        for window in [this_window, other_window] {
            graph.nodes[window].takes_null_keys = outer.left || outer.right;
        }
        let other_store = Materialized::<K, V2>::new(other_store).logging(changelog.clone());
        let other_store = other_store.kept_in(backend.clone());
        let other_store = other_store.add_join_store(&mut graph, &windows, own_names);
        graph.connect(other_window, other_store);
        let waiting = (!windows.eager && (outer.left || outer.right)).then(|| {
            let store = Materialized::<WaitingKey<K>, List<JoinSide<V, V2>>>::new(shared_store);
            let store = store.logging(changelog).kept_in(backend);
            store.plain().without_cache().add_to(&mut graph, None).number
        });

        let f: Arc<Joiner<K, V, V2, R>> = Arc::new(f);
        let alone = f.clone();
        let alone: Arc<dyn Fn(&K, JoinSide<V, V2>) -> _ + Send + Sync> =
            Arc::new(move |key: &K, side| match side {
                JoinSide::Left(left) => alone(key, Some(left), None),
                JoinSide::Right(right) => alone(key, None, Some(right)),
            });
        let (this_f, other_f, self_f) = (f.clone(), f.clone(), f);
        let of_left = StreamJoiner {
            join: Arc::new(move |key: &K, left, right| this_f(key, Some(left), right)),
            alone: alone.clone(),
            side: JoinSide::Left,
        };
        let of_right = StreamJoiner {
            join: Arc::new(move |key: &K, right, left| other_f(key, left, Some(right))),
            alone,
            side: JoinSide::Right,
        };
        let this = graph.add_processor(names.this, vec![this_window], {
            move |setup| {
                let spec = StreamJoin {
                    is_left: true,
                    outer: outer.left,
                    windows,
                    other: setup.stores[0],
                    waiting: setup.stores.get(1).copied(),
                };
                operators::stream_join::<K, V, V2, V, V2, R>(spec, of_left.clone())
            }
        });
        let other = graph.add_processor(names.other, vec![other_window], {
            move |setup| {
                let spec = StreamJoin {
                    is_left: false,
                    outer: outer.right,
                    windows,
                    other: setup.stores[0],
                    waiting: setup.stores.get(1).copied(),
                };
                operators::stream_join::<K, V, V2, V2, V, R>(spec, of_right.clone())
            }
        });
        graph.connect(this, other_store);
        graph.connect(other, this_store);
        for node in [this, other] {
            waiting.iter().for_each(|waiting| graph.connect(node, *waiting));
        }
        let merge =
            graph.add_processor(names.merge, vec![this, other], |_| operators::pass::<K, R>());
        graph.keyed.push(merge);
        // Streams of two types are never one stream.
        if !outer.left && !outer.right && TypeId::of::<V>() == TypeId::of::<V2>() {
            let self_f: Arc<PairJoiner<K, V, V2, R>> =
                Arc::new(move |key: &K, left, right| self_f(key, Some(left), Some(right)));
            graph.inner_joins.push(InnerJoin {
                nodes: [this_window, other_window, this, other, merge],
                self_join: Arc::new(move |setup| {
                    operators::self_join::<K, V, V2, R>(setup.stores[0], windows, self_f.clone())
                }),
            });
        }
        drop(graph);
        KStream::new(self.graph.clone(), merge, false)
    }
}
