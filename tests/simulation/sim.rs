//! What everything in a run shares: the clock, the generator, the trace, and the instances.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millstream::Topology;
use millstream::broker::{Clock, ManualClock};

use crate::bug::Bug;
use crate::faulty::LateCommit;
use crate::instance::{Instance, Status};
use crate::random::Random;
use crate::scenario::Scenario;
use crate::trace::Trace;

/// How deep instances may be stepped inside of calls of others.
const DEPTH: usize = 2;

/// A run.
pub struct Sim {
    pub scenario: Scenario,
    pub bug: Option<Bug>,
    pub clock: ManualClock,
    pub topology: Topology,
    /// After so many calls in one step it is taken to go on for ever.
    most_calls: u32,
    core: Mutex<Core>,
    instances: Mutex<Vec<Instance>>,
}

/// What changes during a run.
pub struct Core {
    pub random: Random,
    pub trace: Trace,
    /// Whether faults happen.
    pub chaos: bool,
    /// Commits on their way.
    pub late: Vec<LateCommit>,
    /// Why the run has failed.
    pub failure: Option<String>,
    /// The broker's machine is out of power, or about to be.
    pub power_fails: bool,
    pub steps: u64,
    /// Calls since an instance last began a step.
    pub calls: u32,
    depth: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sim {
    pub fn new(
        scenario: Scenario,
        bug: Option<Bug>,
        keeps_lines: bool,
        most_calls: u32,
    ) -> Arc<Self> {
        let core = Core {
            random: Random::new(!scenario.seed),
            trace: Trace::new(keeps_lines),
            chaos: true,
            late: Vec::new(),
            failure: None,
            power_fails: false,
            steps: 0,
            calls: 0,
            depth: 0,
        };
        let instances = (0..scenario.instances).map(|_| Instance::default());
        Arc::new(Self {
            topology: scenario.program.topology(&scenario),
            bug,
            clock: ManualClock::at(0),
            most_calls,
            core: Mutex::new(core),
            instances: Mutex::new(instances.collect()),
            scenario,
        })
    }

    /// Works on what changes. Nothing that may step an instance may be called inside.
    pub fn with<R>(&self, work: impl FnOnce(&mut Core) -> R) -> R {
        work(&mut locked(&self.core))
    }

    /// Works on the instances; as [`with`](Self::with).
    pub fn with_instances<R>(&self, work: impl FnOnce(&mut Vec<Instance>) -> R) -> R {
        work(&mut locked(&self.instances))
    }

    pub fn now(&self) -> i64 {
        self.clock.wall_ms()
    }

    pub fn advance(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
    }

    pub fn note(&self, event: fmt::Arguments<'_>) {
        let now = self.now();
        self.with(|core| core.trace.note(now, event));
    }

    /// The run has failed; the first reason counts.
    pub fn fail(&self, reason: String) {
        self.note(format_args!("FAILED: {reason}"));
        self.with(|core| {
            core.failure.get_or_insert(reason);
        });
    }

    /// Counts a call of a client. A step that makes too many of them ends here, and the run with it.
    pub fn count_call(&self) {
        let calls = self.with(|core| {
            core.calls += 1;
            core.calls
        });
        if calls > self.most_calls {
            let reason = format!("hangs: one step made more than {} calls", self.most_calls);
            self.fail(reason.clone());
            panic!("{reason}");
        }
    }

    /// Instances that can be stepped now.
    pub fn steppable(&self) -> Vec<usize> {
        self.with_instances(|instances| {
            let up = instances.iter().enumerate();
            up.filter(|(_, instance)| instance.status == Status::Up).map(|(slot, _)| slot).collect()
        })
    }

    /// An instance stands still in the middle of a call: time passes, and the others go on.
    pub fn run_others(self: &Arc<Self>, standing: usize) {
        let turns = self.with(|core| {
            if core.depth >= DEPTH {
                return 0;
            }
            core.depth += 1;
            core.random.between(2, 40)
        });
        if turns == 0 {
            return;
        }
        let pace = self.with(|core| core.random.pick(&[2, 20, 150, 500]));
        for _ in 0..turns {
            let ms = self.with(|core| core.random.between(0, pace));
            self.advance(ms);
            let up = self.steppable();
            if let Some(slot) = self.choose(&up) {
                debug_assert_ne!(slot, standing, "it is being stepped");
                self.step(slot);
            }
        }
        self.with(|core| core.depth -= 1);
    }

    pub fn choose(&self, slots: &[usize]) -> Option<usize> {
        (!slots.is_empty()).then(|| self.with(|core| core.random.pick(slots)))
    }
}
