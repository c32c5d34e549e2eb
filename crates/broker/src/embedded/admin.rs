//! The admin of the embedded broker.

use std::sync::Arc;

use super::group::Group;
use super::shared::Shared;
use super::state::State;
use crate::{Admin, BrokerError, NewTopic, OffsetAndMetadata, TopicDescription, TopicPartition};

/// An admin client.
#[derive(Debug)]
pub(super) struct EmbeddedAdmin {
    shared: Arc<Shared>,
}

impl EmbeddedAdmin {
    /// Opens one.
    pub(super) fn open(shared: Arc<Shared>) -> Result<Self, BrokerError> {
        shared.update(|state| state.check_open())?;
        Ok(Self { shared })
    }

    fn look<R>(
        &self,
        work: impl FnOnce(&mut State) -> Result<R, BrokerError>,
    ) -> Result<R, BrokerError> {
        self.shared.maintain_if_due()?;
        self.shared.update(|state| {
            state.check_open()?;
            work(state)
        })
    }

    /// Changes something, and returns when the change is on the disk.
    fn change(
        &self,
        work: impl FnOnce(&mut State) -> Result<(), BrokerError>,
    ) -> Result<(), BrokerError> {
        let (result, end) = self.look(|state| {
            state.check_writable()?;
            Ok((work(state), state.journal_end()))
        })?;
        // Of several changes the first may be made when the second fails.
        self.shared.sync_to(end)?;
        result
    }

    /// Works on a group that must not have members.
    fn change_empty_group(
        &self,
        group: &str,
        work: impl FnOnce(&mut State) -> Result<(), BrokerError>,
    ) -> Result<(), BrokerError> {
        let now = self.shared.now();
        self.change(|state| {
            let (known, wakes) = state.group_and_wakes(group);
            known.expel_expired(now, wakes);
            if !Group::is_empty(known) {
                return Err(BrokerError::GroupNotEmpty(group.to_owned()));
            }
            work(state)
        })
    }
}

impl Admin for EmbeddedAdmin {
    fn list_topics(&mut self) -> Result<Vec<String>, BrokerError> {
        self.look(|state| {
            let mut names: Vec<String> =
                state.topics.values().map(|topic| topic.name.to_string()).collect();
            names.sort_unstable();
            Ok(names)
        })
    }

    fn describe_topics(
        &mut self,
        topics: &[&str],
    ) -> Result<Vec<Option<TopicDescription>>, BrokerError> {
        self.look(|state| {
            Ok(topics
                .iter()
                .map(|name| state.topic(name).ok().map(|topic| topic.describe()))
                .collect())
        })
    }

    fn create_topics(&mut self, topics: &[NewTopic]) -> Result<(), BrokerError> {
        self.change(|state| topics.iter().try_for_each(|new| state.create_topic(new)))
    }

    fn delete_topic(&mut self, topic: &str) -> Result<(), BrokerError> {
        self.change(|state| state.delete_topic(topic))
    }

    fn create_partitions(&mut self, topic: &str, total: u32) -> Result<(), BrokerError> {
        self.change(|state| state.create_partitions(topic, total))
    }

    fn delete_records(&mut self, before: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.change(|state| {
            before
                .iter()
                .try_for_each(|(partition, offset)| state.delete_records(partition, *offset))
        })
    }

    fn group_offsets(
        &mut self,
        group: &str,
    ) -> Result<Vec<(TopicPartition, OffsetAndMetadata)>, BrokerError> {
        self.look(|state| {
            let committed = state.groups.get(group).map(|g| g.offsets.committed());
            Ok(committed
                .into_iter()
                .flatten()
                .map(|(partition, offset)| (partition.clone(), offset.clone()))
                .collect())
        })
    }

    fn alter_group_offsets(
        &mut self,
        group: &str,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), BrokerError> {
        self.change_empty_group(group, |state| {
            for (partition, _) in offsets {
                state.log(partition)?;
            }
            state.commit_now(group, offsets.iter().cloned().collect());
            Ok(())
        })
    }

    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), BrokerError> {
        self.change_empty_group(group, |state| {
            state.forget_offsets(group, partitions);
            Ok(())
        })
    }
}
