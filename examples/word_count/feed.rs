//! Brings lines into `text-lines`, and what was read of each file into `file-positions`, in one
//! transaction.

use std::collections::{HashSet, VecDeque};
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use millstream::broker::{Broker, BrokerError, Clock, ProducerOptions, SystemClock};
use millstream::{Record, Topic, TopicProducer};

use crate::application::Topics;
use crate::input::{Input, Piece};
use crate::lines::{first_line, text};
use crate::positions::Positions;

/// A transaction is committed when it has so many bytes, or is so old.
const TRANSACTION_BYTES: usize = 1024 * 1024;
const TRANSACTION_TIME: Duration = Duration::from_millis(100);

/// Feeds what was asked for, one input after the other and a transaction at a time.
pub(crate) struct Feeder {
    broker: Arc<dyn Broker>,
    application_id: String,
    text_lines: Topic<String, String>,
    file_positions: Topic<Vec<u8>, i64>,
    positions: Positions,
    clock: SystemClock,
    inputs: VecDeque<Input>,
    reading: Option<Reading>,
}

/// An input on its way.
struct Reading {
    name: String,
    /// Of a file that keeps what was read.
    path: Option<Vec<u8>>,
    producer: TopicProducer,
    pieces: Receiver<io::Result<Piece>>,
    /// The beginning of a line that goes on in the next piece.
    rest: Vec<u8>,
    /// Bytes that are lines in the topic.
    position: u64,
    committed: u64,
}

impl Feeder {
    /// Feeds `inputs`; a file that is among them twice, once.
    pub(crate) fn new(
        broker: &Arc<dyn Broker>,
        application_id: &str,
        topics: &Topics,
        inputs: Vec<Input>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut known = HashSet::new();
        let mut is_new = |input: &Input| match &input.file {
            Some(file) => known.insert(file.path.clone()),
            None => true,
        };
        Ok(Self {
            broker: broker.clone(),
            application_id: application_id.to_owned(),
            text_lines: topics.text_lines.as_str().into(),
            file_positions: topics.file_positions.as_str().into(),
            positions: Positions::new(broker, &topics.file_positions)?,
            clock: SystemClock::new(),
            inputs: inputs.into_iter().filter(|input| is_new(input)).collect(),
            reading: None,
        })
    }

    /// Whether everything is in the topic.
    pub(crate) fn is_done(&self) -> bool {
        self.reading.is_none() && self.inputs.is_empty()
    }

    /// Feeds what there is, a transaction at most.
    pub(crate) fn feed(&mut self) -> Result<(), Box<dyn Error>> {
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => match self.inputs.pop_front() {
                Some(input) => self.begin(input)?,
                None => return Ok(()),
            },
        };
        match self.feed_from(&mut reading) {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.reading = Some(reading);
                Ok(())
            }
            Err(error) => Err(told(&reading.name, error)),
        }
    }

    /// Begins where the last run stopped.
    fn begin(&mut self, input: Input) -> Result<Reading, Box<dyn Error>> {
        let options = match &input.file {
            // Each file has a producer of its name. Whoever opens it ends what a predecessor has
            // left open, and stops one that is still at work: so nobody commits lines of this file
            // behind the position that is read next.
            Some(file) => {
                let path = String::from_utf8_lossy(&file.path);
                let id = format!("{}-feeder-{path}", self.application_id);
                ProducerOptions::transactional("feeder", id)
            }
            // What has no position cannot be read twice.
            None => ProducerOptions::idempotent("feeder"),
        };
        let producer = TopicProducer::new(&*self.broker, options)?;
        let (mut path, mut position) = (None, 0);
        if let Some(file) = &input.file {
            position = self.positions.of(&file.path)?;
            if position > file.len {
                return Err(format!(
                    "{}: {position} bytes of it are counted already, and now it has only {}: it is \
                     another file; give it another name, or count it in another --dir or \
                     --application-id",
                    input.name, file.len
                )
                .into());
            }
            path = Some(file.path.clone());
        }
        Ok(Reading {
            name: input.name.clone(),
            path,
            producer,
            pieces: input.read_from(position),
            rest: Vec::new(),
            position,
            committed: position,
        })
    }

    /// Feeds a transaction; says whether it was the last.
    fn feed_from(&mut self, reading: &mut Reading) -> Result<bool, Box<dyn Error>> {
        let until = self.clock.monotonic() + TRANSACTION_TIME;
        let (mut bytes, mut at_end) = (0, false);
        while bytes < TRANSACTION_BYTES && !at_end {
            let wait = until.saturating_sub(self.clock.monotonic());
            match reading.pieces.recv_timeout(wait) {
                Ok(Ok(Piece::Bytes(piece))) => {
                    bytes += piece.len();
                    reading.rest.extend_from_slice(&piece);
                }
                Ok(Ok(Piece::End)) => at_end = true,
                Ok(Err(error)) => return Err(error.into()),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err("the thread that reads it has died".into());
                }
            }
            self.send_lines(reading, at_end)?;
        }
        reading.producer.flush()?;
        self.commit(reading)?;
        Ok(at_end)
    }

    /// Sends the lines that are whole; at the end of the input the last one is.
    fn send_lines(&self, reading: &mut Reading, at_end: bool) -> Result<(), millstream::Error> {
        let now = self.clock.wall_ms();
        let mut from = 0;
        loop {
            let rest = &reading.rest[from..];
            let len = match first_line(rest) {
                Some(len) => len,
                None if at_end && !rest.is_empty() => rest.len(),
                None => break,
            };
            let line = Record::new(reading.name.clone(), text(&rest[..len]), now);
            reading.producer.send(&self.text_lines, line)?;
            from += len;
        }
        reading.rest.drain(..from);
        reading.position += from as u64;
        Ok(())
    }

    /// Commits the lines that were sent, with the position behind them.
    fn commit(&mut self, reading: &mut Reading) -> Result<(), Box<dyn Error>> {
        let Some(path) = &reading.path else { return Ok(()) };
        if reading.position == reading.committed {
            return Ok(());
        }
        // Lines are on the broker, so nobody had taken over when the transaction began, and whoever
        // does now ends it. What others did before stands in the position.
        if self.positions.seen(path)? != reading.committed {
            reading.producer.abort()?;
            return Err(TAKEN_OVER.into());
        }
        let now = self.clock.wall_ms();
        let position = Record::new(path.clone(), reading.position as i64, now);
        reading.producer.send(&self.file_positions, position)?;
        reading.producer.commit()?;
        reading.committed = reading.position;
        Ok(())
    }
}

const TAKEN_OVER: &str = "another word_count has begun to read it since; what this one has read \
                          of it is counted, the other goes on behind that";

/// What went wrong with an input.
fn told(name: &str, error: Box<dyn Error>) -> Box<dyn Error> {
    let fenced = error.downcast_ref::<millstream::Error>().is_some_and(|error| {
        matches!(error, millstream::Error::Broker(BrokerError::ProducerFenced(_)))
    });
    match fenced {
        true => format!("{name}: {TAKEN_OVER}").into(),
        false => format!("{name}: {error}").into(),
    }
}
