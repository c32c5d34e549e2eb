use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::KStream;
use crate::codec::Data;
use crate::error::BoxError;
use crate::operators::Predicates;
use crate::topology::{Graph, Keys};

/// A stream that is being split: each record goes to the first branch whose predicate holds
/// (Kafka's `BranchedKStream`). What matches none goes to the default branch, or nowhere when there
/// is none.
#[doc(alias = "BranchedKStream")]
pub struct Branches<K, V> {
    pub(super) graph: Rc<RefCell<Graph>>,
    pub(super) node: usize,
    pub(super) key_changed: bool,
    pub(super) predicates: Predicates<K, V>,
    pub(super) count: usize,
}

impl<K: Data, V: Data> Branches<K, V> {
    /// Names the split; the names of its branches begin with it.
    pub fn named(self, name: impl Into<String>) -> Self {
        self.graph.borrow_mut().rename(self.node, &name.into());
        self
    }

    /// The records for which `predicate` holds and no earlier one did. The branch is called after
    /// the split and its number, from 1.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.split().branch(|_, value| value.len() == 1), "a:1 b:22", "a:1");
    /// ```
    pub fn branch(
        &mut self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> KStream<K, V> {
        self.try_branch(move |key, value| Ok(predicate(key, value)))
    }

    /// As [`branch`](Self::branch), with a predicate that can fail.
    pub fn try_branch(
        &mut self,
        predicate: impl Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, V> {
        self.count += 1;
        self.predicates.push(Some(Arc::new(predicate)));
        self.child(self.count)
    }

    /// The records for which no predicate holds; called after the split and 0.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let mut split = s.split();
    ///         split.branch(|_, value| value.len() == 1);
    ///         split.default_branch()
    ///     },
    ///     "a:1 b:22",
    ///     "b:22",
    /// );
    /// ```
    #[doc(alias = "defaultBranch")]
    pub fn default_branch(self) -> KStream<K, V> {
        self.predicates.push(None);
        self.child(0)
    }

    fn child(&self, index: usize) -> KStream<K, V> {
        let mut graph = self.graph.borrow_mut();
        // The number is burnt as in Kafka Streams, where the generated name is then not used.
        let _burnt = graph.new_name("");
        let name = format!("{}{index}", graph.nodes[self.node].name);
        let node = graph.add_processor(name, vec![self.node], |_| KStream::<K, V>::pass_node());
        graph.nodes[node].keys = Keys::Passes;
        KStream::new(self.graph.clone(), node, self.key_changed)
    }
}

impl<K, V> fmt::Debug for Branches<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branches").field("count", &self.count).finish_non_exhaustive()
    }
}
