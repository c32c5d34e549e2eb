//! What state costs: a restore of 16-byte keys and 8-byte values through a stream thread, and the
//! database alone. Prints one row a measurement; CPU of the thread and of the whole process.
//!
//! `cargo run --release -p millstream-benches --features rocksdb --bin state -- [RECORDS] [DIRECTORY] [ONLY]`
//! ONLY is `memory restore`, `memory database`, `rocksdb restore`, `rocksdb database` or a part.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the system's clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{
    Broker, Headers, NewTopic, ProducerOptions, RecordBuffer, SystemClock, TopicPartition,
};
use millstream::runtime::{Pace, Step, StreamThread, ThreadOptions};
use millstream::state::{MemoryBackend, Overlay, StateBackend};
use millstream::{Config, Materialized, StreamsBuilder};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let records: u64 = arguments.next().map_or(Ok(5_000_000), |text| text.parse())?;
    let directory = arguments.next().unwrap_or_else(|| "/tmp/millstream-state-bench".to_owned());
    let _none = std::fs::remove_dir_all(&directory);
    let only = arguments.next().unwrap_or_default();
    let broker = changelog(records)?;
    let measure = |name: &str, backend: Arc<dyn StateBackend>| {
        if format!("{name} restore").contains(&only) {
            restore(name, &broker, backend.clone(), records)?;
        }
        if format!("{name} database").contains(&only) {
            database(name, &*backend)?;
        }
        Ok::<_, Failure>(())
    };
    measure("memory", Arc::new(MemoryBackend))?;
    #[cfg(feature = "rocksdb")]
    {
        use millstream::state::rocks::{RocksBackend, RocksOptions};
        let backend = RocksBackend::open(&directory, "bench", RocksOptions::default())?;
        measure("rocksdb", Arc::new(backend))?;
    }
    Ok(())
}

/// Keys in an order that has nothing to do with their bytes.
fn key(number: u64) -> [u8; 16] {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mixed.to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

/// A broker with the changelog of a store.
fn changelog(records: u64) -> Result<EmbeddedBroker, Failure> {
    let broker = EmbeddedBroker::in_memory();
    broker.create_topic(NewTopic::new("in", 1))?;
    broker.create_topic(NewTopic::new("bench-store-changelog", 1))?;
    let partition = TopicPartition::new("bench-store-changelog", 0);
    let mut producer = broker.producer(ProducerOptions::idempotent("fill"))?;
    let mut buffer = RecordBuffer::new();
    for number in 0..records {
        let value = (number as i64).to_be_bytes();
        buffer.push(0, Some(&key(number)), Some(&value), &Headers::new());
        if buffer.size() > 500_000 {
            producer.send(&partition, &mut buffer)?;
        }
    }
    producer.send(&partition, &mut buffer)?;
    producer.flush()?;
    Ok(broker)
}

fn restore(
    name: &str,
    broker: &EmbeddedBroker,
    backend: Arc<dyn StateBackend>,
    records: u64,
) -> Result<(), Failure> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Vec<u8>, i64>("in")
        .group_by_key()
        .count(Materialized::<Vec<u8>, i64>::new("store"));
    let started = Start::now();
    let mut thread = StreamThread::new(ThreadOptions {
        topology: builder.build()?,
        config: Config::new("bench"),
        broker: Arc::new(broker.clone()) as Arc<dyn Broker>,
        clock: Arc::new(SystemClock::new()),
        state: backend,
        process_id: "bench".to_owned(),
        index: 0,
        pace: Pace::Interval,
        waker: None,
        on_restore: None,
    })?;
    while !thread.tasks().any(|(_, running)| running) {
        if let Step::Idle(time) = thread.step()? {
            std::thread::sleep(time.min(Duration::from_millis(1)));
        }
    }
    started.report(name, "restore", records);
    std::thread::sleep(Duration::from_secs(2));
    started.report(name, "restore, and two seconds for compactions", records);
    thread.close()?;
    Ok(())
}

fn database(name: &str, backend: &dyn StateBackend) -> Result<(), Failure> {
    const KEYS: u64 = 1_000_000;
    const BATCH: u64 = 10_000;
    const FLUSHES: u64 = 100;
    let mut overlay = Overlay::new(backend.open("1_0", &["store"])?, 1);
    let started = Start::now();
    for number in 0..KEYS {
        overlay.write(0, &key(number), Some(&number.to_be_bytes()));
        if (number + 1) % BATCH == 0 {
            overlay.set_changelog_offset(0, number as i64);
            overlay.commit()?;
        }
    }
    started.report(name, "commit, in batches of 10000", KEYS);
    let started = Start::now();
    for number in 0..KEYS {
        let number = number.wrapping_mul(48_271) % KEYS;
        assert!(overlay.get(0, &key(number))?.is_some());
    }
    started.report(name, "get", KEYS);
    let started = Start::now();
    let all = overlay.scan(0, &millstream::state::KeyRange::all(), Default::default()).count();
    started.report(name, "scan", all as u64);
    // Compactions of what was written so far are not to be counted.
    std::thread::sleep(Duration::from_secs(2));
    let started = Start::now();
    for number in 0..FLUSHES {
        overlay.write(0, &key(number.wrapping_mul(48_271) % KEYS), Some(&[0; 8]));
        overlay.set_changelog_offset(0, KEYS as i64);
        overlay.commit()?;
        overlay.persist(0, true)?;
    }
    started.report(name, "small commit with a flush, waiting", FLUSHES);
    drop(overlay);
    let started = Start::now();
    for _ in 0..20 {
        drop(backend.open("1_0", &["store"])?);
    }
    started.report(name, "open and close", 20);
    Ok(())
}

/// When a measurement began.
struct Start {
    wall: Instant,
    thread: f64,
    process: f64,
}

impl Start {
    fn now() -> Self {
        Self { thread: thread_seconds(), process: process_seconds(), wall: Instant::now() }
    }

    fn report(&self, name: &str, what: &str, count: u64) {
        let wall = self.wall.elapsed().as_secs_f64();
        let each = |seconds: f64| seconds * 1e9 / count as f64;
        println!(
            "{name}\t{what}\t{count}\t{wall:.2} s\t{:.2} M/s\t{:.0} ns CPU of the thread, {:.0} ns of the process, each",
            count as f64 / wall / 1e6,
            each(thread_seconds() - self.thread),
            each(process_seconds() - self.process),
        );
    }
}

/// CPU time of this thread so far, where the system tells.
fn thread_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// CPU time of all threads of the process.
fn process_seconds() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}
