use std::sync::Arc;

use super::node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::Record;

/// Ends a stream in a closure (`KStream.foreach`).
pub(crate) fn for_each<K: Data, V: Data, F>(f: Arc<F>) -> Box<dyn Node>
where
    F: Fn(K, V) -> Result<(), BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, V>| ctx.user(f(record.key, record.value)))
}
