//! Where topics end at one moment, and whether all before that is done.

use std::sync::Arc;

use millstream::Error;
use millstream::broker::{
    Broker, BrokerError, Consumer, ConsumerOptions, PartitionOffsets, TopicPartition,
};

/// Sets marks at the ends of topics and looks at who has come past them.
pub(crate) struct Marker {
    broker: Arc<dyn Broker>,
    consumer: Box<dyn Consumer>,
}

/// The ends of topics, as they were when it was set.
pub(crate) struct Mark {
    partitions: Vec<TopicPartition>,
    offsets: Vec<PartitionOffsets>,
}

impl Marker {
    pub(crate) fn new(broker: &Arc<dyn Broker>) -> Result<Self, Error> {
        let consumer = broker.consumer(ConsumerOptions::default())?;
        Ok(Self { broker: broker.clone(), consumer })
    }

    /// Marks where `topics` end now. Records of open transactions lie before it too.
    pub(crate) fn set(&mut self, topics: &[String]) -> Result<Mark, Error> {
        let mut admin = self.broker.admin()?;
        let (mut partitions, mut offsets) = (Vec::new(), Vec::new());
        for topic in topics {
            let described = admin.describe_topics(&[topic])?.into_iter().flatten().next();
            let described = described.ok_or_else(|| BrokerError::UnknownTopic(topic.clone()))?;
            for number in 0..described.partitions {
                let partition = TopicPartition::new(topic.as_str(), number);
                offsets.push(self.consumer.offsets(&partition)?);
                partitions.push(partition);
            }
        }
        Ok(Mark { partitions, offsets })
    }

    /// Whether every transaction that had begun before the mark has ended: who reads on to the end
    /// from now on has seen all that was committed before it was set.
    pub(crate) fn is_decided(&mut self, mark: &Mark) -> Result<bool, Error> {
        for (partition, at) in mark.partitions.iter().zip(&mark.offsets) {
            match self.consumer.offsets(partition) {
                Ok(now) if now.last_stable >= at.end => {}
                Err(error) if !error.is_retriable() => return Err(error.into()),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Whether `group` has committed all that lies before the mark.
    pub(crate) fn is_passed(&mut self, mark: &Mark, group: &str) -> Result<bool, Error> {
        let committed = match self.consumer.committed(group, &mark.partitions) {
            // Of an open transaction, say.
            Err(error) if error.is_retriable() => return Ok(false),
            committed => committed?,
        };
        Ok(committed.into_iter().zip(&mark.offsets).all(|(committed, at)| {
            committed.map_or(at.beginning, |committed| committed.offset) >= at.end
        }))
    }
}
