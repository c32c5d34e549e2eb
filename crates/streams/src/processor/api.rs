//! The low-level interface: processors written by hand.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use millstream_broker::TaskId;

use crate::codec::Data;
use crate::error::{BoxError, Error, Stage};
use crate::processor::{
    Context, GlobalStoreHandle, GlobalStoreRef, KeyValueStore, Node, NodeError, NodeResult, Origin,
    PunctuationType, Schedule, StoreHandle, StoreRef, VersionedStoreHandle, VersionedStoreRef,
    take,
};
use crate::record::{Headers, Record};

/// An operator written by hand (Kafka's `Processor`). Each task has its own; what must survive a
/// crash or a rebalance belongs into a store, not into fields.
pub trait Processor<K: Data, V: Data>: Send + 'static {
    /// Key of what it forwards.
    type KeyOut: Data;
    /// Value of what it forwards.
    type ValueOut: Data;

    /// Called once before the first record: the place to schedule punctuation.
    fn init(
        &mut self,
        _ctx: &mut ProcessorContext<'_, '_, Self::KeyOut, Self::ValueOut>,
    ) -> Result<(), BoxError> {
        Ok(())
    }

    /// Processes one record. An error feeds the policy for processing.
    fn process(
        &mut self,
        record: Record<K, V>,
        ctx: &mut ProcessorContext<'_, '_, Self::KeyOut, Self::ValueOut>,
    ) -> Result<(), BoxError>;

    /// A schedule has come due at `time`: stream time or wall clock, as it was scheduled.
    #[doc(alias = "Punctuator")]
    fn punctuate(
        &mut self,
        _schedule: Schedule,
        _time: i64,
        _ctx: &mut ProcessorContext<'_, '_, Self::KeyOut, Self::ValueOut>,
    ) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called once when the task is closed cleanly.
    fn close(&mut self) {}
}

/// An operator written by hand that cannot change the key (Kafka's `FixedKeyProcessor`), so that
/// what follows needs no repartitioning.
pub trait FixedKeyProcessor<K: Data, V: Data>: Send + 'static {
    /// Value of what it forwards.
    type ValueOut: Data;

    /// Called once before the first record: the place to schedule punctuation.
    fn init(
        &mut self,
        _ctx: &mut ProcessorContext<'_, '_, K, Self::ValueOut>,
    ) -> Result<(), BoxError> {
        Ok(())
    }

    /// Processes one record. What is forwarded through `ctx` gets the record's key.
    fn process(
        &mut self,
        key: &K,
        value: V,
        ctx: &mut FixedKeyContext<'_, '_, '_, K, Self::ValueOut>,
    ) -> Result<(), BoxError>;

    /// Called once when the task is closed cleanly.
    fn close(&mut self) {}
}

/// What a processor may do while it works on a record.
pub struct ProcessorContext<'c, 'n, K, V> {
    ctx: &'c mut Context<'n>,
    timestamp: i64,
    headers: Headers,
    types: PhantomData<fn(K, V)>,
}

impl<K, V> fmt::Debug for ProcessorContext<'_, '_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessorContext").finish_non_exhaustive()
    }
}

impl<K: Data, V: Data> ProcessorContext<'_, '_, K, V> {
    /// Hands a record to every child, in the order in which they were added. An error must be
    /// returned from `process`: what failed below is half done.
    pub fn forward(&mut self, record: Record<K, V>) -> Result<(), BoxError> {
        let forwarded = self.ctx.forward(record);
        self.hand_up(forwarded)
    }

    /// Hands a record to the child called `name`; an error when there is none.
    pub fn forward_to(&mut self, name: &str, record: Record<K, V>) -> Result<(), BoxError> {
        match self.ctx.child_named(name) {
            Some(child) => {
                let forwarded = self.ctx.forward_to(child, record);
                self.hand_up(forwarded)
            }
            None => Err(format!("node '{}' has no child called '{name}'", self.node()).into()),
        }
    }

    /// Remembers a failure that the policy does not skip: the processor must hand it up.
    fn hand_up(&mut self, forwarded: NodeResult) -> Result<(), BoxError> {
        if let Err(error) = &forwarded {
            self.ctx.task.failed_below = Some(error.to_string());
        }
        Ok(forwarded?)
    }

    /// Name of this processor's node.
    pub fn node(&self) -> &str {
        self.ctx.node_name()
    }

    /// The task.
    pub fn task(&self) -> TaskId {
        self.ctx.task.id
    }

    /// Topic of the input record that is being processed.
    pub fn topic(&self) -> &str {
        self.ctx.task.source().0
    }

    /// Partition of the input record that is being processed.
    pub fn partition(&self) -> u32 {
        self.ctx.task.source().1
    }

    /// Offset of the input record that is being processed.
    pub fn offset(&self) -> i64 {
        self.ctx.task.origin.offset
    }

