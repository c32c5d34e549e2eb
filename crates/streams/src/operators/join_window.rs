use super::node;
use crate::codec::Wire;
use crate::processor::Node;
use crate::record::Record;

/// Lets a record join what is there, and then keeps it for those to come (Kafka's
/// `KStreamJoinWindow`). A null value is not kept; the changelog hears of it all the same.
pub(crate) fn join_window<K: Wire, V: Wire>(store: usize) -> Box<dyn Node> {
    node(move |ctx, record: Record<K, V>| {
        if record.key.is_null() {
            return ctx.forward(record);
        }
        ctx.forward(record.clone())?;
        let Record { key, value, timestamp, headers } = record;
        let value = (!value.is_null()).then_some(value);
        ctx.put_numbered(store, key, value, timestamp, &headers)
    })
}
