//! How far each file was read, from `file-positions`.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use millstream::broker::Broker;
use millstream::{Error, TopicConsumer};

use crate::mark::Marker;

const TICK: Duration = Duration::from_millis(5);

/// Positions by the bytes of the files' paths.
pub(crate) struct Positions {
    topic: String,
    marker: Marker,
    consumer: TopicConsumer<Vec<u8>, i64>,
    known: HashMap<Vec<u8>, u64>,
}

impl Positions {
    pub(crate) fn new(broker: &Arc<dyn Broker>, topic: &str) -> Result<Self, Error> {
        Ok(Self {
            topic: topic.to_owned(),
            marker: Marker::new(broker)?,
            consumer: TopicConsumer::new(&**broker, topic)?,
            known: HashMap::new(),
        })
    }

    /// The position of a file: all that was committed before this was called is in it.
    pub(crate) fn of(&mut self, path: &[u8]) -> Result<u64, Error> {
        // Another feeder's open transaction may hide the end of the topic.
        let mark = self.marker.set(std::slice::from_ref(&self.topic))?;
        while !self.marker.is_decided(&mark)? {
            thread::sleep(TICK);
        }
        self.seen(path)
    }

    /// The position of a file, as far as it can be seen without waiting for other feeders.
    pub(crate) fn seen(&mut self, path: &[u8]) -> Result<u64, Error> {
        while !self.consumer.is_at_end()? {
            let read = self.consumer.poll()?;
            if read.is_empty() {
                thread::sleep(TICK);
            }
            for consumed in read {
                let position = u64::try_from(consumed.record.value).unwrap_or(0);
                self.known.insert(consumed.record.key, position);
            }
        }
        Ok(self.known.get(path).copied().unwrap_or(0))
    }
}
