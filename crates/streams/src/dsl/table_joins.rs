use std::rc::Rc;
use std::sync::Arc;

use super::KTable;
use crate::codec::Data;
use crate::error::BoxError;
use crate::operators::{self, JoinSide};
use crate::processor::Outdated;
use crate::topology::{Companion, Graph, NodeSetup};

impl<K: Data, V: Data> KTable<K, V> {
    /// Joins the entries of two tables that have the same key: the result has the keys that both
    /// tables have. A change on either side is joined with the present value of the other; a delete
    /// on either side deletes. An older timestamp does not hinder an update; the result has the
    /// higher timestamp of the two values.
    ///
    /// ```text
    /// this     a:1             a:2             a:-
    /// other            a:x             a:y
    /// result           a:1x    a:2x    a:2y    a:-
    /// ```
    ///
    /// The topics of both tables must have the same number of partitions. `.named(..)` names the
    /// join, and `.materialized(..)` keeps its result; without a store the result is worked out again
    /// when somebody needs it.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let numbers = s.filter(|_, v| v.as_str() < "a").to_table("numbers");
    ///         let letters = s.filter(|_, v| v.as_str() >= "a").to_table("letters");
    ///         numbers.join(&letters, |_, number, letter| number + &letter).to_stream()
    ///     },
    ///     "a:1 a:x a:2 b:y",
    ///     "a:1x a:2x",
    /// );
    /// ```
    #[doc(alias = "innerJoin")]
    pub fn join<V2: Data, R: Data>(
        &self,
        other: &KTable<K, V2>,
        f: impl Fn(&K, V, V2) -> R + Send + Sync + 'static,
    ) -> KTable<K, R> {
        self.try_join(other, move |key, this, other| Ok(f(key, this, other)))
    }

