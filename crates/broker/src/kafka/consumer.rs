use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::client::{common, extend, open};
use super::cluster::Cluster;
use super::errors::Doing;
use super::ffi::{Consumed, Kind, MessageSlots, Native, NativeError, Queue, Topic};
use crate::record::FIXED;
use crate::{
    BrokerError, Clock, Consumer, ConsumerOptions, GroupIdentity, IsolationLevel,
    OffsetAndMetadata, PartitionOffsets, RecordBatch, RecordBuffer, SystemClock, TopicPartition,
    Waker,
};

/// How many records are taken from the client at a time.
const MESSAGES: usize = 2048;

/// A partition that is asked for is answered within this time, if only by saying that nothing is
/// there. Doubled with each time it is not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A partition that is read.
struct Assigned {
    queue: Queue,
    /// What was taken from the client and is not handed out yet.
    ready: VecDeque<RecordBatch>,
    /// Offset after the last record taken.
    position: i64,
    /// Whether there was nothing behind it when the broker last said so.
    at_end: bool,
    failed: Option<NativeError>,
    /// Since when it has been asked for without any answer.
    asked: Option<SystemClock>,
}

/// Reads partitions with librdkafka's simple consumer: no group, one queue a partition.
pub(super) struct KafkaConsumer {
    cluster: Arc<Cluster>,
    assigned: HashMap<TopicPartition, Assigned>,
    topics: HashMap<Arc<str>, Topic>,
    messages: MessageSlots,
    buffer: RecordBuffer,
    waker: Option<Waker>,
    answer_timeout: Duration,
    native: ClientConfig,
    client: Arc<Native>,
}

impl KafkaConsumer {
    pub(super) fn open(
        cluster: &Arc<Cluster>,
        options: ConsumerOptions,
    ) -> Result<Self, BrokerError> {
        let config = cluster.config();
        let mut native = common(config, &options.client_id);
        native
            // What the broker holds an answer back for at the end of a log; also how long it takes
            // to find out that what is left there are control records only.
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", "5")
            // Bounds of what is fetched ahead, for each partition.
            .set("queued.min.messages", "20000")
            .set("queued.max.messages.kbytes", "4096")
            .set("fetch.message.max.bytes", "1048576");
        extend(&mut native, &config.consumer);
        let isolation = match options.isolation {
            IsolationLevel::ReadCommitted => "read_committed",
            IsolationLevel::ReadUncommitted => "read_uncommitted",
        };
        native
            .set("isolation.level", isolation)
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false");
        Ok(Self {
            cluster: cluster.clone(),
            assigned: HashMap::new(),
            topics: HashMap::new(),
            messages: MessageSlots::new(MESSAGES),
            buffer: RecordBuffer::new(),
            waker: options.waker,
            answer_timeout: ANSWER_TIMEOUT,
            client: open(Kind::Reader, config, &native)?,
            native,
        })
    }

    /// Takes what the client has fetched of `partition`, and cuts it into batches.
    fn take(&mut self, partition: &TopicPartition, max_bytes: usize) {
        let Self { assigned, messages, buffer, .. } = self;
        let Some(at) = assigned.get_mut(partition) else { return };
        buffer.clear();
        let mut cuts: Vec<(usize, i64)> = Vec::new();
        let (mut base, mut cut) = (at.position, 0);
        let mut is_answered = false;
        let Assigned { queue, ready, position, at_end, failed, asked } = at;
        queue.consume(messages, |consumed| match consumed {
            Consumed::Record { offset, timestamp, key, value, headers } => {
                is_answered = true;
                // Records before the position were fetched for an earlier one.
                if offset < *position || failed.is_some() {
                    return;
                }
                let size = buffer.size();
                let far = u32::try_from(offset - base).is_err();
                let len = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
                if far {
                    finish(buffer, &mut cuts, ready, base, *position);
                    (base, cut) = (offset, 0);
                } else if size > cut && size - cut + len + FIXED > max_bytes {
                    cuts.push((size, *position));
                    cut = size;
                }
                let delta = (offset - base) as u32;
                let _pushed = buffer.push_at(delta, timestamp, key, &headers, |out| {
                    out.extend_from_slice(value.unwrap_or_default());
                    Ok::<_, std::convert::Infallible>(value.is_some())
                });
                *position = offset + 1;
                *at_end = false;
            }
            Consumed::End(offset) => {
                is_answered = true;
                // Control records and aborted ones at the end are passed over.
                *position = (*position).max(offset);
                *at_end = true;
            }
            Consumed::Error(error) if is_passing(error.code) => {
                tracing::debug!("{partition}: {}", error.text);
            }
            Consumed::Error(error) => *failed = failed.take().or(Some(error)),
        });
        finish(buffer, &mut cuts, ready, base, *position);
        if is_answered && asked.take().is_some() {
            self.answer_timeout = ANSWER_TIMEOUT;
        }
    }

    /// Asks again for what was answered before a connection was lost, so that a client that does not
    /// read on is found out even if there was nothing to read.
    fn ask_again_after_lost_connection(&mut self) -> Result<(), BrokerError> {
        if !self.client.lost_connection() {
            return Ok(());
        }
        let answered = self.assigned.iter_mut().filter(|(_, at)| at.asked.is_none());
        let answered: Vec<_> = answered
            .map(|(partition, at)| (partition.clone(), at.position, std::mem::take(&mut at.ready)))
            .collect();
        answered
            .into_iter()
            .try_for_each(|(partition, position, ready)| self.read_on(&partition, position, ready))
    }

    /// Asks for a partition from `position`, after what was taken of it before.
    fn read_on(
        &mut self,
        partition: &TopicPartition,
        position: i64,
        ready: VecDeque<RecordBatch>,
    ) -> Result<(), BrokerError> {
        self.assign(partition, position)?;
        if let Some(at) = self.assigned.get_mut(partition) {
            at.ready = ready;
        }
        Ok(())
    }

