//! How the cost of a record grows with the keys of a store and with the windows of a key, and how
//! long the expiry of a million windows and the merge of a million sessions take. One stream thread on
//! the embedded broker, caches of 10 MiB, a commit every 10,000 records; CPU of the thread.
//!
//! `cargo run --release -p millstream-benches --features rocksdb --bin curves -- [WHAT] [memory|rocksdb] [WORKLOAD]`
//! WHAT is `tumbling`, `session`, `sliding`, `join`, `expiry`, `merge` or `bytes`; all by default. `bytes`
//! is the memory that a window takes; what Kafka Streams takes for the same is told by
//! `tests/kafka/java/src/main/java/millstream/WindowMemory.java`.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the system's clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{
    Broker, Headers, NewTopic, Producer, ProducerOptions, RecordBuffer, SystemClock, TopicPartition,
};
use millstream::runtime::{Pace, Step, StreamThread, ThreadOptions};
use millstream::state::{MemoryBackend, StateBackend};
use millstream::{
    Config, Guarantee, JoinWindows, Materialized, SessionWindows, SlidingWindows, StreamJoined,
    StreamsBuilder, TimeWindows, Topology,
};

type Failure = Box<dyn std::error::Error>;

/// Windows of a key begin so many milliseconds one after the other.
const APART: i64 = 100;
/// Longer than anything is kept open in the curves.
const LONG: Duration = Duration::from_secs(100_000);
const MEASURED: u64 = 200_000;
const COMMIT_EVERY: usize = 10_000;
/// Bytes of input that are kept, more than is sent at a time.
const INPUT: u64 = 64 * 1024 * 1024;
const WORKLOADS: [&str; 4] = ["tumbling", "session", "sliding", "join"];

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let store = arguments.next().unwrap_or_default();
    let only = arguments.next().unwrap_or_default();
    for database in ["memory", "rocksdb"].into_iter().filter(|name| name.contains(&store)) {
        for workload in WORKLOADS.into_iter().filter(|name| name.contains(&what)) {
            for (keys, windows) in [(1_000, 1), (10_000, 1), (100_000, 1), (1_000_000, 1)] {
                curve(database, workload, keys, windows)?;
            }
            for windows in [1, 10, 100, 1_000, 10_000] {
                curve(database, workload, 100, windows)?;
            }
        }
        if "expiry".contains(&what) {
            for workload in WORKLOADS {
                expiry(database, workload)?;
            }
        }
        if "merge".contains(&what) {
            for sessions in [10_000, 100_000, 1_000_000] {
                merge(database, sessions)?;
            }
        }
        if "bytes".contains(&what) {
            for workload in WORKLOADS.into_iter().filter(|name| name.contains(&only)) {
                bytes(database, workload)?;
            }
        }
    }
    Ok(())
}

/// Fills a store with `windows` of each of `keys`, then sends records to any of them.
fn curve(database: &str, workload: &str, keys: u64, windows: i64) -> Result<(), Failure> {
    let mut bench = Bench::new(database, topology(workload, LONG, true)?)?;
    let (mut filled, mut fill) = (0u64, 0.0);
    for window in 0..windows {
        for key in 0..keys {
            bench.send("in", key, window * APART)?;
            filled += 1;
            if filled.is_multiple_of(100_000) {
                fill += bench.run()?.0;
            }
        }
    }
    // The last part of small stores is not worth telling.
    bench.run()?;
    fill /= (filled / 100_000).max(1) as f64;
    let topic = if workload == "join" { "other" } else { "in" };
    let mut random = 7u64;
    for _ in 0..MEASURED {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let window = (random >> 33) as i64 % windows;
        bench.send(topic, (random >> 20) % keys, window * APART + (random >> 60) as i64 % 5)?;
    }
    let (each, _) = bench.run()?;
    println!(
        "{database}\t{workload}\t{keys} keys\t{windows} windows a key\t{each:.0} ns a record\t(filling {fill:.0})\t{} MB",
        resident_mb()
    );
    Ok(())
}

