use std::sync::Arc;

use super::node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::Record;

/// Makes any number of values of each record and keeps its key (Kafka's `KStreamFlatMapValues`).
pub(crate) fn flat_map_values<K: Data, V: Data, V2: Data, I, F>(f: Arc<F>) -> Box<dyn Node>
where
    F: Fn(&K, V) -> Result<I, BoxError> + Send + Sync + 'static,
    I: IntoIterator<Item = V2>,
{
    node(move |ctx, record: Record<K, V>| {
        let Record { key, value, timestamp, headers } = record;
        let mut values = ctx.user(f(&key, value))?.into_iter();
        let Some(mut value) = values.next() else {
            return Ok(());
        };
        // The last value takes the key itself, so that one in, one out copies nothing.
        for next in values {
            let this = std::mem::replace(&mut value, next);
            let headers = headers.clone();
            ctx.forward(Record { key: key.clone(), value: this, timestamp, headers })?;
        }
        ctx.forward(Record { key, value, timestamp, headers })
    })
}
