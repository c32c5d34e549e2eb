use std::any::Any;
use std::sync::Arc;

use millstream_broker::BrokerError;

use crate::codec::Data;
use crate::error::{BoxError, Stage};
use crate::processor::{
    Context, Node, NodeError, NodeResult, RecordWriter, SinkFormats, TopicHandle, take,
};
use crate::record::Record;

struct SinkNode<K: 'static, V: 'static, T> {
    writer: RecordWriter<K, V>,
    topic: T,
}

/// Writes to one topic (Kafka's `SinkNode` with a `StaticTopicNameExtractor`).
pub(crate) fn sink<K: Data, V: Data>(
    formats: SinkFormats<K, V>,
    topic: TopicHandle,
) -> Box<dyn Node> {
    let topic = move |_: &mut Context<'_>, _: &Record<K, V>| Ok(topic);
    Box::new(SinkNode { writer: RecordWriter::new(formats), topic })
}

/// Writes each record to the topic that `name` gives for it (Kafka's `TopicNameExtractor`).
pub(crate) fn dynamic_sink<K: Data, V: Data, F>(
    formats: SinkFormats<K, V>,
    name: Arc<F>,
) -> Box<dyn Node>
where
    F: Fn(&K, &V) -> Result<String, BoxError> + Send + Sync + 'static,
{
    let topic = move |ctx: &mut Context<'_>, record: &Record<K, V>| {
        let name = ctx.user(name(&record.key, &record.value))?;
        ctx.output.topic(&name).map_err(|cause| match cause {
            BrokerError::UnknownTopic(_) | BrokerError::InvalidTopic { .. } => {
                ctx.failure(Stage::Produce, cause.into())
            }
            // Not the record's fault: no policy may skip it.
            cause => Box::new(cause.into()),
        })
    };
    Box::new(SinkNode { writer: RecordWriter::new(formats), topic })
}

impl<K: Data, V: Data, T> Node for SinkNode<K, V, T>
where
    T: Fn(&mut Context<'_>, &Record<K, V>) -> Result<TopicHandle, NodeError> + Send,
{
    #[inline]
    fn process(&self, ctx: &mut Context<'_>, record: &mut dyn Any) -> NodeResult {
        let record = take::<K, V>(record);
        let topic = (self.topic)(ctx, &record)?;
        let written = self.writer.write(ctx.output, topic, &record);
        written.map_err(|cause| ctx.failure(Stage::Produce, cause.into()))
    }
}