/// Has a million windows expire at once, and looks at the longest step of the thread.
fn expiry(database: &str, workload: &str) -> Result<(), Failure> {
    const WINDOWS: u64 = 1_000_000;
    let mut bench = Bench::new(database, topology(workload, Duration::from_secs(1), true)?)?;
    for key in 0..WINDOWS {
        bench.send("in", key, (key / 1000) as i64)?;
    }
    bench.run()?;
    std::thread::sleep(Duration::from_secs(1));
    let mut longest = Vec::new();
    // Each is a commit of its own: what one leaves to do the next ones have to.
    for number in 0..200 {
        bench.send("in", number, 600_000 + number as i64 * 1_000)?;
        if workload == "join" {
            bench.send("other", number, 600_000 + number as i64 * 1_000)?;
        }
        let (_, step) = bench.run()?;
        longest.push(step);
    }
    let first = longest[0];
    longest.sort();
    println!(
        "{database}\t{workload}\t{WINDOWS} windows expire\tfirst step {first:.1?}\tlongest {:.1?}\tmedian {:.1?}\t{} MB",
        longest[longest.len() - 1],
        longest[longest.len() / 2],
        resident_mb()
    );
    Ok(())
}

/// Tells the memory that a window takes: what two millions add to the process, which is best asked
/// of one workload alone. Nothing is logged, so that no topic grows beside the store.
fn bytes(database: &str, workload: &str) -> Result<(), Failure> {
    const KEYS: u64 = 10_000;
    let mut bench = Bench::new(database, topology(workload, LONG, false)?)?;
    let before = resident_mb();
    for window in 0..200 {
        (0..KEYS).try_for_each(|key| bench.send("in", key, window * APART))?;
        bench.run()?;
    }
    let resident = resident_mb();
    println!(
        "{database}\t{workload}\t{} bytes a window\t{resident} MB with two millions",
        resident.saturating_sub(before) * 1024 * 1024 / 2_000_000,
    );
    Ok(())
}

/// Has one record merge so many sessions of its key, which a program with a shorter gap left in the
/// changelog.
fn merge(database: &str, sessions: i64) -> Result<(), Failure> {
    const BETWEEN: i64 = 10;
    let broker = EmbeddedBroker::in_memory();
    let changelog = TopicPartition::new("curves-n-changelog", 0);
    let topic = NewTopic::new(&*changelog.topic, 1);
    broker.create_topic(topic.config("cleanup.policy", "compact,delete"))?;
    let mut producer = broker.producer(ProducerOptions::idempotent("fill"))?;
    let mut buffer = RecordBuffer::new();
    // So late that no retention deletes it.
    let first = 10_000_000_000_000;
    for number in 0..sessions {
        // Key, end and start.
        let time = first + number * BETWEEN;
        let key = [0i64, time, time].map(i64::to_be_bytes).concat();
        buffer.push(time, Some(&key), Some(&1i64.to_be_bytes()), &Headers::new());
        if buffer.size() > 500_000 || number == sessions - 1 {
            producer.send(&changelog, &mut buffer)?;
        }
    }
    producer.flush()?;
    let builder = StreamsBuilder::new();
    let windows = SessionWindows::of_inactivity_gap(LONG).grace(LONG);
    builder.stream::<i64, i64>("in").group_by_key().windowed_by(windows).count("n");
    let begin = Instant::now();
    let mut bench = Bench::on(&broker, database, builder.build()?)?;
    let (restore, before) = (begin.elapsed(), resident_mb());
    bench.send("in", 0, first)?;
    let begin = Instant::now();
    let (each, longest) = bench.run()?;
    println!(
        "{database}\tmerge of {sessions} sessions\trestore {restore:.1?}\tmerge {:.2?} of CPU\tlongest step {longest:.2?}\tuntil committed {:.2?}\t{before} MB before, {} MB at the most",
        Duration::from_secs_f64(each / 1e9),
        begin.elapsed(),
        highest_mb()
    );
    Ok(())
}

fn topology(workload: &str, grace: Duration, logged: bool) -> Result<Topology, Failure> {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<i64, i64>("in");
    let grouped = stream.group_by_key();
    let ms = Duration::from_millis;
    let counts = Materialized::new("n");
    let counts = if logged { counts } else { counts.without_changelog() };
    match workload {
        "tumbling" => {
            grouped.windowed_by(TimeWindows::tumbling(ms(10)).grace(grace)).count(counts);
        }
        "session" => {
            let windows = SessionWindows::of_inactivity_gap(ms(5)).grace(grace);
            grouped.windowed_by(windows).count(counts);
        }
        "sliding" => {
            let windows = SlidingWindows::of_time_difference(ms(5)).grace(grace);
            grouped.windowed_by(windows).count(counts);
        }
        _ => {
            let windows = JoinWindows::of_time_difference(ms(5)).grace(grace);
            let other = builder.stream::<i64, i64>("other");
            let stores = StreamJoined::named("n");
            let stores = if logged { stores } else { stores.without_changelog() };
            stream.join(&other, windows, stores, |_, a, b| a + b).for_each(|_, _| {});
        }
    }
    Ok(builder.build()?)
}

