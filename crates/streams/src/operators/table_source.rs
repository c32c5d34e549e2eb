use super::node;
use crate::codec::{Data, Wire};
use crate::processor::{Context, Node, NodeResult};
use crate::record::{Change, Headers, Record, Timestamped};

/// Takes a topic's records into a table (Kafka's `KTableSource`): a null value deletes, a null key
/// is dropped and counted. Updates that come out of order are applied. Without a `store` nobody asks
/// for old values.
pub(crate) fn table_source<K: Data, V: Data>(store: Option<usize>) -> Box<dyn Node> {
    node(move |ctx, record: Record<Option<K>, Option<V>>| {
        let Record { key, value, timestamp, headers } = record;
        match (key, store) {
            (Some(key), Some(store)) => set(ctx, store, key, value, timestamp, headers),
            (Some(key), None) => {
                let value = Change { new: value, old: None };
                ctx.forward(Record { key, value, timestamp, headers })
            }
            (None, _) => {
                ctx.drop_record("its key is null");
                Ok(())
            }
        }
    })
}

/// Takes a stream's records into a table (`KStream.toTable`): a value that is null deletes.
pub(crate) fn table_from_stream<K: Wire, V: Wire>(store: usize) -> Box<dyn Node> {
    node(move |ctx, record: Record<K, V>| {
        let Record { key, value, timestamp, headers } = record;
        if key.is_null() {
            ctx.drop_record("its key is null");
            return Ok(());
        }
        set(ctx, store, key, Some(value), timestamp, headers)
    })
}

fn set<K: Data, V: Data>(
    ctx: &mut Context<'_>,
    store: usize,
    key: K,
    value: Option<V>,
    timestamp: i64,
    headers: Headers,
) -> NodeResult {
    ctx.update_table(store, key, timestamp, headers, |_, _| Ok(Timestamped { value, timestamp }))
}
