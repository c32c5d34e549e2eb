//! A table of amounts is grouped anew and summed up, with updates that move an entry from one group
//! to another, and deletes.

use std::collections::BTreeMap;

use millstream::{StreamsBuilder, Topology};

use super::Ending;
use crate::log::{Entry, latest};

pub(super) fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .table::<String, String>("in-0", "entries")
        .group_by(|_, value| group_and_amount(&value))
        .aggregate("sums", || 0i64, |_, n, sum| sum + n, |_, n, sum| sum - n)
        .to("out");
    builder.build().expect("the topology is sound")
}

fn group_and_amount(value: &str) -> (String, i64) {
    let mut words = value.split(' ').skip(1);
    let group = words.next().unwrap_or("none").to_owned();
    let amount = words.next().and_then(|amount| amount.parse().ok());
    (group, amount.unwrap_or(i64::MIN / 1000))
}

pub(super) fn watch(new: &Entry) -> Result<(), String> {
    match new.number() {
        Some(sum) if sum >= 0 => Ok(()),
        sum => Err(format!("group {}: the sum is {sum:?}", new.key())),
    }
}

pub(super) fn judge(ending: &Ending<'_>) -> Result<(), String> {
    if !ending.scenario.exactly_once {
        return Ok(());
    }
    let mut right: BTreeMap<String, i64> = BTreeMap::new();
    for entry in latest(ending.logs, "in-").values() {
        if entry.value.is_some() {
            let (group, amount) = group_and_amount(entry.text());
            *right.entry(group).or_default() += amount;
        }
    }
    right.retain(|_, sum| *sum != 0);
    let mut summed: BTreeMap<String, i64> = latest(ending.logs, "out")
        .into_iter()
        .map(|(group, entry)| (group.to_owned(), entry.number().unwrap_or(-1)))
        .collect();
    summed.retain(|_, sum| *sum != 0);
    if right != summed {
        return Err(format!("right is {right:?}\n summed up {summed:?}"));
    }
    Ok(())
}
