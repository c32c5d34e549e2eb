//! What a stream thread does for tasks that are not running yet, and for their databases.

use std::time::Duration;

use millstream_broker::TaskId;
use millstream_state::{Overlay, StateError};

use super::restore::TaskStart;
use super::task_setup::TaskSetup;
use super::{Metrics, RestoreProgress, StreamThread, Task, state_choice};
use crate::error::Error;

/// Databases of former tasks are looked for so often, or more often when they are to be deleted
/// sooner.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(60);

/// So long tasks restore in a round; then those that run have their turn, and the group hears of the
/// thread.
const RESTORE_TIME: Duration = Duration::from_millis(50);

impl StreamThread {
    /// Makes the tasks that wait for it. What cannot be made now is made in a later round, the other
    /// tasks first: a broker that does not answer takes its time for each that asks.
    pub(super) fn make_tasks(&mut self) -> Result<bool, Error> {
        let mut waiting: Vec<TaskId> = self.waiting.keys().copied().collect();
        if let Some(refused) = self.last_refused {
            let others = waiting.partition_point(|id| *id <= refused);
            waiting.rotate_left(others);
        }
        let mut made = false;
        for id in waiting {
            let mut kept = self.waiting.remove(&id).flatten();
            match self.add_task(id, &mut kept) {
                Ok(()) => made = true,
                Err(Error::Broker(error)) if error.is_retriable() => {
                    tracing::warn!("{}: task {id} waits: {error}", self.name);
                    self.waiting.insert(id, kept);
                    self.last_refused = Some(id);
                    break;
                }
                // Its last owner, another thread of this process, is about to close it.
                Err(Error::State(error)) if error.is_busy() => {
                    tracing::debug!("{}: task {id} waits: {error}", self.name);
                    self.waiting.insert(id, kept);
                }
                Err(error) => {
                    self.waiting.insert(id, kept);
                    return Err(error);
                }
            }
        }
        Ok(made)
    }

    fn add_task(&mut self, id: TaskId, kept: &mut Option<Overlay>) -> Result<(), Error> {
        let setup = TaskSetup {
            topology: &self.options.topology,
            config: &self.options.config,
            plan: &self.plan,
            backend: &*self.options.state,
            cache: self.cache.as_ref(),
            wall_clock: self.options.clock.wall_ms(),
        };
        let mut start = TaskStart {
            consumer: &mut *self.consumer,
            admin: &mut *self.admin,
            now: self.options.clock.monotonic(),
            report: &mut |_| {},
        };
        let task = Task::new(id, &setup, &mut self.collector, &mut start, kept)?;
        self.tasks.insert(id, task);
        Ok(())
    }

    /// Lets tasks go on with their restores, each for a bounded while.
    pub(super) fn start_tasks(&mut self) -> Result<bool, Error> {
        let mut busy = false;
        let mut restored = 0;
        let listener = self.options.on_restore.clone();
        let mut report = |progress: RestoreProgress| {
            if let Some(listener) = &listener {
                listener(&progress);
            }
        };
        let mut interrupted = Vec::new();
        let wall_clock = self.options.clock.wall_ms();
        let begin = self.options.clock.monotonic();
        // Whoever is behind the last one of the round before comes first.
        let last = self.last_started;
        let starting = self.tasks.iter().filter(|(_, task)| !task.is_running()).map(|(id, _)| *id);
        let (first, then): (Vec<_>, Vec<_>) = starting.partition(|id| Some(*id) > last);
        for id in first.into_iter().chain(then) {
            if self.options.clock.monotonic().saturating_sub(begin) > RESTORE_TIME {
                busy = true;
                break;
            }
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            self.last_started = Some(id);
            task.state.wall_clock = wall_clock;
            let mut start = TaskStart {
                consumer: &mut *self.consumer,
                admin: &mut *self.admin,
                now: self.options.clock.monotonic(),
                report: &mut report,
            };
            let (config, collector) = (&self.options.config, &mut self.collector);
            match self.global.with(task, |task| task.start(config, collector, &mut start)) {
                Ok(records) => {
                    restored += records;
                    busy |= records > 0 || task.is_running();
                }
                Err(Error::Broker(error)) if error.is_retriable() && !task.is_running() => {
                    tracing::warn!("{}: task {} starts again: {error}", self.name, task.id);
                    interrupted.push(task.id);
                }
                Err(error) => return Err(error),
            }
        }
        for id in interrupted {
            self.make_again(id);
        }
        self.metrics.add(Metrics { restored, ..Metrics::default() });
        Ok(busy)
    }

    /// Drops a database that was found damaged, and has all tasks made again: the next to open it
    /// finds an empty one. What the task has done since the last commit is done again.
    pub(super) fn rebuild(&mut self, damage: &StateError) {
        tracing::error!("{}: {damage}", self.name);
        self.restart_tasks();
        // An error that names no task is about all of them.
        let of_all = damage.task.is_empty();
        if of_all || damage.task == self.global_name() {
            self.close_global(false);
        }
        let damaged =
            self.waiting.iter_mut().filter(|(id, _)| of_all || id.to_string() == damage.task);
        for (_, kept) in damaged {
            *kept = None;
        }
    }

    /// Has databases written to the disk when it is time, and those of former tasks deleted.
    pub(super) fn keep_state(&mut self) -> Result<(), Error> {
        let now = self.options.clock.monotonic();
        for task in self.tasks.values_mut().filter(|task| task.is_running()) {
            task.persist_when_due(now)?;
        }
        // One thread looks for all.
        if self.options.index == 0 && now >= self.next_cleanup {
            let delay = self.options.config.state_cleanup_delay();
            for backend in state_choice::backends(&*self.options.state, &self.options.topology) {
                backend.clean(now, delay);
            }
            self.next_cleanup = now + delay.clamp(Duration::from_millis(10), CLEANUP_INTERVAL);
        }
        Ok(())
    }
}
