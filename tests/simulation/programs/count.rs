//! Words are counted behind a repartition topic: without a cache every count is seen once, with one
//! they grow; the last is right.

use std::collections::BTreeMap;

use millstream::{StreamsBuilder, Topology};

use super::Ending;
use crate::log::{Entry, entries, latest};
use crate::scenario::Scenario;

pub(super) fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("in-0")
        .group_by(|_, value| word(value).to_owned())
        .count("counts")
        .to("out");
    builder.build().expect("the topology is sound")
}

fn word(value: &str) -> &str {
    value.split(' ').nth(1).unwrap_or("none")
}

pub(super) fn watch(scenario: &Scenario, earlier: &[Entry], new: &Entry) -> Result<(), String> {
    let last = earlier.iter().rev().find(|entry| entry.key == new.key);
    let last = last.and_then(Entry::number).unwrap_or(0);
    let now = new.number().ok_or("a count has no value")?;
    if (scenario.is_uncached() && now != last + 1) || now <= last {
        return Err(format!("word {}: count {now} came after {last}", new.key()));
    }
    Ok(())
}

pub(super) fn judge(ending: &Ending<'_>) -> Result<(), String> {
    let mut right: BTreeMap<&str, i64> = BTreeMap::new();
    for entry in entries(ending.logs, "in-") {
        *right.entry(word(entry.text())).or_default() += 1;
    }
    let counted: BTreeMap<&str, i64> = latest(ending.logs, "out")
        .into_iter()
        .map(|(word, entry)| (word, entry.number().unwrap_or(-1)))
        .collect();
    if ending.scenario.exactly_once {
        if right != counted {
            return Err(format!("right is {right:?}\n counted {counted:?}"));
        }
        return Ok(());
    }
    for (word, right) in right {
        let counted = counted.get(word).copied().unwrap_or(0);
        if counted < right {
            return Err(format!("word {word}: counted {counted} of {right}"));
        }
    }
    Ok(())
}
