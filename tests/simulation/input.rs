//! Feeds the input topics, in transactions or without, and remembers what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{
    Broker, BrokerError, CommitOutcome, Headers, Producer, ProducerOptions, RecordBuffer,
    TopicPartition, partition_for_key,
};

use crate::programs::{EventTime, Program};
use crate::sim::Sim;

/// The producer of the inputs.
pub struct Input {
    producer: Box<dyn Producer>,
    next: u64,
    event_time: EventTime,
    /// Numbers of the records of the open transaction.
    open: Option<Vec<u64>>,
    /// Numbers of records that must be there, and of those that must not.
    pub acknowledged: BTreeSet<u64>,
    pub aborted: BTreeSet<u64>,
}

fn open_producer(sim: &Sim, broker: &EmbeddedBroker) -> Result<Box<dyn Producer>, BrokerError> {
    broker.producer(if sim.scenario.transactional_input {
        ProducerOptions::transactional("input", "input")
    } else {
        ProducerOptions::idempotent("input")
    })
}

impl Input {
    pub fn open(sim: &Sim, broker: &EmbeddedBroker) -> Result<Self, BrokerError> {
        Ok(Self {
            producer: open_producer(sim, broker)?,
            next: 0,
            event_time: EventTime::default(),
            open: None,
            acknowledged: BTreeSet::new(),
            aborted: BTreeSet::new(),
        })
    }

    /// After a crash of the broker: what was in flight may be there or not.
    pub fn reopen(&mut self, sim: &Sim, broker: &EmbeddedBroker) -> Result<(), BrokerError> {
        self.open = None;
        self.producer = open_producer(sim, broker)?;
        Ok(())
    }

    /// Sends a few records, or ends a transaction.
    pub fn feed(&mut self, sim: &Sim) -> Result<(), BrokerError> {
        if self.open.is_some() && sim.with(|core| core.random.chance(500)) {
            return self.end_transaction(sim);
        }
        if self.next >= sim.scenario.records {
            return Ok(());
        }
        let mut buffers: BTreeMap<TopicPartition, RecordBuffer> = BTreeMap::new();
        let mut ids = Vec::new();
        for _ in 0..sim.with(|core| core.random.between(1, 5)) {
            self.record(sim, &mut buffers, &mut ids);
        }
        if sim.scenario.transactional_input && self.open.is_none() {
            self.producer.begin()?;
            self.open = Some(Vec::new());
        }
        for (partition, buffer) in &mut buffers {
            self.producer.send(partition, buffer)?;
        }
        self.producer.flush()?;
        sim.note(format_args!("fed records {ids:?}"));
        match &mut self.open {
            Some(open) => open.extend(ids),
            None => self.acknowledged.extend(ids),
        }
        Ok(())
    }

    fn record(
        &mut self,
        sim: &Sim,
        buffers: &mut BTreeMap<TopicPartition, RecordBuffer>,
        ids: &mut Vec<u64>,
    ) {
        let scenario = &sim.scenario;
        let id = self.next;
        self.next += 1;
        let is_timed = matches!(scenario.program, Program::Operators(_));
        let (topic, key, value, timestamp) = sim.with(|core| {
            let r = &mut core.random;
            let (topic, key) = (r.below(u64::from(scenario.inputs)), r.below(scenario.keys));
            let value = scenario.program.value(scenario, topic, id, r);
            let timestamp = if is_timed { self.event_time.next(r) } else { sim.now() };
            (topic, key, value, timestamp)
        });
        let value = value.map(|value| {
            ids.push(id);
            format!("{value}{:pad$}", "", pad = scenario.padding)
        });
        // The same keys in both topics, where they are to meet.
        let key = if is_timed { format!("k{key}") } else { format!("t{topic}k{key}") };
        let partition = partition_for_key(key.as_bytes(), scenario.partitions);
        let partition = TopicPartition::new(format!("in-{topic}"), partition);
        buffers.entry(partition).or_default().push(
            timestamp,
            Some(key.as_bytes()),
            value.as_ref().map(String::as_bytes),
            &Headers::new(),
        );
    }

    /// Ends the open transaction, if there is one; most are committed.
    pub fn end_transaction(&mut self, sim: &Sim) -> Result<(), BrokerError> {
        let Some(ids) = self.open.take() else {
            return Ok(());
        };
        if sim.with(|core| core.random.chance(250)) {
            sim.note(format_args!("aborts input {ids:?}"));
            self.aborted.extend(ids);
            return self.producer.abort();
        }
        match self.producer.commit() {
            CommitOutcome::Committed => {
                sim.note(format_args!("commits input {ids:?}"));
                self.acknowledged.extend(ids);
                Ok(())
            }
            // It was open too long: the broker has aborted it, and fenced its producer.
            CommitOutcome::Aborted(error) => Err(error),
            CommitOutcome::Unknown(error) => Err(error),
        }
    }
}
