use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use millstream_broker::{Consumer, OffsetAndMetadata, TaskId, TopicPartition};
use millstream_state::Overlay;

use super::guarded::guarded;
use super::internal_topics::written_topics;
use super::partition_queue::PartitionQueue;
use super::persistence::Persistence;
use super::restore::{Restoration, TaskStart};
use super::task_setup::TaskSetup;
use super::{Config, RecordCollector, store_times};
use crate::error::{Error, ErrorPolicies, Panic, Stage};
use crate::processor::{
    ChangelogTarget, Context, Counters, NoInput, NodeEntry, Origin, Outdated, Output,
    PunctuationType, Punctuations, SourceNode, StoreOptions, TaskState, TopicHandle,
};
use crate::record::Headers;
use crate::topology::{NodeKind, NodeSetup, SinkTopic, StoreSetup, changelog_topic};

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
        let TaskSetup { topology, config, plan, cache, wall_clock, .. } = *setup;
        let parts = &topology.inner;
        let application_id = config.application_id();
        let sub = &parts.sub_topologies[id.sub_topology as usize];
        let mut store_numbers = vec![None; parts.stores.len()];
        for (number, store) in sub.stores.iter().enumerate() {
            store_numbers[*store] = Some(number);
        }
        let mut node_numbers = vec![0u32; parts.nodes.len()];
        for (number, node) in sub.nodes.iter().enumerate() {
            node_numbers[*node] = number as u32;
        }

        let mut stores = Vec::with_capacity(sub.stores.len());
        let mut changelogs = Vec::new();
        for (number, store) in sub.stores.iter().enumerate() {
            let spec = &parts.stores[*store];
            let changelog = match spec.changelog {
                None => None,
                Some(_) => {
                    let topic = changelog_topic(application_id, &spec.name);
                    changelogs.push((number, TopicPartition::new(topic.as_str(), id.partition)));
                    let topic = collector.topic(&topic)?;
                    Some(ChangelogTarget { topic, partition: id.partition })
                }
            };
            let options = StoreOptions {
                name: spec.name.as_str().into(),
                number,
                timestamped: spec.timestamped,
                changelog,
                cache: cache.filter(|_| spec.caching).cloned(),
                owner: spec.owner.map(|node| node_numbers[node]),
                sends_old: spec.owner.is_some_and(|node| parts.nodes[node].sends_old),
                segments: spec.segments,
            };
            stores.push((spec.factory)(StoreSetup { options }));
        }

        let mut nodes = Vec::with_capacity(sub.nodes.len());
        let mut sources: Vec<(u32, Arc<dyn SourceNode>)> = Vec::new();
        let mut queues = Vec::new();
        for node in &sub.nodes {
            let spec = &parts.nodes[*node];
            let mut sink = TopicHandle(0);
            if let NodeKind::Sink { topic: SinkTopic::Topic(topic), .. } = &spec.kind {
                sink = collector.topic(&topic.full_name(application_id))?;
            }
            let numbers: Vec<usize> =
                spec.stores.iter().filter_map(|store| store_numbers[*store]).collect();
            let local = |nodes: &[usize]| -> Vec<u32> {
                nodes.iter().map(|node| node_numbers[*node]).collect()
            };
            let mut node_setup = NodeSetup {
                stores: &numbers,
                parents: &local(&spec.parents),
                reads: &local(&spec.reads),
                sink,
                sends_old: spec.sends_old,
                shares_store: spec.shares_store,
                behind_versions: parts.is_behind_versions(*node),
                null_keys_taken: parts.are_null_keys_taken(*node),
            };
            let made = match &spec.kind {
                NodeKind::Source { topics, factory } => {
                    let source: Arc<dyn SourceNode> = factory().into();
                    for topic in topics {
                        let partitions = plan.counts.get(topic);
                        let own = match sub.is_global {
                            true => 0..partitions,
                            false => id.partition..partitions.min(id.partition + 1),
                        };
                        for number in own {
                            let name = topic.full_name(application_id);
                            let partition = TopicPartition::new(name, number);
                            queues.push(PartitionQueue::new(partition, topic.internal));
                            sources.push((nodes.len() as u32, source.clone()));
                        }
                    }
                    Box::new(NoInput)
                }
                NodeKind::Processor { factory } | NodeKind::Sink { factory, .. } => {
                    factory(&mut node_setup)
                }
            };
            let children = parts.children[*node].iter().map(|child| node_numbers[*child]);
            nodes.push(NodeEntry {
                node: made,
                name: spec.name.as_str().into(),
                children: children.collect(),
                stores: spec.stores.as_slice().into(),
                outdated: match parts.is_behind_versions(*node) {
                    true => spec.outdated,
                    false => Outdated::Processed,
                },
                table_store: parts.table_store(*node).and_then(|store| store_numbers[store]),
            });
        }

        let names = sub.stores.iter().map(|store| parts.stores[*store].name.as_str());
        let mut overlay = setup.overlay(id, names.collect(), kept)?;
        for (number, store) in sub.stores.iter().enumerate() {
            if parts.stores[*store].segments.is_some() {
                overlay.set_segmented(number);
            }
        }
        let mut state = TaskState {
            id,
            stores,
            store_numbers: store_numbers.into(),
            overlay,
            origin: Origin::default(),
            current: 0,
            sources: queues.iter().map(|queue: &PartitionQueue| queue.partition.clone()).collect(),
            stream_time: -1,
            wall_clock,
            policies: ErrorPolicies {
                decode: config.deserialization_exception_handler(),
                process: config.processing_exception_handler(),
                produce: config.production_exception_handler(),
            },
            counters: Counters::default(),
            punctuations: Punctuations::default(),
            failed_below: None,
            flushes: 0,
            outdated: false,
            as_of: None,
        };
        let phase = match Restoration::begin(&mut state, &changelogs, start) {
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
            queues,
            state,
            stores: sub.stores.clone(),
            changelogs,
            writes: written_topics(topology, id.sub_topology, application_id).into_iter().collect(),
            phase,
            persistence: Persistence::new(start.now),
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
            let state = &mut self.state;
            state.origin.source = number as u32;
            state.origin.offset = record.offset;
            state.origin.timestamp = record.timestamp;
            state.origin.headers = Headers::new();
            let timestamp = source.timestamp(&record, queue.partition_time);
            if let Ok(timestamp) = timestamp {
                queue.partition_time = queue.partition_time.max(timestamp);
                state.stream_time = state.stream_time.max(timestamp);
            }
            queue.advance(record.offset, next);
            let mut ctx = Context::new(&self.nodes, state, collector, *node);
            ctx.run_source(|_, ctx| match timestamp {
                Ok(timestamp) if timestamp >= 0 => source.read(ctx, &record, timestamp),
                Ok(_) => {
                    ctx.drop_record("its timestamp is negative");
                    Ok(())
                }
                Err(cause) => Err(ctx.failure(Stage::Decode, cause.into())),
            })?;
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
            guarded(&mut ctx, |ctx| ctx.flush_store(store))?;
        }
        Ok(())
    }

    /// Offsets to commit.
    pub(super) fn offsets(&mut self) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        self.positions_of(PartitionQueue::has_moved)
    }

    /// Where it stands in each input, moved or not.
    pub(super) fn positions(&mut self) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        self.positions_of(|_| true)
    }

    fn positions_of(
        &mut self,
        wanted: impl Fn(&PartitionQueue) -> bool,
    ) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        let kept = store_times::kept(&mut self.state.stores);
        let queues = self.queues.iter().filter(|queue| wanted(queue));
        queues.map(|queue| (queue.partition.clone(), queue.position(&kept))).collect()
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
