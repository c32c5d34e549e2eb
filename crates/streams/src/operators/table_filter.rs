use std::sync::Arc;

use super::view_node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::{Context, Layer, Node};
use crate::record::{Change, Record, Timestamped};

/// Keeps the entries of a table for which `f` says `keep` (Kafka's `KTableFilter`); an entry that
/// no longer matches is deleted. With a `store` the result is materialized. `sends_old`: the parent
/// gives old values, so a delete of what never matched is not forwarded, unless `tells_all`: in a
/// versioned table each change is a version of its own.
pub(crate) fn table_filter<K: Data, V: Data, F>(
    f: Arc<F>,
    keep: bool,
    parent: u32,
    store: Option<usize>,
    sends_old: bool,
    tells_all: bool,
) -> Box<dyn Node>
where
    F: Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
{
    let passes = move |key: &K, value: Option<V>| match value {
        Some(value) => Ok((f(key, &value)? == keep).then_some(value)),
        None => Ok(None),
    };
    let passes_too = passes.clone();
    let value = move |ctx: &mut Context<'_>, key: &K, layer: Layer| {
        let Some(Timestamped { value, timestamp }) = ctx.table_value_at(parent, key, layer)? else {
            return Ok(None);
        };
        let value = ctx.user(passes_too(key, Some(value)))?;
        Ok(value.map(|value| Timestamped { value, timestamp }))
    };
    let update = move |ctx: &mut Context<'_>, record: Record<K, Change<V>>| {
        let Record { key, value: change, timestamp, headers } = record;
        let new = ctx.user(passes(&key, change.new))?;
        let old = match store {
            _ if !sends_old => None,
            Some(store) => ctx.read_table(store, &key)?.map(|old: Timestamped<V>| old.value),
            None => ctx.user(passes(&key, change.old))?,
        };
        if sends_old && !tells_all && new.is_none() && old.is_none() {
            return Ok(());
        }
        match store {
            Some(store) => ctx.update_table(store, key, timestamp, headers, |_, _| {
                Ok(Timestamped { value: new, timestamp })
            }),
            None => ctx.forward(Record { key, value: Change { new, old }, timestamp, headers }),
        }
    };
    view_node(update, value)
}
