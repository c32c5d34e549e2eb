//! The application that is killed. `kill_app NAME=VALUE...` runs it with these settings.
//!
//! Each number of the topic `numbers` goes to `copy-a` and to `copy-b`, and is counted in its group
//! behind a repartition topic; the counts go to `counts`. What happens is told on standard output,
//! a line each: `state STATE`, and `restore CHANGELOG TOTAL LENGTH` when a store has been restored:
//! how much of its changelog was read. On standard input: `dump` prints the store as
//! `entry KEY COUNT` lines and `dumped`; `stop` closes the application. The end of the input ends
//! the process at once.

mod log;

use std::io::{BufRead, Write, stdin, stdout};
use std::process::{ExitCode, exit};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use millstream::broker::{ConsumerOptions, TopicPartition};
use millstream::{Config, Error, RestoreProgress, StreamsApp, StreamsBuilder, Topology};

const CLOSE_WITHIN: Duration = Duration::from_secs(30);

fn topology() -> Result<Topology, Error> {
    let builder = StreamsBuilder::new();
    let numbers = builder.stream::<String, i64>("numbers");
    numbers.to("copy-a");
    numbers.to("copy-b");
    let groups = millstream_kafka_server::kills::GROUPS;
    numbers
        .group_by(move |_, number| format!("g{}", number % groups))
        .count("per-group")
        .to("counts");
    Ok(builder.build()?)
}

/// What the main thread is told.
enum Event {
    Command(String),
    Restored(RestoreProgress),
    Ended,
}

fn main() -> ExitCode {
    log::to_standard_error();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kill_app: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let settings: Vec<_> = std::env::args().skip(1).collect();
    let settings = settings.iter().filter_map(|setting| setting.split_once('='));
    let config = Config::from_pairs(settings)?;
    let app = StreamsApp::new(topology()?, config)?;
    let (sender, events) = channel();
    let (restored, ended) = (sender.clone(), sender.clone());
    // Nobody listens any more when the process ends.
    app.on_restore(move |progress| {
        if progress.done >= progress.total {
            let _gone = restored.send(Event::Restored(progress.clone()));
        }
    });
    app.on_state_change(move |_, state| {
        tell(&format!("state {state:?}"));
        if state.is_terminal() {
            let _gone = ended.send(Event::Ended);
        }
    });
    listen(sender);
    app.start()?;
    for event in events {
        match event {
            Event::Restored(progress) => tell_restored(&app, &progress)?,
            Event::Command(command) if command == "dump" => dump(&app)?,
            Event::Command(_) | Event::Ended => break,
        }
    }
    app.close(CLOSE_WITHIN)
}

fn listen(sender: Sender<Event>) {
    thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let _gone = sender.send(Event::Command(line));
        }
        exit(2);
    });
}

fn tell_restored(app: &StreamsApp, progress: &RestoreProgress) -> Result<(), Error> {
    let (topic, partition) = progress.changelog.rsplit_once('-').unwrap_or_default();
    let partition = TopicPartition::new(topic, partition.parse().unwrap_or_default());
    let log = app.broker().consumer(ConsumerOptions::default())?.offsets(&partition)?;
    let length = log.end - log.beginning;
    tell(&format!("restore {} {} {length}", progress.changelog, progress.total));
    Ok(())
}

fn dump(app: &StreamsApp) -> Result<(), Error> {
    let store = app.store::<String, i64>("per-group")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Error::Unavailable(error.to_string()))?;
    // An instance without a task of the store has nothing to tell.
    for (key, count) in runtime.block_on(store.all()).unwrap_or_default() {
        tell(&format!("entry {key} {count}"));
    }
    tell("dumped");
    Ok(())
}

fn tell(line: &str) {
    let mut stdout = stdout().lock();
    let _nobody_reads = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
