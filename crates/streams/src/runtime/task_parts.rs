//! What tasks are made of: stores, nodes, sources, as a sub-topology says.

use std::ops::Range;
use std::sync::Arc;

use millstream_broker::{RecordView, TaskId, TopicPartition};
use millstream_state::Overlay;

use super::RecordCollector;
use super::task_setup::TaskSetup;
use crate::error::{Error, ErrorPolicies, Stage};
use crate::processor::{
    ChangelogTarget, Context, Counters, NoInput, NodeEntry, NodeResult, Origin, Outdated, Output,
    Punctuations, SourceNode, StateStore, StoreOptions, TaskState, TopicHandle,
};
use crate::record::Headers;
use crate::topology::{NodeKind, NodeSetup, SinkTopic, StoreSetup, SubTopology, changelog_topic};

/// The stores, nodes and inputs of a task, before it has a database.
pub(super) struct TaskParts {
    stores: Vec<Box<dyn StateStore>>,
    store_numbers: Vec<Option<usize>>,
    /// Each store with a changelog, by its number in the task.
    pub(super) changelogs: Vec<(usize, TopicPartition)>,
    pub(super) nodes: Vec<NodeEntry>,
    /// For each input the number of its source node and the source itself.
    pub(super) sources: Vec<(u32, Arc<dyn SourceNode>)>,
    /// What is read, and whether the topic is one of the application's own.
    pub(super) inputs: Vec<(TopicPartition, bool)>,
}

impl TaskParts {
    /// Makes them. `partition` is that of the changelogs; `read` says which partitions of a topic
    /// with so many are read.
    pub(super) fn make(
        sub: &SubTopology,
        setup: &TaskSetup<'_>,
        partition: u32,
        read: impl Fn(u32) -> Range<u32>,
        collector: &mut RecordCollector,
    ) -> Result<Self, Error> {
        let TaskSetup { topology, config, plan, cache, .. } = *setup;
        let parts = &topology.inner;
        let application_id = config.application_id();
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
                Some(_) if let Some(topic) = &spec.source_topic => {
                    let topic = topic.full_name(application_id);
                    changelogs.push((number, TopicPartition::new(topic, partition)));
                    None
                }
                Some(_) => {
                    let topic = changelog_topic(application_id, &spec.name);
                    changelogs.push((number, TopicPartition::new(topic.as_str(), partition)));
                    let topic = collector.topic(&topic)?;
                    Some(ChangelogTarget { topic, partition })
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
                restores_input: spec.source_topic.is_some(),
            };
            stores.push((spec.factory)(StoreSetup { options }));
        }

        let mut nodes = Vec::with_capacity(sub.nodes.len());
        let mut sources: Vec<(u32, Arc<dyn SourceNode>)> = Vec::new();
        let mut inputs = Vec::new();
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
                presence_only: spec.parents.iter().all(|parent| parts.presence(*parent).is_some()),
            };
            let made = match &spec.kind {
                NodeKind::Source { topics, factory, .. } => {
                    let factory = parts.presence(*node).unwrap_or(factory);
                    for (number, topic) in topics.iter().enumerate() {
                        let source: Arc<dyn SourceNode> = factory(number).into();
                        let name = topic.full_name(application_id);
                        for partition in read(plan.counts.get(topic)) {
                            let partition = TopicPartition::new(name.as_str(), partition);
                            inputs.push((partition, topic.internal));
                            sources.push((nodes.len() as u32, source.clone()));
                        }
                    }
                    Box::new(NoInput)
                }
                NodeKind::TakenOut => Box::new(NoInput),
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
        Ok(Self { stores, store_numbers, changelogs, nodes, sources, inputs })
    }

    /// Puts what a task keeps in front of its database.
    pub(super) fn with_state(
        mut self,
        id: TaskId,
        sub: &SubTopology,
        setup: &TaskSetup<'_>,
        mut overlay: Overlay,
    ) -> (Self, TaskState) {
        let TaskSetup { topology, config, wall_clock, .. } = *setup;
        for (number, store) in sub.stores.iter().enumerate() {
            if let Some(segments) = topology.inner.stores[*store].segments {
                overlay.set_segmented(number, segments.keys());
            }
        }
        let state = TaskState {
            id,
            stores: std::mem::take(&mut self.stores),
            store_numbers: std::mem::take(&mut self.store_numbers).into(),
            overlay,
            origin: Origin::default(),
            current: 0,
            sources: self.inputs.iter().map(|(partition, _)| partition.clone()).collect(),
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
            dead_letters: None,
            global: None,
        };
        (self, state)
    }
}

/// Has a source read a record of an input: `(number of the input, source node, source)`. A record that
/// is further ahead of stream time than `advance_limit` is dropped.
#[inline]
pub(super) fn read_record(
    nodes: &[NodeEntry],
    state: &mut TaskState,
    output: &mut dyn Output,
    (input, node, source): (usize, u32, &dyn SourceNode),
    record: &RecordView<'_>,
    partition_time: &mut i64,
    advance_limit: Option<i64>,
) -> NodeResult {
    state.origin.source = input as u32;
    state.origin.offset = record.offset;
    state.origin.timestamp = record.timestamp;
    state.origin.headers = Headers::new();
    let timestamp = source.timestamp(record, *partition_time);
    let is_ahead = advance_limit.is_some_and(|limit| {
        let time = timestamp.as_ref().map_or(-1, |time| *time);
        state.stream_time >= 0 && time.saturating_sub(state.stream_time) > limit
    });
    if let (&Ok(timestamp), false) = (&timestamp, is_ahead) {
        *partition_time = (*partition_time).max(timestamp);
        state.stream_time = state.stream_time.max(timestamp);
    }
    let mut ctx = Context::new(nodes, state, output, node);
    ctx.run_source(|_, ctx| match timestamp {
        Ok(timestamp) if is_ahead => {
            ctx.drop_record(&too_far_ahead(timestamp));
            Ok(())
        }
        Ok(timestamp) if timestamp >= 0 => source.read(ctx, record, timestamp),
        Ok(_) => {
            ctx.drop_record("its timestamp is negative");
            Ok(())
        }
        Err(cause) => Err(ctx.failure(Stage::Decode, cause.into())),
    })
}

#[cold]
fn too_far_ahead(timestamp: i64) -> String {
    format!(
        "its timestamp {timestamp} is further ahead of stream time than `max.stream.time.advance.ms` allows"
    )
}
