//! The power fails at any moment, again and again, and what was acknowledged is there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use millstream_broker::embedded::{EmbeddedBroker, SimulatedDisk};
use millstream_broker::{
    BrokerError, CommitOutcome, ManualClock, NewTopic, Producer, TopicPartition,
};

use crate::cluster::*;

const PARTITIONS: u32 = 3;
/// A record: partition and offset.
type Place = (u32, i64);
type Records = BTreeMap<Place, String>;

/// xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// What must be there after a crash, and what may be.
#[derive(Default)]
struct Model {
    /// Acknowledged.
    records: Records,
    /// Sent outside a transaction and not acknowledged yet, in order.
    unflushed: Vec<(Place, String)>,
    /// Transactions whose commit was not answered.
    in_doubt: Option<(Records, i64)>,
    group: Option<i64>,
    beginnings: BTreeMap<u32, i64>,
    /// A deletion that was not answered.
    doubtful_beginning: Option<(u32, i64)>,
    next_value: u64,
}

fn partition(number: u32) -> TopicPartition {
    TopicPartition::new("t", number)
}

impl Model {
    fn value(&mut self) -> String {
        self.next_value += 1;
        format!("{}-{}", self.next_value, "x".repeat(self.next_value as usize % 90))
    }

    fn send(
        &mut self,
        producer: &mut dyn Producer,
        random: &mut Random,
    ) -> Result<(Place, String), BrokerError> {
        let number = random.below(u64::from(PARTITIONS)) as u32;
        let value = self.value();
        let mut buffer = buffer(&[value.as_str()]);
        producer.send(&partition(number), &mut buffer)?;
        let next = producer.acknowledged(&partition(number)).unwrap();
        Ok(((number, next - 1), value))
    }

    fn transaction(
        &mut self,
        producer: &mut dyn Producer,
        random: &mut Random,
    ) -> Result<(), BrokerError> {
        producer.begin()?;
        let mut sent = Records::new();
        for _ in 0..random.below(5) {
            let (place, value) = self.send(producer, random)?;
            sent.insert(place, value);
        }
        let offset = self.next_value as i64;
        producer.send_offsets(&at(&partition(0), offset), &crate::cluster::nobody("g"))?;
        match random.below(4) {
            0 => producer.abort(),
            1 => Ok(()), // left to its successor
            _ => match producer.commit() {
                CommitOutcome::Committed => {
                    self.records.append(&mut sent);
                    self.group = Some(offset);
                    self.flushed();
                    Ok(())
                }
                CommitOutcome::Aborted(error) => Err(error),
                CommitOutcome::Unknown(error) => {
                    self.in_doubt = Some((sent, offset));
                    Err(error)
                }
            },
        }
    }

    fn flushed(&mut self) {
        self.records.extend(std::mem::take(&mut self.unflushed));
    }

    fn delete(&mut self, cluster: &Cluster, random: &mut Random) -> Result<(), BrokerError> {
        let number = random.below(u64::from(PARTITIONS)) as u32;
        let ends = cluster.consumer().offsets(&partition(number))?;
        let span = (ends.last_stable - ends.beginning + 1) as u64;
        let before = ends.beginning + random.below(span) as i64;
        self.doubtful_beginning = Some((number, before));
        let mut admin = cluster.broker.admin()?;
        admin.delete_records(&[(partition(number), before)])?;
        self.doubtful_beginning = None;
        self.beginnings.insert(number, before);
        self.flushed();
        Ok(())
    }

