//! The power fails while a compacted topic is written and compacted: what the log says of each key
//! is what a prefix of all that was sent says, and the prefix holds all that was acknowledged.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_broker::embedded::{EmbeddedBroker, SimulatedDisk};
use millstream_broker::{
    BrokerError, Clock, Headers, ManualClock, NewTopic, RecordBuffer, TopicPartition,
};

use crate::cluster::*;
use crate::power_failure::Random;

type Sent = (String, Option<String>);
type Table = BTreeMap<String, String>;

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn open(disk: &SimulatedDisk, clock: &ManualClock, seed: u64) -> Result<Cluster, BrokerError> {
    let broker = EmbeddedBroker::builder()
        .clock(clock_of(clock))
        .segment_bytes(300 + seed % 5 * 400)
        .cache_bytes((seed % 2 * 500) as usize)
        .storage(disk.mount())
        .open()?;
    Ok(Cluster::new(broker, clock.clone()))
}

fn work(
    cluster: &Cluster,
    sent: &mut Vec<Sent>,
    acknowledged: &mut usize,
    random: &mut Random,
) -> Result<(), BrokerError> {
    let mut producer = cluster.producer();
    for _ in 0..random.below(80) {
        match random.below(6) {
            0 => {
                producer.flush()?;
                *acknowledged = sent.len();
            }
            1 => cluster.clock.advance(Duration::from_millis(random.below(3000))),
            _ => {
                let key = random.below(8).to_string();
                let value =
                    (random.below(4) > 0).then(|| format!("{}-{}", sent.len(), "x".repeat(30)));
                let mut buffer = RecordBuffer::new();
                let bytes = value.as_deref().map(str::as_bytes);
                let now = cluster.clock.wall_ms();
                buffer.push(now, Some(key.as_bytes()), bytes, &Headers::new());
                sent.push((key, value));
                let result = producer.send(&partition(), &mut buffer);
                if result.is_err() && !buffer.is_empty() {
                    sent.pop();
                }
                result?;
            }
        }
    }
    Ok(())
}

fn table(sent: &[Sent]) -> Table {
    let mut table = Table::new();
    for (key, value) in sent {
        match value {
            Some(value) => table.insert(key.clone(), value.clone()),
            None => table.remove(key),
        };
    }
    table
}

fn read(cluster: &Cluster) -> Vec<Sent> {
    let mut consumer = cluster.consumer();
    consumer.assign(&partition(), 0).unwrap();
    let mut read = Vec::new();
    while let Some(batch) = consumer.fetch(&partition(), 1 << 20).unwrap() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        read.extend(batch.iter().map(|r| (r.key.map(text).unwrap(), r.value.map(text))));
    }
    read
}

#[test]
fn a_compacted_log_says_what_was_acknowledged() {
    for seed in 1..=300 {
        let disk = SimulatedDisk::new(seed);
        let clock = ManualClock::at(START_MS);
        let mut random = Random::new(seed);
        let mut cluster = open(&disk, &clock, seed).unwrap();
        let topic = NewTopic::new("t", 1)
            .config("cleanup.policy", "compact")
            .config("segment.bytes", "150")
            .config("delete.retention.ms", "4000");
        cluster.broker.admin().unwrap().create_topics(&[topic]).unwrap();
        let (mut sent, mut acknowledged) = (Vec::new(), 0);
        for _ in 0..6 {
            disk.fail_after(1 + random.below(150));
            let _ = work(&cluster, &mut sent, &mut acknowledged, &mut random);
            disk.crash();
            cluster = open(&disk, &clock, seed).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            let found = table(&read(&cluster));
            let kept = (acknowledged..=sent.len()).find(|n| table(&sent[..*n]) == found);
            let Some(kept) = kept else {
                panic!("seed {seed}: {found:?} is no prefix of {sent:?} from {acknowledged} on");
            };
            // Which of several prefixes it was does not matter: they say the same.
            sent.truncate(kept);
            acknowledged = kept;
        }
    }
}
