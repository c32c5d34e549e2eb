//! What a client does as a member of a group.

use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as sys;

use super::client::Native;
use super::error::{NativeError, checked, millis, taken, text};
use super::lists::{Listed, entries, offset_list, partition_list};
use super::queue::Queue;
use crate::{OffsetAndMetadata, TopicPartition, Waker};

impl Native {
    /// Commits as the member that this client is.
    pub(in crate::kafka) fn commit(
        &self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), NativeError> {
        let offsets = offset_list(offsets);
        // SAFETY: the client is alive, and so is the list.
        checked(unsafe { sys::rd_kafka_commit(self.ptr.as_ptr(), offsets.ptr(), 0) })
    }

    /// What the group of this member has committed; while a transaction may still change it, a
    /// timeout.
    pub(in crate::kafka) fn committed(
        &self,
        partitions: &[TopicPartition],
        within: Duration,
    ) -> Result<Vec<Listed>, NativeError> {
        let list = partition_list(partitions);
        // SAFETY: client and list are alive.
        unsafe {
            checked(sys::rd_kafka_committed(self.ptr.as_ptr(), list.ptr(), millis(within)))?;
            Ok(entries(list.ptr()))
        }
    }

    /// The member this client is: its id and generation.
    pub(in crate::kafka) fn member(&self) -> (String, i32) {
        // SAFETY: the metadata is ours and destroyed once; its id is copied before.
        unsafe {
            let metadata = sys::rd_kafka_consumer_group_metadata(self.ptr.as_ptr());
            if metadata.is_null() {
                return (String::new(), -1);
            }
            let member = text(sys::rd_kafka_consumer_group_metadata_member_id(metadata));
            let generation = sys::rd_kafka_consumer_group_metadata_generation_id(metadata);
            sys::rd_kafka_consumer_group_metadata_destroy(metadata);
            (member, generation)
        }
    }

    /// Whether others may have what is assigned to this member.
    pub(in crate::kafka) fn is_assignment_lost(&self) -> bool {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_assignment_lost(self.ptr.as_ptr()) != 0 }
    }

    /// Whether anything is assigned to this member.
    pub(in crate::kafka) fn has_assignment(&self) -> bool {
        let mut list = ptr::null_mut();
        // SAFETY: the list is ours and destroyed once.
        unsafe {
            if checked(sys::rd_kafka_assignment(self.ptr.as_ptr(), &mut list)).is_err() {
                return false;
            }
            let any = (*list).cnt > 0;
            sys::rd_kafka_topic_partition_list_destroy(list);
            any
        }
    }

    pub(in crate::kafka) fn subscribe(&self, topics: &[String]) -> Result<(), NativeError> {
        let mut list = TopicPartitionList::with_capacity(topics.len());
        for topic in topics {
            list.add_topic_unassigned(topic);
        }
        // SAFETY: the list is copied.
        checked(unsafe { sys::rd_kafka_subscribe(self.ptr.as_ptr(), list.ptr()) })
    }

    pub(in crate::kafka) fn unsubscribe(&self) -> Result<(), NativeError> {
        // SAFETY: the client is alive.
        checked(unsafe { sys::rd_kafka_unsubscribe(self.ptr.as_ptr()) })
    }

    /// Accepts an assignment, nothing of which is to be read.
    pub(in crate::kafka) fn incremental_assign(
        &self,
        partitions: &TopicPartitionList,
    ) -> Result<(), NativeError> {
        // SAFETY: the list is copied by both calls.
        unsafe {
            taken(sys::rd_kafka_incremental_assign(self.ptr.as_ptr(), partitions.ptr()))?;
            checked(sys::rd_kafka_pause_partitions(self.ptr.as_ptr(), partitions.ptr()))
        }
    }

    pub(in crate::kafka) fn incremental_unassign(
        &self,
        partitions: &TopicPartitionList,
    ) -> Result<(), NativeError> {
        // SAFETY: the list is copied.
        taken(unsafe { sys::rd_kafka_incremental_unassign(self.ptr.as_ptr(), partitions.ptr()) })
    }

    /// The queue of a member's events.
    pub(in crate::kafka) fn consumer_queue(
        self: &Arc<Self>,
        waker: Option<Waker>,
    ) -> Option<Queue> {
        // SAFETY: the client is alive, and kept so by the queue.
        let ptr = unsafe { sys::rd_kafka_queue_get_consumer(self.ptr.as_ptr()) };
        Queue::new(ptr, self, waker)
    }
}
