use std::sync::Arc;

use super::view_node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::{Context, Layer, Node};
use crate::record::{Change, Record, Timestamped};

/// Makes new values of a table's changes, deletes included, with a look at key and timestamp
/// (Kafka's `KTableTransformValues`). With a `store` the result is materialized.
pub(crate) fn table_transform_values<K: Data, V: Data, V2: Data, F>(
    f: Arc<F>,
    parent: u32,
    store: Option<usize>,
    sends_old: bool,
) -> Box<dyn Node>
where
    F: Fn(&K, Option<V>, i64) -> Result<Option<V2>, BoxError> + Send + Sync + 'static,
{
    let f_too = f.clone();
    let value = move |ctx: &mut Context<'_>, key: &K, layer: Layer| {
        let (value, timestamp) = match ctx.table_value_at(parent, key, layer)? {
            Some(Timestamped { value, timestamp }) => (Some(value), timestamp),
            None => (None, -1),
        };
        let value = ctx.user(f_too(key, value, timestamp))?;
        Ok(value.map(|value| Timestamped { value, timestamp }))
    };
    let update = move |ctx: &mut Context<'_>, record: Record<K, Change<V>>| {
        let Record { key, value: change, timestamp, headers } = record;
        let new = ctx.user(f(&key, change.new, timestamp))?;
        match store {
            Some(store) => ctx.update_table(store, key, timestamp, headers, |_, _| {
                Ok(Timestamped { value: new, timestamp })
            }),
            None => {
                let old = if sends_old { ctx.user(f(&key, change.old, timestamp))? } else { None };
                ctx.forward(Record { key, value: Change { new, old }, timestamp, headers })
            }
        }
    };
    view_node(update, value)
}
