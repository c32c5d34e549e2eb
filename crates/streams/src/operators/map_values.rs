use std::sync::Arc;

use super::node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::Record;

/// Makes a new value of each record and keeps its key (Kafka's `KStreamMapValues`).
pub(crate) fn map_values<K: Data, V: Data, V2: Data, F>(f: Arc<F>) -> Box<dyn Node>
where
    F: Fn(&K, V) -> Result<V2, BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, V>| {
        let Record { key, value, timestamp, headers } = record;
        let value = ctx.user(f(&key, value))?;
        ctx.forward(Record { key, value, timestamp, headers })
    })
}
