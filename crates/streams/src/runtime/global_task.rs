use std::collections::BTreeSet;
use std::sync::Arc;

use millstream_broker::{
    BrokerError, Consumer, IsolationLevel, RecordBatch, TaskId, TopicPartition,
};

use super::guarded::guarded;
use super::persistence::Persistence;
use super::restore::{TaskStart, outdated};
use super::task_parts::{TaskParts, read_record};
use super::task_setup::TaskSetup;
use super::{Config, RecordCollector};
use crate::error::Error;
use crate::processor::{Context, Counters, NodeEntry, NodeResult, SourceNode, TaskState};
use crate::topology::SubTopology;

/// How much is read of one partition in a round.
const ROUND_BYTES: usize = 1024 * 1024;

/// Beside each global store there is one for how far its topic was read, in the same backend. No store
/// of a program can be called so.
const POSITIONS: &str = ":positions";

/// A partition of the topic of a global store.
struct Input {
    partition: TopicPartition,
    /// The store it fills, by its number here.
    store: usize,
    /// The store of the position, and what it is called there.
    positions: usize,
    name: String,
    position: i64,
    /// Where the restore ends.
    end: i64,
    partition_time: i64,
}

/// The global stores of one stream thread, and what fills them from all partitions of their topics
/// (Kafka's `GlobalStateUpdateTask`). Nothing of it is committed to the broker; its database knows
/// how far it is.
pub(crate) struct GlobalTask {
    nodes: Vec<NodeEntry>,
    sources: Vec<(u32, Arc<dyn SourceNode>)>,
    inputs: Vec<Input>,
    /// Elsewhere while it is lent to a task.
    state: Option<Box<TaskState>>,
    persistence: Persistence,
}

impl GlobalTask {
    /// Opens the database called `name` and begins to restore.
    pub(super) fn new(
        name: &str,
        sub: &SubTopology,
        setup: &TaskSetup<'_>,
        collector: &mut RecordCollector,
        start: &mut TaskStart<'_>,
    ) -> Result<Self, Error> {
        let parts = TaskParts::make(sub, setup, 0, |count| 0..count, collector)?;
        let spec = &setup.topology.inner;
        let mut stores: Vec<_> =
            sub.stores.iter().map(|store| spec.stores[*store].place()).collect();
        let positions: Vec<_> =
            stores.iter().map(|(name, own)| (format!("{name}{POSITIONS}"), *own)).collect();
        stores.extend(positions.iter().map(|(name, own)| (name.as_str(), *own)));
        let overlay = setup.overlay(name, &stores, &mut None)?;
        let id = TaskId { sub_topology: sub.id, partition: 0 };
        let (TaskParts { nodes, sources, inputs, .. }, mut state) =
            parts.with_state(id, sub, setup, overlay);
        let mut made = Vec::with_capacity(inputs.len());
        for ((partition, _), (source, _)) in inputs.into_iter().zip(&sources) {
            // What fills a global store is one processor behind one source.
            let fills = nodes[*source as usize].children.first();
            let store = fills.and_then(|node| nodes[*node as usize].stores.first());
            let Some(store) = store.and_then(|store| state.store_numbers[*store]) else { continue };
            made.push(Input {
                positions: sub.stores.len() + store,
                name: partition.to_string(),
                partition,
                store,
                position: 0,
                end: 0,
                partition_time: -1,
            });
        }
        let mut outdated_stores = BTreeSet::new();
        for input in &made {
            if outdated_stores.contains(&input.store) {
                continue;
            }
            let why = match parted(input.store, &made, &state)? {
                None => input.outdated(&state, start)?,
                parted => parted,
            };
            if let Some(why) = why {
                tracing::warn!(
                    "store '{}': {why}; it is filled from the beginning",
                    stores[input.store].0
                );
                outdated_stores.insert(input.store);
            }
        }
        for store in outdated_stores {
            reset(store, &made, &mut state)?;
        }
        for input in &mut made {
            input.begin(&state, setup.config, start)?;
        }
        let mut task = Self {
            nodes,
            sources,
            inputs: made,
            state: Some(Box::new(state)),
            persistence: Persistence::new(start.now),
        };
        task.each_node(collector, |node, ctx| node.node.init(ctx))?;
        Ok(task)
    }

