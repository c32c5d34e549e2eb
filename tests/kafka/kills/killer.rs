use std::thread;
use std::time::{Duration, Instant};

use super::instance::Instance;
use super::plan::{Aim, Trouble};
use super::random::Random;
use super::{KillPlan, KillReport, SESSION_SECS};
use crate::KafkaCluster;

const START_LIMIT: Duration = Duration::from_secs(60);
/// How long an aimed kill may take; then it is made from outside.
const AIM_LIMIT: Duration = Duration::from_secs(15);
/// When somebody else is made to go, and for how long: until the group has given up on it, and its
/// tasks are with others, who have to release them when it comes back.
const OTHER_GOES_AFTER: Duration = Duration::from_secs(1);
const OTHER_STAYS_AWAY: Duration = Duration::from_secs(SESSION_SECS + 3);

/// Kills instances, and starts them again.
pub(super) struct Killer<'a> {
    pub(super) plan: &'a KillPlan,
    pub(super) cluster: KafkaCluster,
    pub(super) random: Random,
    pub(super) instances: Vec<Instance>,
    pub(super) report: KillReport,
}

impl Killer<'_> {
    /// Carries out the plan. An aimed kill is one of the process that was killed before it: the aim
    /// is taken when a process starts.
    pub(super) fn kill(&mut self) -> Result<(), String> {
        for instance in &mut self.instances {
            instance.wait_for("state Running", START_LIMIT)?;
        }
        let mut aims = 0;
        while self.report.kills < self.plan.kills {
            let pause = self.pause();
            self.watch(pause, &[]);
            match self.plan.trouble(aims) {
                Some(Trouble::Zombie) => self.freeze_one()?,
                Some(Trouble::Outage) => self.take_a_broker_away(),
                None => {}
            }
            let victim = self.random.below(self.plan.instances as u64) as usize;
            self.kill_one(victim);
            let aim = Aim::number(aims, &mut self.random);
            aims += 1;
            self.instances[victim].start_again(Some(&aim.failpoint()))?;
            self.wait_for_aimed(victim, aim)?;
            self.kill_one(victim);
            self.instances[victim].start_again(None)?;
        }
        Ok(())
    }

    fn pause(&mut self) -> Duration {
        let (shortest, longest) = self.plan.pause_ms;
        Duration::from_millis(shortest + self.random.below(longest - shortest + 1))
    }

    fn kill_one(&mut self, victim: usize) {
        self.instances[victim].kill();
        self.report.kills += 1;
        self.report.take_restores(&mut self.instances[victim]);
    }

    fn wait_for_aimed(&mut self, victim: usize, aim: Aim) -> Result<(), String> {
        if aim.needs_others() {
            self.watch(OTHER_GOES_AFTER, &[victim]);
            let others = self.plan.instances as u64 - 1;
            let other = (victim + 1 + self.random.below(others) as usize) % self.plan.instances;
            self.kill_one(other);
            self.watch(OTHER_STAYS_AWAY, &[victim, other]);
            self.instances[other].start_again(None)?;
        }
        self.watch(AIM_LIMIT, &[victim]);
        let (hit, missed) = self.report.aimed.entry(aim.place.to_owned()).or_default();
        *if self.instances[victim].was_aborted() { hit } else { missed } += 1;
        Ok(())
    }

    /// Lets time pass, until the first of `victims` has come to its failpoint. Nobody else is to end.
    pub(super) fn watch(&mut self, time: Duration, victims: &[usize]) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            for (number, instance) in self.instances.iter_mut().enumerate() {
                let Some(status) = instance.ended() else { continue };
                if victims.first() == Some(&number) && instance.was_aborted() {
                    return;
                }
                if victims.iter().skip(1).any(|away| *away == number) {
                    continue;
                }
                let words = instance.last_words();
                self.report.problems.push(format!("instance {number} ended: {status}\n{words}"));
                self.report.problems.extend(instance.start_again(None).err());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
