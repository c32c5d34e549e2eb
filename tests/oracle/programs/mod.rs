//! Programs as data: operators, settings and input that Kafka Streams and millstream both run. Random
//! ones are compared with Kafka Streams while it runs (feature `java`); what once differed is kept,
//! with Kafka Streams' answer, in `cases/programs/`.

mod build;
mod functions;
#[cfg(feature = "java")]
mod generate;
#[cfg(feature = "java")]
mod live;
mod processors;
mod program;
#[cfg(feature = "java")]
#[path = "../../simulation/random.rs"]
mod random;
#[cfg(feature = "java")]
mod shrink;
#[cfg(feature = "java")]
mod soundness;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream::state::MemoryBackend;
use millstream::{StreamsBuilder, Topology};
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::exceptions::Allows;
use super::{assert_none, runner};
use program::Program;

/// A program that once differed.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// What was wrong.
    why: String,
    program: Program,
    /// What Kafka Streams gave.
    answer: serde_json::Value,
}

fn kept_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/cases/programs")
}

fn topology(program: &Program) -> Result<Topology, String> {
    let builder = StreamsBuilder::new();
    build::build(&builder, &program.operators);
    let topology = builder.build().map_err(|error| error.to_string())?;
    Ok(topology.optimized(program.optimization()))
}

/// The first difference between Kafka Streams' answer and what millstream gives.
fn difference(program: &Program, answer: &serde_json::Value) -> Option<String> {
    let compared = catch_unwind(AssertUnwindSafe(|| compare(program, answer)));
    match compared {
        Ok(compared) => compared.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(format!("panicked: {}", text.unwrap_or_default()))
        }
    }
}

fn compare(program: &Program, answer: &serde_json::Value) -> Result<(), String> {
    let topology = topology(program)?;
    let describe = sorted(answer["describe"].as_str().unwrap_or_default());
    let actual = sorted(&topology.describe());
    if describe != actual {
        let differing = describe.iter().zip(&actual).find(|(a, b)| a != b);
        return Err(format!("describe: (expected, actual) = {differing:?}"));
    }
    let case: Case = Case::deserialize(answer).map_err(|error| format!("the answer: {error}"))?;
    let others = program.loosely_logged();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let allows = (!others.is_empty()).then_some(Allows::OtherOn(&others));
    runner::run(&topology, None, &case, allows, Arc::new(MemoryBackend))
        .map_err(|difference| difference.to_string())
}

/// The lines of a `describe()`, each with its sub-topology. Of their order, which follows that of a hash map and of trees that are
/// changed under way, the recorded topologies tell.
fn sorted<'a>(describe: &'a str) -> Vec<String> {
    let mut sub_topology = "";
    let sort = |line: &'a str| {
        if line.trim_start().starts_with("Sub-topology") {
            sub_topology = line;
        }
        let mut names: Vec<&str> = line.split([',', ' ']).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        format!("{sub_topology}: {}", names.join(" "))
    };
    let mut lines: Vec<String> = describe.lines().map(sort).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn what_once_differed_is_as_in_kafka_streams() {
    let files = fs::read_dir(kept_folder()).into_iter().flatten();
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a folder").path()).collect();
    files.sort();
    let failures = files.iter().filter_map(|path| {
        let text = fs::read_to_string(path).expect("a case is text");
        let kept: Kept = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let difference = difference(&kept.program, &kept.answer)?;
        Some(format!("{}: {difference} ({})", path.display(), kept.why))
    });
    assert_none(&failures.collect::<Vec<_>>(), files.len(), "programs");
}
