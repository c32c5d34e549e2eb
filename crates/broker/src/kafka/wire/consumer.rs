use std::sync::Arc;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::super::KafkaConfig;
use super::super::cluster::Cluster;
use super::fetcher::Fetcher;
use super::leaders::Shared;
use super::reading::{Failure, Reading};
use super::settings::FetchSettings;
use super::threads;
use crate::{
    BrokerError, Consumer, ConsumerOptions, GroupIdentity, OffsetAndMetadata, PartitionOffsets,
    RecordBatch, TopicPartition,
};

/// Reads partitions with requests of its own. What it does not read it asks librdkafka for.
pub(in crate::kafka) struct WireConsumer {
    cluster: Arc<Cluster>,
    shared: Arc<Shared<Reading>>,
    assignments: u64,
}

impl WireConsumer {
    /// `None` when something is set that only librdkafka knows.
    pub(in crate::kafka) fn open(
        cluster: &Arc<Cluster>,
        options: &ConsumerOptions,
    ) -> Option<Result<Self, BrokerError>> {
        let config: &KafkaConfig = cluster.config();
        let (settings, common) = FetchSettings::new(config, options)
            .inspect_err(|key| {
                tracing::debug!("{}: read by librdkafka, as for `{key}`", options.client_id);
            })
            .ok()?;
        let shared = Arc::new(Shared::new(settings, common));
        let started = threads::start::<Fetcher>(&shared).map_err(|error| BrokerError::Cluster {
            action: "to start a consumer".to_owned(),
            reason: error.to_string(),
        });
        Some(started.map(|()| Self { cluster: cluster.clone(), shared, assignments: 0 }))
    }

    fn error(&self, partition: &TopicPartition, failure: Failure, offset: i64) -> BrokerError {
        let action = format!("to read {partition}");
        match failure {
            Failure::Unreadable(reason) => BrokerError::Cluster {
                action,
                reason: format!("from offset {offset} on: {reason}"),
            },
            Failure::Code(Code::OffsetOutOfRange) => match self.cluster.offsets(partition) {
                Ok(PartitionOffsets { beginning, end, .. }) => BrokerError::OffsetOutOfRange {
                    partition: partition.clone(),
                    offset,
                    beginning,
                    end,
                },
                Err(error) => error,
            },
            Failure::Code(Code::UnknownTopicOrPartition) => {
                BrokerError::UnknownTopic(partition.topic.to_string())
            }
            Failure::Code(Code::UnknownPartition) => {
                BrokerError::UnknownPartition(partition.clone())
            }
            Failure::Code(code) => self.cluster.doing(&action).code(code, code.to_string()),
        }
    }
}

impl Consumer for WireConsumer {
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        let mut state = self.shared.lock();
        self.assignments += 1;
        state.insert(partition, Reading::new(self.assignments, offset));
        self.shared.notify(&state);
        Ok(())
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        self.shared.lock().remove(partition);
    }

    fn fetch(
        &mut self,
        partition: &TopicPartition,
        max_bytes: usize,
    ) -> Result<Option<RecordBatch>, BrokerError> {
        let mut state = self.shared.lock();
        let Some(at) = state.partitions.get_mut(partition) else {
            return Err(BrokerError::NotAssigned(partition.clone()));
        };
        let position = at.position;
        let (next, fetch_more) = at.next(max_bytes, self.shared.common.queued_bytes);
        if fetch_more {
            self.shared.notify(&state);
        }
        drop(state);
        match next {
            None => Ok(None),
            Some(Ok(batch)) => Ok(Some(batch)),
            Some(Err(failure)) => Err(self.error(partition, failure, position)),
        }
    }

    fn lag(&mut self, partition: &TopicPartition) -> Option<u64> {
        let state = self.shared.lock();
        let at = state.partitions.get(partition)?;
        Some(u64::try_from(at.end? - at.position).unwrap_or(0))
    }

    fn offsets(&mut self, partition: &TopicPartition) -> Result<PartitionOffsets, BrokerError> {
        self.cluster.offsets(partition)
    }

    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<OffsetAndMetadata>>, BrokerError> {
        self.cluster.committed(group, partitions)
    }

    fn commit(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError> {
        self.cluster.commit(offsets, identity)
    }
}

impl Drop for WireConsumer {
    fn drop(&mut self) {
        self.shared.close();
    }
}
