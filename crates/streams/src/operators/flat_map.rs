use std::sync::Arc;

use super::node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::Record;

/// Makes any number of records of each (Kafka's `KStreamFlatMap`).
pub(crate) fn flat_map<K: Data, V: Data, K2: Data, V2: Data, I, F>(f: Arc<F>) -> Box<dyn Node>
where
    F: Fn(K, V) -> Result<I, BoxError> + Send + Sync + 'static,
    I: IntoIterator<Item = (K2, V2)>,
{
    node(move |ctx, record: Record<K, V>| {
        let Record { key, value, timestamp, headers } = record;
        for (key, value) in ctx.user(f(key, value))? {
            ctx.forward(Record { key, value, timestamp, headers: headers.clone() })?;
        }
        Ok(())
    })
}
