//! After the chaos: the world heals, everything is processed, and all is judged.

use std::time::Duration;

use millstream::broker::{BrokerError, TopicPartition};
use millstream::runtime::Step;

use crate::instance::{Instance, Status};
use crate::log::entries;
use crate::programs::{Ending, Program};
use crate::scenario::APPLICATION;
use crate::store_shape::Shape;
use crate::straight::{self, StraightRun};
use crate::world::World;

/// Turns within which a healed world must have processed everything.
const PATIENCE: u32 = 3000;

impl World {
    /// Ends the faults and lets everything be processed.
    pub fn heal(&mut self) -> Result<(), BrokerError> {
        self.settle_power()?;
        self.sim.note(format_args!("heals"));
        self.sim.with(|core| core.chaos = false);
        if let Err(error) = self.input.end_transaction(&self.sim) {
            self.sim.note(format_args!("input: {error}"));
            self.input.reopen(&self.sim, &self.broker)?;
        }
        self.settle_power()?;
        let now = self.sim.now();
        self.sim.with_instances(|instances| {
            for instance in instances {
                instance.until = instance.until.min(now);
            }
        });
        for turn in 0..PATIENCE {
            self.keep_up()?;
            let up = self.sim.steppable();
            let mut idle = Duration::from_millis(100);
            for slot in up {
                match self.sim.step(slot) {
                    Some(Step::Idle(time)) => idle = idle.min(time),
                    _ => idle = Duration::from_millis(1),
                }
            }
            self.sim.advance(idle.as_millis() as u64);
            if turn % 8 == 0 {
                self.observer.look(&self.sim)?;
                if self.observer.unprocessed(&self.sim)?.is_empty() && self.is_settled() {
                    return Ok(());
                }
            }
            if self.sim.with(|core| core.failure.is_some()) {
                return Ok(());
            }
        }
        let open = self.observer.unprocessed(&self.sim)?;
        let threads = self.sim.with_instances(|instances| {
            let threads = instances.iter().map(|i| match i.thread() {
                Some(thread) => format!("{:?} {:?}", i.status, thread.tasks().collect::<Vec<_>>()),
                None => format!("{:?}", i.status),
            });
            threads.collect::<Vec<_>>()
        });
        self.sim.fail(format!("stuck: {open:?}\n instances: {threads:#?}"));
        Ok(())
    }

    /// Whether every task is running somewhere, once.
    fn is_settled(&self) -> bool {
        let running: usize = self.sim.with_instances(|instances| {
            let threads = instances.iter().filter_map(Instance::thread);
            threads.map(|thread| thread.tasks().filter(|(_, running)| *running).count()).sum()
        });
        // Global tables have no tasks.
        let sub_topologies = self.sim.topology.topics(APPLICATION).len();
        running == self.sim.scenario.partitions as usize * sub_topologies
    }

    /// Judges what came out.
    pub fn judge(&mut self) -> Result<(), BrokerError> {
        self.observer.follow_changelogs(&self.sim)?;
        self.judge_input();
        let judged = self
            .sim
            .scenario
            .program
            .judge(&Ending { scenario: &self.sim.scenario, logs: &self.observer.logs });
        if let Err(reason) = judged {
            self.sim.fail(reason);
        }
        let straight = self.compare_with_straight();
        self.judge_stores(&straight);
        Ok(())
    }

    /// What came out is what comes out of straight runs.
    fn compare_with_straight(&self) -> Vec<StraightRun> {
        let (scenario, logs) = (&self.sim.scenario, &self.observer.logs);
        let Program::Operators(operators) = scenario.program else {
            return Vec::new();
        };
        // At least once records are processed twice, and windows do not forgive that.
        if !scenario.exactly_once {
            return Vec::new();
        }
        match straight::run(operators, &self.sim.topology, scenario, logs) {
            Ok(straight) => {
                let compared = straight::compare_outputs(operators, scenario, &straight, logs);
                if let Err(reason) = compared {
                    self.sim.fail(reason);
                }
                straight
            }
            Err(error) => {
                self.sim.fail(format!("the straight run died of: {error}"));
                Vec::new()
            }
        }
    }

    /// What was acknowledged is there, what was aborted is not.
    fn judge_input(&self) {
        let mut lost = self.input.acknowledged.clone();
        for entry in entries(&self.observer.logs, "in-").filter(|entry| entry.value.is_some()) {
            lost.remove(&entry.id());
            if self.input.aborted.contains(&entry.id()) {
                self.sim.fail(format!("aborted input {} is visible", entry.id()));
            }
        }
        if !lost.is_empty() {
            self.sim.fail(format!("acknowledged input is lost: {lost:?}"));
        }
    }

    /// Every store holds what its changelog folds to, and what it holds after a straight run.
    fn judge_stores(&self, straight: &[StraightRun]) {
        let tasks = self.sim.with_instances(|instances| {
            let mut tasks = Vec::new();
            for instance in instances {
                if let Some(thread) = instance.thread().filter(|_| instance.status == Status::Up) {
                    let running = thread.tasks().filter(|(_, running)| *running);
                    tasks.extend(running.map(|(id, _)| (id, instance.state.clone())));
                }
            }
            tasks
        });
        for slot in 0..self.sim.scenario.instances {
            self.sim.kill(slot, 0);
        }
        for store in self.sim.scenario.program.stores(&self.sim.scenario) {
            let (name, shape) = (&store.name, store.shape);
            let changelog = match (self.sim.scenario.optimized, name.as_str()) {
                (true, "entries") => "in-0".to_owned(),
                _ => format!("{APPLICATION}-{name}-changelog"),
            };
            let mut found = 0;
            for (task, state) in &tasks {
                let Some(data) = state.store(&task.to_string(), name) else {
                    continue;
                };
                found += 1;
                if shape == Shape::Versions {
                    continue;
                }
                let partition = TopicPartition::new(&*changelog, task.partition);
                let log = self.observer.logs.get(&partition).map_or(&[][..], |log| log);
                let newest = log.iter().filter_map(|entry| shape.time(&entry.key)).max();
                let newest = newest.unwrap_or(0);
                let mut fold = shape.fold(log);
                shape.retain_fresh(&mut fold, newest);
                let held = data.entries.iter().map(|(key, value)| (&**key, &**value));
                let mut held = shape.held(held);
                shape.retain_fresh(&mut held, newest);
                if !self.sim.scenario.exactly_once {
                    // The clock goes on, and without transactions the changelog is ahead of a store
                    // that has not committed yet.
                    fold.retain(|key, _| !key.starts_with(b"tick"));
                    held.retain(|key, _| !key.starts_with(b"tick"));
                }
                if store.most.is_some_and(|most| held.len() > most) {
                    self.sim.fail(format!("store {name} of task {task} is too large: {held:?}"));
                }
                if fold != held {
                    self.sim.fail(format!(
                        "store {name} of task {task}: {held:?}\n its changelog folds to {fold:?}"
                    ));
                }
                let straight = straight.get(task.partition as usize);
                if let Some(right) = straight.and_then(|straight| straight.store(name)) {
                    let mut right = right.clone();
                    shape.retain_fresh(&mut right, newest);
                    if right != held {
                        self.sim.fail(format!(
                            "store {name} of task {task}: {held:?}\n after a straight run {right:?}"
                        ));
                    }
                }
            }
            if found != self.sim.scenario.partitions {
                self.sim.fail(format!("store {name} was found in {found} tasks"));
            }
        }
    }
}
