//! How long an application with much state in RocksDB gives no output after SIGKILL and start, exactly
//! once, on a Kafka broker of its own:
//! `cargo run --release -p millstream-benches --features kafka,rocksdb --bin restart -- [ROWS] [DIRECTORY]`.
//! A row is 200 bytes that do not compress; 5 million are 1.1 GB. The directory is emptied first.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the system's clock")]

use std::error::Error;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use millstream::broker::kafka::{KafkaBroker, KafkaConfig};
use millstream::broker::{Broker, NewTopic, ProducerOptions};
use millstream::{
    Config, Guarantee, Record, StreamsApp, StreamsBuilder, Topic, TopicConsumer, TopicProducer,
};
use millstream_kafka_server::{KafkaOptions, KafkaServer};

type Failure = Box<dyn Error + Send + Sync>;

const ROUNDS: usize = 5;
const TIMESTAMP: i64 = 1_700_000_000_000;
const TICK: Duration = Duration::from_millis(1);
/// Nothing takes longer that goes well.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [run, servers, directory] if run == "run" => serve(servers, directory),
        [] => measure(5_000_000, "restart-state"),
        [rows] => measure(rows.parse()?, "restart-state"),
        [rows, directory] => measure(rows.parse()?, directory),
        _ => Err("[ROWS] [DIRECTORY]".into()),
    }
}

/// The application: the latest value of each key.
fn serve(servers: &str, directory: &str) -> Result<(), Failure> {
    let builder = StreamsBuilder::new();
    let rows = builder.stream::<i64, String>("in").group_by_key().reduce("rows", |_, new| new);
    rows.to_stream().map_values(|row| row.map_or(0, |row| row.len() as i64)).to("out");
    let config = Config::new("restart")
        .with_processing_guarantee(Guarantee::ExactlyOnce)
        .set("bootstrap.servers", servers)?
        .set("state.dir", directory)?;
    Ok(StreamsApp::new(builder.build()?, config)?.run_blocking()?)
}

/// The process of the application; killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(servers: &str, directory: &str) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        Ok(Self(Command::new(program).args(["run", servers, directory]).spawn()?))
    }

    fn kill(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn measure(rows: u64, directory: &str) -> Result<(), Failure> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // By default a broker looks for transactions that are too old every ten seconds only.
    let timeouts = "transaction.abort.timed.out.transaction.cleanup.interval.ms";
    let server = KafkaServer::start(KafkaOptions::default().property(timeouts, 200));
    let broker: Arc<dyn Broker> =
        Arc::new(KafkaBroker::connect(KafkaConfig::new(server.bootstrap()))?);
    broker.admin()?.create_topics(&["in", "out"].map(|topic| NewTopic::new(topic, 4)))?;
    let mut process = Process::start(&server.bootstrap(), directory)?;

    let mut producer = TopicProducer::new(&*broker, ProducerOptions::idempotent("rows"))?;
    let input: Topic<i64, String> = "in".into();
    for row in 0..rows {
        producer.send(&input, Record::new(row as i64, text(row), TIMESTAMP))?;
    }
    producer.flush()?;
    let mut output: TopicConsumer<i64, i64> = TopicConsumer::new(&*broker, "out")?;
    let (begin, mut through) = (Instant::now(), 0);
    while through < rows {
        through += output.poll()?.len() as u64;
        if begin.elapsed() > PATIENCE {
            return Err(format!("only {through} of {rows} rows came through").into());
        }
    }
    println!("{rows} rows are through");

    let is_over = Arc::new(AtomicBool::new(false));
    let updates = {
        let (broker, is_over) = (broker.clone(), is_over.clone());
        thread::spawn(move || update(&*broker, rows, &is_over))
    };
    for round in 1..=ROUNDS {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(3) {
            output.poll()?;
            thread::sleep(TICK);
        }
        process.kill();
        // What was committed before is read away.
        let killed = Instant::now();
        while killed.elapsed() < Duration::from_millis(500) {
            output.poll()?;
            thread::sleep(TICK);
        }
        let started = Instant::now();
        process = Process::start(&server.bootstrap(), directory)?;
        while output.poll()?.is_empty() {
            if started.elapsed() > PATIENCE {
                return Err("no output after a restart".into());
            }
            thread::sleep(TICK);
        }
        println!("round {round}: output {} ms after the start", started.elapsed().as_millis());
    }
    is_over.store(true, Ordering::Relaxed);
    updates.join().map_err(|_| "the updates panicked")?
}

/// Changes rows all the time, about two thousand a second.
fn update(broker: &dyn Broker, rows: u64, is_over: &AtomicBool) -> Result<(), Failure> {
    let mut producer = TopicProducer::new(broker, ProducerOptions::idempotent("updates"))?;
    let input: Topic<i64, String> = "in".into();
    let mut random = 7;
    while !is_over.load(Ordering::Relaxed) {
        for _ in 0..20 {
            random = scrambled(random);
            let row = (random % rows) as i64;
            producer.send(&input, Record::new(row, text(random), TIMESTAMP))?;
        }
        producer.flush()?;
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Hexadecimal digits without a pattern.
fn text(seed: u64) -> String {
    let mut random = seed + 1;
    let mut text = String::with_capacity(208);
    while text.len() < 200 {
        random = scrambled(random);
        text += &format!("{random:016x}");
    }
    text
}

/// The next number of a xorshift generator.
fn scrambled(mut random: u64) -> u64 {
    random ^= random << 13;
    random ^= random >> 7;
    random ^ (random << 17)
}
