//! The result, as it comes out of `word-counts`.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Write};

use millstream::broker::Broker;
use millstream::{Error, TopicConsumer};

/// The latest count of each word.
pub(crate) struct Counts {
    consumer: TopicConsumer<String, i64>,
    latest: HashMap<String, i64>,
}

impl Counts {
    /// Counts of earlier runs too.
    pub(crate) fn of(broker: &dyn Broker, topic: &str) -> Result<Self, Error> {
        Ok(Self { consumer: TopicConsumer::new(broker, topic)?, latest: HashMap::new() })
    }

    /// Takes what is new.
    pub(crate) fn read(&mut self) -> Result<(), Error> {
        for consumed in self.consumer.poll()? {
            let record = consumed.record;
            self.latest.insert(record.key, record.value);
        }
        Ok(())
    }

    /// Whether everything in the topic has been taken.
    pub(crate) fn are_complete(&mut self) -> Result<bool, Error> {
        self.consumer.is_at_end()
    }

    /// Prints the most frequent words, those of the same count in order; all when `top` is 0.
    pub(crate) fn print(&self, top: usize, out: impl Write) -> io::Result<()> {
        let mut sorted: Vec<_> = self.latest.iter().collect();
        sorted.sort_unstable_by_key(|(word, count)| (Reverse(**count), *word));
        let mut out = io::BufWriter::new(out);
        let top = if top == 0 { sorted.len() } else { top };
        for (word, count) in sorted.iter().take(top) {
            writeln!(out, "{count}\t{word}")?;
        }
        out.flush()
    }
}
