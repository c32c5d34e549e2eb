//! Millstream as one side of the comparison with Kafka Streams on a Kafka broker: takes the
//! arguments and prints the lines that the harness's contract asks for (see README.md).
//!
//! `cargo run --release -p millstream-benches --features kafka,rocksdb --bin side -- WORKLOAD --bootstrap HOST:PORT …`

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the system's clock")]

#[path = "side/arguments.rs"]
mod arguments;
#[path = "side/counted.rs"]
mod counted;
#[path = "side/finish.rs"]
mod finish;
#[path = "side/hot.rs"]
mod hot;
#[path = "side/joins.rs"]
mod joins;
#[path = "side/process.rs"]
mod process;
#[path = "side/serve.rs"]
mod serve;
#[path = "side/settings.rs"]
mod settings;
#[path = "side/watch.rs"]
mod watch;
#[path = "side/windows.rs"]
mod windows;
#[path = "side/workloads.rs"]
mod workloads;

use std::process::ExitCode;

use millstream::StreamsApp;

use arguments::Arguments;
use counted::Counts;
use watch::Watch;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let main_ms = process::epoch_ms();
    match run(main_ms) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(3)
        }
    }
}

fn run(main_ms: i64) -> Result<ExitCode, Failure> {
    let refused = |reason: Failure| {
        eprintln!("{reason}");
        Ok(ExitCode::from(2))
    };
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(reason) => return refused(reason),
    };
    let config = match settings::settings(&arguments) {
        Ok(config) => config,
        Err(reason) => return refused(reason),
    };
    let counts = Counts::new(arguments.threads);
    let topology = match workloads::topology(&arguments, &counts) {
        Ok(topology) => topology,
        Err(reason) => return refused(reason),
    };
    let app = StreamsApp::new(topology, config)?;
    let watch = Watch::on(&app, arguments.serve);
    if arguments.serve {
        serve::serve(&arguments, &app, &counts, &watch, main_ms)
    } else {
        finish::finish(&arguments, &app, &counts, &watch, main_ms)
    }
}
