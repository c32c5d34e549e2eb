//! What goes wrong besides kills.

use std::time::{Duration, Instant};

use super::SESSION_SECS;
use super::killer::Killer;

/// How long an instance may take to be a member of its group again.
const BACK_WITHIN: Duration = Duration::from_secs(30);
/// The longest that a broker is away besides its start: longer than a session.
const LONGEST_OUTAGE_MS: u64 = SESSION_SECS * 1000 + 2000;

impl Killer<'_> {
    /// Has an instance hang until the group has given up on it. When it comes to itself it believes
    /// in the tasks that others have meanwhile; it has to notice, and be given tasks again.
    pub(super) fn freeze_one(&mut self) -> Result<(), String> {
        let zombie = self.random.below(self.plan.instances as u64) as usize;
        self.instances[zombie].freeze()?;
        let time = SESSION_SECS * 1000 + 500 + self.random.below(2000);
        self.watch(Duration::from_millis(time), &[]);
        let known = self.instances[zombie].log().len();
        self.instances[zombie].thaw()?;
        self.report.zombies += 1;
        let end = Instant::now() + BACK_WITHIN;
        loop {
            let log = self.instances[zombie].log();
            let news = log.get(known..).unwrap_or_default();
            // It is given something: there are more tasks than instances.
            if news.lines().any(|line| line.contains(": gets ") && !line.contains("no tasks")) {
                break;
            }
            if Instant::now() > end {
                self.report.problems.push(format!(
                    "instance {zombie} hung for {time} ms, and has no tasks {BACK_WITHIN:?} later:\n{news}"
                ));
                break;
            }
            self.watch(Duration::from_millis(50), &[]);
        }
        Ok(())
    }

    /// Stops a broker, or kills it, and starts it again after a while.
    pub(super) fn take_a_broker_away(&mut self) {
        let number = match self.cluster.node_count() {
            1 => 0,
            nodes => self.random.below(nodes as u64) as usize,
        };
        let node = self.cluster.node(number);
        let (stops, kills) = &mut self.report.outages;
        if *stops <= *kills {
            *stops += 1;
            node.stop();
        } else {
            *kills += 1;
            node.kill();
        }
        let away = Duration::from_millis(self.random.below(LONGEST_OUTAGE_MS));
        self.watch(away, &[]);
        self.cluster.node(number).restart();
    }
}
