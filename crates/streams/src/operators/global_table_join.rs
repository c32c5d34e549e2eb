use std::sync::Arc;

use super::node;
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::{Record, Timestamped};

/// Joins each record of a stream with the value that a global table has for the key that `key` finds
/// in it (Kafka's `KStreamGlobalKTableJoin`). `f` gives nothing where it needs a value of the table. A
/// record with a null value is dropped and counted; so is one for which `key` finds none, unless
/// `keeps_all`: it is then joined with nothing.
pub(crate) fn global_table_join<K: Data, V: Wire, GK: Data, GV: Data, R: Data, S, F>(
    store: usize,
    keeps_all: bool,
    key: Arc<S>,
    f: Arc<F>,
) -> Box<dyn Node>
where
    S: Fn(&K, &V) -> Result<Option<GK>, BoxError> + Send + Sync + 'static,
    F: Fn(&K, V, Option<GV>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
{
    let find = key;
    node(move |ctx, record: Record<K, V>| {
        let Record { key, value, timestamp, headers } = record;
        if value.is_null() {
            ctx.drop_record("its value is null");
            return Ok(());
        }
        let wanted = ctx.user(find(&key, &value))?;
        if wanted.is_none() && !keeps_all {
            ctx.drop_record("it has no key for the global table");
            return Ok(());
        }
        let found: Option<Timestamped<GV>> = match wanted {
            Some(wanted) => ctx.read_global(store, &wanted)?,
            None => None,
        };
        match ctx.user(f(&key, value, found.map(|found| found.value)))? {
            Some(value) => ctx.forward(Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    })
}
