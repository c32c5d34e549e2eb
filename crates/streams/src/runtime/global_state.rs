//! What every stream thread has of global tables: a copy of its own, fed from all partitions of their
//! topics, so that its tasks read them without a lock (Kafka's `GlobalStreamThread` has one copy for
//! all, which they lock).

use std::time::Duration;

use millstream_broker::{BrokerError, TaskId};
use millstream_state::MemoryBackend;

use super::config::AutoOffsetReset;
use super::restore::TaskStart;
use super::task_setup::TaskSetup;
use super::{Metrics, Step, StreamThread, Task};
use crate::error::Error;

/// How long a thread waits for its global tables before it looks again.
const PAUSE: Duration = Duration::from_millis(5);

/// Records that one global table takes in a round.
const RECORDS: usize = 1000;

/// A global table of a thread.
pub(super) struct GlobalTask {
    pub(super) task: Task,
    /// Where each of its queues ended when it was made: what it has to have taken before any task
    /// may read it.
    ends: Vec<i64>,
}

impl StreamThread {
    /// Takes in what is new in the topics of global tables; `busy` is set when there was anything. No
    /// task may read them before they have everything that was there at the start: until then it says
    /// how long to wait.
    pub(super) fn follow_globals(&mut self, busy: &mut bool) -> Result<Option<Step>, Error> {
        let (followed, complete) = match self.options.topology.has_globals() {
            true => self.take_in_globals()?,
            false => (false, true),
        };
        *busy |= followed;
        self.globals_complete = complete;
        Ok((!complete).then_some(if *busy { Step::Busy } else { Step::Idle(PAUSE) }))
    }

    /// Says whether there was anything, and whether they have what was there at the start.
    fn take_in_globals(&mut self) -> Result<(bool, bool), Error> {
        // A context reaches global tables through the collector, so while they are at work
        // themselves they are taken out of it.
        let mut globals = std::mem::take(&mut self.collector.globals);
        let followed = self.follow(&mut globals);
        self.collector.globals = globals;
        match followed {
            Err(Error::Broker(BrokerError::OffsetOutOfRange { .. })) => {
                tracing::warn!("{}: a global table is read again: its topic was cut", self.name);
                self.drop_globals();
                Ok((true, false))
            }
            followed => followed,
        }
    }

    fn drop_globals(&mut self) {
        for mut global in std::mem::take(&mut self.collector.globals) {
            global.task.close(false, &mut *self.consumer);
        }
    }

    fn follow(&mut self, globals: &mut Vec<GlobalTask>) -> Result<(bool, bool), Error> {
        if globals.is_empty() {
            *globals = self.make_globals()?;
        }
        let (mut busy, mut complete) = (false, true);
        for GlobalTask { task, ends } in globals {
            task.fetch(&self.options.config, &mut *self.consumer)?;
            // They are not kept in step by time, neither with each other nor with the tasks.
            task.queues.iter_mut().for_each(|queue| queue.may_be_empty = true);
            let processed = task.process(RECORDS, &mut self.collector)?;
            task.state.overlay.commit()?;
            let counters = std::mem::take(&mut task.state.counters);
            self.metrics.add(Metrics { dropped: counters.dropped, ..Metrics::default() });
            busy |= processed > 0;
            complete &=
                task.queues.iter().zip(ends).all(|(queue, end)| queue.position(&[]).offset >= *end);
        }
        Ok((busy, complete))
    }

    fn make_globals(&mut self) -> Result<Vec<GlobalTask>, Error> {
        let topology = self.options.topology.clone();
        let globals = topology.inner.sub_topologies.iter().filter(|sub| sub.is_global);
        globals.map(|sub| self.make_global(TaskId { sub_topology: sub.id, partition: 0 })).collect()
    }

    fn make_global(&mut self, id: TaskId) -> Result<GlobalTask, Error> {
        let setup = TaskSetup {
            topology: &self.options.topology,
            config: &self.options.config,
            plan: &self.plan,
            backend: &MemoryBackend,
            cache: None,
            wall_clock: self.options.clock.wall_ms(),
        };
        let mut start = TaskStart {
            consumer: &mut *self.consumer,
            admin: &mut *self.admin,
            now: self.options.clock.monotonic(),
            report: &mut |_| {},
        };
        let mut task = Task::new(id, &setup, &mut self.collector, &mut start, &mut None)?;
        let mut ends = Vec::with_capacity(task.queues.len());
        for queue in &mut task.queues {
            let log = self.consumer.offsets(&queue.partition)?;
            queue.start(None, log, AutoOffsetReset::Earliest)?;
            self.consumer.assign(&queue.partition, queue.fetched)?;
            ends.push(log.last_stable);
        }
        task.run(&mut self.collector)?;
        Ok(GlobalTask { task, ends })
    }
}
