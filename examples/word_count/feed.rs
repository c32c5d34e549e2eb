//! Brings lines into `text-lines`, and what was read of each file into `file-positions`, in one
//! transaction.

use std::collections::{HashMap, HashSet, VecDeque};
use std::error::Error;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{Clock, ProducerOptions, SystemClock};
use millstream::{Record, Topic, TopicConsumer, TopicProducer};

use crate::broker::{FILE_POSITIONS, TEXT_LINES};
use crate::input::{Input, Piece, read_all};
use crate::lines::{first_line, text};

/// A transaction is committed when it has so many bytes, or is so old.
const TRANSACTION_BYTES: usize = 1024 * 1024;
const TRANSACTION_TIME: Duration = Duration::from_millis(100);

/// Feeds what was asked for, a transaction at a time.
pub(crate) struct Feeder {
    producer: TopicProducer,
    text_lines: Topic<String, String>,
    file_positions: Topic<Vec<u8>, i64>,
    clock: SystemClock,
    pieces: Receiver<io::Result<Piece>>,
    /// What is being read, and what comes after it.
    files: VecDeque<Reading>,
    /// The beginning of a line that goes on in the next piece.
    rest: Vec<u8>,
}

/// An input on its way.
struct Reading {
    name: String,
    path: Option<Vec<u8>>,
    /// Bytes that are lines in the topic.
    position: u64,
    committed: u64,
}

impl Feeder {
    /// Begins where the last run stopped.
    pub(crate) fn new(broker: &EmbeddedBroker, inputs: Vec<Input>) -> Result<Self, Box<dyn Error>> {
        // The producer comes first: it ends what a predecessor has left open.
        let options = ProducerOptions::transactional("feeder", "word-count-feeder");
        let producer = TopicProducer::new(broker, options)?;
        let file_positions = FILE_POSITIONS.into();
        let known = positions(broker, &file_positions)?;
        let mut named = HashSet::new();
        let (mut files, mut reads) = (VecDeque::new(), Vec::new());
        for input in inputs {
            let mut position = 0;
            if let Some(file) = &input.file {
                if !named.insert(file.path.clone()) {
                    continue;
                }
                position = known.get(&file.path).copied().unwrap_or(0);
                if position > file.len {
                    return Err(format!(
                        "{}: {position} bytes of it are counted already, and now it has only {}: \
                         it is another file; give it another name, or count in another --dir",
                        input.name, file.len
                    )
                    .into());
                }
            }
            files.push_back(Reading {
                name: input.name.clone(),
                path: input.file.as_ref().map(|file| file.path.clone()),
                position,
                committed: position,
            });
            reads.push((input, position));
        }
        Ok(Self {
            producer,
            text_lines: TEXT_LINES.into(),
            file_positions,
            clock: SystemClock::new(),
            pieces: read_all(reads),
            files,
            rest: Vec::new(),
        })
    }

    /// Whether everything is in the topic.
    pub(crate) fn is_done(&self) -> bool {
        self.files.is_empty()
    }

    /// Feeds what there is, a transaction at most.
    pub(crate) fn feed(&mut self) -> Result<(), Box<dyn Error>> {
        let until = self.clock.monotonic() + TRANSACTION_TIME;
        let mut bytes = 0;
        while bytes < TRANSACTION_BYTES && !self.is_done() {
            let wait = until.saturating_sub(self.clock.monotonic());
            match self.pieces.recv_timeout(wait) {
                Ok(Ok(Piece::Bytes(piece))) => {
                    bytes += piece.len();
                    self.rest.extend_from_slice(&piece);
                    self.send_lines(false)?;
                }
                Ok(Ok(Piece::End)) => {
                    self.send_lines(true)?;
                    self.send_position()?;
                    self.files.pop_front();
                }
                Ok(Err(error)) => {
                    let name = self.files.front().map_or("-", |file| &file.name);
                    return Err(format!("{name}: {error}").into());
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err("the thread that reads the input has died".into());
                }
            }
        }
        self.send_position()?;
        Ok(self.producer.commit()?)
    }

    /// Sends the lines that are whole; at the end of the input the last one is.
    fn send_lines(&mut self, at_end: bool) -> Result<(), millstream::Error> {
        let Some(file) = self.files.front_mut() else {
            return Ok(());
        };
        let now = self.clock.wall_ms();
        let mut from = 0;
        loop {
            let rest = &self.rest[from..];
            let len = match first_line(rest) {
                Some(len) => len,
                None if at_end && !rest.is_empty() => rest.len(),
                None => break,
            };
            let line = Record::new(file.name.clone(), text(&rest[..len]), now);
            self.producer.send(&self.text_lines, line)?;
            from += len;
        }
        self.rest.drain(..from);
        file.position += from as u64;
        Ok(())
    }

    fn send_position(&mut self) -> Result<(), millstream::Error> {
        if let Some(file) = self.files.front_mut()
            && let Some(path) = &file.path
            && file.position > file.committed
        {
            file.committed = file.position;
            let now = self.clock.wall_ms();
            let position = Record::new(path.clone(), file.position as i64, now);
            self.producer.send(&self.file_positions, position)?;
        }
        Ok(())
    }
}

/// How far each file was read in earlier runs.
fn positions(
    broker: &EmbeddedBroker,
    topic: &Topic<Vec<u8>, i64>,
) -> Result<HashMap<Vec<u8>, u64>, millstream::Error> {
    let mut consumer = TopicConsumer::new(broker, topic)?;
    let mut positions = HashMap::new();
    while !consumer.is_at_end()? {
        for consumed in consumer.poll()? {
            let position = u64::try_from(consumed.record.value).unwrap_or(0);
            positions.insert(consumed.record.key, position);
        }
    }
    Ok(positions)
}
