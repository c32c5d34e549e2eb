use std::io::{self, Write};
use std::path::PathBuf;

use lexopt::prelude::*;

const HELP: &str = "\
Counts words and prints the most frequent ones as count<TAB>word.

Usage: word_count [OPTIONS] [FILE]...

With no FILE, or when FILE is -, reads standard input.

Options:
  --top N      how many words to print, 0 for all [default: 10]
  --dir DIR    keep the counts, and how far each file was read, in DIR
  --threads N  how many stream threads [default: 1]
  --help       print this
";

/// What was asked for.
pub(crate) struct Args {
    /// Empty = standard input.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) dir: Option<PathBuf>,
    /// 0 = all.
    pub(crate) top: usize,
    pub(crate) threads: usize,
}

impl Args {
    /// Reads the command line; `None` when it asked for help, which is printed.
    pub(crate) fn parse() -> Result<Option<Self>, lexopt::Error> {
        let mut args = Self { files: Vec::new(), dir: None, top: 10, threads: 1 };
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("top") => args.top = number(&mut parser, "--top", 0)?,
                Long("dir") => args.dir = Some(parser.value()?.into()),
                Long("threads") => args.threads = number(&mut parser, "--threads", 1)?,
                Short('h') | Long("help") => {
                    // Nobody reads it: nothing to do.
                    let _closed = io::stdout().write_all(HELP.as_bytes());
                    return Ok(None);
                }
                Value(file) => args.files.push(file.into()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(args))
    }
}

fn number(parser: &mut lexopt::Parser, option: &str, least: usize) -> Result<usize, lexopt::Error> {
    match parser.value()?.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(format!("{option} needs a whole number of at least {least}").into()),
    }
}
