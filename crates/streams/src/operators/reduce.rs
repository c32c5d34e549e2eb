use std::sync::Arc;

use super::node;
use crate::codec::Wire;
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::{Record, Timestamped};

/// Combines the values of each key (Kafka's `KStreamReduce`). Records with a null key or value are
/// dropped and counted; the first value of a key is taken as it is.
pub(crate) fn reduce<K: Wire, V: Wire, F>(store: usize, reducer: Arc<F>) -> Box<dyn Node>
where
    F: Fn(V, V) -> Result<V, BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, V>| {
        if record.key.is_null() || record.value.is_null() {
            ctx.drop_record("its key or value is null");
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        ctx.update_table(store, key, timestamp, headers, |_, old: Option<Timestamped<V>>| {
            Ok(match old {
                None => Timestamped { value: Some(value), timestamp },
                Some(old) => Timestamped {
                    value: Some(reducer(old.value, value)?),
                    timestamp: timestamp.max(old.timestamp),
                },
            })
        })
    })
}
