use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::codec::Data;
use crate::error::Error;
use crate::processor::{Context, Schedule};
use crate::record::Record;

/// An error on its way up through the nodes. Boxed: the record path returns one word.
pub(crate) type NodeError = Box<Error>;

/// What a node returns.
pub(crate) type NodeResult = Result<(), NodeError>;

/// Where the value of a table is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// As it is now.
    Present,
    /// Below the caches: as the tables behind have heard of it.
    Flushed,
}

/// One operator of a running task. Shared by reference, so that a record can be handed on while
/// its parent is still at work; what a node keeps lives in its stores.
pub(crate) trait Node: Send {
    /// Called once before the first record, when the stores are restored.
    fn init(&self, _ctx: &mut Context<'_>) -> NodeResult {
        Ok(())
    }

    /// Processes one record, lent as `Option<Record<K, V>>`: [`take`] it.
    fn process(&self, ctx: &mut Context<'_>, record: &mut dyn Any) -> NodeResult;

    /// For the table of a node that no store keeps: the present value of a key, worked out from the
    /// tables it is made of, read at the same `layer`. `key` is lent as `K`, and `found` as
    /// `Option<Timestamped<V>>`.
    fn table_value(
        &self,
        ctx: &mut Context<'_>,
        _key: &dyn Any,
        _layer: Layer,
        _found: &mut dyn Any,
    ) -> NodeResult {
        Err(Box::new(Error::Unavailable(format!(
            "node '{}' has no values to ask for",
            ctx.node_name()
        ))))
    }

    /// A schedule made in `init` or `process` has come due.
    fn punctuate(&self, _ctx: &mut Context<'_>, _schedule: Schedule, _time: i64) -> NodeResult {
        Ok(())
    }

    /// Called once when the task is closed cleanly.
    fn close(&self) {}
}

/// What a node does with changes of a versioned table that are not the latest of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outdated {
    Processed,
    LeftOut,
    /// They are left out, counted and logged.
    Dropped,
}

/// A node with its place in the task's graph.
pub(crate) struct NodeEntry {
    pub(crate) node: Box<dyn Node>,
    pub(crate) name: Arc<str>,
    pub(crate) children: Box<[u32]>,
    /// Stores it may use, by their numbers in the topology.
    pub(crate) stores: Box<[usize]>,
    /// What it does with changes that are not the latest of their keys.
    pub(crate) outdated: Outdated,
    /// The store that keeps the node's table, by its number in the task.
    pub(crate) table_store: Option<usize>,
}

impl NodeEntry {
    /// Tells the node of a clean close.
    pub(crate) fn close(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.node.close())).is_err() {
            tracing::warn!("node '{}' panicked in its close", self.name);
        }
    }
}

/// Takes the record out of what a parent lent.
#[inline]
pub(crate) fn take<K: Data, V: Data>(record: &mut dyn Any) -> Record<K, V> {
    record
        .downcast_mut::<Option<Record<K, V>>>()
        .and_then(Option::take)
        .expect("typed handles wired this edge, so the types agree")
}
