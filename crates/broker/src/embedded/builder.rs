//! How an embedded broker is opened.

use std::sync::Arc;
use std::time::Duration;

use super::EmbeddedBroker;
use super::shared::Shared;
use super::state::State;
use crate::{BrokerError, Clock, SystemClock};

/// Settings of an [`EmbeddedBroker`]; made by [`EmbeddedBroker::builder`].
#[derive(Clone, Debug)]
pub struct EmbeddedBrokerBuilder {
    clock: Arc<dyn Clock>,
    maintenance_interval: Duration,
}

impl EmbeddedBrokerBuilder {
    pub(super) fn new() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            maintenance_interval: Duration::from_secs(1),
        }
    }

    /// The clock that timeouts and retention go by. The system's when it is not set.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Time between two rounds of retention and compaction (Kafka's
    /// `log.retention.check.interval.ms`). One second when it is not set. The rounds are part of
    /// the clients' calls: the broker has no thread of its own.
    pub fn maintenance_interval(mut self, interval: Duration) -> Self {
        self.maintenance_interval = interval;
        self
    }

    /// Opens the broker.
    pub fn open(self) -> Result<EmbeddedBroker, BrokerError> {
        Ok(self.in_memory())
    }

    pub(super) fn in_memory(self) -> EmbeddedBroker {
        let shared = Shared::new(self.clock, State::default(), self.maintenance_interval);
        EmbeddedBroker::new(shared)
    }
}