    /// Whether everything that its topics held when it began is in its stores.
    pub(super) fn is_restored(&self) -> bool {
        self.inputs.iter().all(|input| input.position >= input.end)
    }

    /// Takes the stores out, for a task to read.
    pub(super) fn lend(&mut self) -> Option<Box<TaskState>> {
        self.state.take()
    }

    /// Takes the stores back.
    pub(super) fn take_back(&mut self, state: Option<Box<TaskState>>) {
        self.state = state;
    }

    /// The stores, to be asked; `None` while they are being restored.
    pub(super) fn state(&mut self) -> Option<&mut TaskState> {
        if self.is_restored() { self.state.as_deref_mut() } else { None }
    }

    /// Reads on in every topic, and commits to its own database what came of it; gives the number
    /// of records.
    pub(super) fn advance(
        &mut self,
        config: &Config,
        collector: &mut RecordCollector,
        wall_clock: i64,
        start: &mut TaskStart<'_>,
    ) -> Result<u64, Error> {
        let mut records = 0;
        if let Some(state) = &mut self.state {
            state.wall_clock = wall_clock;
        }
        for number in 0..self.inputs.len() {
            let input = &mut self.inputs[number];
            match start.consumer.fetch(&input.partition, ROUND_BYTES) {
                Ok(Some(batch)) => records += self.take(number, &batch, collector)?,
                Ok(None) => {}
                Err(BrokerError::OffsetOutOfRange { .. }) => {
                    self.begin_again(number, config, start)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let Some(state) = &mut self.state else { return Ok(records) };
        self.persistence.committed(state.overlay.pending_bytes(), start.now);
        state.overlay.commit()?;
        if self.persistence.is_due(start.now) {
            state.overlay.persist(state.wall_clock, false)?;
            self.persistence = Persistence::new(start.now);
        }
        Ok(records)
    }

    /// After an error: a fetch may have taken records that nobody has seen.
    pub(super) fn read_again(&self, consumer: &mut dyn Consumer) -> Result<(), BrokerError> {
        self.inputs.iter().try_for_each(|input| consumer.assign(&input.partition, input.position))
    }

    /// Puts a batch of an input into its store.
    fn take(
        &mut self,
        number: usize,
        batch: &RecordBatch,
        collector: &mut RecordCollector,
    ) -> Result<u64, Error> {
        let Some(state) = self.state.as_deref_mut() else { return Ok(0) };
        let input = &mut self.inputs[number];
        let (node, source) = &self.sources[number];
        let (nodes, mut records) = (&self.nodes, 0);
        for record in batch.iter() {
            let mut ctx = Context::new(nodes, state, collector, *node);
            guarded(&mut ctx, |ctx| {
                let source = (number, *node, &**source);
                read_record(
                    nodes,
                    ctx.task,
                    ctx.output,
                    source,
                    &record,
                    &mut input.partition_time,
                    None,
                )
            })?;
            records += 1;
        }
        input.position = batch.next_offset();
        let position = input.position.to_be_bytes();
        state.overlay.write(input.positions, input.name.as_bytes(), Some(&position));
        let store = input.store;
        if let Some(reached) = reached(store, &self.inputs, state)? {
            state.overlay.set_changelog_offset(store, reached);
        }
        Ok(records)
    }

    /// Part of the log is gone before it was read: what the store holds may never be corrected, so
    /// it is emptied and filled from the beginning.
    fn begin_again(
        &mut self,
        number: usize,
        config: &Config,
        start: &mut TaskStart<'_>,
    ) -> Result<(), Error> {
        let Some(state) = self.state.as_deref_mut() else { return Ok(()) };
        // The reset drops what is pending, and with it positions of other inputs.
        state.overlay.commit()?;
        let store = self.inputs[number].store;
        reset(store, &self.inputs, state)?;
        for input in self.inputs.iter_mut().filter(|input| input.store == store) {
            input.begin(state, config, start)?;
        }
        Ok(())
    }

    /// What was counted since the last call.
    pub(super) fn take_counters(&mut self) -> Counters {
        self.state.as_mut().map(|state| std::mem::take(&mut state.counters)).unwrap_or_default()
    }

    /// Stops reading; when the close is clean its processors hear of it, and what it has is on the
    /// disk afterwards.
    pub(super) fn close(&mut self, clean: bool, consumer: &mut dyn Consumer) {
        for input in &self.inputs {
            consumer.unassign(&input.partition);
        }
        let Some(state) = self.state.as_deref_mut().filter(|_| clean) else { return };
        for entry in &self.nodes {
            entry.close();
        }
        if let Err(error) = state.overlay.persist(state.wall_clock, true) {
            tracing::warn!("{error}; what is missing is read from the topics again");
        }
    }

    fn each_node(
        &mut self,
        collector: &mut RecordCollector,
        work: impl Fn(&NodeEntry, &mut Context<'_>) -> NodeResult,
    ) -> Result<(), Error> {
        let Some(state) = self.state.as_deref_mut() else { return Ok(()) };
        for (number, node) in self.nodes.iter().enumerate() {
            let mut ctx = Context::new(&self.nodes, state, collector, number as u32);
            guarded(&mut ctx, |ctx| work(node, ctx))?;
        }
        Ok(())
    }
}

impl Input {
    /// The position in the database.
    fn kept(&self, state: &TaskState) -> Result<Option<i64>, Error> {
        let kept = state.overlay.get(self.positions, self.name.as_bytes())?;
        Ok(kept.and_then(|bytes| bytes.as_ref().try_into().ok().map(i64::from_be_bytes)))
    }

    /// Why the store is not what the topic up to the position makes of it.
    fn outdated(
        &self,
        state: &TaskState,
        start: &mut TaskStart<'_>,
    ) -> Result<Option<String>, Error> {
        let Some(kept) = self.kept(state)? else { return Ok(None) };
        let log = start.consumer.offsets(&self.partition)?;
        outdated(state, &self.partition, kept, log, start)
    }

    /// Begins where the database ends, or at the first record.
    fn begin(
        &mut self,
        state: &TaskState,
        config: &Config,
        start: &mut TaskStart<'_>,
    ) -> Result<(), Error> {
        let log = start.consumer.offsets(&self.partition)?;
        self.position = self.kept(state)?.unwrap_or(log.beginning);
        // An open transaction need not be waited for: its records follow when it is committed.
        self.end = match config.isolation() {
            IsolationLevel::ReadCommitted => log.last_stable,
            IsolationLevel::ReadUncommitted => log.end,
        };
        let Self { partition, position, end, .. } = self;
        tracing::debug!("global store: reads {partition} from {position}, restored at {end}");
        Ok(start.consumer.assign(partition, *position)?)
    }
}

/// How far the positions of a store's inputs are, all together; `None` when there are none. It is kept
/// with the store's data, as the offset that they lead up to: after a crash a database may have more
/// of the one store than of the other.
fn reached(store: usize, inputs: &[Input], state: &TaskState) -> Result<Option<i64>, Error> {
    let mut reached = None;
    for input in inputs.iter().filter(|input| input.store == store) {
        if let Some(position) = input.kept(state)? {
            *reached.get_or_insert(0) += position;
        }
    }
    Ok(reached)
}

/// Why the positions of a store's inputs say nothing about its data. Data that are ahead of them are
/// well: what is read again changes nothing.
fn parted(store: usize, inputs: &[Input], state: &TaskState) -> Result<Option<String>, Error> {
    let data = state.overlay.changelog_offset(store);
    let why = match reached(store, inputs, state)? {
        Some(positions) if data.is_none_or(|data| data < positions) => {
            "a crash has left less of its data than was read"
        }
        None if data.is_some() => "how far its topic was read is not known",
        _ => return Ok(None),
    };
    Ok(Some(why.to_owned()))
}

/// Empties a store and forgets the positions of its inputs.
fn reset(store: usize, inputs: &[Input], state: &mut TaskState) -> Result<(), Error> {
    state.overlay.reset(store)?;
    for input in inputs.iter().filter(|input| input.store == store) {
        state.overlay.write(input.positions, input.name.as_bytes(), None);
    }
    Ok(state.overlay.commit()?)
}

/// All sub-topologies that fill global stores as one; `None` when there is none.
pub(super) fn global_part(subs: &[SubTopology]) -> Option<SubTopology> {
    let mut global = subs.iter().filter(|sub| sub.is_global);
    let mut all = global.next()?.clone();
    for sub in global {
        all.nodes.extend(&sub.nodes);
        all.stores.extend(&sub.stores);
    }
    Some(all)
}