    /// Makes the client anew when it has not answered: after a broker's outage librdkafka was seen to
    /// read on for one client and never for another.
    fn renew_silent_client(&mut self, partition: &TopicPartition) -> Result<(), BrokerError> {
        let asked = self.assigned.get(partition).and_then(|at| at.asked);
        if asked.is_none_or(|asked| asked.monotonic() < self.answer_timeout) {
            return Ok(());
        }
        let waited = self.answer_timeout;
        self.answer_timeout = (waited * 2).min(LONGEST_ANSWER_TIMEOUT);
        tracing::warn!("nothing has come of {partition} for {waited:?}: its client is made anew");
        self.client = open(Kind::Reader, self.cluster.config(), &self.native)?;
        self.topics.clear();
        std::mem::take(&mut self.assigned)
            .into_iter()
            .try_for_each(|(partition, at)| self.read_on(&partition, at.position, at.ready))
    }

    fn error(&mut self, partition: &TopicPartition, error: NativeError) -> BrokerError {
        let action = format!("to read {partition}");
        match error.code {
            Code::OffsetOutOfRange | Code::AutoOffsetReset => {
                let offset = self.assigned.get(partition).map_or(-1, |at| at.position);
                match self.offsets(partition) {
                    Ok(log) => BrokerError::OffsetOutOfRange {
                        partition: partition.clone(),
                        offset,
                        beginning: log.beginning,
                        end: log.end,
                    },
                    Err(error) => error,
                }
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition => {
                BrokerError::UnknownTopic(partition.topic.to_string())
            }
            Code::UnknownPartition => BrokerError::UnknownPartition(partition.clone()),
            _ => Doing { servers: self.cluster.servers(), action: &action }.failed(error),
        }
    }
}

/// Makes batches of what is in the buffer, at the places where it is to be cut.
fn finish(
    buffer: &mut RecordBuffer,
    cuts: &mut Vec<(usize, i64)>,
    ready: &mut VecDeque<RecordBatch>,
    base: i64,
    next_offset: i64,
) {
    if !buffer.is_empty() {
        let bytes: Arc<[u8]> = buffer.as_bytes().into();
        cuts.push((bytes.len(), next_offset));
        let mut start = 0;
        for (end, next_offset) in cuts.drain(..) {
            ready.push_back(RecordBatch::new(bytes.clone(), start, end, base, next_offset));
            start = end;
        }
        buffer.clear();
    }
}

/// Whether librdkafka goes on by itself after this.
fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::KafkaStorageError
            | Code::ReplicaNotAvailable
            | Code::WaitCache
    )
}

impl Consumer for KafkaConsumer {
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.unassign(partition);
        let action = format!("to read {partition}");
        let doing = Doing { servers: self.cluster.servers(), action: &action };
        if !self.topics.contains_key(&partition.topic) {
            let topic = self.client.topic(&partition.topic).map_err(|e| doing.failed(e))?;
            self.topics.insert(partition.topic.clone(), topic);
        }
        let no_queue = || BrokerError::Cluster {
            action: action.clone(),
            reason: "librdkafka gives no queue".to_owned(),
        };
        let queue = self.client.new_queue(self.waker.clone()).ok_or_else(no_queue)?;
        self.topics[&partition.topic]
            .start(partition.partition, offset, &queue)
            .map_err(|error| doing.failed(error))?;
        let assigned = Assigned {
            queue,
            ready: VecDeque::new(),
            position: offset,
            at_end: false,
            failed: None,
            asked: Some(SystemClock::new()),
        };
        self.assigned.insert(partition.clone(), assigned);
        Ok(())
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        if let Some(_assigned) = self.assigned.remove(partition)
            && let Some(topic) = self.topics.get(&partition.topic)
        {
            topic.stop(partition.partition);
        }
    }

    fn fetch(
        &mut self,
        partition: &TopicPartition,
        max_bytes: usize,
    ) -> Result<Option<RecordBatch>, BrokerError> {
        let Some(at) = self.assigned.get_mut(partition) else {
            return Err(BrokerError::NotAssigned(partition.clone()));
        };
        if at.ready.is_empty() && at.failed.is_none() {
            let before = at.position;
            self.take(partition, max_bytes);
            let Some(at) = self.assigned.get(partition) else { return Ok(None) };
            if at.ready.is_empty() && at.position > before {
                return Ok(Some(RecordBatch::empty(at.position)));
            }
            if at.ready.is_empty() && at.failed.is_none() {
                self.ask_again_after_lost_connection()?;
                self.renew_silent_client(partition)?;
            }
        }
        let Some(at) = self.assigned.get_mut(partition) else { return Ok(None) };
        match (at.ready.pop_front(), at.failed.take()) {
            (Some(batch), failed) => {
                at.failed = failed;
                Ok(Some(batch))
            }
            (None, Some(error)) => Err(self.error(partition, error)),
            (None, None) => Ok(None),
        }
    }

    fn lag(&mut self, partition: &TopicPartition) -> Option<u64> {
        let at = self.assigned.get(partition)?;
        let ready = at.ready.front().and_then(|batch| {
            let first = batch.first()?;
            Some(batch.read(first).0.offset)
        });
        match ready {
            None if at.at_end => Some(0),
            ready => {
                let end = self.client.known_end(partition)?;
                u64::try_from(end - ready.unwrap_or(at.position)).ok()
            }
        }
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

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        for (partition, _assigned) in self.assigned.drain() {
            if let Some(topic) = self.topics.get(&partition.topic) {
                topic.stop(partition.partition);
            }
        }
    }
}
