//! What a stream thread does for its global stores.

use super::global_task::{GlobalTask, global_part};
use super::restore::TaskStart;
use super::task_setup::TaskSetup;
use super::{Metrics, StreamThread, Task};
use crate::error::Error;

/// The global stores of a thread, if its topology has any.
#[derive(Default)]
pub(super) struct GlobalStores(Option<GlobalTask>);

impl GlobalStores {
    /// Has a task work with the global stores at hand.
    #[inline]
    pub(super) fn with<R>(&mut self, task: &mut Task, work: impl FnOnce(&mut Task) -> R) -> R {
        let Some(global) = &mut self.0 else { return work(task) };
        task.state.global = global.lend();
        let done = work(task);
        global.take_back(task.state.global.take());
        done
    }
}

impl StreamThread {
    /// Whether tasks may begin: what the global topics held is there.
    pub(super) fn has_global_stores(&self) -> bool {
        match &self.global.0 {
            Some(global) => global.is_restored(),
            None => !self.options.topology.sub_topologies().iter().any(|sub| sub.is_global),
        }
    }

    /// The global stores, to be asked; `None` when there are none, or they are being restored.
    pub(crate) fn global_mut(&mut self) -> Option<&mut crate::processor::TaskState> {
        self.global.0.as_mut()?.state()
    }

    /// Takes in what is new in the topics of the global stores; says whether anything was.
    pub(super) fn follow_global_topics(&mut self) -> Result<bool, Error> {
        let Some(sub) = global_part(self.options.topology.sub_topologies()) else {
            return Ok(false);
        };
        let name = self.global_name();
        let mut start = TaskStart {
            consumer: &mut *self.consumer,
            admin: &mut *self.admin,
            now: self.options.clock.monotonic(),
            report: &mut |_| {},
        };
        let wall_clock = self.options.clock.wall_ms();
        let global = match &mut self.global.0 {
            Some(global) => global,
            none => {
                let setup = TaskSetup {
                    topology: &self.options.topology,
                    config: &self.options.config,
                    plan: &self.plan,
                    backend: &*self.options.state,
                    cache: None,
                    wall_clock,
                };
                match GlobalTask::new(&name, &sub, &setup, &mut self.collector, &mut start) {
                    Ok(made) => none.insert(made),
                    // Its last owner is about to close it.
                    Err(Error::State(error)) if error.is_busy() => return Ok(false),
                    Err(error) => return Err(error),
                }
            }
        };
        let restoring = !global.is_restored();
        let records =
            global.advance(&self.options.config, &mut self.collector, wall_clock, &mut start)?;
        let dropped = global.take_counters().dropped;
        let restored = if restoring { records } else { 0 };
        self.metrics.add(Metrics { restored, dropped, ..Metrics::default() });
        Ok(records > 0 || (restoring && global.is_restored()))
    }

    /// After an error of the broker: goes on from what the global stores have.
    pub(super) fn read_global_topics_again(&mut self) {
        let Some(global) = &self.global.0 else { return };
        if let Err(error) = global.read_again(&mut *self.consumer) {
            tracing::warn!("{}: global stores are opened again: {error}", self.name);
            self.close_global(false);
        }
    }

    /// Name of the database. Threads share no stores, so neither do they share that.
    pub(super) fn global_name(&self) -> String {
        format!("global-{}", self.options.index)
    }

    /// Gives the global stores up; they are made again when the thread goes on.
    pub(super) fn close_global(&mut self, clean: bool) {
        if let Some(mut global) = self.global.0.take() {
            global.close(clean, &mut *self.consumer);
        }
    }
}