    /// Timestamp of the record at this node, in milliseconds since the Unix epoch.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// Headers of the record at this node.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The task's stream time: the highest timestamp of its input so far, -1 before the first.
    #[doc(alias = "currentStreamTimeMs")]
    pub fn stream_time(&self) -> i64 {
        self.ctx.task.stream_time
    }

    /// Wall-clock time in milliseconds since the Unix epoch, as of the current round of the thread.
    #[doc(alias = "currentSystemTimeMs")]
    pub fn wall_clock(&self) -> i64 {
        self.ctx.task.wall_clock
    }

    /// A store that was connected to this processor's node. An error when it was not.
    pub fn store<SK: Data, SV: Data>(
        &mut self,
        handle: &StoreHandle<SK, SV>,
    ) -> Result<StoreRef<'_, SK, SV>, BoxError> {
        let number = self.store_number(&handle.name, handle.number)?;
        let origin = Origin {
            timestamp: self.timestamp,
            headers: self.headers.clone(),
            ..self.ctx.task.origin.clone()
        };
        let task = &mut *self.ctx.task;
        let store: &mut KeyValueStore<SK, SV> = task.stores[number]
            .as_any_mut()
            .downcast_mut()
            .expect("the handle was made with the store, so the types agree");
        Ok(StoreRef { store, overlay: &mut task.overlay, output: &mut *self.ctx.output, origin })
    }

    /// A versioned store that was connected to this processor's node. An error when it was not.
    ///
    /// ```
    /// use std::time::Duration;
    /// use millstream::{
    ///     BoxError, Materialized, Processor, ProcessorContext, Record, VersionedStoreHandle,
    ///     testing::check_with,
    /// };
    ///
    /// /// Answers each value with the one of 5 ms before.
    /// struct Before(VersionedStoreHandle<String, String>);
    ///
    /// impl Processor<String, String> for Before {
    ///     type KeyOut = String;
    ///     type ValueOut = String;
    ///
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, String>,
    ///         ctx: &mut ProcessorContext<'_, '_, String, String>,
    ///     ) -> Result<(), BoxError> {
    ///         let mut versions = ctx.versioned_store(&self.0)?;
    ///         versions.put(&record.key, record.value.clone(), record.timestamp)?;
    ///         let before = versions.get_as_of(&record.key, record.timestamp - 5)?;
    ///         let value = before.map_or("none".to_owned(), |before| before.value);
    ///         ctx.forward(record.with_value(value))
    ///     }
    /// }
    ///
    /// check_with(
    ///     |b, s| {
    ///         let store = Materialized::versioned("versions", Duration::from_secs(60));
    ///         let store = b.add_versioned_store(store);
    ///         s.process_with(&store.clone(), move || Before(store.clone()))
    ///     },
    ///     "a:1@10 a:3@20 a:2@15 a:4@24",
    ///     "a:none a:1 a:1 a:2",
    /// );
    /// ```
    pub fn versioned_store<SK: Data, SV: Data>(
        &mut self,
        handle: &VersionedStoreHandle<SK, SV>,
    ) -> Result<VersionedStoreRef<'_, SK, SV>, BoxError> {
        let number = self.store_number(&handle.name, handle.number)?;
        let (store, overlay, output) = self.ctx.versioned_store(number);
        Ok(VersionedStoreRef { store, overlay, output })
    }

    /// The number in the task of a store that is connected to this processor's node.
    fn store_number(&self, name: &str, number: usize) -> Result<usize, BoxError> {
        let connected = self.ctx.is_connected(number);
        let numbers = &self.ctx.task.store_numbers;
        let found = numbers.get(number).copied().flatten().filter(|_| connected);
        found.ok_or_else(|| {
            format!(
                "node '{}' uses the store '{name}', which is not connected to it: name it in `process_with`",
                self.node()
            )
            .into()
        })
    }

    /// A global store, to be read.
    pub fn global_store<SK: Data, SV: Data>(
        &mut self,
        handle: &GlobalStoreHandle<SK, SV>,
    ) -> Result<GlobalStoreRef<'_, SK, SV>, BoxError> {
        Ok(self.ctx.global_store(handle)?)
    }

    /// Has [`Processor::punctuate`] called every `interval`, by the clock of `kind`.
    pub fn schedule(&mut self, interval: Duration, kind: PunctuationType) -> Schedule {
        let (node, now) = (self.ctx.current(), self.ctx.task.wall_clock);
        self.ctx.task.punctuations.schedule(node, kind, interval, now)
    }

    /// Ends a schedule.
    pub fn cancel(&mut self, schedule: Schedule) {
        self.ctx.task.punctuations.cancel(schedule);
    }
}