    /// Compares, and takes what turned out to be there as acknowledged.
    fn check(&mut self, cluster: &Cluster, seed: u64) {
        let mut found = Records::new();
        for number in 0..PARTITIONS {
            let beginning = cluster.consumer().offsets(&partition(number)).unwrap().beginning;
            let known = self.beginnings.get(&number).copied().unwrap_or(0);
            let doubtful = self.doubtful_beginning.filter(|(n, _)| *n == number);
            assert!(
                beginning == known || doubtful.is_some_and(|(_, b)| b == beginning),
                "seed {seed}: partition {number} begins at {beginning}, not {known}"
            );
            self.beginnings.insert(number, beginning);
            let read = cluster.read(&partition(number));
            found.extend(read.into_iter().map(|(offset, value)| ((number, offset), value)));
        }
        let group = cluster.committed("g", &partition(0));
        if let Some((sent, offset)) = self.in_doubt.take()
            && group == Some(offset)
        {
            self.records.extend(sent);
            self.group = Some(offset);
        }
        assert_eq!(group, self.group, "seed {seed}: the group's offset");
        let beginnings = self.beginnings.clone();
        let alive = |place: &Place| place.1 >= beginnings.get(&place.0).copied().unwrap_or(0);
        self.records.retain(|place, _| alive(place));
        let mut kept = true;
        for (place, value) in std::mem::take(&mut self.unflushed) {
            if alive(&place) {
                let here = found.get(&place) == Some(&value);
                assert!(kept || !here, "seed {seed}: {place:?} is there, one before it is not");
                kept = here;
                if here {
                    self.records.insert(place, value);
                }
            }
        }
        self.doubtful_beginning = None;
        let places = |records: &Records| records.keys().copied().collect::<BTreeSet<Place>>();
        assert_eq!(places(&found), places(&self.records), "seed {seed}");
        assert_eq!(found, self.records, "seed {seed}");
    }
}

fn open(disk: &SimulatedDisk, clock: &ManualClock, seed: u64) -> Result<Cluster, BrokerError> {
    let broker = EmbeddedBroker::builder()
        .clock(clock_of(clock))
        .segment_bytes(300 + seed % 7 * 500)
        .cache_bytes((seed % 3 * 1000) as usize)
        .storage(disk.mount())
        .open()?;
    Ok(Cluster::new(broker, clock.clone()))
}

/// Works until something fails.
fn work(cluster: &Cluster, model: &mut Model, random: &mut Random) -> Result<(), BrokerError> {
    let options = |id: &str| {
        let mut options = millstream_broker::ProducerOptions::idempotent("p");
        options.transactional_id = Some(id.to_owned());
        options
    };
    let mut plain = cluster.producer();
    let mut first = cluster.broker.producer(options("first"))?;
    for _ in 0..random.below(60) {
        match random.below(10) {
            0 => model.delete(cluster, random)?,
            1 => cluster.clock.advance(Duration::from_secs(2)),
            2..4 => {
                let sent = model.send(&mut *plain, random)?;
                model.unflushed.push(sent);
            }
            4 => {
                plain.flush()?;
                model.flushed();
            }
            _ => {
                if model.transaction(&mut *first, random).is_err_and(|e| !is_open(&e)) {
                    return Ok(());
                }
                first = cluster.broker.producer(options("first"))?;
            }
        }
    }
    Ok(())
}

fn is_open(error: &BrokerError) -> bool {
    matches!(error, BrokerError::InvalidTransactionState(_))
}

fn run(seed: u64) {
    let disk = SimulatedDisk::new(seed);
    let clock = ManualClock::at(START_MS);
    let mut random = Random::new(seed);
    let mut model = Model::default();
    let cluster = open(&disk, &clock, seed).unwrap();
    let topic = NewTopic::new("t", PARTITIONS);
    cluster.broker.admin().unwrap().create_topics(&[topic]).unwrap();
    let mut cluster = Some(cluster);
    for _ in 0..6 {
        if let Some(cluster) = cluster.take() {
            disk.fail_after(1 + random.below(200));
            let _ = work(&cluster, &mut model, &mut random);
            if random.below(4) == 0 {
                disk.kill();
            } else {
                disk.crash();
            }
        }
        // Sometimes it fails again while it is being opened.
        if random.below(3) == 0 {
            disk.fail_after(1 + random.below(8));
            let again = open(&disk, &clock, seed);
            disk.crash();
            drop(again);
        }
        let opened = open(&disk, &clock, seed).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        model.check(&opened, seed);
        cluster = Some(opened);
    }
}

#[test]
fn what_was_acknowledged_is_there() {
    for seed in 1..=500 {
        run(seed);
    }
}
