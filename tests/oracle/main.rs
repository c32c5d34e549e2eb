//! What Kafka Streams 4.3.1 answered, compared with millstream: outputs, changelogs, repartition
//! topics, stores, names of nodes and topics. See the README beside this file.

mod case;
mod difference;
mod exceptions;
mod programs;
mod runner;
mod store_reader;
mod topologies;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use case::{Case, OwnTopic, Recorded, SubTopologyTopics, TopologyDescription};
use exceptions::EXCEPTIONS;
use millstream::state::{MemoryBackend, StateBackend};
use millstream::{InternalTopic, Optimization, StreamsBuilder, Topology};
use runner::APPLICATION_ID;
use tempfile::TempDir;

/// Names a folder to run instead of the built-in one.
const FOLDER: &str = "MILLSTREAM_ORACLE";

/// The folder to run, and whether it is the built-in one.
fn folder() -> (PathBuf, bool) {
    match std::env::var_os(FOLDER) {
        Some(folder) => (folder.into(), false),
        None => {
            let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/cases");
            (built_in, true)
        }
    }
}

/// Writes a line where the test harness does not hold it back.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The recorded topologies, built; says once which of them nobody has written. In the built-in folder
/// that is an error.
fn build(recorded: &Recorded, built_in: bool) -> BTreeMap<&str, Topology> {
    static SAID: Once = Once::new();
    let described = recorded.topologies.iter().map(|topology| &topology.name);
    let run = recorded.cases.iter().map(|case| &case.topology);
    let (mut built, mut missing) = (BTreeMap::new(), Vec::new());
    for name in described.chain(run).collect::<BTreeSet<_>>() {
        let Some(build) = topologies::find(name) else {
            missing.push(name.as_str());
            continue;
        };
        let builder = StreamsBuilder::new();
        build(&builder);
        let topology = builder.build();
        let topology = topology.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut described = recorded.topologies.iter();
        let described = described.find(|topology| topology.name == *name);
        let optimization = described.and_then(|d| d.config.get("topology.optimization"));
        let topology = match optimization.map(String::as_str) {
            None => topology,
            Some("all") => topology.optimized(Optimization::All),
            Some(other) => panic!("{name}: {other}"),
        };
        built.insert(name.as_str(), topology);
    }
    if !missing.is_empty() {
        let (count, names) = (missing.len(), missing.join(", "));
        let line = format!("not written yet: {count} topologies: {names}");
        assert!(!built_in, "{line}");
        SAID.call_once(|| say(&line));
    }
    built
}

#[track_caller]
fn assert_none(failures: &[String], of: usize, what: &str) {
    assert!(
        failures.is_empty(),
        "{} of {of} {what} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Where the stores of a case are kept, made anew for each.
type MakeState = fn() -> (Arc<dyn StateBackend>, Option<TempDir>);

#[test]
fn cases_give_what_kafka_streams_gave() {
    compare_cases(|| (Arc::new(MemoryBackend), None));
}

#[cfg(feature = "rocksdb")]
#[test]
fn cases_on_disk_give_what_kafka_streams_gave() {
    use millstream::state::rocks::{RocksBackend, RocksOptions};
    compare_cases(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let backend = RocksBackend::open(directory.path(), APPLICATION_ID, RocksOptions::default());
        (Arc::new(backend.expect("a state directory")), Some(directory))
    });
}

fn compare_cases(state: MakeState) {
    let (folder, built_in) = folder();
    let recorded = Recorded::read(&folder);
    let built = build(&recorded, built_in);
    let (mut run, mut steps, mut failures) = (0, 0, Vec::new());
    for case in &recorded.cases {
        let Some(topology) = built.get(case.topology.as_str()) else {
            continue;
        };
        let mut described = recorded.topologies.iter();
        let described = described.find(|topology| topology.name == case.topology);
        run += 1;
        steps += case.steps.len();
        failures.extend(failure(topology, described, case, state));
    }
    assert!(run > 0, "{}: nothing to run", folder.display());
    let of = built.len();
    say(&format!("compared: {of} topologies, {run} cases, {steps} steps"));
    assert_none(&failures, run, "cases");
    if built_in {
        let has_case = |name: &str| recorded.cases.iter().any(|case| case.topology == name);
        let without_case = topologies::names().find(|name| !has_case(name));
        assert_eq!(without_case, None, "a topology that no case runs");
    }
}

/// The line about a case that is not as it should be.
fn failure(
    topology: &Topology,
    described: Option<&TopologyDescription>,
    case: &Case,
    state: MakeState,
) -> Option<String> {
    let name = format!("{} / {}", case.topology, case.id);
    let excepted =
        EXCEPTIONS.iter().find(|row| row.topology == case.topology && row.covers(&case.id));
    let run = |allows| {
        // The directory is there as long as it runs.
        let (state, _directory) = state();
        runner::run(topology, described, case, allows, state)
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| run(None)));
    let Ok(outcome) = outcome else {
        return Some(format!("{name}: panicked, as said above"));
    };
    match (outcome, excepted) {
        (Ok(()), None) => None,
        (Err(difference), None) => Some(format!("{name}: {difference}")),
        (Err(_), Some(row)) => {
            if let Err(difference) = run(Some(row.allows)) {
                return Some(format!("{name}, more than the exception allows: {difference}"));
            }
            say(&format!("{name} differs: {}, because {}", row.what, row.reason));
            None
        }
        (Ok(()), Some(_)) => Some(format!("{name}: no longer differs; remove the exception")),
    }
}

#[test]
fn topologies_are_called_as_in_kafka_streams() {
    let (folder, built_in) = folder();
    let recorded = Recorded::read(&folder);
    let built = build(&recorded, built_in);
    let failures: Vec<String> = recorded
        .topologies
        .iter()
        .filter_map(|recorded| {
            let topology = built.get(recorded.name.as_str())?;
            let (expected, actual) = (&recorded.describe, topology.describe());
            if *expected != actual {
                let name = &recorded.name;
                return Some(format!("{name}: expected\n{expected}\nactual\n{actual}"));
            }
            let (expected, actual) = (&recorded.subtopologies, topics_of(topology));
            let differing = expected.iter().zip(&actual).find(|(a, b)| a != b);
            (expected.len() != actual.len() || differing.is_some()).then(|| {
                let name = &recorded.name;
                format!("{name}: expected {expected:?}, actual {actual:?}")
            })
        })
        .collect();
    assert_none(&failures, built.len(), "topologies");
}

fn topics_of(topology: &Topology) -> Vec<SubTopologyTopics> {
    let own = |topics: Vec<InternalTopic>| {
        let topics = topics.into_iter().map(|topic| {
            let (config, partitions) = (topic.configs, topic.partitions);
            (topic.name, OwnTopic { config, partitions })
        });
        topics.collect()
    };
    let sub_topologies = topology.topics(APPLICATION_ID).into_iter();
    let topics = sub_topologies.map(|sub| SubTopologyTopics {
        id: sub.id,
        sources: sub.sources,
        sinks: sub.sinks,
        repartition_topics: own(sub.repartition_topics),
        changelog_topics: own(sub.changelog_topics),
    });
    topics.collect()
}
