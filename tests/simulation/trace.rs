//! What happened in a run, step by step: a hash of it always, its words when somebody wants to
//! read them.

use std::fmt::{self, Write};

/// The trace of a run.
#[derive(Debug, Default)]
pub struct Trace {
    hash: u64,
    /// Kept only on demand.
    lines: Option<Vec<String>>,
    line: String,
}

impl Trace {
    pub fn new(keeps_lines: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: keeps_lines.then(Vec::new), line: String::new() }
    }

    /// Adds a number, for what happens too often to be worth words.
    pub fn mix(&mut self, number: u64) {
        self.hash = (self.hash.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// Adds an event, in words.
    pub fn note(&mut self, now_ms: i64, event: fmt::Arguments<'_>) {
        self.line.clear();
        write!(self.line, "{now_ms:>6} {event}").expect("a string takes everything");
        let mut hash = self.hash;
        for byte in self.line.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.hash = hash;
        if let Some(lines) = &mut self.lines {
            lines.push(self.line.clone());
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn take_lines(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }
}