    /// As [`join`](Self::join), with a closure that can fail.
    pub fn try_join<V2: Data, R: Data>(
        &self,
        other: &KTable<K, V2>,
        f: impl Fn(&K, V, V2) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, R> {
        self.add_join(other, Missing { this: false, other: false }, move |key, this, other| {
            this.zip(other).map(|(this, other)| f(key, this, other)).transpose()
        })
    }

    /// Joins the entries of two tables that have the same key: the result has the keys of this
    /// table; where the other has no value, `f` gets `None`. Times and partitions are as with
    /// [`join`](Self::join).
    ///
    /// ```text
    /// this     a:1             a:2             a:-
    /// other            a:x             a:-
    /// result   a:1-    a:1x    a:2x    a:2-    a:-
    /// ```
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let numbers = s.filter(|_, v| v.as_str() < "a").to_table("numbers");
    ///         let letters = s.filter(|_, v| v.as_str() >= "a").to_table("letters");
    ///         let joined = numbers.left_join(&letters, |_, number, letter| {
    ///             number + letter.as_deref().unwrap_or("?")
    ///         });
    ///         joined.to_stream()
    ///     },
    ///     "a:1 a:x a:2 b:y",
    ///     "a:1? a:1x a:2x",
    /// );
    /// ```
    #[doc(alias = "leftJoin")]
    pub fn left_join<V2: Data, R: Data>(
        &self,
        other: &KTable<K, V2>,
        f: impl Fn(&K, V, Option<V2>) -> R + Send + Sync + 'static,
    ) -> KTable<K, R> {
        self.try_left_join(other, move |key, this, other| Ok(f(key, this, other)))
    }

    /// As [`left_join`](Self::left_join), with a closure that can fail.
    pub fn try_left_join<V2: Data, R: Data>(
        &self,
        other: &KTable<K, V2>,
        f: impl Fn(&K, V, Option<V2>) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, R> {
        self.add_join(other, Missing { this: false, other: true }, move |key, this, other| {
            this.map(|this| f(key, this, other)).transpose()
        })
    }

    /// Joins the entries of two tables that have the same key: the result has the keys of either
    /// table; `f` gets `None` for the side that has no value, and is never called without both.
    /// Times and partitions are as with [`join`](Self::join).
    ///
    /// ```text
    /// this     a:1                     a:-
    /// other            a:x     a:y             a:-
    /// result   a:1-    a:1x    a:1y    a:-y    a:-
    /// ```
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let numbers = s.filter(|_, v| v.as_str() < "a").to_table("numbers");
    ///         let letters = s.filter(|_, v| v.as_str() >= "a").to_table("letters");
    ///         let joined = numbers.outer_join(&letters, |_, number, letter| {
    ///             number.unwrap_or("?".to_owned()) + letter.as_deref().unwrap_or("?")
    ///         });
    ///         joined.to_stream()
    ///     },
    ///     "a:1 a:x a:2 b:y",
    ///     "a:1? a:1x a:2x b:?y",
    /// );
    /// ```
    #[doc(alias = "outerJoin")]
    pub fn outer_join<V2: Data, R: Data>(
        &self,
        other: &KTable<K, V2>,
        f: impl Fn(&K, Option<V>, Option<V2>) -> R + Send + Sync + 'static,
    ) -> KTable<K, R> {
        self.try_outer_join(other, move |key, this, other| Ok(f(key, this, other)))
    }

    /// As [`outer_join`](Self::outer_join), with a closure that can fail.
    pub fn try_outer_join<V2: Data, R: Data>(
        &self,
        other: &KTable<K, V2>,
        f: impl Fn(&K, Option<V>, Option<V2>) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, R> {
        self.add_join(other, Missing { this: true, other: true }, move |key, this, other| {
            match (&this, &other) {
                (None, None) => Ok(None),
                _ => f(key, this, other).map(Some),
            }
        })
    }

    fn add_join<V2: Data, R: Data>(
        &self,
        other: &KTable<K, V2>,
        missing: Missing,
        f: impl Fn(&K, Option<V>, Option<V2>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, R> {
        let f = Arc::new(f);
        let mut graph = self.graph.borrow_mut();
        let merge = graph.new_name("KTABLE-MERGE-");
        let this_name = graph.new_name("KTABLE-JOINTHIS-");
        let other_name = graph.new_name("KTABLE-JOINOTHER-");
        let (this_node, other_node) = (self.node, self.other_table(&mut graph, other, &merge));
        // Without the old value, a delete of what has no partner would look as if nothing was there.
        if missing.other {
            graph.send_old_values(this_node);
        }
        if missing.this {
            graph.send_old_values(other_node);
        }
        let joiner = f.clone();
        let this = graph.add_processor(this_name, vec![this_node], move |setup| {
            operators::table_join(side(setup, !missing.this, !missing.other), joiner.clone())
        });
        graph.nodes[this].reads = vec![other_node];
        graph.nodes[this].outdated = Outdated::Dropped;
        let joiner = Arc::new(move |key: &K, other, this| f(key, this, other));
        let other = graph.add_processor(other_name, vec![other_node], move |setup| {
            operators::table_join(side(setup, !missing.other, !missing.this), joiner.clone())
        });
        graph.nodes[other].reads = vec![this_node];
        graph.nodes[other].outdated = Outdated::Dropped;
        let node = graph.add_processor(merge, vec![this, other], |setup| {
            let store = setup.stores.first().copied();
            operators::table_join_merge::<K, R>(setup.parents[0], store)
        });
        graph.nodes[node].companions = vec![
            (Companion::Node(this), "-join-this".into()),
            (Companion::Node(other), "-join-other".into()),
        ];
        graph.keyed.push(node);
        drop(graph);
        KTable::new(self.graph.clone(), node)
    }

    /// The node of a table to join with; one of another builder is a problem to report.
    pub(super) fn other_table<K2, V2>(
        &self,
        graph: &mut Graph,
        other: &KTable<K2, V2>,
        name: &str,
    ) -> usize {
        if Rc::ptr_eq(&self.graph, &other.graph) {
            return other.node;
        }
        graph.problems.push(joins_two_builders(name));
        self.node
    }
}

/// The problem of a join across builders.
pub(super) fn joins_two_builders(name: &str) -> String {
    format!("'{name}' joins what two builders made: make both sides with the same StreamsBuilder")
}

/// Which side of a join may be missing.
#[derive(Clone, Copy)]
struct Missing {
    this: bool,
    other: bool,
}

fn side(setup: &NodeSetup<'_>, needs_own: bool, needs_other: bool) -> JoinSide {
    let (own, other) = (setup.parents[0], setup.reads[0]);
    let NodeSetup { shares_store, sends_old, .. } = *setup;
    JoinSide { own, other, needs_other, needs_own, shares_store, sends_old }
}
