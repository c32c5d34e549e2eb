use std::sync::Arc;

use super::node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::Record;

/// Keeps the records for which `f` says `keep` (Kafka's `KStreamFilter`).
pub(crate) fn filter<K: Data, V: Data, F>(f: Arc<F>, keep: bool) -> Box<dyn Node>
where
    F: Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, V>| {
        if ctx.user(f(&record.key, &record.value))? == keep { ctx.forward(record) } else { Ok(()) }
    })
}
