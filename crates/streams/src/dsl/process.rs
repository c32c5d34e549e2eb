use super::KStream;
use crate::codec::Data;
use crate::operators;
use crate::processor::{
    FixedKeyNode, FixedKeyProcessor, Node, Processor, StoreHandle, VersionedStoreHandle,
    processor_node,
};

/// Stores to connect to a processor: one handle, or several in a tuple.
pub trait Stores {
    /// Their numbers in the topology.
    #[doc(hidden)]
    fn numbers(&self) -> Vec<usize>;
}

impl Stores for () {
    fn numbers(&self) -> Vec<usize> {
        Vec::new()
    }
}

impl<K, V> Stores for &StoreHandle<K, V> {
    fn numbers(&self) -> Vec<usize> {
        vec![self.number]
    }
}

impl<K, V> Stores for &VersionedStoreHandle<K, V> {
    fn numbers(&self) -> Vec<usize> {
        vec![self.number]
    }
}

impl<A: Stores, B: Stores> Stores for (A, B) {
    fn numbers(&self) -> Vec<usize> {
        [self.0.numbers(), self.1.numbers()].concat()
    }
}

impl<A: Stores, B: Stores, C: Stores> Stores for (A, B, C) {
    fn numbers(&self) -> Vec<usize> {
        [self.0.numbers(), self.1.numbers(), self.2.numbers()].concat()
    }
}

impl<K: Data, V: Data> KStream<K, V> {
    /// Processes each record by hand, without stores. `processor` is called once for each task.
    ///
    /// ```
    /// use millstream::{BoxError, Processor, ProcessorContext, Record};
    ///
    /// /// Hands each record on twice.
    /// struct Twice;
    ///
    /// impl Processor<String, String> for Twice {
    ///     type KeyOut = String;
    ///     type ValueOut = String;
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, String>,
    ///         ctx: &mut ProcessorContext<'_, '_, String, String>,
    ///     ) -> Result<(), BoxError> {
    ///         ctx.forward(record.clone())?;
    ///         ctx.forward(record)
    ///     }
    /// }
    ///
    /// # use millstream::testing::check;
    /// check(|stream| stream.process(|| Twice), "a:1", "a:1 a:1");
    /// ```
    pub fn process<P: Processor<K, V>>(
        &self,
        processor: impl Fn() -> P + Send + Sync + 'static,
    ) -> KStream<P::KeyOut, P::ValueOut> {
        self.process_with((), processor)
    }

    /// Processes each record by hand, with stores. What it forwards may have another key, so a
    /// grouping behind it repartitions.
    ///
    /// ```
    /// use millstream::{BoxError, Processor, ProcessorContext, Record, StoreHandle, StreamsBuilder};
    ///
    /// /// Hands a value on only when it differs from the last one of its key.
    /// struct Dedup(StoreHandle<String, String>);
    ///
    /// impl Processor<String, String> for Dedup {
    ///     type KeyOut = String;
    ///     type ValueOut = String;
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, String>,
    ///         ctx: &mut ProcessorContext<'_, '_, String, String>,
    ///     ) -> Result<(), BoxError> {
    ///         if ctx.store(&self.0)?.get(&record.key)?.as_ref() == Some(&record.value) {
    ///             return Ok(());
    ///         }
    ///         ctx.store(&self.0)?.put(&record.key, record.value.clone())?;
    ///         ctx.forward(record)
    ///     }
    /// }
    ///
    /// # use millstream::testing::check_with;
    /// check_with(
    ///     |builder, stream| {
    ///         let seen = builder.add_store("seen");
    ///         stream.process_with(&seen.clone(), move || Dedup(seen.clone()))
    ///     },
    ///     "a:1 a:1 b:1 a:2",
    ///     "a:1 b:1 a:2",
    /// );
    /// ```
    #[doc(alias = "transform")]
    pub fn process_with<P: Processor<K, V>>(
        &self,
        stores: impl Stores,
        processor: impl Fn() -> P + Send + Sync + 'static,
    ) -> KStream<P::KeyOut, P::ValueOut> {
        let node = self.add_process("KSTREAM-PROCESSOR-", &stores, move || {
            processor_node::<K, V, P>(processor())
        });
        KStream::new(self.graph.clone(), node, true)
    }

    /// Processes each record by hand, its key unchanged, so that a grouping behind it needs no
    /// repartitioning.
    ///
    /// ```
    /// use millstream::{BoxError, FixedKeyContext, FixedKeyProcessor};
    ///
    /// /// Puts the record's timestamp behind its value.
    /// struct Stamp;
    ///
    /// impl FixedKeyProcessor<String, String> for Stamp {
    ///     type ValueOut = String;
    ///     fn process(
    ///         &mut self,
    ///         _key: &String,
    ///         value: String,
    ///         ctx: &mut FixedKeyContext<'_, '_, '_, String, String>,
    ///     ) -> Result<(), BoxError> {
    ///         let timestamp = ctx.context().timestamp();
    ///         ctx.forward(format!("{value}at{timestamp}"))
    ///     }
    /// }
    ///
    /// # use millstream::testing::check;
    /// check(|stream| stream.process_values((), || Stamp), "a:1@5", "a:1at5");
    /// ```
    #[doc(alias = "processValues")]
    #[doc(alias = "transformValues")]
    pub fn process_values<P: FixedKeyProcessor<K, V>>(
        &self,
        stores: impl Stores,
        processor: impl Fn() -> P + Send + Sync + 'static,
    ) -> KStream<K, P::ValueOut> {
        let node = self.add_process("KSTREAM-PROCESSVALUES-", &stores, move || {
            processor_node::<K, V, _>(FixedKeyNode(processor()))
        });
        KStream::new(self.graph.clone(), node, self.key_changed)
    }

    fn add_process(
        &self,
        prefix: &str,
        stores: &impl Stores,
        node: impl Fn() -> Box<dyn Node> + Send + Sync + 'static,
    ) -> usize {
        let mut graph = self.graph.borrow_mut();
        let number = graph.add_processor_by_hand(prefix, self.node, move |_| node());
        for store in stores.numbers() {
            graph.connect(number, store);
        }
        number
    }

    /// The node that hands each record on unchanged: what merges and branches are made of.
    pub(super) fn pass_node() -> Box<dyn Node> {
        operators::pass::<K, V>()
    }
}
