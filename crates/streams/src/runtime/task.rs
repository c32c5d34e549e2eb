use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use millstream_broker::{Consumer, OffsetAndMetadata, TaskId, TopicPartition};
use millstream_state::Overlay;

use super::guarded::guarded;
use super::internal_topics::written_topics;
use super::partition_queue::PartitionQueue;
use super::persistence::Persistence;
use super::restore::{Restoration, TaskStart};
use super::task_parts::{TaskParts, read_record};
use super::task_setup::TaskSetup;
use super::{Config, RecordCollector, store_times};
use crate::error::{Error, Panic, Stage};
use crate::processor::{
    Context, DeadLetters, Flush, NodeEntry, Output, PunctuationType, SourceNode, TaskState,
};

/// How much is fetched of one partition at a time.
const FETCH_BYTES: usize = 1024 * 1024;

/// Where a task stands.
pub(super) enum Phase {
    /// Its stores are coming back.
    Restoring(Restoration),
    /// Its stores are there; it waits for the group's committed offsets.
    Starting,
    Running,
}

/// One partition of one sub-topology at work: its input queues, its nodes and its stores (Kafka's
/// `StreamTask`).
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(super) nodes: Vec<NodeEntry>,
    /// For each queue the number of its source node and the source itself.
    sources: Vec<(u32, Arc<dyn SourceNode>)>,
    pub(super) queues: Vec<PartitionQueue>,
    pub(crate) state: TaskState,
    /// Its stores' numbers in the topology, in the order of the task's own numbers.
    pub(crate) stores: Vec<usize>,
    pub(super) changelogs: Vec<(usize, TopicPartition)>,
    writes: Vec<String>,
    pub(super) phase: Phase,
    /// When its database is to be written to the disk.
    pub(super) persistence: Persistence,
    /// How far one record of the input may push stream time, in milliseconds.
    advance_limit: Option<i64>,
}

