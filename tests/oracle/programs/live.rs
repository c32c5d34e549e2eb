//! Random programs on Kafka Streams and on millstream, compared.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use millstream_kafka_server::JavaPrograms;
use serde_json::Value;

use super::super::say;
use super::program::Program;
use super::shrink::shrink;
use super::{Kept, difference, generate, kept_folder};

/// How many programs, and the seed of the first.
const PROGRAMS: &str = "MILLSTREAM_PROGRAMS";
const SEED: &str = "MILLSTREAM_SEED";
const IN_CI: u64 = 500;
/// What is shrunk takes its time.
const MOST_FAILURES: usize = 8;

struct Live {
    java: JavaPrograms,
}

impl Live {
    fn answer(&mut self, program: &Program) -> Value {
        let text = serde_json::to_string(program).expect("a program is JSON");
        let answer = self.java.run(&text).unwrap_or_else(|error| panic!("{error}"));
        serde_json::from_str(&answer).expect("an answer is JSON")
    }

    /// The difference, if Kafka Streams takes the program at all.
    fn difference(&mut self, program: &Program) -> Option<(String, Value)> {
        let answer = self.answer(program);
        if answer.get("refused").is_some() {
            return None;
        }
        Some((difference(program, &answer)?, answer))
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}: '{text}' is no number")),
        Err(_) => otherwise,
    }
}

/// What kind of a difference it is, so that shrinking does not wander off to another.
fn sort_of(difference: &str) -> String {
    let place = difference.split(", record").next().unwrap_or_default();
    place.chars().filter(|c| !c.is_ascii_digit()).take(120).collect()
}

#[test]
fn random_programs_give_what_kafka_streams_gives() {
    let mut live =
        Live { java: JavaPrograms::try_start().unwrap_or_else(|error| panic!("{error}")) };
    let (first, count) = (number(SEED, 1), number(PROGRAMS, IN_CI));
    let (mut refused, mut operators) = (0, BTreeMap::<String, usize>::new());
    let (mut steps, mut failures, began) = (0, Vec::new(), Instant::now());
    for seed in first..first + count {
        let program = generate::program(seed);
        let answer = live.answer(&program);
        if let Some(why) = answer.get("refused") {
            refused += 1;
            say(&format!("seed {seed} is refused: {why}"));
            continue;
        }
        steps += program.steps.len();
        for operator in &program.operators {
            *operators.entry(operator.op.clone()).or_default() += 1;
        }
        let Some(found) = difference(&program, &answer) else {
            continue;
        };
        let sort = sort_of(&found);
        let small = shrink(program, |candidate| {
            live.difference(candidate).is_some_and(|(found, _)| sort_of(&found) == sort)
        });
        let (found, answer) = live.difference(&small).expect("it differs");
        let why = format!("seed {seed}: {found}");
        let path = kept_folder().join(format!("seed-{seed}.json"));
        let kept = Kept { why: why.clone(), program: small, answer };
        let _there = fs::create_dir_all(kept_folder());
        let text = serde_json::to_string_pretty(&kept).expect("a case is JSON");
        fs::write(&path, text).expect("the case can be kept");
        say(&format!("{why} -> {}", path.display()));
        failures.push(why);
        if failures.len() >= MOST_FAILURES {
            break;
        }
    }
    say(&format!(
        "compared with Kafka Streams: seeds {first} to {}, {steps} steps, {refused} refused, in {:.1?}; {operators:?}",
        first + count - 1,
        began.elapsed()
    ));
    assert!(failures.is_empty(), "programs differ, and are kept:\n{}", failures.join("\n"));
}
