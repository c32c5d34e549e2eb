//! Counts the words of files, or of standard input, exactly once, with no server.
//!
//! ```text
//! cargo run --release --example word_count -- README.md
//! cargo run --release --example word_count -- --dir /tmp/words --top 20 a.txt b.txt
//! ```
//!
//! The lines go into the topic `text-lines` of a broker inside the process; the topology splits
//! them, groups by word and counts; the counts come out of the topic `word-counts`, and the most
//! frequent words are printed as `count<TAB>word`. `args.rs` has the options.
//!
//! - A word is a run of alphanumeric characters, in lower case. Bytes that are no UTF-8 separate.
//! - With `--dir` the broker lives in a directory. How far each file has been read is committed in
//!   the same transaction as its lines: a later run adds only what is new, and a run that was
//!   killed is finished by the next one, nothing lost and nothing counted twice.
//! - The end of a file ends its last line, newline or not. What is appended later begins a new
//!   line, and so a new word.
//! - A file that is named twice is read once. Standard input has no position: each run reads it.
//! - Ctrl-C commits, closes, prints nothing and exits with 130.

mod args;
mod broker;
mod counts;
mod end;
mod feed;
mod input;
mod lines;
mod progress;
mod stop;

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use millstream::{Config, StreamsApp, StreamsBuilder, Topology, TopologyError};

use args::Args;
use counts::Counts;
use end::End;
use feed::Feeder;
use progress::Progress;
use stop::Stop;

const TICK: Duration = Duration::from_millis(20);
const CLOSE_WITHIN: Duration = Duration::from_secs(30);

/// The program.
fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("text-lines")
        .flat_map_values(|line| words(&line))
        .group_by(|_, word| word.clone())
        .count("word-counts")
        .to("word-counts");
    builder.build()
}

fn words(line: &str) -> Vec<String> {
    line.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn main() -> ExitCode {
    let args = match Args::parse() {
        Ok(Some(args)) => args,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("word_count: {error}; see --help");
            return ExitCode::from(2);
        }
    };
    match run(&args) {
        Ok(Some(counts)) => match counts.print(args.top, io::stdout().lock()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&error),
            _ => ExitCode::SUCCESS,
        },
        Ok(None) => {
            eprintln!(
                "word_count: stopped; {}",
                match &args.dir {
                    Some(dir) => format!("run again with --dir {} to go on", dir.display()),
                    None => "nothing is kept without --dir".to_owned(),
                }
            );
            ExitCode::from(130)
        }
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn Error) -> ExitCode {
    eprintln!("word_count: {error}");
    ExitCode::FAILURE
}

/// Counts; `None` when it was stopped before the end.
fn run(args: &Args) -> Result<Option<Counts>, Box<dyn Error>> {
    let stop = Stop::on_ctrl_c()?;
    let inputs = input::open(&args.files)?;
    let topology = topology()?;
    let broker = broker::open(args.dir.as_deref(), &topology)?;
    let config = Config::new(broker::APPLICATION)
        .with_num_stream_threads(args.threads)
        .with_topic_config("segment.bytes", broker::SEGMENT_BYTES);
    let app = StreamsApp::on(Arc::new(broker.clone()), topology, config)?;
    let mut end = End::of(&app, broker::APPLICATION)?;
    let mut feeder = Feeder::new(&broker, inputs)?;
    let mut counts = Counts::of(&broker)?;
    let mut progress = Progress::new();
    app.start()?;
    let finished = loop {
        if stop.is_asked() {
            break false;
        }
        if !feeder.is_done() && broker.wait_for_room(broker::TEXT_LINES, TICK) {
            feeder.feed()?;
        }
        counts.read()?;
        progress.show(app.metrics());
        // All that goes into `word-counts` is in it first, and then it is read to its end.
        if feeder.is_done() && end.is_reached()? && counts.are_complete()? {
            break true;
        }
        if app.state().is_terminal() {
            app.close(CLOSE_WITHIN)?;
            return Err("the application has stopped before the end".into());
        }
        if feeder.is_done() {
            thread::sleep(TICK / 4);
        }
    };
    progress.clear();
    app.close(CLOSE_WITHIN)?;
    broker.close()?;
    Ok(finished.then_some(counts))
}
