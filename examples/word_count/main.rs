//! Counts the words of files, or of standard input, exactly once: with no server, or on Kafka.
//!
//! ```text
//! cargo run --release --example word_count -- README.md
//! cargo run --release --example word_count -- --dir /tmp/words --top 20 a.txt b.txt
//! cargo run --release --example word_count --features kafka,rocksdb -- \
//!     --bootstrap localhost:9092 --state-dir /tmp/words a.txt
//! ```
//!
//! The lines go into the topic `text-lines`; the topology splits them, groups by word and counts;
//! the counts come out of the topic `word-counts`, and the most frequent words are printed as
//! `count<TAB>word`. The topics are those of a broker inside the process, or with `--bootstrap`
//! those of a Kafka cluster. `args.rs` has the options.
//!
//! - A word is a run of alphanumeric characters, in lower case. Bytes that are no UTF-8 separate.
//! - With `--dir` the broker lives in a directory. How far each file has been read is committed in
//!   the same transaction as its lines: a later run adds only what is new, and a run that was
//!   killed is finished by the next one, nothing lost and nothing counted twice.
//! - With `--bootstrap` it is the same on a cluster, and several can count beside each other, each
//!   the files it was given: they share the work, and each prints the counts of all when its own
//!   files are counted. One that is given a file which another reads goes on where that one is, and
//!   the other stops. Files go by their whole path: give those of different machines different ones.
//! - `--application-id` is the name of the application. Another one has topics of its own, which
//!   begin with it, and counts for itself.
//! - The end of a file ends its last line, newline or not. What is appended later begins a new
//!   line, and so a new word.
//! - A file that is named twice is read once. Standard input has no position: each run reads it.
//! - Ctrl-C commits, closes, prints nothing and exits with 130.

mod application;
mod args;
mod counts;
mod end;
mod feed;
mod input;
mod lines;
mod mark;
mod positions;
mod progress;
mod stop;

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use millstream::{StreamsBuilder, Topology, TopologyError};

use application::{Application, Topics};
use args::Args;
use counts::Counts;
use end::End;
use feed::Feeder;
use input::Input;
use progress::Progress;
use stop::Stop;

const TICK: Duration = Duration::from_millis(20);

/// The program.
fn topology(topics: &Topics) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(topics.text_lines.as_str())
        .flat_map_values(|line| words(&line))
        .group_by(|_, word| word.clone())
        .count("word-counts")
        .to(topics.word_counts.as_str());
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
                match (&args.dir, &args.bootstrap) {
                    (Some(dir), _) => format!("run again with --dir {} to go on", dir.display()),
                    (None, Some(_)) => "run again to go on".to_owned(),
                    (None, None) => "nothing is kept without --dir".to_owned(),
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
    let topics = Topics::of(&args.application_id);
    let application = Application::open(args, &topics, topology(&topics)?)?;
    let counted = count(&application, &args.application_id, &topics, inputs, &stop);
    // After an error too, so that other instances have its tasks at once.
    let closed = application.close();
    let counted = counted?;
    closed?;
    Ok(counted)
}

/// Counts until everything is counted; `None` when it was stopped, or the application has.
fn count(
    application: &Application,
    id: &str,
    topics: &Topics,
    inputs: Vec<Input>,
    stop: &Stop,
) -> Result<Option<Counts>, Box<dyn Error>> {
    let (app, broker) = (&application.app, application.broker());
    let mut end = End::of(app, id, &topics.word_counts)?;
    let mut feeder = Feeder::new(broker, id, topics, inputs)?;
    let mut counts = Counts::of(&**broker, &topics.word_counts)?;
    let mut progress = Progress::new();
    app.start()?;
    let finished = loop {
        if stop.is_asked() || app.state().is_terminal() {
            break false;
        }
        if !feeder.is_done() && application.has_room(&topics.text_lines, TICK) {
            feeder.feed()?;
        }
        counts.read()?;
        progress.show(app.metrics());
        // All that goes into `word-counts` is in it first, and then it is read to its end.
        if feeder.is_done() && end.is_reached()? && counts.are_complete()? {
            break true;
        }
        if feeder.is_done() {
            thread::sleep(TICK / 4);
        }
    };
    progress.clear();
    Ok(finished.then_some(counts))
}
