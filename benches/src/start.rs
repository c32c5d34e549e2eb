//! How long a process takes from its start to the first result, and what an idle application
//! holds: `cargo run --release -p millstream-benches --bin start`.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the system's clock")]

use std::time::Instant;

use millstream::broker::ProducerOptions;
use millstream::{
    Config, Error, Record, StreamsApp, StreamsBuilder, Topic, TopicConsumer, TopicProducer,
};

fn main() -> Result<(), Error> {
    let begin = Instant::now();
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by(|_, v| v.clone()).count("counts").to("out");
    let app = StreamsApp::new(builder.build()?, Config::new("start"))?;
    app.start()?;
    let input: Topic<String, String> = "in".into();
    let mut producer = TopicProducer::new(&**app.broker(), ProducerOptions::idempotent("start"))?;
    producer.send(&input, Record::new("k".to_owned(), "v".to_owned(), 0))?;
    producer.flush()?;
    let mut consumer: TopicConsumer<String, i64> = TopicConsumer::new(&**app.broker(), "out")?;
    while consumer.poll()?.is_empty() {
        std::thread::yield_now();
    }
    let first = begin.elapsed();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("VmRSS: unknown");
    println!("first result after {first:.1?}; idle: {memory}");
    app.close(std::time::Duration::from_secs(5))
}
