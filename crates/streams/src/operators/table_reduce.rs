use std::sync::Arc;

use super::node;
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::{Change, Record, Timestamped};

/// Combines the values of a grouped table: takes the old one out, then puts the new one in (Kafka's
/// `KTableReduce`).
pub(crate) fn table_reduce<K: Data, V: Wire, P, M>(
    store: usize,
    adder: Arc<P>,
    subtractor: Arc<M>,
) -> Box<dyn Node>
where
    P: Fn(V, V) -> Result<V, BoxError> + Send + Sync + 'static,
    M: Fn(V, V) -> Result<V, BoxError> + Send + Sync + 'static,
{
    node(move |ctx, record: Record<K, Change<V>>| {
        let Record { key, value: change, timestamp, headers } = record;
        ctx.update_table(store, key, timestamp, headers, |_, old: Option<Timestamped<V>>| {
            let before = old.as_ref().map(|old| old.timestamp);
            let mut aggregate = old.map(|old| old.value);
            let mut time = timestamp;
            if let Some(value) = change.old
                && let Some(current) = aggregate.take()
            {
                aggregate = Some(subtractor(current, value)?).filter(|a| !a.is_null());
                time = time.max(before.unwrap_or(time));
            }
            if let Some(value) = change.new {
                aggregate = Some(match aggregate {
                    None => value,
                    Some(current) => {
                        time = time.max(before.unwrap_or(time));
                        adder(current, value)?
                    }
                });
            }
            Ok(Timestamped { value: aggregate, timestamp: time })
        })
    })
}
