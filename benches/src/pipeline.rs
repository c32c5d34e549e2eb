//! The whole pipeline on the embedded broker: one stream thread, exactly-once, commits every
//! 100 ms. Prints one row a workload: records, seconds, records a second.
//!
//! `cargo run --release -p millstream-benches --bin pipeline -- [RECORDS] [DIRECTORY|-] [WORKLOAD]`

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the system's clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{Broker, NewTopic, ProducerOptions, SystemClock};
use millstream::runtime::{Pace, Step, StreamThread, ThreadOptions};
use millstream::state::MemoryBackend;
use millstream::{Config, Error, Record, StreamsBuilder, Topic, TopicProducer, Topology};

/// Words of the made-up text.
const VOCABULARY: usize = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let records: usize = arguments.next().map_or(Ok(2_000_000), |text| text.parse())?;
    let directory = arguments.next().filter(|directory| directory != "-");
    let only = arguments.next();
    let workloads = [("pass-through", pass_through()?, 1), ("word-count", word_count()?, 10)];
    for (name, topology, words) in workloads {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let mut builder = EmbeddedBroker::builder();
        if let Some(directory) = &directory {
            let directory = std::path::Path::new(directory).join(name);
            let _none = std::fs::remove_dir_all(&directory);
            builder = builder.directory(directory);
        }
        let broker = builder.open()?;
        let lines = records / words;
        let (seconds, cpu, start) = run(&broker, name, topology, lines, words)?;
        // A line is a record of its own beside its words.
        let counted = if words == 1 { records } else { lines * words };
        println!(
            "{name}\t{counted} records\t{seconds:.3} s\t{:.2} M/s\t{:.0} ns CPU a record\tfirst step after {start:.1?}",
            counted as f64 / seconds / 1e6,
            cpu * 1e9 / counted as f64,
        );
    }
    Ok(())
}

fn pass_through() -> Result<Topology, Error> {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").map_values(|value| value).to("out");
    Ok(builder.build()?)
}

fn word_count() -> Result<Topology, Error> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("in")
        .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count("counts")
        .to("out");
    Ok(builder.build()?)
}

/// Fills the input topic, then steps a stream thread until everything is processed and committed.
fn run(
    broker: &EmbeddedBroker,
    name: &str,
    topology: Topology,
    lines: usize,
    words: usize,
) -> Result<(f64, f64, Duration), Error> {
    broker.create_topic(NewTopic::new("in", 1))?;
    broker.create_topic(NewTopic::new("out", 1))?;
    let input: Topic<String, String> = "in".into();
    let mut producer = TopicProducer::new(broker, ProducerOptions::idempotent("bench"))?;
    let mut random = 1u64;
    for line in 0..lines {
        let text: Vec<String> = (0..words)
            .map(|_| {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                format!("word{}", (random >> 33) as usize % VOCABULARY)
            })
            .collect();
        producer.send(&input, Record::new(format!("key{line}"), text.join(" "), line as i64))?;
    }
    producer.flush()?;

    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let mut thread = StreamThread::new(ThreadOptions {
        topology,
        config: Config::new(name),
        broker: Arc::new(broker.clone()) as Arc<dyn Broker>,
        clock: Arc::new(SystemClock::new()),
        state: Arc::new(MemoryBackend),
        process_id: "bench".to_owned(),
        index: 0,
        pace: Pace::Interval,
        waker: None,
        on_restore: None,
    })?;
    let wanted = lines as u64 + if words == 1 { 0 } else { (lines * words) as u64 };
    let mut first = None;
    while thread.metrics().processed < wanted {
        match thread.step()? {
            Step::Busy => {
                first.get_or_insert_with(|| begin.elapsed());
            }
            Step::Idle(time) => std::thread::sleep(time.min(Duration::from_millis(1))),
            Step::Closed => break,
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - cpu;
    thread.close()?;
    Ok((seconds, cpu, first.unwrap_or_default()))
}

/// CPU time of this thread so far, where the system tells.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}
