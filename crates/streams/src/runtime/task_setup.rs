use millstream_state::{Overlay, StateBackend, open_stores};

use super::{Config, PartitionPlan};
use crate::error::Error;
use crate::processor::CacheBudget;
use crate::topology::Topology;

/// What a task needs from its thread to be made.
pub(super) struct TaskSetup<'a> {
    pub(super) topology: &'a Topology,
    pub(super) config: &'a Config,
    pub(super) plan: &'a PartitionPlan,
    /// Where stores are kept that have no backend of their own.
    pub(super) backend: &'a dyn StateBackend,
    pub(super) cache: Option<&'a CacheBudget>,
    pub(super) wall_clock: i64,
}

impl TaskSetup<'_> {
    /// A task's database with nothing pending: the one kept from an earlier life, or a new one. Each
    /// store comes with the backend that is its own, if it has one.
    pub(super) fn overlay(
        &self,
        task: &str,
        stores: &[(&str, Option<&dyn StateBackend>)],
        kept: &mut Option<Overlay>,
    ) -> Result<Overlay, Error> {
        if let Some(overlay) = kept.take() {
            return Ok(overlay);
        }
        let database = if stores.iter().all(|(_, own)| own.is_none()) {
            let names: Vec<&str> = stores.iter().map(|(name, _)| *name).collect();
            self.backend.open(task, &names)?
        } else {
            let stores = stores.iter().map(|(name, own)| (*name, own.unwrap_or(self.backend)));
            open_stores(task, &stores.collect::<Vec<_>>())?
        };
        Ok(Overlay::new(database, stores.len()))
    }
}
