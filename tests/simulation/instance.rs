//! Instances of the application: started, stepped, and ended in every way there is.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use millstream::Error;
use millstream::broker::BrokerError;
use millstream::broker::embedded::EmbeddedBroker;
use millstream::runtime::{Step, StreamThread, ThreadOptions};

use crate::faulty::{Crash, FaultyBroker, Site};
use crate::sim::Sim;
use crate::state::{KeptBackend, KeptState};

/// How an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Status {
    /// Not running; may be started from this time on.
    #[default]
    Down,
    Up,
    /// Running, and not getting any time.
    Frozen,
    /// In the middle of a step.
    Stepping,
}

/// A place for an instance, with its disk.
#[derive(Default)]
pub struct Instance {
    pub status: Status,
    /// When it starts again, or thaws.
    pub until: i64,
    pub state: KeptState,
    life: u32,
    thread: Option<StreamThread>,
}

impl Instance {
    pub fn thread(&self) -> Option<&StreamThread> {
        self.thread.as_ref()
    }
}

/// What is done with an instance besides stepping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Step,
    Close,
    Abandon,
}

impl Sim {
    /// Starts an instance that is down.
    pub fn start(self: &Arc<Self>, slot: usize, broker: &EmbeddedBroker) {
        self.with(|core| core.calls = 0);
        let (life, state) = self.with_instances(|instances| {
            let instance = &mut instances[slot];
            instance.life += 1;
            instance.status = Status::Stepping;
            (instance.life, instance.state.clone())
        });
        let at = Site { sim: Arc::clone(self), slot, life };
        let suffix = if self.scenario.new_identities { life } else { 0 };
        let options = ThreadOptions {
            topology: self.topology.clone(),
            config: self.scenario.config(),
            broker: Arc::new(FaultyBroker { at: at.clone(), broker: broker.clone() }),
            clock: Arc::new(self.clock.clone()),
            state: Arc::new(KeptBackend { at: at.clone(), state }),
            process_id: format!("p{slot}-{suffix}"),
            index: 0,
            pace: self.scenario.pace,
            waker: None,
            on_restore: None,
        };
        match catch_unwind(AssertUnwindSafe(|| StreamThread::new(options))) {
            Ok(Ok(thread)) => {
                at.note(format_args!("starts"));
                self.put(slot, Some(thread), 0);
            }
            Ok(Err(error)) => {
                at.note(format_args!("does not start: {error}"));
                self.judge(&error);
                self.put(slot, None, 100);
            }
            Err(payload) => {
                self.died(slot, payload);
            }
        }
    }

    /// Puts a thread into its place, or nothing for so many milliseconds.
    fn put(&self, slot: usize, thread: Option<StreamThread>, pause: i64) {
        let until = self.now() + pause;
        self.with_instances(|instances| {
            let instance = &mut instances[slot];
            instance.status = if thread.is_some() { Status::Up } else { Status::Down };
            instance.thread = thread;
            instance.until = until;
        });
    }

    /// After a panic: the instance's death, or a real one.
    fn died(&self, slot: usize, payload: Box<dyn std::any::Any + Send>) {
        if !payload.is::<Crash>() {
            resume_unwind(payload);
        }
        self.note(format_args!("#{slot} dies"));
        let pause = self.with(|core| core.random.pick(&[0, 50, 500, 3000]));
        self.put(slot, None, pause);
    }

    /// An error that ended a thread: only a broker that is gone may do that, or, when it starts, one
    /// that is slow.
    fn judge(&self, error: &Error) {
        match error {
            Error::Broker(BrokerError::Closed(_) | BrokerError::Io { .. }) => {
                self.with(|core| core.power_fails = true);
            }
            Error::Broker(BrokerError::Timeout(_)) => {}
            error => self.fail(format!("a stream thread died of: {error}")),
        }
    }

    fn work(&self, slot: usize, work: Work) -> Option<Result<Step, Error>> {
        self.with(|core| core.calls = 0);
        let mut thread = self.with_instances(|instances| {
            let instance = &mut instances[slot];
            instance.status = Status::Stepping;
            instance.thread.take()
        })?;
        let outcome = catch_unwind(AssertUnwindSafe(|| match work {
            Work::Step => thread.step(),
            Work::Close => thread.close().map(|()| Step::Closed),
            Work::Abandon => {
                thread.abandon();
                Ok(Step::Closed)
            }
        }));
        match outcome {
            Ok(result) => {
                let pause = self.with(|core| core.random.pick(&[0, 100, 1000]));
                let alive = work == Work::Step && !matches!(result, Ok(Step::Closed));
                self.put(slot, alive.then_some(thread), pause);
                Some(result)
            }
            Err(payload) => {
                drop(thread);
                self.died(slot, payload);
                None
            }
        }
    }

    /// Gives an instance one step.
    pub fn step(&self, slot: usize) -> Option<Step> {
        self.with(|core| {
            core.steps += 1;
            core.trace.mix(slot as u64);
        });
        match self.work(slot, Work::Step)? {
            Ok(step) => Some(step),
            Err(error) => {
                self.note(format_args!("#{slot} gives up: {error}"));
                if matches!(&error, Error::Broker(BrokerError::Timeout(_))) {
                    self.fail(format!("a timeout ended a stream thread: {error}"));
                }
                self.judge(&error);
                self.work(slot, Work::Abandon);
                None
            }
        }
    }

    /// Closes an instance in order.
    pub fn close(&self, slot: usize) {
        let closed = self.work(slot, Work::Close);
        self.note(format_args!("#{slot} closes: {closed:?}"));
    }

    /// Kills an instance between two steps.
    pub fn kill(&self, slot: usize, pause: i64) {
        self.note(format_args!("#{slot} is killed for {pause} ms"));
        let thread = self.with_instances(|instances| instances[slot].thread.take());
        drop(thread);
        self.put(slot, None, pause);
    }
}