impl Task {
    /// Makes a task that will begin by restoring. `kept` is the database of an earlier life of the
    /// task in this thread; it is taken only when the task can be made.
    pub(super) fn new(
        id: TaskId,
        setup: &TaskSetup<'_>,
        collector: &mut RecordCollector,
        start: &mut TaskStart<'_>,
        kept: &mut Option<Overlay>,
    ) -> Result<Self, Error> {
        let TaskSetup { topology, config, .. } = *setup;
        let sub = &topology.inner.sub_topologies[id.sub_topology as usize];
        let own = |count: u32| id.partition..(id.partition + 1).min(count);
        let parts = TaskParts::make(sub, setup, id.partition, own, collector)?;
        let places = sub.stores.iter().map(|store| topology.inner.stores[*store].place());
        let overlay = setup.overlay(&id.to_string(), &places.collect::<Vec<_>>(), kept)?;
        let dead_letters = match config.dead_letter_topic() {
            Some(topic) => Some(DeadLetters::new(collector.topic(topic)?)),
            None => None,
        };
        let (TaskParts { nodes, sources, changelogs, inputs, .. }, mut state) =
            parts.with_state(id, sub, setup, overlay);
        state.dead_letters = dead_letters;
        let queues = inputs.into_iter();
        let queues = queues.map(|(partition, internal)| PartitionQueue::new(partition, internal));
        let phase =
            match Restoration::begin(&mut state, &changelogs, config.application_id(), start) {
                Ok(restoration) => Phase::Restoring(restoration),
                Err(error) => {
                    *kept = Some(state.overlay);
                    return Err(error);
                }
            };
        Ok(Self {
            id,
            nodes,
            sources,
            queues: queues.collect(),
            state,
            stores: sub.stores.clone(),
            changelogs,
            writes: written_topics(topology, id.sub_topology, config.application_id())
                .into_iter()
                .collect(),
            phase,
            persistence: Persistence::new(start.now),
            advance_limit: config
                .max_stream_time_advance()
                .map(|time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX)),
        })
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    pub(super) fn each_node(
        &mut self,
        collector: &mut RecordCollector,
        work: impl Fn(&NodeEntry, &mut Context<'_>) -> crate::processor::NodeResult,
    ) -> Result<(), Error> {
        for number in 0..self.nodes.len() {
            let Self { nodes, state, .. } = self;
            let mut ctx = Context::new(nodes, state, collector, number as u32);
            guarded(&mut ctx, |ctx| work(&nodes[number], ctx))?;
        }
        Ok(())
    }

    /// Fetches for the queues that have room, and finds out which empty ones may stay empty.
    pub(super) fn fetch(
        &mut self,
        config: &Config,
        consumer: &mut dyn Consumer,
    ) -> Result<(), Error> {
        let limit = config.buffered_records_per_partition();
        for queue in &mut self.queues {
            while queue.buffered() < limit {
                match consumer.fetch(&queue.partition, FETCH_BYTES)? {
                    Some(batch) => queue.push(batch),
                    None => break,
                }
            }
        }
        if self.queues.len() > 1 && self.queues.iter().any(|queue| !queue.is_empty()) {
            let now = self.state.wall_clock;
            for queue in self.queues.iter_mut().filter(|queue| queue.is_empty()) {
                queue.may_be_empty = match config.max_task_idle() {
                    None => true,
                    Some(idle) => {
                        let caught_up = consumer.lag(&queue.partition) == Some(0);
                        let since = *queue.empty_since.get_or_insert(now);
                        let idle = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
                        caught_up && now.saturating_sub(since) >= idle
                    }
                };
            }
        }
        Ok(())
    }

    /// Whether a bounded topic it writes to is full.
    pub(super) fn is_blocked(&self, collector: &RecordCollector) -> bool {
        self.writes.iter().any(|topic| collector.is_full(topic))
    }

    /// The queue whose head has the smallest timestamp, if the task may take it now.
    #[inline]
    fn next_queue(&self) -> Option<usize> {
        if let [queue] = self.queues.as_slice() {
            return (!queue.is_empty()).then_some(0);
        }
        let mut next = None;
        for (number, queue) in self.queues.iter().enumerate() {
            let Some(head) = queue.head() else {
                if queue.may_be_empty {
                    continue;
                }
                return None;
            };
            // A record without a readable timestamp comes first, to be judged.
            let source = &self.sources[number].1;
            let timestamp = source.timestamp(&head, queue.partition_time).unwrap_or(i64::MIN);
            if next.is_none_or(|(_, smallest)| timestamp < smallest) {
                next = Some((number, timestamp));
            }
        }
        next.map(|(number, _)| number)
    }

    /// Timestamp of the record that would be processed next.
    pub(super) fn next_timestamp(&self) -> Option<i64> {
        let queue = &self.queues[self.next_queue()?];
        Some(queue.head()?.timestamp)
    }

    /// Processes up to `limit` records and what they make due; fewer when a buffer wants to be sent.
    pub(super) fn process(
        &mut self,
        limit: usize,
        collector: &mut RecordCollector,
    ) -> Result<usize, Error> {
        let mut processed = 0;
        // A panic under the policy to fail ends the thread's work on the task anyhow, so one net
        // under the whole round is enough.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            while processed < limit && !collector.wants_send() {
                let Some(queue) = self.next_queue() else {
                    break;
                };
                processed += self.process_from(queue, limit - processed, collector)?;
            }
            Ok(())
        }));
        self.state.counters.processed += processed as u64;
        match outcome {
            Ok(result) => result.map(|()| processed),
            Err(payload) => Err(self.panicked(&*payload)),
        }
    }

    #[cold]
    fn panicked(&self, payload: &(dyn std::any::Any + Send)) -> Error {
        let node = &self.nodes[self.state.current as usize].name;
        *self.state.failure(Stage::Process, node, Panic::from_payload(payload).into())
    }

    /// Processes records of one queue: one when there are several to choose from, else as many as
    /// its batch and `limit` allow.
    #[inline]
    fn process_from(
        &mut self,
        number: usize,
        limit: usize,
        collector: &mut RecordCollector,
    ) -> Result<usize, Error> {
        let Some((batch, mut position)) = self.queues[number].front() else {
            return Ok(0);
        };
        let limit = if self.queues.len() == 1 { limit } else { 1 };
        let (node, source) = &self.sources[number];
        let mut processed = 0;
        loop {
            let (record, next) = batch.read(position);
            let queue = &mut self.queues[number];
            queue.advance(record.offset, next);
            let (nodes, state) = (&self.nodes, &mut self.state);
            if let Some(dead_letters) = &mut state.dead_letters {
                dead_letters.hold(number as u32, &batch, position);
            }
            read_record(
                nodes,
                state,
                collector,
                (number, *node, &**source),
                &record,
                &mut queue.partition_time,
                self.advance_limit.filter(|_| !queue.is_repartition),
            )?;
            processed += 1;
            if !self.state.punctuations.is_empty() {
                let stream_time = self.state.stream_time;
                punctuate_due(
                    &self.nodes,
                    &mut self.state,
                    collector,
                    PunctuationType::StreamTime,
                    stream_time,
                )?;
            }
            match next {
                Some(next) if processed < limit && !collector.wants_send() => position = next,
                _ => return Ok(processed),
            }
        }
    }

    /// Calls the schedules of the wall clock that are due; says whether there were any.
    pub(super) fn punctuate(&mut self, collector: &mut RecordCollector) -> Result<bool, Error> {
        let now = self.state.wall_clock;
        let kind = PunctuationType::WallClockTime;
        punctuate_due(&self.nodes, &mut self.state, collector, kind, now)
    }

    /// Flushes caches until nothing is held back, each store after those above it.
    pub(super) fn flush(&mut self, collector: &mut RecordCollector) -> Result<(), Error> {
        while let Some(store) = self.state.stores.iter().position(|store| store.is_dirty()) {
            let mut ctx = Context::new(&self.nodes, &mut self.state, collector, 0);
            guarded(&mut ctx, |ctx| ctx.flush_store(store, Flush::All))?;
        }
        Ok(())
    }

    /// Offsets to commit. Where stores know of time every input is told of it, moved or not: of what
    /// lies beside several offsets nothing says which is the latest.
    pub(super) fn offsets(&mut self) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        let kept = store_times::kept(&mut self.state.stores);
        let has_moved = self.queues.iter().any(PartitionQueue::has_moved);
        let all = has_moved && !kept.is_empty();
        self.positions_of(&kept, |queue| all || queue.has_moved())
    }

    /// Where it stands in each input, moved or not.
    pub(super) fn positions(&mut self) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        let kept = store_times::kept(&mut self.state.stores);
        self.positions_of(&kept, |_| true)
    }

    fn positions_of(
        &self,
        kept: &[(String, i64)],
        wanted: impl Fn(&PartitionQueue) -> bool,
    ) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        let queues = self.queues.iter().filter(|queue| wanted(queue));
        queues.map(|queue| (queue.partition.clone(), queue.position(kept))).collect()
    }

    /// Bytes of store writes that wait for a commit.
    pub(super) fn pending_bytes(&self) -> usize {
        self.state.overlay.pending_bytes()
    }

    /// Repartition partitions with the offsets up to which they may be purged.
    pub(super) fn purgeable(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        let repartitions = self.queues.iter().filter(|queue| queue.is_repartition);
        repartitions.map(|queue| (queue.partition.clone(), queue.committed()))
    }

    /// Records that are there and not processed.
    pub(super) fn lag(&self, consumer: &mut dyn Consumer) -> u64 {
        let lags = self
            .queues
            .iter()
            .map(|queue| consumer.lag(&queue.partition).unwrap_or(0) + queue.buffered() as u64);
        lags.sum()
    }
}

fn punctuate_due(
    nodes: &[NodeEntry],
    state: &mut TaskState,
    collector: &mut RecordCollector,
    kind: PunctuationType,
    now: i64,
) -> Result<bool, Error> {
    let mut called = false;
    while let Some((node, schedule)) = state.punctuations.pop_due(kind, now) {
        let mut ctx = Context::new(nodes, state, collector, node);
        guarded(&mut ctx, |ctx| ctx.run_punctuation(schedule, now))?;
        called = true;
    }
    Ok(called)
}