struct Bench {
    producer: Box<dyn Producer>,
    buffers: [(&'static str, RecordBuffer); 2],
    sent: u64,
    done: u64,
    thread: StreamThread,
}

impl Bench {
    fn new(database: &str, topology: Topology) -> Result<Self, Failure> {
        Self::on(&EmbeddedBroker::in_memory(), database, topology)
    }

    fn on(broker: &EmbeddedBroker, database: &str, topology: Topology) -> Result<Self, Failure> {
        for topic in ["in", "other"] {
            broker.create_topic(NewTopic::new(topic, 1).bounded(INPUT))?;
        }
        let config = Config::new("curves").with_processing_guarantee(Guarantee::AtLeastOnce);
        let thread = StreamThread::new(ThreadOptions {
            topology,
            config,
            broker: Arc::new(broker.clone()) as Arc<dyn Broker>,
            clock: Arc::new(SystemClock::new()),
            state: backend(database)?,
            process_id: "bench".to_owned(),
            index: 0,
            pace: Pace::Records(COMMIT_EVERY),
            waker: None,
            on_restore: None,
        })?;
        let producer = broker.producer(ProducerOptions::idempotent("fill"))?;
        let buffers = ["in", "other"].map(|topic| (topic, RecordBuffer::new()));
        let mut bench = Self { producer, buffers, sent: 0, done: 0, thread };
        while !bench.thread.tasks().any(|(_, running)| running) {
            bench.thread.step()?;
        }
        Ok(bench)
    }

    /// Sends a record; keys lie in an order that has nothing to do with their numbers.
    fn send(&mut self, topic: &str, key: u64, timestamp: i64) -> Result<(), Failure> {
        let key = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let buffers = self.buffers.iter_mut();
        for (name, buffer) in buffers.filter(|(name, _)| *name == topic) {
            let (key, value) = (key.to_be_bytes(), 1i64.to_be_bytes());
            buffer.push(timestamp, Some(&key), Some(&value), &Headers::new());
            self.sent += 1;
            if buffer.size() > 500_000 {
                self.producer.send(&TopicPartition::new(*name, 0), buffer)?;
            }
        }
        Ok(())
    }

    /// Processes and commits all that was sent: nanoseconds of CPU a record, and the longest step.
    fn run(&mut self) -> Result<(f64, Duration), Failure> {
        for (name, buffer) in &mut self.buffers {
            self.producer.send(&TopicPartition::new(*name, 0), buffer)?;
        }
        self.producer.flush()?;
        let (before, mut longest) = (thread_seconds(), Duration::ZERO);
        loop {
            let begin = Instant::now();
            let step = self.thread.step()?;
            longest = longest.max(begin.elapsed());
            if step != Step::Busy {
                break;
            }
        }
        let records = (self.sent - self.done).max(1);
        self.done = self.sent;
        Ok(((thread_seconds() - before) * 1e9 / records as f64, longest))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Err(failure) = self.thread.close() {
            eprintln!("{failure}");
        }
    }
}

fn backend(database: &str) -> Result<Arc<dyn StateBackend>, Failure> {
    match database {
        #[cfg(feature = "rocksdb")]
        "rocksdb" => {
            use millstream::state::rocks::{RocksBackend, RocksOptions};
            let directory = std::env::temp_dir().join("millstream-curves");
            let _none = std::fs::remove_dir_all(&directory);
            Ok(Arc::new(RocksBackend::open(directory, "curves", RocksOptions::default())?))
        }
        #[cfg(not(feature = "rocksdb"))]
        "rocksdb" => Err("needs the feature rocksdb".into()),
        _ => Ok(Arc::new(MemoryBackend)),
    }
}

/// CPU time of this thread so far, where the system tells.
fn thread_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

fn resident_mb() -> u64 {
    megabytes("VmRSS:")
}

/// The most that it ever was.
fn highest_mb() -> u64 {
    megabytes("VmHWM:")
}

fn megabytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0u64) / 1024
}
