//! A topology node by node, as with Kafka's `Topology` class: names as they are given, and no
//! numbers taken.

use std::rc::Rc;

use super::repartition::sink_kind;
use super::{KStream, Stores, StreamsBuilder};
use crate::codec::Data;
use crate::processor::{Processor, processor_node};
use crate::topic::Topic;
use crate::topology::TopicRef;

/// What feeds a node: one stream, or several in an array, all of the same types.
pub trait Parents<K, V> {
    /// The streams.
    #[doc(hidden)]
    fn streams(&self) -> Vec<&KStream<K, V>>;
}

impl<K, V> Parents<K, V> for &KStream<K, V> {
    fn streams(&self) -> Vec<&KStream<K, V>> {
        vec![self]
    }
}

impl<K, V, const N: usize> Parents<K, V> for [&KStream<K, V>; N] {
    fn streams(&self) -> Vec<&KStream<K, V>> {
        self.to_vec()
    }
}

impl StreamsBuilder {
    /// Adds a source called `name` that reads one topic or several. What it gives is a stream like
    /// any other, with all its operators; the names of nodes that are added here are taken as they
    /// are, and no generated name changes by them.
    ///
    /// ```
    /// use millstream::{BoxError, Processor, ProcessorContext, Record, StoreHandle, StreamsBuilder};
    ///
    /// /// Numbers the records of each key.
    /// struct Number(StoreHandle<String, i64>);
    ///
    /// impl Processor<String, String> for Number {
    ///     type KeyOut = String;
    ///     type ValueOut = i64;
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, String>,
    ///         ctx: &mut ProcessorContext<'_, '_, String, i64>,
    ///     ) -> Result<(), BoxError> {
    ///         let number = ctx.store(&self.0)?.get(&record.key)?.unwrap_or(0) + 1;
    ///         ctx.store(&self.0)?.put(&record.key, number)?;
    ///         ctx.forward(record.with_value(number))
    ///     }
    /// }
    ///
    /// # use millstream::testing::TopologyTestDriver;
    /// let builder = StreamsBuilder::new();
    /// let numbers = builder.add_store("numbers");
    /// let source = builder.add_source::<String, String>("source", ["one", "two"]);
    /// let handle = numbers.clone();
    /// let number = builder.add_processor("number", &source, &numbers, move || {
    ///     Number(handle.clone())
    /// });
    /// builder.add_sink("sink", "out", &number);
    /// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, String>("one").send("a", "x")?;
    /// driver.input::<String, String>("two").send("a", "y")?;
    /// let out = driver.output::<String, i64>("out").read_all()?;
    /// assert_eq!(out, [("a".to_owned(), 1), ("a".to_owned(), 2)]);
    /// # Ok::<_, millstream::Error>(())
    /// ```
    #[doc(alias = "addSource")]
    pub fn add_source<K: Data, V: Data>(
        &self,
        name: impl Into<String>,
        topics: impl IntoIterator<Item = impl Into<Topic<K, V>>>,
    ) -> KStream<K, V> {
        self.read_topics(name.into(), topics)
    }

    /// Adds a processor called `name` behind one stream or several, with stores that others may use
    /// too. `processor` is called once for each task.
    #[doc(alias = "addProcessor")]
    #[doc(alias = "connectProcessorAndStateStores")]
    pub fn add_processor<K: Data, V: Data, P: Processor<K, V>>(
        &self,
        name: impl Into<String>,
        parents: impl Parents<K, V>,
        stores: impl Stores,
        processor: impl Fn() -> P + Send + Sync + 'static,
    ) -> KStream<P::KeyOut, P::ValueOut> {
        let name = name.into();
        let parents = self.numbers(&name, &parents);
        let mut graph = self.graph.borrow_mut();
        let node =
            graph.add_processor(name, parents, move |_| processor_node::<K, V, P>(processor()));
        for store in stores.numbers() {
            graph.connect(node, store);
        }
        drop(graph);
        KStream::new(self.graph.clone(), node, true)
    }

    /// Adds a sink called `name` that writes what one stream or several give to a topic.
    #[doc(alias = "addSink")]
    pub fn add_sink<K: Data, V: Data>(
        &self,
        name: impl Into<String>,
        topic: impl Into<Topic<K, V>>,
        parents: impl Parents<K, V>,
    ) {
        let (name, topic) = (name.into(), topic.into());
        let parents = self.numbers(&name, &parents);
        let written = TopicRef::external(&topic.name);
        self.graph.borrow_mut().add(name, parents, sink_kind(written, topic.into()));
    }

    /// The nodes of the parents of `name`.
    fn numbers<K, V>(&self, name: &str, parents: &impl Parents<K, V>) -> Vec<usize> {
        let (own, others): (Vec<_>, Vec<_>) =
            parents.streams().into_iter().partition(|s| Rc::ptr_eq(&s.graph, &self.graph));
        let problem = match (own.is_empty(), others.is_empty()) {
            (_, false) => Some(
                "is fed by a stream of another builder: make both with the same StreamsBuilder",
            ),
            (true, true) => Some("is fed by nothing: name at least one parent"),
            (false, true) => None,
        };
        if let Some(problem) = problem {
            self.graph.borrow_mut().problems.push(format!("'{name}' {problem}"));
        }
        own.into_iter().map(|stream| stream.node).collect()
    }
}
