//! The world of a run: the broker on its disk, the input, the observer and the instances, turn by
//! turn.

use std::sync::Arc;
use std::time::Duration;

use millstream::broker::embedded::{EmbeddedBroker, Fsync, SimulatedDisk};
use millstream::broker::{BrokerError, NewTopic};

use crate::bug::Bug;
use crate::input::Input;
use crate::instance::Status;
use crate::observer::Observer;
use crate::sim::Sim;

/// The world.
pub struct World {
    pub sim: Arc<Sim>,
    disk: SimulatedDisk,
    pub broker: EmbeddedBroker,
    pub input: Input,
    pub observer: Observer,
    /// Turns until the power that is about to fail has failed for sure.
    fuse: Option<u64>,
}

fn open_broker(sim: &Sim, disk: &SimulatedDisk) -> Result<EmbeddedBroker, BrokerError> {
    let builder = EmbeddedBroker::builder()
        .clock(Arc::new(sim.clock.clone()))
        .maintenance_interval(Duration::from_millis(200));
    if sim.scenario.in_memory {
        return builder.open();
    }
    let fsync = match sim.bug {
        Some(Bug::AcknowledgesBeforeSync) => Fsync::Never,
        _ => Fsync::OnCommit,
    };
    let segment = if sim.scenario.seed.is_multiple_of(2) { 4096 } else { 1 << 20 };
    builder.segment_bytes(segment).fsync(fsync).storage(disk.mount()).open()
}

impl World {
    pub fn new(sim: Arc<Sim>) -> Result<Self, BrokerError> {
        let disk = SimulatedDisk::new(sim.scenario.seed);
        let broker = open_broker(&sim, &disk)?;
        for topic in sim.scenario.input_topics() {
            broker.create_topic(NewTopic::new(topic, sim.scenario.partitions))?;
        }
        for (topic, partitions) in sim.scenario.program.output_topics(&sim.scenario) {
            broker.create_topic(NewTopic::new(topic, partitions))?;
        }
        Ok(Self {
            input: Input::open(&sim, &broker)?,
            observer: Observer::open(&sim, &broker)?,
            disk,
            broker,
            sim,
            fuse: None,
        })
    }

    /// One turn in which anything may happen.
    pub fn turn(&mut self) -> Result<(), BrokerError> {
        self.keep_up()?;
        let roll = self.sim.with(|core| core.random.below(100));
        match roll {
            0..16 => {
                if let Err(error) = self.input.feed(&self.sim) {
                    self.input_failed(&error)?;
                }
            }
            16..78 => {
                let up = self.sim.steppable();
                if let Some(slot) = self.sim.choose(&up) {
                    self.sim.step(slot);
                }
            }
            78..92 => {
                let ms = self.sim.with(|core| core.random.between(1, 40));
                self.sim.advance(ms);
            }
            92 => {
                let ms = self.sim.with(|core| core.random.between(100, 1800));
                self.sim.advance(ms);
            }
            _ => self.look()?,
        }
        let ms = self.sim.with(|core| core.random.below(4));
        self.sim.advance(ms);
        self.misfortune();
        Ok(())
    }

    /// The input's transaction was aborted for its age, or the broker is gone.
    fn input_failed(&mut self, error: &BrokerError) -> Result<(), BrokerError> {
        self.sim.note(format_args!("input: {error}"));
        if error.is_fenced() {
            return self.input.reopen(&self.sim, &self.broker);
        }
        self.sim.with(|core| core.power_fails = true);
        Ok(())
    }

    fn look(&mut self) -> Result<(), BrokerError> {
        match self.observer.look(&self.sim) {
            Err(BrokerError::Closed(_) | BrokerError::Io { .. }) => {
                self.sim.with(|core| core.power_fails = true);
                Ok(())
            }
            looked => looked,
        }
    }

    /// What is due: late commits, instances that start or thaw, the end of the power.
    pub fn keep_up(&mut self) -> Result<(), BrokerError> {
        let now = self.sim.now();
        if let Some(fuse) = &mut self.fuse {
            *fuse = fuse.saturating_sub(1);
        }
        if self.sim.with(|core| core.power_fails) || self.fuse == Some(0) {
            self.crash_broker()?;
        }
        let due = self
            .sim
            .with(|core| core.late.extract_if(.., |late| late.due <= now).collect::<Vec<_>>());
        for mut late in due {
            let outcome = late.producer.commit();
            late.from.note(format_args!("late commit: {outcome:?}"));
        }
        let waiting: Vec<(usize, Status)> = self.sim.with_instances(|instances| {
            let due = instances.iter().enumerate().filter(|(_, i)| i.until <= now);
            due.map(|(slot, i)| (slot, i.status)).collect()
        });
        for (slot, status) in waiting {
            match status {
                Status::Down => self.sim.start(slot, &self.broker),
                Status::Frozen => {
                    self.sim.note(format_args!("#{slot} thaws"));
                    self.sim.with_instances(|all| all[slot].status = Status::Up);
                }
                Status::Up | Status::Stepping => {}
            }
        }
        Ok(())
    }

    /// Kills, freezes, closes, cuts the power.
    fn misfortune(&mut self) {
        let rates = self.sim.scenario.rates;
        let roll = self.sim.with(|core| core.random.below(10_000));
        let up = self.sim.steppable();
        let Some(slot) = self.sim.choose(&up) else {
            return;
        };
        let pause = self.sim.with(|core| core.random.pick(&[10, 200, 1600, 4000]));
        let killed = rates.kill;
        let frozen = killed + rates.freeze;
        let closed = frozen + rates.close;
        let powerless = closed + rates.power;
        if roll < killed {
            self.sim.kill(slot, pause);
            if self.sim.with(|core| core.random.chance(200)) {
                self.sim.note(format_args!("#{slot} loses its disk"));
                self.sim.with_instances(|all| all[slot].state.wipe());
            }
        } else if roll < frozen {
            self.sim.note(format_args!("#{slot} freezes for {pause} ms"));
            let until = self.sim.now() + pause;
            self.sim.with_instances(|all| {
                all[slot].status = Status::Frozen;
                all[slot].until = until;
            });
        } else if roll < closed {
            self.sim.close(slot);
        } else if roll < powerless && !self.sim.scenario.in_memory && self.fuse.is_none() {
            let changes = self.sim.with(|core| core.random.between(1, 30));
            self.sim.note(format_args!("the power fails after {changes} changes"));
            self.disk.fail_after(changes);
            self.fuse = Some(changes);
        }
    }

    /// The machine of the broker has lost its power, and all instances with it; it comes back.
    fn crash_broker(&mut self) -> Result<(), BrokerError> {
        self.sim.note(format_args!("the broker crashes"));
        self.fuse = None;
        self.disk.crash();
        self.sim.with(|core| std::mem::take(&mut core.late));
        for slot in 0..self.sim.scenario.instances {
            let pause = self.sim.with(|core| core.random.pick(&[0, 0, 300]));
            self.sim.kill(slot, pause);
        }
        self.broker = open_broker(&self.sim, &self.disk)?;
        self.sim.with(|core| core.power_fails = false);
        self.input.reopen(&self.sim, &self.broker)?;
        self.observer.reopen(&self.sim, &self.broker)
    }

    /// Whether the power is gone or going.
    pub fn is_powerless(&self) -> bool {
        self.fuse.is_some() || self.sim.with(|core| core.power_fails)
    }

    /// Cuts the power now if it is about to fail anyway.
    pub fn settle_power(&mut self) -> Result<(), BrokerError> {
        if self.is_powerless() {
            self.crash_broker()?;
        }
        Ok(())
    }
}
