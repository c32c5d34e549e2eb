use std::io::{self, Write};
use std::path::PathBuf;

use lexopt::prelude::*;
use millstream::Guarantee;

use crate::application::APPLICATION;

const HELP: &str = "\
Counts words and prints the most frequent ones as count<TAB>word.

Usage: word_count [OPTIONS] [FILE]...

With no FILE, or when FILE is -, reads standard input.

Options:
  --top N                  how many words to print, 0 for all [default: 10]
  --threads N              how many stream threads [default: 1]
  --guarantee G            exactly-once or at-least-once [default: exactly-once]
  --dir DIR                keep the counts, and how far each file was read, in DIR
  --bootstrap HOST:PORT    keep them in a Kafka cluster (built with --features kafka)
  --application-id ID      the application's name; its topics begin with it
                           [default: word-count]
  --state-dir DIR          keep the stores on disk, in DIR, which no other instance may
                           share (built with --features rocksdb)
  --help                   print this
";

/// What was asked for.
pub(crate) struct Args {
    /// Empty = standard input.
    pub(crate) files: Vec<PathBuf>,
    /// 0 = all.
    pub(crate) top: usize,
    pub(crate) threads: usize,
    pub(crate) guarantee: Guarantee,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) bootstrap: Option<String>,
    pub(crate) application_id: String,
    pub(crate) state_dir: Option<PathBuf>,
}

impl Args {
    /// Reads the command line; `None` when it asked for help, which is printed.
    pub(crate) fn parse() -> Result<Option<Self>, lexopt::Error> {
        let mut args = Self {
            files: Vec::new(),
            top: 10,
            threads: 1,
            guarantee: Guarantee::default(),
            dir: None,
            bootstrap: None,
            application_id: APPLICATION.to_owned(),
            state_dir: None,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("top") => args.top = number(&mut parser, "--top", 0)?,
                Long("threads") => args.threads = number(&mut parser, "--threads", 1)?,
                Long("guarantee") => args.guarantee = guarantee(&mut parser)?,
                Long("dir") => args.dir = Some(parser.value()?.into()),
                Long("bootstrap") => args.bootstrap = Some(parser.value()?.string()?),
                Long("application-id") => args.application_id = parser.value()?.string()?,
                Long("state-dir") => args.state_dir = Some(parser.value()?.into()),
                Short('h') | Long("help") => {
                    // Nobody reads it: nothing to do.
                    let _closed = io::stdout().write_all(HELP.as_bytes());
                    return Ok(None);
                }
                Value(file) => args.files.push(file.into()),
                other => return Err(other.unexpected()),
            }
        }
        match (&args.dir, &args.bootstrap, &args.state_dir) {
            (Some(_), Some(_), _) => {
                Err("--dir is a broker of its own and --bootstrap another: choose one".into())
            }
            (None, None, Some(_)) => {
                Err("--state-dir outlives a broker in memory: give --dir or --bootstrap too".into())
            }
            _ => Ok(Some(args)),
        }
    }
}

fn number(parser: &mut lexopt::Parser, option: &str, least: usize) -> Result<usize, lexopt::Error> {
    match parser.value()?.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(format!("{option} needs a whole number of at least {least}").into()),
    }
}

fn guarantee(parser: &mut lexopt::Parser) -> Result<Guarantee, lexopt::Error> {
    match parser.value()?.to_str() {
        Some("exactly-once") => Ok(Guarantee::ExactlyOnce),
        Some("at-least-once") => Ok(Guarantee::AtLeastOnce),
        _ => Err("--guarantee is exactly-once or at-least-once".into()),
    }
}
