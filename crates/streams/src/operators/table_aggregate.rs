use std::sync::Arc;

use super::node;
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::{Change, Record, Timestamped};

/// Folds the entries of a grouped table: takes the old one out, then puts the new one in (Kafka's
/// `KTableAggregate`). The subtractor runs only where there is an aggregate to subtract from.
pub(crate) fn table_aggregate<K: Data, V: Data, A: Wire, I, P, M>(
    store: usize,
    initializer: Arc<I>,
    adder: Arc<P>,
    subtractor: Arc<M>,
) -> Box<dyn Node>
where
    I: Fn() -> A + Send + Sync + 'static,
    P: Fn(&K, V, A) -> Result<A, BoxError> + Send + Sync + 'static,
    M: Fn(&K, V, A) -> Result<A, BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, Change<V>>| {
        let Record { key, value: change, timestamp, headers } = record;
        ctx.update_table(store, key, timestamp, headers, |key, old: Option<Timestamped<A>>| {
            let before = old.as_ref().map(|old| old.timestamp);
            let mut aggregate = old.map(|old| old.value);
            let mut time = timestamp;
            if let Some(value) = change.old
                && let Some(current) = aggregate.take()
            {
                aggregate = Some(subtractor(key, value, current)?).filter(|a| !a.is_null());
                time = time.max(before.unwrap_or(time));
            }
            if let Some(value) = change.new {
                aggregate = Some(adder(key, value, aggregate.unwrap_or_else(|| initializer()))?);
                time = time.max(before.unwrap_or(time));
            }
            Ok(Timestamped { value: aggregate, timestamp: time })
        })
    })
}
