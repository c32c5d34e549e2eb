use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use millstream::broker::kafka::{KafkaBroker, KafkaConfig};
use millstream::broker::{Broker, NewTopic};
use millstream_kafka_server::kills::Instance;
use millstream_kafka_server::{KafkaOptions, KafkaServer};
use tempfile::TempDir;

use crate::output::Output;

/// Two tasks each: one that copies, and one that counts.
const PARTITIONS: u32 = 6;
const PATIENCE: Duration = Duration::from_secs(60);
/// Nothing has changed for so long.
const CALM: Duration = Duration::from_millis(1500);

/// The tasks of each thread.
pub(crate) type Threads = BTreeMap<String, BTreeSet<String>>;

/// Processes of the application, on a broker of their own, with input all the time.
pub(crate) struct Group {
    pub(crate) instances: Vec<Instance>,
    pub(crate) output: Output,
    _folder: TempDir,
    _server: KafkaServer,
}

impl Group {
    pub(crate) fn start(instances: usize, threads: usize, settings: &[String]) -> Self {
        // By default a broker looks for transactions that are too old every ten seconds only.
        let timeouts = "transaction.abort.timed.out.transaction.cleanup.interval.ms";
        let server = KafkaServer::start(KafkaOptions::default().property(timeouts, 200));
        let config = KafkaConfig::new(server.bootstrap());
        let broker: Arc<dyn Broker> = Arc::new(KafkaBroker::connect(config).unwrap());
        let topics = ["numbers", "copy-a", "copy-b", "counts"];
        let topics = topics.map(|topic| NewTopic::new(topic, PARTITIONS));
        broker.admin().unwrap().create_topics(&topics).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let start = |number: usize| {
            let folder = folder.path().join(number.to_string());
            let own = [
                "application.id=several".to_owned(),
                format!("bootstrap.servers={}", server.bootstrap()),
                format!("num.stream.threads={threads}"),
                format!("state.dir={}", folder.join("state").display()),
            ];
            let settings = own.into_iter().chain(settings.iter().cloned()).collect();
            Instance::start(Path::new(env!("CARGO_BIN_EXE_kill_app")), folder, settings).unwrap()
        };
        let instances = (0..instances).map(start).collect();
        Self { output: Output::watch(&broker), instances, _folder: folder, _server: server }
    }

    /// Waits until every task is somewhere and at work, and nothing has moved for a while.
    pub(crate) fn settled(&self) -> Vec<Threads> {
        let start = Instant::now();
        let tasks = 2 * PARTITIONS as usize;
        let (mut since, mut known) = (Instant::now(), Vec::new());
        loop {
            let now: Vec<Threads> = self.instances.iter().map(Instance::tasks).collect();
            if now != known {
                (since, known) = (Instant::now(), now);
            }
            let all: Vec<_> = known.iter().flat_map(Threads::values).flatten().collect();
            let different: BTreeSet<_> = all.iter().collect();
            let is_whole = all.len() == different.len() && all.len() == tasks;
            let are_at_work = self.output.is_seen_since(since, tasks);
            if is_whole && are_at_work && since.elapsed() > CALM {
                return known;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the tasks do not come to rest: {known:?}\n{}",
                self.instances[0].log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// How many tasks are in an instance that did not have them.
pub(crate) fn moved(before: &[Threads], after: &[Threads]) -> usize {
    let tasks =
        |threads: &Threads| -> BTreeSet<String> { threads.values().flatten().cloned().collect() };
    let moved = before.iter().zip(after).map(|(before, after)| (tasks(before), tasks(after)));
    moved.map(|(before, after)| after.difference(&before).count()).sum()
}
