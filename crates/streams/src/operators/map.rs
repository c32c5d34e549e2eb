use std::sync::Arc;

use super::node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::Record;

/// Makes a new key and value of each record (Kafka's `KStreamMap`).
pub(crate) fn map<K: Data, V: Data, K2: Data, V2: Data, F>(f: Arc<F>) -> Box<dyn Node>
where
    F: Fn(K, V) -> Result<(K2, V2), BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, V>| {
        let Record { key, value, timestamp, headers } = record;
        let (key, value) = ctx.user(f(key, value))?;
        ctx.forward(Record { key, value, timestamp, headers })
    })
}
