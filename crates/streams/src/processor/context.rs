use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use millstream_state::{KeyRange, ScanOrder};

use crate::codec::{Data, StoredWindow};
use crate::error::{BoxError, Error, Panic, Stage};
use crate::processor::{
    Flush, Found, GlobalStoreHandle, GlobalStoreRef, KeyValueStore, Layer, NodeEntry, NodeError,
    NodeResult, Origin, Outdated, Output, Schedule, TaskState, UpdateError, Updated, Wanted,
};
use crate::record::{Change, Headers, NumberedWindow, Record, Timestamped, Windowed};

/// What a node may do: hand records on, reach its stores, write to topics.
pub(crate) struct Context<'a> {
    nodes: &'a [NodeEntry],
    pub(crate) task: &'a mut TaskState,
    pub(crate) output: &'a mut dyn Output,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        nodes: &'a [NodeEntry],
        task: &'a mut TaskState,
        output: &'a mut dyn Output,
        current: u32,
    ) -> Self {
        task.current = current;
        Self { nodes, task, output }
    }

    /// Name of the node at work.
    pub(crate) fn node_name(&self) -> &'a Arc<str> {
        &self.nodes[self.task.current as usize].name
    }

    pub(crate) fn current(&self) -> u32 {
        self.task.current
    }

    /// Whether a store of the topology, by its number there, is connected to the node at work.
    pub(crate) fn is_connected(&self, store: usize) -> bool {
        self.nodes[self.current() as usize].stores.contains(&store)
    }

    /// Hands a record to every child of the node at work, in order.
    #[inline]
    pub(crate) fn forward<K: Data, V: Data>(&mut self, record: Record<K, V>) -> NodeResult {
        let nodes = self.nodes;
        match nodes[self.task.current as usize].children.split_last() {
            None => Ok(()),
            Some((last, [])) => self.call(*last, record),
            Some((last, others)) => {
                for child in others {
                    self.call(*child, record.clone())?;
                }
                self.call(*last, record)
            }
        }
    }

    /// Hands a record to one child, by its place among the children.
    pub(crate) fn forward_to<K: Data, V: Data>(
        &mut self,
        child: usize,
        record: Record<K, V>,
    ) -> NodeResult {
        let nodes = self.nodes;
        match nodes[self.task.current as usize].children.get(child) {
            Some(child) => self.call(*child, record),
            None => Ok(()),
        }
    }

    /// Place of the child called `name`, for [`forward_to`](Self::forward_to).
    pub(crate) fn child_named(&self, name: &str) -> Option<usize> {
        let children = &self.nodes[self.task.current as usize].children;
        children.iter().position(|child| &*self.nodes[*child as usize].name == name)
    }

    #[inline]
    fn call<K: Data, V: Data>(&mut self, child: u32, record: Record<K, V>) -> NodeResult {
        if self.task.outdated && self.leaves_out(child) {
            return Ok(());
        }
        let parent = std::mem::replace(&mut self.task.current, child);
        let mut record = Some(record);
        let result = self.run(|node, ctx| node.node.process(ctx, &mut record));
        self.task.current = parent;
        result
    }

    /// Whether a node leaves out the change on its way, which is not the latest of its key.
    #[cold]
    fn leaves_out(&mut self, node: u32) -> bool {
        let NodeEntry { name, outdated, .. } = &self.nodes[node as usize];
        if *outdated == Outdated::Dropped {
            self.task.drop_record(name, "it is not the latest version of its key");
        }
        *outdated != Outdated::Processed
    }

    /// Runs the node at work. Panics are caught here only when the policy is to skip: the record
    /// is then lost for the failing node alone, and what was forwarded before stands. Otherwise the
    /// task catches them once a round.
    #[inline]
    fn run(
        &mut self,
        work: impl FnOnce(&'a NodeEntry, &mut Context<'_>) -> NodeResult,
    ) -> NodeResult {
        let nodes = self.nodes;
        let node = &nodes[self.task.current as usize];
        let result = if self.task.skips_failures() {
            let (current, flushes) = (self.task.current, self.task.flushes);
            let outdated = self.task.outdated;
            catch_unwind(AssertUnwindSafe(|| work(node, self))).unwrap_or_else(|payload| {
                self.task.current = current;
                (self.task.outdated, self.task.as_of) = (outdated, None);
                let panic = Panic::from_payload(&*payload);
                if self.task.flushes > flushes {
                    // A store was half flushed: other records than this one would be lost.
                    let name = self.node_name();
                    let what = format!("a store was being flushed below node '{name}': {panic}");
                    return Err(Box::new(Error::Unavailable(what)));
                }
                Err(self.failure(Stage::Process, panic.into()))
            })
        } else {
            work(node, self)
        };
        match result {
            Ok(()) => Ok(()),
            Err(error) => self.task.judge(error, self.output),
        }
    }

    /// Runs a source node on what it decodes.
    pub(crate) fn run_source(
        &mut self,
        work: impl FnOnce(&'a NodeEntry, &mut Context<'_>) -> NodeResult,
    ) -> NodeResult {
        self.run(work)
    }

    /// Runs a node's schedule that has come due.
    pub(crate) fn run_punctuation(&mut self, schedule: Schedule, time: i64) -> NodeResult {
        self.run(|node, ctx| node.node.punctuate(ctx, schedule, time))
    }

    /// Turns an error of user code into the failure of the node at work.
    #[inline]
    pub(crate) fn user<T>(&self, result: Result<T, BoxError>) -> Result<T, NodeError> {
        result.map_err(|cause| self.failure(Stage::Process, cause))
    }

    /// The failure of the node at work.
    #[cold]
    pub(crate) fn failure(&self, stage: Stage, cause: BoxError) -> NodeError {
        self.task.failure(stage, self.node_name(), cause)
    }

    /// Counts and logs a record that a rule of the node at work drops.
    #[cold]
    pub(crate) fn drop_record(&mut self, reason: &str) {
        let name = self.node_name();
        self.task.drop_record(name, reason);
    }

    /// A store of this task, by its number here.
    #[inline]
    pub(crate) fn store<K: Data, V: Data>(&mut self, store: usize) -> &mut KeyValueStore<K, V> {
        let store: &mut dyn Any = self.task.stores[store].as_any_mut();
        store.downcast_mut().expect("typed handles made this store, so the types agree")
    }

    /// A global store, wherever the node is in the topology.
    pub(crate) fn global_store<K: Data, V: Data>(
        &mut self,
        handle: &GlobalStoreHandle<K, V>,
    ) -> Result<GlobalStoreRef<'_, K, V>, NodeError> {
        let global = self.task.global.as_deref_mut();
        let found = global.and_then(|global| GlobalStoreRef::find(global, handle.number()));
        found.ok_or_else(|| no_global_store(handle.name()))
    }

    /// Puts a value into a store that keeps several for one time; none is only logged.
    pub(crate) fn put_numbered<K: Data, V: Data>(
        &mut self,
        store: usize,
        key: K,
        value: Option<V>,
        timestamp: i64,
        headers: &Headers,
    ) -> NodeResult {
        let number = self.store::<Windowed<K, NumberedWindow>, V>(store).next_number();
        let window = NumberedWindow { start: timestamp, end: timestamp, number };
        let key = Windowed { key, window };
        let value = Timestamped { value, timestamp };
        self.update_store(store, &key, timestamp, headers, |_, _| Ok(value)).map(|_| ())
    }

    /// The windows of a key whose times lie in `from..=to`, from a store of windows, as far as `wanted`
    /// says.
    pub(crate) fn fetch<K: Data, W: StoredWindow, V: Data>(
        &mut self,
        store: usize,
        any: &Windowed<K, W>,
        times: (i64, i64),
        order: ScanOrder,
        wanted: impl Fn(&W) -> Wanted,
    ) -> Result<Vec<Found<W, V>>, NodeError> {
        let state: &mut TaskState = self.task;
        let typed: &mut KeyValueStore<Windowed<K, W>, V> = state.stores[store]
            .as_any_mut()
            .downcast_mut()
            .expect("typed handles made this store, so the types agree");
        typed.fetch(&state.overlay, any, times, order, wanted).map_err(NodeError::from)
    }

    /// Reads the value of a key from a table's store.
    pub(crate) fn read_table<K: Data, V: Data>(
        &mut self,
        store: usize,
        key: &K,
    ) -> Result<Option<Timestamped<V>>, NodeError> {
        self.read_table_at(store, key, Layer::Present)
    }

    fn read_table_at<K: Data, V: Data>(
        &mut self,
        store: usize,
        key: &K,
        layer: Layer,
    ) -> Result<Option<Timestamped<V>>, NodeError> {
        let state: &mut TaskState = self.task;
        let any: &mut dyn Any = state.stores[store].as_any_mut();
        if let Some(typed) = any.downcast_mut::<KeyValueStore<K, V>>() {
            let value = match layer {
                Layer::Present => typed.get(&state.overlay, key),
                Layer::Flushed => typed.get_flushed(&state.overlay, key),
            };
            return value.map_err(NodeError::from);
        }
        // A versioned store has no cache.
        let as_of = state.as_of;
        let (typed, overlay, _) = self.versioned_store::<K, V>(store);
        let Some(time) = as_of else { return Ok(typed.latest(overlay, key)?) };
        let found = typed.as_of(overlay, key, time)?;
        Ok(found.map(|found| Timestamped { value: found.value, timestamp: found.valid_from }))
    }

    /// The present value of a key in the table of a node, by its number in the task: out of its
    /// store, or worked out from the tables it is made of.
    #[inline]
    pub(crate) fn table_value<K: Data, V: Data>(
        &mut self,
        table: u32,
        key: &K,
    ) -> Result<Option<Timestamped<V>>, NodeError> {
        self.table_value_at(table, key, Layer::Present)
    }

    /// As [`table_value`](Self::table_value), read at a layer.
    pub(crate) fn table_value_at<K: Data, V: Data>(
        &mut self,
        table: u32,
        key: &K,
        layer: Layer,
    ) -> Result<Option<Timestamped<V>>, NodeError> {
        let nodes = self.nodes;
        let entry = &nodes[table as usize];
        if let Some(store) = entry.table_store {
            return self.read_table_at(store, key, layer);
        }
        let mut found = None::<Timestamped<V>>;
        // What fails there is the failure of that node.
        let asking = std::mem::replace(&mut self.task.current, table);
        let result = entry.node.table_value(self, key, layer, &mut found);
        self.task.current = asking;
        result.map(|()| found)
    }

    /// Updates one key of a table's store and forwards the change, now or when the store's cache is
    /// flushed. `update` gets the key and the value until now, and gives the value from now on; when it fails
    /// the store is as before, or its task is dropped, as the policy says.
    #[inline]
    pub(crate) fn update_table<K: Data, V: Data>(
        &mut self,
        store: usize,
        key: K,
        timestamp: i64,
        headers: Headers,
        update: impl FnOnce(&K, Option<Timestamped<V>>) -> Result<Timestamped<Option<V>>, BoxError>,
    ) -> NodeResult {
        // The change is one of this table, whatever the one was that led to it.
        let outdated = std::mem::replace(&mut self.task.outdated, false);
        let result = match self.update_store(store, &key, timestamp, &headers, update) {
            Ok(Some((change, timestamp))) => {
                self.forward(Record { key, value: change, timestamp, headers })
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        self.task.outdated = outdated;
        result
    }

    /// As [`update_table`](Self::update_table), but gives the change that is to be forwarded now, with
    /// its timestamp, instead of forwarding it.
    #[inline]
    pub(crate) fn update_store<K: Data, V: Data>(
        &mut self,
        store: usize,
        key: &K,
        timestamp: i64,
        headers: &Headers,
        update: impl FnOnce(&K, Option<Timestamped<V>>) -> Result<Timestamped<Option<V>>, BoxError>,
    ) -> Result<Option<(Change<V>, i64)>, NodeError> {
        let keep_old = self.task.skips_failures();
        let name = self.node_name();
        let state: &mut TaskState = self.task;
        let any: &mut dyn Any = state.stores[store].as_any_mut();
        let Some(typed) = any.downcast_mut::<KeyValueStore<K, V>>() else {
            return self.update_versions(store, key, |old| update(key, old));
        };
        let headers = headers.clone();
        let origin =
            Origin { source: state.origin.source, offset: state.origin.offset, timestamp, headers };
        let updated =
            typed.update(&mut state.overlay, self.output, key, &origin, keep_old, |old| {
                update(key, old)
            });
        match updated {
            Ok(Updated::Cached { evict: false }) => Ok(None),
            Ok(Updated::Cached { evict: true }) => self.evict(store).map(|()| None),
            Ok(Updated::Written { change, timestamp }) => Ok(Some((change, timestamp))),
            Err(UpdateError::User(cause)) => Err(self.task.failure(Stage::Process, name, cause)),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    }

    /// Writes a value to a store, or deletes it: no node hears of it.
    pub(crate) fn put<K: Data, V: Data>(
        &mut self,
        store: usize,
        key: &K,
        value: Option<V>,
        timestamp: i64,
        headers: &Headers,
    ) -> NodeResult {
        let state: &mut TaskState = self.task;
        let origin = Origin { timestamp, headers: headers.clone(), ..state.origin };
        let typed: &mut KeyValueStore<K, V> = state.stores[store]
            .as_any_mut()
            .downcast_mut()
            .expect("typed handles made this store, so the types agree");
        let value = value.map(|value| Timestamped { value, timestamp });
        typed.put(&mut state.overlay, self.output, key, value, &origin).map_err(NodeError::from)
    }

    /// The first entries of a range in byte order of their keys, at most `limit`.
    pub(crate) fn scan<K: Data, V: Data>(
        &mut self,
        store: usize,
        range: KeyRange,
        limit: usize,
    ) -> Result<Vec<(K, Timestamped<V>)>, NodeError> {
        let state: &mut TaskState = self.task;
        let typed: &mut KeyValueStore<K, V> = state.stores[store]
            .as_any_mut()
            .downcast_mut()
            .expect("typed handles made this store, so the types agree");
        let entries = typed.scan(&state.overlay, range, ScanOrder::Forward)?;
        Ok(entries.take(limit).collect::<Result<_, _>>()?)
    }

    /// Makes room in a store whose cache has outgrown its budget.
    #[cold]
    pub(crate) fn evict(&mut self, store: usize) -> NodeResult {
        self.flush_store(store, Flush::Oldest)?;
        self.task.stores[store].evict();
        Ok(())
    }

    /// Writes what a store's cache holds back to the store and its changelog, and forwards the
    /// changes from the node that owns the store.
    pub(crate) fn flush_store(&mut self, store: usize, what: Flush) -> NodeResult {
        let flush = self.task.stores[store].flush_with();
        self.task.flushes += 1;
        flush(self, store, what)?;
        self.task.flushes -= 1;
        Ok(())
    }

    /// Forwards a change from the node `owner`, as of the record that caused it.
    pub(crate) fn forward_from<K: Data, V: Data>(
        &mut self,
        owner: u32,
        origin: Origin,
        record: Record<K, Change<V>>,
    ) -> NodeResult {
        let before = std::mem::replace(&mut self.task.origin, origin);
        let current = std::mem::replace(&mut self.task.current, owner);
        let result = self.forward(record);
        self.task.current = current;
        self.task.origin = before;
        result
    }
}

/// A handle of another builder, or a use while global stores are being filled.
#[cold]
fn no_global_store(name: &str) -> NodeError {
    Box::new(Error::Unavailable(format!(
        "there is no global store '{name}' here: make it with the builder of this topology, and read it from tasks, not from what fills global stores"
    )))
}
