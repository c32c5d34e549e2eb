//! Kills instances of an application while it works, and checks that nobody can tell.

mod check;
mod instance;
mod killer;
mod plan;
mod random;
mod report;
mod troubles;

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::folder::new_folder;
use crate::jvm::Jvm;
use crate::{JavaTopics, KafkaCluster, KafkaOptions, java_jars};
pub use instance::Instance;
use killer::Killer;
pub use plan::KillPlan;
use random::Random;
pub use report::KillReport;

/// Into how many groups the application counts.
pub const GROUPS: i64 = 97;

const TOPICS: [&str; 4] = ["numbers", "copy-a", "copy-b", "counts"];
const APPLICATION: &str = "kills";

/// When the group gives up on an instance that is silent.
const SESSION_SECS: u64 = 3;
const STOP_LIMIT: Duration = Duration::from_secs(45);

/// Runs the plan with `program`, the application, on a cluster of its own. An error is one of the
/// harness; what the application did wrong is in the report.
pub fn run(program: &Path, plan: &KillPlan) -> Result<KillReport, String> {
    let timeouts = "transaction.abort.timed.out.transaction.cleanup.interval.ms";
    let options = KafkaOptions::default().property(timeouts, 200);
    let cluster = KafkaCluster::try_start(plan.nodes, &options)?;
    let topics = JavaTopics::new(cluster.bootstrap());
    for topic in TOPICS {
        topics.create(topic, plan.partitions);
    }
    let folder = new_folder().map_err(|error| format!("no folder: {error}"))?;
    let bootstrap = cluster.bootstrap();
    let mut killer = Killer {
        plan,
        random: Random::new(plan.seed),
        instances: (0..plan.instances)
            .map(|number| {
                let folder = folder.join(format!("instance-{number}"));
                let settings = settings(plan, &bootstrap, &folder);
                Instance::start(program, folder, settings)
            })
            .collect::<Result<_, _>>()?,
        report: KillReport::default(),
        cluster,
    };
    let feeder = feed(&bootstrap, plan, &folder)?;
    killer.kill()?;
    let Killer { mut instances, mut report, cluster, .. } = killer;
    report.records = feeder.finish()?;
    check::results(plan, &mut instances, &topics, &mut report)?;
    for instance in &mut instances {
        report.problems.extend(instance.stop(STOP_LIMIT).err());
    }
    drop(cluster);
    if report.problems.is_empty() {
        let _gone = fs::remove_dir_all(&folder);
    } else {
        report.problems.push(format!("the instances' logs and states are in {}", folder.display()));
    }
    Ok(report)
}

fn settings(plan: &KillPlan, bootstrap: &str, folder: &Path) -> Vec<String> {
    let guarantee = if plan.exactly_once { "exactly_once_v2" } else { "at_least_once" };
    let own = [
        ("application.id", APPLICATION.to_owned()),
        ("bootstrap.servers", bootstrap.to_owned()),
        ("processing.guarantee", guarantee.to_owned()),
        ("commit.interval.ms", "100".to_owned()),
        ("session.timeout.ms", format!("{SESSION_SECS}000")),
        ("state.dir", folder.join("state").display().to_string()),
    ];
    let own = own.into_iter().map(|(name, value)| format!("{name}={value}"));
    own.chain(plan.settings.iter().map(|(name, value)| format!("{name}={value}"))).collect()
}

/// Writes numbers, from 0, at a steady rate.
struct Feeder(Jvm);

/// Its watchdog removes the folder of the run if this process is gone.
fn feed(bootstrap: &str, plan: &KillPlan, folder: &Path) -> Result<Feeder, String> {
    let mut args = java_jars::arguments("Topics", 256)?;
    args.extend([bootstrap.to_owned(), "feed".to_owned(), "numbers".to_owned()]);
    args.push(plan.rate.to_string());
    Ok(Feeder(Jvm::start(&args, &folder.join("feeder"), Some(folder))?))
}

impl Feeder {
    /// Stops it; how many numbers were written.
    fn finish(self) -> Result<u64, String> {
        let printed = self.0.terminate(STOP_LIMIT)?;
        let fed = printed.lines().find_map(|line| line.strip_prefix("FED ")?.parse().ok());
        fed.ok_or_else(|| format!("the feeder: {printed}"))
    }
}
