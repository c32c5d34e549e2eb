//! Knows when an application is through with its input.

use millstream::broker::{BrokerError, Consumer, ConsumerOptions, TopicPartition};
use millstream::{Error, StreamsApp};

use crate::broker::PARTITIONS;

/// The input topics of an application, those of its own included, in the order in which records
/// pass through them.
pub(crate) struct End {
    group: String,
    consumer: Box<dyn Consumer>,
    stages: Vec<Vec<TopicPartition>>,
}

impl End {
    /// Of the application `id`, whose input topics have `PARTITIONS` partitions each.
    pub(crate) fn of(app: &StreamsApp, id: &str) -> Result<Self, Error> {
        let topics = app.topology().topics(id).into_iter();
        let stages = topics.map(|sub_topology| {
            let sources = sub_topology.sources.into_iter();
            sources.flat_map(partitions).collect()
        });
        Ok(Self {
            group: id.to_owned(),
            stages: stages.collect(),
            consumer: app.broker().consumer(ConsumerOptions::default())?,
        })
    }

    /// Whether everything that was in the input when this was called has gone all the way: nothing
    /// more comes out for it.
    ///
    /// A stage commits what it has read and what it has written together. So a stage whose input is
    /// committed to the end has written all, the end of the next stage's input stands still, and it
    /// can be looked at in turn.
    pub(crate) fn is_reached(&mut self) -> Result<bool, Error> {
        for partitions in &self.stages {
            let committed = match self.consumer.committed(&self.group, partitions) {
                Err(BrokerError::UnstableOffsets(_)) => return Ok(false),
                committed => committed?,
            };
            for (partition, committed) in partitions.iter().zip(committed) {
                let end = self.consumer.offsets(partition)?.end;
                if committed.map_or(0, |committed| committed.offset) < end {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn partitions(topic: String) -> impl Iterator<Item = TopicPartition> {
    (0..PARTITIONS).map(move |number| TopicPartition::new(topic.as_str(), number))
}
