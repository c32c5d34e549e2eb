use std::sync::Arc;

use super::node;
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::{Record, Timestamped};

/// Joins each record of a stream with the value of its key in a table, the present one or in a versioned table that of the
/// record's time (Kafka's
/// `KStreamKTableJoin`). `f` gives nothing where it needs a value of the table. A record with a null
/// value is dropped and counted; so is one with a null key, unless `keeps_null_keys`: it is then
/// joined with nothing.
pub(crate) fn stream_table_join<K: Wire, V: Wire, V2: Data, R: Data, F>(
    table: u32,
    keeps_null_keys: bool,
    f: Arc<F>,
) -> Box<dyn Node>
where
    F: Fn(&K, V, Option<V2>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, V>| {
        let Record { key, value, timestamp, headers } = record;
        let no_key = key.is_null();
        if value.is_null() || (no_key && !keeps_null_keys) {
            ctx.drop_record("its key or value is null");
            return Ok(());
        }
        let found: Option<Timestamped<V2>> =
            if no_key { None } else { ctx.table_value_as_of(table, &key, timestamp)? };
        match ctx.user(f(&key, value, found.map(|found| found.value)))? {
            Some(value) => ctx.forward(Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    })
}
