//! Where a wrapper stands: in which world, and in which life of which instance.

use std::fmt;
use std::sync::Arc;

use millstream::broker::BrokerError;

use super::fate::{Call, Fate, crash, timeout};
use crate::bug::Bug;
use crate::sim::Sim;

/// One life of one instance.
#[derive(Clone)]
pub struct Site {
    pub sim: Arc<Sim>,
    pub slot: usize,
    pub life: u32,
}

impl Site {
    /// What becomes of a call. Others may go on meanwhile.
    pub fn fate(&self, call: Call) -> Fate {
        self.sim.count_call();
        let (fate, stalls) = self.sim.with(|core| {
            if !core.chaos {
                return (Fate::Done, false);
            }
            let decided = Fate::decide(call, &self.sim.scenario.rates, &mut core.random);
            core.trace.mix(call as u64);
            decided
        });
        if stalls {
            self.note(format_args!("stands still in {call:?}"));
            self.sim.run_others(self.slot);
            self.note(format_args!("goes on in {call:?}"));
        } else if fate != Fate::Done {
            self.note(format_args!("{call:?}: {fate:?}"));
        }
        fate
    }

    /// Makes a call, or does not, as its fate will have it.
    pub fn call<T>(
        &self,
        call: Call,
        work: impl FnOnce() -> Result<T, BrokerError>,
    ) -> Result<T, BrokerError> {
        match self.fate(call) {
            Fate::Done => work(),
            Fate::FailBefore => Err(timeout(call)),
            Fate::FailAfter => work().and_then(|_| Err(timeout(call))),
            Fate::CrashBefore => crash(),
            Fate::CrashAfter => {
                let _effect = work();
                crash()
            }
        }
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.sim.bug == Some(bug)
    }

    /// Whether a planted bug shows itself this time.
    pub fn strikes(&self, bug: Bug, per_mille: u64) -> bool {
        self.has(bug) && self.sim.with(|core| core.chaos && core.random.chance(per_mille))
    }

    pub fn note(&self, event: fmt::Arguments<'_>) {
        let (slot, life) = (self.slot, self.life);
        self.sim.note(format_args!("#{slot}.{life} {event}"));
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.slot, self.life)
    }
}
