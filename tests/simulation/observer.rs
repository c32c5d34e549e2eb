//! A read-committed reader that looks on all the time: no half transaction may ever be visible, and
//! nothing visible may disappear.

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{Admin, Broker, BrokerError, Consumer, ConsumerOptions, TopicPartition};

use crate::log::{Entry, Logs, entries};
use crate::scenario::APPLICATION;
use crate::sim::Sim;

/// The observer.
pub struct Observer {
    consumer: Box<dyn Consumer>,
    /// For looks from anywhere.
    probe: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    pub logs: Logs,
}

impl Observer {
    /// Looks on inputs and outputs.
    pub fn open(sim: &Sim, broker: &EmbeddedBroker) -> Result<Self, BrokerError> {
        let mut observer = Self {
            consumer: broker.consumer(ConsumerOptions::default())?,
            probe: broker.consumer(ConsumerOptions::default())?,
            admin: broker.admin()?,
            logs: Logs::new(),
        };
        let inputs = sim.scenario.input_topics();
        let outputs = sim.scenario.program.output_topics(&sim.scenario);
        for (topic, _) in outputs {
            observer.follow(&topic)?;
        }
        for topic in inputs {
            observer.follow(&topic)?;
        }
        Ok(observer)
    }

    fn follow(&mut self, topic: &str) -> Result<(), BrokerError> {
        for described in self.admin.describe_topics(&[topic])?.into_iter().flatten() {
            for number in 0..described.partitions {
                let partition = TopicPartition::new(topic, number);
                self.consumer.assign(&partition, 0)?;
                self.logs.insert(partition, Vec::new());
            }
        }
        Ok(())
    }

    /// Reads what is new everywhere, and judges it.
    pub fn look(&mut self, sim: &Sim) -> Result<(), BrokerError> {
        for (partition, log) in &mut self.logs {
            while let Some(batch) = self.consumer.fetch(partition, 1 << 20)? {
                for record in batch.iter() {
                    let new = Entry {
                        offset: record.offset,
                        timestamp: record.timestamp,
                        key: record.key.unwrap_or_default().to_vec(),
                        value: record.value.map(<[u8]>::to_vec),
                    };
                    if sim.scenario.exactly_once && partition.topic.starts_with("out") {
                        let judged = sim.scenario.program.watch(&sim.scenario, log, &new);
                        if let Err(reason) = judged {
                            sim.fail(format!("{partition}@{}: {reason}", record.offset));
                        }
                    }
                    log.push(new);
                }
            }
        }
        if sim.scenario.exactly_once {
            self.compare(sim)?;
        }
        Ok(())
    }

    /// Outputs and committed offsets move together.
    fn compare(&mut self, sim: &Sim) -> Result<(), BrokerError> {
        let Some(factor) = sim.scenario.program.outputs_per_input() else {
            return Ok(());
        };
        let mut committed = 0;
        for (partition, offset) in self.admin.group_offsets(APPLICATION)? {
            let log = self.logs.get(&partition).map_or(&[][..], |log| log);
            committed += log.partition_point(|entry| entry.offset < offset.offset);
        }
        let visible = entries(&self.logs, "out").filter(|entry| !entry.is_tick()).count();
        let mut stable = true;
        for partition in self.logs.keys().filter(|tp| tp.topic.starts_with("out")) {
            let ends = self.consumer.offsets(partition)?;
            stable &= ends.last_stable == ends.end;
        }
        let expected = committed * factor;
        if visible > expected || (stable && visible < expected) {
            sim.fail(format!(
                "half a transaction: {committed} records are committed, and {visible} of {expected} outputs visible"
            ));
        }
        Ok(())
    }

    /// After a crash of the broker: looks on anew, and compares with what was seen before.
    pub fn reopen(&mut self, sim: &Sim, broker: &EmbeddedBroker) -> Result<(), BrokerError> {
        let before = std::mem::take(&mut self.logs);
        *self = Self::open(sim, broker)?;
        self.look(sim)?;
        let seen = before.into_iter().filter(|(tp, _)| tp.topic.starts_with("out"));
        for (partition, before) in seen.filter(|_| sim.scenario.exactly_once) {
            if !self.logs[&partition].starts_with(&before) {
                sim.fail(format!("{partition}: committed records are gone after a crash"));
            }
        }
        Ok(())
    }

    /// Follows the changelogs too.
    pub fn follow_changelogs(&mut self, sim: &Sim) -> Result<(), BrokerError> {
        for topic in self.admin.list_topics()? {
            if topic.ends_with("-changelog") {
                self.follow(&topic)?;
            }
        }
        self.look(sim)
    }

    /// Whether nothing but the ends of transactions and aborted records follow.
    fn is_empty_from(&mut self, partition: &TopicPartition, at: i64) -> Result<bool, BrokerError> {
        self.probe.assign(partition, at)?;
        while let Some(batch) = self.probe.fetch(partition, 1 << 20)? {
            if batch.first().is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What is not processed and committed yet, in words; nothing when all is.
    pub fn unprocessed(&mut self, sim: &Sim) -> Result<Vec<String>, BrokerError> {
        let mut open = Vec::new();
        let committed = self.admin.group_offsets(APPLICATION)?;
        for topic in self.admin.list_topics()? {
            // What foreign-key joins send ends in "-topic".
            let is_source = topic.starts_with("in-")
                || topic.ends_with("-repartition")
                || topic.ends_with("-topic");
            for described in self.admin.describe_topics(&[&topic])?.into_iter().flatten() {
                for number in 0..described.partitions {
                    let partition = TopicPartition::new(&*topic, number);
                    let ends = self.consumer.offsets(&partition)?;
                    let at = committed.iter().find(|(tp, _)| *tp == partition);
                    let at = at.map_or(ends.beginning, |(_, offset)| offset.offset);
                    let done =
                        !is_source || at == ends.end || self.is_empty_from(&partition, at)?;
                    if ends.last_stable < ends.end || !done {
                        open.push(format!("{partition} at {at} of {ends:?}"));
                    }
                }
            }
        }
        if !open.is_empty() {
            sim.with(|core| core.trace.mix(open.len() as u64));
        }
        Ok(open)
    }
}
