use millstream_state::{Overlay, StateBackend};

use super::{Config, PartitionPlan};
use crate::error::Error;
use crate::processor::CacheBudget;
use crate::topology::Topology;

/// What a task needs from its thread to be made.
pub(super) struct TaskSetup<'a> {
    pub(super) topology: &'a Topology,
    pub(super) config: &'a Config,
    pub(super) plan: &'a PartitionPlan,
    pub(super) backend: &'a dyn StateBackend,
    pub(super) cache: Option<&'a CacheBudget>,
    pub(super) wall_clock: i64,
}

impl TaskSetup<'_> {
    /// A task's database with nothing pending: the one kept from an earlier life, or a new one.
    pub(super) fn overlay(
        &self,
        task: &str,
        stores: &[&str],
        kept: &mut Option<Overlay>,
    ) -> Result<Overlay, Error> {
        match kept.take() {
            Some(overlay) => Ok(overlay),
            None => {
                let database = self.backend.open(task, stores)?;
                Ok(Overlay::new(database, stores.len()))
            }
        }
    }
}
