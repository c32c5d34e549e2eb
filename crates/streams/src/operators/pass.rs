use super::node;
use crate::codec::Data;
use crate::processor::Node;
use crate::record::Record;

/// Hands each record on: the node of a merge, and of a branch (Kafka's `PassThrough`).
pub(crate) fn pass<K: Data, V: Data>() -> Box<dyn Node> {
    node(|ctx, record: Record<K, V>| ctx.forward(record))
}
