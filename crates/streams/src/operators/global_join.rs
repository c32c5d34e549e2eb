use std::sync::Arc;

use super::node;
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::processor::{GlobalStoreHandle, Node};
use crate::record::Record;

/// Joins each record of a stream with the present value of a global table under the key that `key`
/// gives for it (Kafka's `KStreamGlobalKTableJoin`). `f` gives nothing where it needs a value of the
/// table. A record with a null value is dropped and counted; so is one without a key for the table,
/// unless `keeps_unmapped`: it is then joined with nothing.
pub(crate) fn global_join<K: Data, V: Wire, GK: Wire, GV: Data, R: Data, M, F>(
    table: GlobalStoreHandle<GK, GV>,
    keeps_unmapped: bool,
    key: Arc<M>,
    f: Arc<F>,
) -> Box<dyn Node>
where
    M: Fn(&K, &V) -> Result<Option<GK>, BoxError> + Send + Sync + 'static,
    F: Fn(&K, V, Option<GV>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, V>| {
        if record.value.is_null() {
            ctx.drop_record("its value is null");
            return Ok(());
        }
        let mapped = ctx.user(key(&record.key, &record.value))?.filter(|key| !key.is_null());
        let found = match mapped {
            Some(mapped) => ctx.global_store(&table)?.get(&mapped)?,
            None if keeps_unmapped => None,
            None => {
                ctx.drop_record("it has no key for the global table");
                return Ok(());
            }
        };
        let Record { key, value, timestamp, headers } = record;
        match ctx.user(f(&key, value, found))? {
            Some(value) => ctx.forward(Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    })
}
