use std::sync::Arc;

use super::KStream;
use crate::codec::{Codec, Data, Presence, Wire, WireCodec};
use crate::operators;
use crate::processor::SinkFormats;
use crate::topic::Topic;
use crate::topology::{
    Graph, NodeKind, NodeSetup, RepartitionFor, RepartitionSpec, SinkTopic, SourceFactory, TopicRef,
};

/// How a stream is repartitioned: the name of the topic, and how many partitions it gets. A plain
/// name becomes a topic with as many partitions as the topics above it.
#[derive(Clone, Debug, Default)]
pub struct Repartitioned {
    pub(super) name: Option<String>,
    pub(super) partitions: Option<u32>,
}

impl Repartitioned {
    /// A topic called `<application.id>-<name>-repartition`.
    #[doc(alias = "as")]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), partitions: None }
    }

    /// A topic whose name is generated, as in a Java program that gives none. It would change when
    /// operators before it come or go, and what is in flight would be left behind: refused by
    /// [`build`](crate::StreamsBuilder::build) unless the builder
    /// [takes over generated names](crate::StreamsBuilder::take_over_generated_names).
    pub fn unnamed() -> Self {
        Self::default()
    }

    /// How many partitions the topic gets.
    #[doc(alias = "withNumberOfPartitions")]
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = Some(partitions);
        self
    }
}

impl From<&str> for Repartitioned {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl<K: Wire, V: Wire> KStream<K, V> {
    /// Sends the stream through a topic of the application's own, partitioned by its present key.
    /// Records without a key are dropped, unless a left or outer join stands behind, which takes them.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.select_key(|_, v| v.clone()).repartition("by-value"), "a:1", "1:1");
    /// ```
    #[doc(alias = "through")]
    pub fn repartition(&self, how: impl Into<Repartitioned>) -> Self {
        let how = how.into();
        let mut graph = self.graph.borrow_mut();
        let base = how.name.unwrap_or_else(|| {
            let base = graph.new_name("KSTREAM-REPARTITION-");
            graph.refuse_unnamed_topic(None, &base, ".repartition(\"a-name\")");
            base
        });
        let node = self.add_repartition(&mut graph, &base, RepartitionFor::Itself);
        if let Some(spec) = graph.repartitions.last_mut() {
            spec.partitions = how.partitions;
        }
        drop(graph);
        Self::new(self.graph.clone(), node, false)
    }

    /// Adds filter, sink, topic and source of a repartitioning; gives the source. Records without a key
    /// pass only where something behind takes them.
    pub(super) fn add_repartition(
        &self,
        graph: &mut Graph,
        base: &str,
        purpose: RepartitionFor,
    ) -> usize {
        let names = graph.repartition_names(base);
        let formats = Topic::<K, V>::new(base);
        let (key, value) = (formats.key.clone(), formats.value.clone());
        let filter_key = key.clone();
        let filter = graph.add_processor(names.filter, vec![self.node], move |setup| {
            operators::repartition_filter::<K, V>(filter_key.clone(), setup.null_keys_taken)
        });
        let formats = SinkFormats { window_suffix: 0, ..formats.into() };
        add_internal_sink(graph, names.sink, filter, &names.topic, formats);
        let presence = internal_source(&names.topic, key.clone(), WireCodec::<Presence>::shared());
        let source = add_internal_source(graph, names.source, names.topic, key, value);
        if let NodeKind::Source { presence: unused, .. } = &mut graph.nodes[source].kind {
            *unused = Some(presence);
        }
        if let Some(spec) = graph.repartitions.last_mut() {
            spec.purpose = purpose;
            spec.first = filter;
        }
        source
    }
}

/// Adds the sink of an internal topic, with the formats of its records; gives its node.
pub(super) fn add_internal_sink<K: Data, V: Data>(
    graph: &mut Graph,
    name: String,
    parent: usize,
    topic: &str,
    formats: SinkFormats<K, V>,
) -> usize {
    graph.add(name, vec![parent], sink_kind(TopicRef::internal(topic), formats))
}

/// A sink that writes to one topic.
pub(super) fn sink_kind<K: Data, V: Data>(topic: TopicRef, formats: SinkFormats<K, V>) -> NodeKind {
    let factory =
        Arc::new(move |setup: &mut NodeSetup<'_>| operators::sink(formats.clone(), setup.sink));
    NodeKind::Sink { topic: SinkTopic::Topic(topic), factory }
}

/// Adds the source of a repartition topic, and the topic itself, right behind its sink.
pub(super) fn add_internal_source<K: Data, V: Data>(
    graph: &mut Graph,
    name: String,
    topic: String,
    key: Arc<dyn Codec<K>>,
    value: Arc<dyn Codec<V>>,
) -> usize {
    let topics = vec![TopicRef::internal(&topic)];
    let source = graph.nodes.len();
    graph.repartitions.push(RepartitionSpec {
        topic: topic.clone(),
        partitions: None,
        purpose: RepartitionFor::Itself,
        first: source - 1,
        source,
    });
    let factory = internal_source(&topic, key, value);
    graph.add(name, Vec::new(), NodeKind::Source { topics, factory, presence: None })
}

fn internal_source<K: Data, V: Data>(
    topic: &str,
    key: Arc<dyn Codec<K>>,
    value: Arc<dyn Codec<V>>,
) -> SourceFactory {
    let name = topic.to_owned();
    let typed = Topic { name, key, value, timestamps: None, partitioner: None };
    Arc::new(move |_: usize| operators::stream_source(&typed))
}
