use std::sync::Arc;

use super::view_node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::{Context, Layer, Node};
use crate::record::{Change, Record, Timestamped};

/// Maps the values of a table (Kafka's `KTableMapValues`). With a `store` the result is
/// materialized; without one old values are mapped again where somebody downstream needs them.
pub(crate) fn table_map_values<K: Data, V: Data, V2: Data, F>(
    f: Arc<F>,
    parent: u32,
    store: Option<usize>,
    sends_old: bool,
) -> Box<dyn Node>
where
    F: Fn(&K, V) -> Result<V2, BoxError> + Send + Sync + 'static,
{
    let apply = move |key: &K, value: Option<V>| value.map(|value| f(key, value)).transpose();
    let apply_too = apply.clone();
    let value = move |ctx: &mut Context<'_>, key: &K, layer: Layer| {
        let Some(Timestamped { value, timestamp }) = ctx.table_value_at(parent, key, layer)? else {
            return Ok(None);
        };
        let value = ctx.user(apply_too(key, Some(value)))?;
        Ok(value.map(|value| Timestamped { value, timestamp }))
    };
    let update = move |ctx: &mut Context<'_>, record: Record<K, Change<V>>| {
        let Record { key, value: change, timestamp, headers } = record;
        let new = ctx.user(apply(&key, change.new))?;
        match store {
            Some(store) => ctx.update_table(store, key, timestamp, headers, |_, _| {
                Ok(Timestamped { value: new, timestamp })
            }),
            None => {
                let old = if sends_old { ctx.user(apply(&key, change.old))? } else { None };
                ctx.forward(Record { key, value: Change { new, old }, timestamp, headers })
            }
        }
    };
    view_node(update, value)
}
