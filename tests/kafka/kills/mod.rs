//! Kills instances of an application while it works, and checks that nobody can tell.

mod check;
mod instance;
mod random;
mod report;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::folder::new_folder;
use crate::jvm::Jvm;
use crate::{JavaTopics, KafkaOptions, KafkaServer, java_jars};
use instance::Instance;
use random::Random;
pub use report::KillReport;

/// Into how many groups the application counts.
pub const GROUPS: i64 = 97;

const TOPICS: [&str; 4] = ["numbers", "copy-a", "copy-b", "counts"];
const APPLICATION: &str = "kills";

/// Where an aimed kill strikes; see `failpoint.rs` of the runtime.
const PLACES: [&str; 8] = [
    "after-produce",
    "after-offsets",
    "during-commit",
    "between-commits",
    "between-stores",
    "in-restore",
    "in-rebalance",
    "before-release",
];
/// Places that a process comes to in every commit.
const PLACES_OF_COMMITS: usize = 5;
/// How long an aimed kill may take; then it is made from outside.
const AIM_LIMIT: Duration = Duration::from_secs(15);
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(45);

/// What is done.
#[derive(Clone, Debug)]
pub struct KillPlan {
    /// Every second one is aimed at a place in the code, the others at a random time.
    pub kills: u32,
    /// Decides who is killed, when and where.
    pub seed: u64,
    /// Processes of the application.
    pub instances: usize,
    /// Partitions of each topic.
    pub partitions: u32,
    /// Records a second.
    pub rate: u32,
    /// Shortest and longest time before a random kill, in milliseconds.
    pub pause_ms: (u64, u64),
    /// Settings of the application, over those of the plan.
    pub settings: Vec<(String, String)>,
}

impl KillPlan {
    /// Three instances, four partitions, a kill every few seconds.
    pub fn new(kills: u32) -> Self {
        Self {
            kills,
            seed: 1,
            instances: 3,
            partitions: 4,
            rate: 500,
            pause_ms: (500, 4000),
            settings: Vec::new(),
        }
    }
}

/// Runs the plan with `program`, the application, on a broker of its own. An error is one of the
/// harness; what the application did wrong is in the report.
pub fn run(program: &Path, plan: &KillPlan) -> Result<KillReport, String> {
    let timeouts = "transaction.abort.timed.out.transaction.cleanup.interval.ms";
    let server = KafkaServer::try_start(KafkaOptions::default().property(timeouts, 200))?;
    let topics = JavaTopics::new(server.bootstrap());
    for topic in TOPICS {
        topics.create(topic, plan.partitions);
    }
    let folder = new_folder().map_err(|error| format!("no folder: {error}"))?;
    let mut report = KillReport::default();
    let mut run = Run {
        plan,
        random: Random::new(plan.seed),
        instances: (0..plan.instances)
            .map(|number| {
                let folder = folder.join(format!("instance-{number}"));
                let settings = settings(plan, &server, &folder);
                Instance::start(program, folder, settings, None)
            })
            .collect::<Result<_, _>>()?,
        report: &mut report,
    };
    let feeder = feed(&server, plan, &folder.join("feeder"))?;
    run.kill()?;
    let fed = feeder.finish()?;
    run.report.records = fed;
    check::results(&mut run.instances, &topics, fed, run.report)?;
    for instance in &mut run.instances {
        let stopped = instance.stop(STOP_LIMIT);
        run.report.problems.extend(stopped.err());
    }
    if report.problems.is_empty() {
        let _gone = fs::remove_dir_all(&folder);
    } else {
        report.problems.push(format!("the instances' logs and states are in {}", folder.display()));
    }
    Ok(report)
}

struct Run<'a> {
    plan: &'a KillPlan,
    random: Random,
    instances: Vec<Instance>,
    report: &'a mut KillReport,
}

impl Run<'_> {
    fn kill(&mut self) -> Result<(), String> {
        for instance in &mut self.instances {
            instance.wait_for("state Running", START_LIMIT)?;
        }
        let mut aimed: Option<(usize, &str)> = None;
        for kill in 0..self.plan.kills {
            let victim = match aimed {
                Some((victim, place)) => {
                    self.wait_for_aimed(victim, place);
                    victim
                }
                None => {
                    let (shortest, longest) = self.plan.pause_ms;
                    let pause = shortest + self.random.below(longest - shortest + 1);
                    self.watch(Duration::from_millis(pause), None);
                    self.random.below(self.plan.instances as u64) as usize
                }
            };
            self.instances[victim].kill();
            self.report.kills += 1;
            let next = (kill + 1) % 2 == 1 && kill + 1 < self.plan.kills;
            let place = next.then(|| PLACES[self.random.below(PLACES.len() as u64) as usize]);
            let failpoint = place.map(|place| {
                let commits = PLACES[..PLACES_OF_COMMITS].contains(&place);
                let most = if commits { 20 } else { 3 };
                format!("{place}:{}", 1 + self.random.below(most))
            });
            let instance = &mut self.instances[victim];
            self.report.take_restores(instance);
            instance.start_again(failpoint.as_deref())?;
            aimed = place.map(|place| (victim, place));
        }
        Ok(())
    }

    fn wait_for_aimed(&mut self, victim: usize, place: &str) {
        self.watch(AIM_LIMIT, Some(victim));
        let hit = self.instances[victim].was_aborted();
        let counts = self.report.aimed.entry(place.to_owned()).or_default();
        if hit {
            counts.0 += 1;
        } else {
            counts.1 += 1;
        }
    }

    /// Lets time pass, until `victim` has ended. Nobody else is to end.
    fn watch(&mut self, time: Duration, victim: Option<usize>) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            for (number, instance) in self.instances.iter_mut().enumerate() {
                let Some(status) = instance.ended() else { continue };
                if Some(number) == victim && instance.was_aborted() {
                    return;
                }
                self.report.problems.push(format!("instance {number} ended with {status}"));
                if let Err(error) = instance.start_again(None) {
                    self.report.problems.push(error);
                }
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn settings(plan: &KillPlan, server: &KafkaServer, folder: &Path) -> Vec<String> {
    let own = [
        ("application.id", APPLICATION.to_owned()),
        ("bootstrap.servers", server.bootstrap()),
        ("processing.guarantee", "exactly_once_v2".to_owned()),
        ("commit.interval.ms", "100".to_owned()),
        ("transaction.timeout.ms", "5000".to_owned()),
        ("session.timeout.ms", "3000".to_owned()),
        ("state.dir", folder.join("state").display().to_string()),
    ];
    let own = own.into_iter().map(|(name, value)| format!("{name}={value}"));
    own.chain(plan.settings.iter().map(|(name, value)| format!("{name}={value}"))).collect()
}

/// Writes numbers, from 0, at a steady rate.
struct Feeder(Jvm);

fn feed(server: &KafkaServer, plan: &KillPlan, log: &Path) -> Result<Feeder, String> {
    let mut args = java_jars::arguments("Topics", 256)?;
    args.extend([server.bootstrap(), "feed".to_owned(), "numbers".to_owned()]);
    args.push(plan.rate.to_string());
    Ok(Feeder(Jvm::start(&args, log, None)?))
}

impl Feeder {
    /// Stops it; how many numbers were written.
    fn finish(self) -> Result<u64, String> {
        let printed = self.0.terminate(STOP_LIMIT)?;
        let fed = printed.lines().find_map(|line| line.strip_prefix("FED ")?.parse().ok());
        fed.ok_or_else(|| format!("the feeder: {printed}"))
    }
}
