use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millstream_broker::{Broker, Clock, Waker};
use millstream_state::StateBackend;

use super::{Config, RestoreProgress};
use crate::topology::Topology;

/// When a stream thread commits, and how much it does in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// By `commit.interval.ms`, a turn for each task in a step: how an application runs.
    Interval,
    /// After so many records, one task a step, the one with the smallest timestamp: how a test
    /// driver runs. 1 commits after each record, as Kafka's driver does.
    Records(usize),
}

/// What a step found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something was done; there may be more.
    Busy,
    /// Nothing to do before this time has passed, or the waker is called.
    Idle(Duration),
    /// The thread has been closed.
    Closed,
}

/// What a stream thread is made of. Everything that touches the world comes from here.
#[derive(Clone)]
pub struct ThreadOptions {
    /// The program.
    pub topology: Topology,
    /// The settings.
    pub config: Config,
    /// The broker.
    pub broker: Arc<dyn Broker>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where tasks keep their stores.
    pub state: Arc<dyn StateBackend>,
    /// Identity of the process: a part of the transactional id, which two processes must not
    /// share.
    pub process_id: String,
    /// The thread's number within the process, from 0.
    pub index: usize,
    /// When it commits.
    pub pace: Pace,
    /// Called, from any thread, when a step may find something to do.
    pub waker: Option<Waker>,
    /// Told how restores go.
    pub on_restore: Option<Arc<dyn Fn(&RestoreProgress) + Send + Sync>>,
}

impl fmt::Debug for ThreadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadOptions").field("index", &self.index).finish_non_exhaustive()
    }
}
