//! What has to be true at the end: read by Kafka's own consumer, committed records only.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::instance::Instance;
use super::{APPLICATION, GROUPS, KillReport};
use crate::JavaTopics;

/// Open transactions of killed processes have to time out before what follows them can be read.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);
const DUMP_LIMIT: Duration = Duration::from_secs(30);

/// Waits until all numbers are counted, and compares everything with what it has to be.
pub(super) fn results(
    instances: &mut [Instance],
    topics: &JavaTopics,
    report: &mut KillReport,
) -> Result<(), String> {
    let fed = report.records;
    let expected = expected_counts(fed);
    let counts = settled_counts(topics, fed);
    compare("the counts", &expected, &counts, report);
    for topic in ["copy-a", "copy-b"] {
        let copies = topics.consume(topic);
        report.problems.extend(wrong_copies(topic, &copies, fed));
    }
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

fn expected_counts(fed: u64) -> Counts {
    let groups = (0..GROUPS).map(|group| {
        let count = (fed as i64 - group + GROUPS - 1) / GROUPS;
        (format!("g{group}"), count)
    });
    groups.filter(|(_, count)| *count > 0).collect()
}

/// The last count of each group, once they add up, or when there is no hope left.
fn settled_counts(topics: &JavaTopics, fed: u64) -> Counts {
    let end = Instant::now() + SETTLE_LIMIT;
    loop {
        let counts: Counts = topics.consume("counts").into_iter().collect();
        if counts.values().sum::<i64>() >= fed as i64 || Instant::now() > end {
            return counts;
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

/// Every number once, and those of a key in their order.
fn wrong_copies(topic: &str, copies: &[(String, i64)], fed: u64) -> Vec<String> {
    let mut times = vec![0u32; fed as usize];
    let mut last = BTreeMap::new();
    let mut problems = Vec::new();
    for (key, number) in copies {
        match times.get_mut(*number as usize) {
            Some(times) => *times += 1,
            None => problems.push(format!("{topic}: {number} was never written")),
        }
        if last.insert(key, number).is_some_and(|before| before > number) {
            problems.push(format!("{topic}: {number} comes late"));
        }
    }
    for (what, is_so) in [("missing", (|n| n == 0) as fn(u32) -> bool), ("repeated", |n| n > 1)] {
        let wrong =
            || times.iter().enumerate().filter(|(_, n)| is_so(**n)).map(|(number, _)| number);
        if wrong().next().is_some() {
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
        assert_eq!(wrong_copies("t", &copies(&[0, 1, 2]), 3), Vec::<String>::new());
        let problems = wrong_copies("t", &copies(&[0, 2, 2, 1, 4]), 4);
        let expected = [
            "t: 1 comes late",
            "t: 4 was never written",
            "t: 1 missing: [3] ...",
            "t: 1 repeated: [2] ...",
        ];
        assert_eq!(problems, expected);
    }
}
