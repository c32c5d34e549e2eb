//! A line on standard error that tells how it goes, when somebody looks at it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use millstream::Metrics;
use millstream::broker::{Clock, SystemClock};

const EVERY: Duration = Duration::from_millis(200);
const CLEAR: &str = "\r\x1b[K";

pub(crate) struct Progress {
    clock: SystemClock,
    is_seen: bool,
    next: Duration,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { clock: SystemClock::new(), is_seen: io::stderr().is_terminal(), next: EVERY }
    }

    /// Shows `metrics` every so often.
    pub(crate) fn show(&mut self, metrics: Metrics) {
        let now = self.clock.monotonic();
        if !self.is_seen || now < self.next {
            return;
        }
        self.next = now + EVERY;
        let Metrics { processed, lag, .. } = metrics;
        let rate = processed as f64 / now.as_secs_f64();
        eprint(&format!("{CLEAR}{processed} records, {rate:.0}/s, lag {lag}"));
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.is_seen {
            eprint(CLEAR);
        }
    }
}

fn eprint(text: &str) {
    // No terminal any more: nobody looks.
    let _gone = io::stderr().write_all(text.as_bytes());
}
