//! What has to be true at the end: read by Kafka's own consumer, committed records only.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::instance::Instance;
use super::{APPLICATION, GROUPS, KillPlan, KillReport};
use crate::JavaTopics;

/// Open transactions of killed processes have to time out before what follows them can be read.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);
/// Longer than a session, after which others go on with what a killed process had.
const QUIET: Duration = Duration::from_secs(10);
const DUMP_LIMIT: Duration = Duration::from_secs(30);
const COPIES: [&str; 2] = ["copy-a", "copy-b"];

/// Waits until all numbers are counted, and compares everything with what it has to be.
pub(super) fn results(
    plan: &KillPlan,
    instances: &mut [Instance],
    topics: &JavaTopics,
    report: &mut KillReport,
) -> Result<(), String> {
    let fed = report.records;
    let expected = expected_counts(fed);
    let (counts, copies) = settled(topics, &expected, fed, plan.exactly_once);
    for (topic, copies) in COPIES.iter().zip(copies) {
        report.problems.extend(wrong_copies(topic, &copies, fed, plan.exactly_once));
    }
    let mut expected = expected;
    if !plan.exactly_once {
        let short = expected.iter().filter(|(key, count)| counts.get(*key) < Some(*count)).count();
        if short > 0 {
            report.problems.push(format!("{short} counts are too small: {counts:?}"));
        }
        report.repeated = counts.values().sum::<i64>().saturating_sub(fed as i64) as u64;
        // Whatever was counted again, all have to agree on it.
        expected = counts.clone();
    }
    compare("the counts", &expected, &counts, report);
    let changelog = topics.consume(&format!("{APPLICATION}-per-group-changelog"));
    compare("the changelog", &expected, &changelog.into_iter().collect(), report);
    let mut stores = BTreeMap::new();
    for instance in instances.iter_mut() {
        for (key, count) in instance.dump(DUMP_LIMIT)? {
            if let Some(other) = stores.insert(key.clone(), count) {
                report.problems.push(format!("{key} is in two stores, as {other} and {count}"));
            }
        }
        report.take_restores(instance);
    }
    compare("the stores", &expected, &stores, report);
    Ok(())
}

type Counts = BTreeMap<String, i64>;
type Copies = Vec<(String, i64)>;

fn expected_counts(fed: u64) -> Counts {
    let groups = (0..GROUPS).map(|group| {
        let count = (fed as i64 - group + GROUPS - 1) / GROUPS;
        (format!("g{group}"), count)
    });
    groups.filter(|(_, count)| *count > 0).collect()
}

/// The last count of each group and the copies, once all is there, or when there is no hope left. At
/// least once all may be there while some of it is still counted again: then nothing has to have come
/// for a while.
fn settled(
    topics: &JavaTopics,
    expected: &Counts,
    fed: u64,
    exactly_once: bool,
) -> (Counts, [Copies; 2]) {
    let end = Instant::now() + SETTLE_LIMIT;
    let quiet = if exactly_once { Duration::ZERO } else { QUIET };
    let (mut before, mut since) = (0, Instant::now());
    loop {
        let counts = topics.consume("counts");
        if counts.len() != before {
            (before, since) = (counts.len(), Instant::now());
        }
        let counts: Counts = counts.into_iter().collect();
        let copies = COPIES.map(|topic| topics.consume(topic));
        let is_counted = expected.iter().all(|(key, count)| counts.get(key) >= Some(count));
        let are_there = copies.iter().all(|copies| copies.len() >= fed as usize);
        if is_counted && are_there && since.elapsed() >= quiet || Instant::now() > end {
            return (counts, copies);
        }
        thread::sleep(Duration::from_millis(500));
    }
}

fn compare(what: &str, expected: &Counts, found: &Counts, report: &mut KillReport) {
    let wrong: Vec<_> = expected
        .iter()
        .filter(|(key, count)| found.get(*key) != Some(*count))
        .map(|(key, count)| format!("{key} is {:?} instead of {count}", found.get(key)))
        .collect();
    let more = found.keys().filter(|key| !expected.contains_key(*key)).count();
    if !wrong.is_empty() || more > 0 {
        let first = wrong[..wrong.len().min(5)].join(", ");
        let count = wrong.len();
        report.problems.push(format!("{what}: {count} wrong, {more} too many: {first}"));
    }
}

/// Every number once, and those of a key in their order; or every number at all.
fn wrong_copies(
    topic: &str,
    copies: &[(String, i64)],
    fed: u64,
    exactly_once: bool,
) -> Vec<String> {
    let mut times = vec![0u32; fed as usize];
    let mut last = BTreeMap::new();
    let mut problems = Vec::new();
    for (key, number) in copies {
        match times.get_mut(*number as usize) {
            Some(times) => *times += 1,
            None => problems.push(format!("{topic}: {number} was never written")),
        }
        if last.insert(key, number).is_some_and(|before| before > number) && exactly_once {
            problems.push(format!("{topic}: {number} comes late"));
        }
    }
    for (what, is_so) in [("missing", (|n| n == 0) as fn(u32) -> bool), ("repeated", |n| n > 1)] {
        let wrong =
            || times.iter().enumerate().filter(|(_, n)| is_so(**n)).map(|(number, _)| number);
        if wrong().next().is_some() && (exactly_once || what == "missing") {
            let first: Vec<_> = wrong().take(5).collect();
            problems.push(format!("{topic}: {} {what}: {first:?} ...", wrong().count()));
        }
    }
    problems.truncate(20);
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        assert_eq!(expected_counts(0), Counts::new());
        let counts = expected_counts(GROUPS as u64 + 1);
        assert_eq!((counts["g0"], counts["g1"], counts.len() as i64), (2, 1, GROUPS));
    }

    #[test]
    fn copies_that_are_wrong_are_found() {
        let copies = |numbers: &[i64]| -> Vec<_> {
            numbers.iter().map(|number| ("k".to_owned(), *number)).collect()
        };
        assert_eq!(wrong_copies("t", &copies(&[0, 1, 2]), 3, true), Vec::<String>::new());
        let problems = wrong_copies("t", &copies(&[0, 2, 2, 1, 4]), 4, true);
        let expected = [
            "t: 1 comes late",
            "t: 4 was never written",
            "t: 1 missing: [3] ...",
            "t: 1 repeated: [2] ...",
        ];
        assert_eq!(problems, expected);
        let problems = wrong_copies("t", &copies(&[0, 2, 2, 1, 4]), 4, false);
        assert_eq!(problems, ["t: 4 was never written", "t: 1 missing: [3] ..."]);
    }
}
