//! An admin with faults in front.

use millstream::broker::{
    Admin, BrokerError, NewTopic, OffsetAndMetadata, TopicDescription, TopicPartition,
};

use super::{Call, Site};

/// An admin of one instance.
pub(super) struct FaultyAdmin {
    pub(super) at: Site,
    pub(super) inner: Box<dyn Admin>,
}

impl Admin for FaultyAdmin {
    fn list_topics(&mut self) -> Result<Vec<String>, BrokerError> {
        self.inner.list_topics()
    }

    fn describe_topics(
        &mut self,
        topics: &[&str],
    ) -> Result<Vec<Option<TopicDescription>>, BrokerError> {
        self.at.call(Call::Partitions, || self.inner.describe_topics(topics))
    }

    fn create_topics(&mut self, topics: &[NewTopic]) -> Result<(), BrokerError> {
        self.at.call(Call::Partitions, || self.inner.create_topics(topics))
    }

    fn delete_topic(&mut self, topic: &str) -> Result<(), BrokerError> {
        self.inner.delete_topic(topic)
    }

    fn create_partitions(&mut self, topic: &str, total: u32) -> Result<(), BrokerError> {
        self.inner.create_partitions(topic, total)
    }

    fn delete_records(&mut self, before: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.at.call(Call::DeleteRecords, || self.inner.delete_records(before))
    }

    fn group_offsets(
        &mut self,
        group: &str,
    ) -> Result<Vec<(TopicPartition, OffsetAndMetadata)>, BrokerError> {
        self.inner.group_offsets(group)
    }

    fn alter_group_offsets(
        &mut self,
        group: &str,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), BrokerError> {
        self.inner.alter_group_offsets(group, offsets)
    }

    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), BrokerError> {
        self.inner.delete_group_offsets(group, partitions)
    }
}
