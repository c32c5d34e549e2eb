//! Kills the application so many times: `kills [KILLS [SEED [NODES [at_least_once]]]]`, 300 times and one
//! broker by default.

use std::path::Path;
use std::process::ExitCode;

use millstream_kafka_server::kills::{KillPlan, run};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    let mut number = |default| {
        args.next_if(|arg| arg.parse::<u64>().is_ok()).map_or(default, |arg| arg.parse().unwrap())
    };
    let mut plan = KillPlan::new(number(300) as u32);
    plan.seed = number(plan.seed);
    plan.nodes = number(1) as u32;
    plan.exactly_once = args.next().as_deref() != Some("at_least_once");
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
