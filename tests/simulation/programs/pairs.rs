//! Each input record is counted in a store and comes out on two topics: on both, or on neither. The
//! clock makes records too, numbered in the same store.

use std::time::Duration;

use millstream::{
    BoxError, Processor, ProcessorContext, PunctuationType, Record, Schedule, StoreHandle,
    StreamsBuilder, Topology,
};

use super::Ending;
use crate::log::{Entry, entries, ids};
use crate::scenario::Scenario;

/// Writes behind each record's number the how-manieth of its key it is.
struct Numbering {
    seen: StoreHandle<String, i64>,
    ticks: bool,
}

impl Numbering {
    fn number(
        &self,
        key: &String,
        ctx: &mut ProcessorContext<'_, '_, String, String>,
    ) -> Result<i64, BoxError> {
        let count = ctx.store(&self.seen)?.get(key)?.unwrap_or(0) + 1;
        ctx.store(&self.seen)?.put(key, count)?;
        Ok(count)
    }
}

impl Processor<String, String> for Numbering {
    type KeyOut = String;
    type ValueOut = String;

    fn init(&mut self, ctx: &mut ProcessorContext<'_, '_, String, String>) -> Result<(), BoxError> {
        if self.ticks {
            ctx.schedule(Duration::from_millis(60), PunctuationType::WallClockTime);
        }
        Ok(())
    }

    fn process(
        &mut self,
        mut record: Record<String, String>,
        ctx: &mut ProcessorContext<'_, '_, String, String>,
    ) -> Result<(), BoxError> {
        let count = self.number(&record.key, ctx)?;
        record.value = format!("{} {count}", record.value);
        ctx.forward(record)
    }

    fn punctuate(
        &mut self,
        _schedule: Schedule,
        time: i64,
        ctx: &mut ProcessorContext<'_, '_, String, String>,
    ) -> Result<(), BoxError> {
        let key = format!("tick{}", ctx.task());
        let count = self.number(&key, ctx)?;
        ctx.forward(Record::new(key, format!("{count} {count}"), time))
    }
}

pub(super) fn topology(scenario: &Scenario) -> Topology {
    let builder = StreamsBuilder::new();
    let seen = builder.add_store::<String, i64>("seen");
    let inputs: Vec<_> = scenario
        .input_topics()
        .iter()
        .map(|topic| builder.stream::<String, String>(topic.as_str()))
        .collect();
    let all = inputs[1..].iter().fold(inputs[0].clone(), |all, one| all.merge(one));
    let ticks = scenario.ticks;
    let numbered = all.process_with(&seen.clone(), move || Numbering { seen: seen.clone(), ticks });
    numbered.to("out-a");
    numbered.to("out-b");
    builder.build().expect("the topology is sound")
}

fn count(entry: &Entry) -> u64 {
    let words = entry.text().rsplit(' ').next();
    words.and_then(|count| count.parse().ok()).unwrap_or(0)
}

pub(super) fn watch(earlier: &[Entry], new: &Entry) -> Result<(), String> {
    let last = earlier.iter().rev().find(|entry| entry.key == new.key);
    let (id, number) = last.map_or((None, 0), |last| (Some(last.id()), count(last)));
    if id.is_some_and(|id| id >= new.id()) || count(new) != number + 1 {
        return Err(format!(
            "key {}: record {} with number {} came after record {id:?} with number {number}",
            new.key(),
            new.id(),
            count(new)
        ));
    }
    Ok(())
}

pub(super) fn judge(ending: &Ending<'_>) -> Result<(), String> {
    let fed = ids(ending.logs, "in-");
    for topic in ["out-a", "out-b"] {
        let came = ids(ending.logs, topic);
        if ending.scenario.exactly_once {
            if fed != came {
                return Err(format!("fed {fed:?}\n on {topic} {came:?}"));
            }
            continue;
        }
        for (key, ids) in &fed {
            let came = came.get(key).map_or(&[][..], |ids| ids);
            if let Some(lost) = ids.iter().find(|id| !came.contains(id)) {
                return Err(format!("record {lost} of key {key} is lost on {topic}"));
            }
        }
    }
    if ending.scenario.exactly_once && entries(ending.logs, "out").any(|entry| count(entry) == 0) {
        return Err("a record came out without its number".to_owned());
    }
    Ok(())
}
