//! Records go through a map, from one or two inputs: each comes out once, in the order of its key.

use millstream::{StreamsBuilder, Topology};

use super::Ending;
use crate::log::{Entry, ids};
use crate::scenario::Scenario;

pub(super) fn topology(scenario: &Scenario) -> Topology {
    let builder = StreamsBuilder::new();
    let inputs: Vec<_> = scenario
        .input_topics()
        .iter()
        .map(|topic| builder.stream::<String, String>(topic.as_str()))
        .collect();
    let all = inputs[1..].iter().fold(inputs[0].clone(), |all, one| all.merge(one));
    all.map(|key, value| (key, format!("{value}!"))).to("out");
    builder.build().expect("the topology is sound")
}

pub(super) fn watch(earlier: &[Entry], new: &Entry) -> Result<(), String> {
    let last = earlier.iter().rev().find(|entry| entry.key == new.key);
    match last {
        Some(last) if last.id() >= new.id() => Err(format!(
            "key {}: record {} came out after record {}",
            new.key(),
            new.id(),
            last.id()
        )),
        _ => Ok(()),
    }
}

pub(super) fn judge(ending: &Ending<'_>) -> Result<(), String> {
    let (fed, came) = (ids(ending.logs, "in-"), ids(ending.logs, "out"));
    if ending.scenario.exactly_once {
        if fed != came {
            return Err(format!("fed {fed:?}\n came out {came:?}"));
        }
        return Ok(());
    }
    for (key, ids) in &fed {
        let came = came.get(key).map_or(&[][..], |ids| ids);
        if let Some(lost) = ids.iter().find(|id| !came.contains(id)) {
            return Err(format!("record {lost} of key {key} is lost"));
        }
    }
    Ok(())
}
