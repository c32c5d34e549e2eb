//! Kills the application so many times: `kills [KILLS [SEED]]`, 300 times by default.

use std::path::Path;
use std::process::ExitCode;

use millstream_kafka_server::kills::{KillPlan, run};

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse().expect("a number"));
    let mut plan = KillPlan::new(numbers.next().unwrap_or(300) as u32);
    plan.seed = numbers.next().unwrap_or(plan.seed);
    plan.settings.push(("default.dsl.store".to_owned(), "rocksDB".to_owned()));
    let program = std::env::current_exe().expect("this program");
    match run(&program.parent().unwrap_or(Path::new("")).join("kill_app"), &plan) {
        Ok(report) => {
            println!("{report}");
            if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
