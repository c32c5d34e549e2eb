use std::sync::Arc;

use super::node;
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::{Record, Timestamped};

/// Folds the records of each key into a stored value (Kafka's `KStreamAggregate`). Records with a
/// null key or value are dropped and counted. The result's timestamp is the highest of its records.
pub(crate) fn aggregate<K: Wire, V: Wire, A: Data, I, F>(
    store: usize,
    initializer: Arc<I>,
    aggregator: Arc<F>,
) -> Box<dyn Node>
where
    I: Fn() -> A + Send + Sync + 'static,
    F: Fn(&K, V, A) -> Result<A, BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, V>| {
        if record.key.is_null() || record.value.is_null() {
            ctx.drop_record("its key or value is null");
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        ctx.update_table(store, key, timestamp, headers, |key, old: Option<Timestamped<A>>| {
            let (aggregate, timestamp) = match old {
                Some(old) => (old.value, timestamp.max(old.timestamp)),
                None => (initializer(), timestamp),
            };
            Ok(Timestamped { value: Some(aggregator(key, value, aggregate)?), timestamp })
        })
    })
}
