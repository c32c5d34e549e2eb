use super::node;
use crate::codec::Data;
use crate::processor::Node;
use crate::record::{Change, Record};

/// Hands a table's changes on as records; a delete is `None` (`KTable.toStream`).
pub(crate) fn to_stream<K: Data, V: Data>() -> Box<dyn Node> {
    node(|ctx, record: Record<K, Change<V>>| {
        let Record { key, value, timestamp, headers } = record;
        ctx.forward(Record { key, value: value.new, timestamp, headers })
    })
}
