//! The straight run: the same program over the same input, without faults, caches and rebalances.

use std::collections::{BTreeMap, BTreeSet};

use millstream::broker::partition_for_key;
use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Error, Topology};

use crate::log::{Entry, Logs};
use crate::programs::{ORDER, Operators, Sameness};
use crate::scenario::Scenario;
use crate::store_shape::{Entries, KeptStore};

/// Timestamps and values of each key, in order.
type Outputs = BTreeMap<Vec<u8>, Vec<(i64, Option<Vec<u8>>)>>;

/// What came out of a straight run over one partition, or over all of them together.
pub struct StraightRun {
    outputs: Vec<Outputs>,
    stores: BTreeMap<String, Entries>,
}

/// The input in the order in which it was processed: the partition, the topic, the record.
fn processed<'a>(logs: &'a Logs, scenario: &Scenario) -> Vec<(u32, &'static str, &'a Entry)> {
    let mut records = Vec::new();
    for (partition, log) in logs {
        for entry in log {
            let number = partition_for_key(&entry.key, scenario.partitions);
            let is_right = scenario.inputs == 2 && entry.text().split(' ').nth(1) == Some("R");
            let topic = if is_right { "in-1" } else { "in-0" };
            let is_wanted = if scenario.inputs == 2 {
                &*partition.topic == ORDER
            } else {
                &*partition.topic == topic
            };
            if is_wanted {
                records.push((number, topic, entry));
            }
        }
    }
    records
}

/// Runs straight, each partition for itself unless they come together.
pub fn run(
    operators: Operators,
    topology: &Topology,
    scenario: &Scenario,
    logs: &Logs,
) -> Result<Vec<StraightRun>, Error> {
    let records = processed(logs, scenario);
    let runs = if operators.crosses_partitions() { 1 } else { scenario.partitions };
    let mut straight = Vec::new();
    for number in 0..runs {
        let config = scenario.config().with_statestore_cache_max_bytes(0);
        let options = DriverOptions { config, ..DriverOptions::default() };
        let mut driver = TopologyTestDriver::with_options(topology, options)?;
        for (partition, topic, entry) in &records {
            if runs == 1 || *partition == number {
                let mut input = driver.input::<String, String>(*topic);
                input.send_at(entry.key(), entry.text(), entry.timestamp)?;
            }
        }
        let mut outputs = Vec::new();
        for (topic, _) in operators.outputs(scenario) {
            let mut of_keys = Outputs::new();
            for out in driver.output::<Vec<u8>, Option<Vec<u8>>>(topic).read_records()? {
                let record = out.record;
                of_keys.entry(record.key).or_default().push((record.timestamp, record.value));
            }
            outputs.push(of_keys);
        }
        let mut stores = BTreeMap::new();
        for KeptStore { name, shape, .. } in
            operators.stores(scenario).iter().filter(|s| s.compared)
        {
            let held = driver.raw_entries(name)?;
            let held = held.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
            stores.insert(name.clone(), shape.held(held));
        }
        straight.push(StraightRun { outputs, stores });
    }
    Ok(straight)
}

/// Compares what came out with what came out of straight runs.
pub fn compare_outputs(
    operators: Operators,
    scenario: &Scenario,
    straight: &[StraightRun],
    logs: &Logs,
) -> Result<(), String> {
    for (number, (topic, sameness)) in operators.outputs(scenario).into_iter().enumerate() {
        let mut right = Outputs::new();
        for run in straight {
            right.extend(run.outputs[number].clone());
        }
        let mut came = Outputs::new();
        for (_, log) in logs.iter().filter(|(partition, _)| *partition.topic == *topic) {
            for entry in log {
                let of_key = came.entry(entry.key.clone()).or_default();
                of_key.push((entry.timestamp, entry.value.clone()));
            }
        }
        let keys: BTreeSet<_> = right.keys().chain(came.keys()).collect();
        for key in keys {
            let right = right.get(key).map_or(&[][..], |right| right);
            let came = came.get(key).map_or(&[][..], |came| came);
            if !is_same(sameness, right, came) {
                let key = String::from_utf8_lossy(key);
                let (right, came) = match sameness {
                    Sameness::Last | Sameness::LastUnlessGone => (last_of(right), last_of(came)),
                    _ => (right, came),
                };
                let alike =
                    right.iter().zip(came).take_while(|(right, came)| right == came).count();
                return Err(format!(
                    "{topic}, {sameness:?}: of {key} came, after {alike} records that are right, {} instead of {}",
                    words(came.get(alike..).unwrap_or_default()),
                    words(right.get(alike..).unwrap_or_default()),
                ));
            }
        }
    }
    Ok(())
}

/// The first of some records, in words.
fn words(records: &[(i64, Option<Vec<u8>>)]) -> String {
    let words = records.iter().take(5).map(|(time, value)| match value {
        Some(value) => format!("{}@{time}", value.escape_ascii()),
        None => format!("nothing@{time}"),
    });
    format!("[{}] ({} records)", words.collect::<Vec<_>>().join(", "), records.len())
}

/// The last record, alone.
fn last_of<T>(records: &[T]) -> &[T] {
    &records[records.len().saturating_sub(1)..]
}

fn is_same(
    sameness: Sameness,
    right: &[(i64, Option<Vec<u8>>)],
    came: &[(i64, Option<Vec<u8>>)],
) -> bool {
    // A key that nobody has heard of is as good as a deleted one.
    let last =
        |records: &[(i64, Option<Vec<u8>>)]| records.last().and_then(|(_, value)| value.clone());
    match sameness {
        Sameness::Exact => right == came,
        Sameness::Loose => true,
        Sameness::Last => last(right) == last(came),
        Sameness::LastUnlessGone => last(right).is_none() || last(right) == last(came),
        Sameness::Thinned => {
            let mut rest = right.iter();
            let is_part = came.iter().all(|(_, value)| rest.any(|(_, in_order)| in_order == value));
            is_part && last(right) == last(came)
        }
    }
}

impl StraightRun {
    /// What a store holds at the end.
    pub fn store(&self, name: &str) -> Option<&Entries> {
        self.stores.get(name)
    }
}
