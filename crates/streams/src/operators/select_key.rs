use std::sync::Arc;

use super::node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::Record;

/// Gives each record a new key (`KStream.selectKey`, and the first half of `groupBy`).
pub(crate) fn select_key<K: Data, V: Data, K2: Data, F>(f: Arc<F>) -> Box<dyn Node>
where
    F: Fn(&K, &V) -> Result<K2, BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, V>| {
        let key = ctx.user(f(&record.key, &record.value))?;
        ctx.forward(record.with_key(key))
    })
}