/// A [`ProcessorContext`] that forwards under the key of the record being processed.
pub struct FixedKeyContext<'k, 'c, 'n, K, V> {
    key: &'k K,
    ctx: &'k mut ProcessorContext<'c, 'n, K, V>,
}

impl<'c, 'n, K: Data, V: Data> FixedKeyContext<'_, 'c, 'n, K, V> {
    /// Hands a value on, with the key, timestamp and headers of the record being processed.
    pub fn forward(&mut self, value: V) -> Result<(), BoxError> {
        let record = Record {
            key: self.key.clone(),
            value,
            timestamp: self.ctx.timestamp,
            headers: self.ctx.headers.clone(),
        };
        self.ctx.forward(record)
    }

    /// Everything else a processor may do.
    pub fn context(&mut self) -> &mut ProcessorContext<'c, 'n, K, V> {
        self.ctx
    }
}

impl<K, V> fmt::Debug for FixedKeyContext<'_, '_, '_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedKeyContext").finish_non_exhaustive()
    }
}

/// The node around a [`Processor`].
struct ProcessorNode<P, K, V> {
    processor: RefCell<P>,
    types: PhantomData<fn(K, V)>,
}

pub(crate) fn processor_node<K: Data, V: Data, P: Processor<K, V>>(processor: P) -> Box<dyn Node> {
    let processor = RefCell::new(processor);
    Box::new(ProcessorNode { processor, types: PhantomData::<fn(K, V)> })
}

impl<K: Data, V: Data, P: Processor<K, V>> ProcessorNode<P, K, V> {
    fn with(
        &self,
        ctx: &mut Context<'_>,
        timestamp: i64,
        headers: Headers,
        work: impl FnOnce(
            &mut P,
            &mut ProcessorContext<'_, '_, P::KeyOut, P::ValueOut>,
        ) -> Result<(), BoxError>,
    ) -> NodeResult {
        let mut lent = ProcessorContext { ctx, timestamp, headers, types: PhantomData };
        let result = match self.processor.try_borrow_mut() {
            Ok(mut processor) => work(&mut processor, &mut lent),
            Err(_) => Err("the processor was called while it was at work".into()),
        };
        // What was begun below and failed is half done: nobody may go on from there.
        let result = match (result, lent.ctx.task.failed_below.take()) {
            (Ok(()), Some(below)) => Err(Error::Unavailable(format!(
                "node '{}' went on after a forward of it had failed: {below}",
                lent.ctx.node_name()
            ))),
            (Ok(()), None) => return Ok(()),
            (Err(cause), _) => return Err(lent.ctx.failure(Stage::Process, cause)),
        };
        result.map_err(NodeError::from)
    }
}

impl<K: Data, V: Data, P: Processor<K, V>> Node for ProcessorNode<P, K, V> {
    fn init(&self, ctx: &mut Context<'_>) -> NodeResult {
        self.with(ctx, -1, Headers::new(), |processor, ctx| processor.init(ctx))
    }

    fn process(&self, ctx: &mut Context<'_>, record: &mut dyn Any) -> NodeResult {
        let record = take::<K, V>(record);
        let (timestamp, headers) = (record.timestamp, record.headers.clone());
        self.with(ctx, timestamp, headers, |processor, ctx| processor.process(record, ctx))
    }

    fn punctuate(&self, ctx: &mut Context<'_>, schedule: Schedule, time: i64) -> NodeResult {
        let work = |processor: &mut P, ctx: &mut ProcessorContext<'_, '_, _, _>| {
            processor.punctuate(schedule, time, ctx)
        };
        self.with(ctx, time, Headers::new(), work)
    }

    fn close(&self) {
        if let Ok(mut processor) = self.processor.try_borrow_mut() {
            processor.close();
        }
    }
}

/// Makes a [`Processor`] of a [`FixedKeyProcessor`].
pub(crate) struct FixedKeyNode<P>(pub(crate) P);

impl<K: Data, V: Data, P: FixedKeyProcessor<K, V>> Processor<K, V> for FixedKeyNode<P> {
    type KeyOut = K;
    type ValueOut = P::ValueOut;

    fn init(&mut self, ctx: &mut ProcessorContext<'_, '_, K, P::ValueOut>) -> Result<(), BoxError> {
        self.0.init(ctx)
    }

    fn process(
        &mut self,
        record: Record<K, V>,
        ctx: &mut ProcessorContext<'_, '_, K, P::ValueOut>,
    ) -> Result<(), BoxError> {
        let Record { key, value, .. } = record;
        self.0.process(&key, value, &mut FixedKeyContext { key: &key, ctx })
    }

    fn close(&mut self) {
        self.0.close();
    }
}

/// So that `?` on an engine error inside a processor keeps its place in the chain.
impl From<Box<Error>> for Error {
    fn from(error: Box<Error>) -> Self {
        *error
    }
}
