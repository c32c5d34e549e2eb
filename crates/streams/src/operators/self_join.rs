use std::any::Any;
use std::sync::Arc;

use millstream_state::ScanOrder;

use super::node;
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::processor::{Context, Found, KeyValueStore, Node, NodeError, NodeResult, Wanted};
use crate::record::{NumberedWindow, Record, Windowed};
use crate::windows::JoinWindows;

/// Joins each record of a stream with those of the same stream that lie in its window, and with
/// itself, out of one store (Kafka's `KStreamKStreamSelfJoin`). The results come in the order in which
/// a join with two stores gives them: the record as the left side first, then as the right one, among
/// which the pair with itself has its place by time.
pub(crate) fn self_join<K: Wire, L: Wire, R: Wire, V: Data>(
    store: usize,
    windows: JoinWindows,
    join: Arc<dyn Fn(&K, L, R) -> Result<Option<V>, BoxError> + Send + Sync>,
) -> Box<dyn Node> {
    node(move |ctx, record: Record<K, L>| {
        if record.value.is_null() || record.key.is_null() {
            ctx.drop_record("its key or value is null");
            return Ok(());
        }
        let Record { key, value: left, timestamp, headers } = record;
        let right: R = same(&left);
        let forward = |ctx: &mut Context<'_>, left: L, right: R, other: i64| -> NodeResult {
            let Some(value) = ctx.user(join(&key, left, right))? else { return Ok(()) };
            let (key, headers) = (key.clone(), headers.clone());
            ctx.forward(Record { key, value, timestamp: timestamp.max(other), headers })
        };
        let JoinWindows { before, after, .. } = windows;
        for (window, other) in fetch::<K, L>(ctx, store, &key, timestamp, (before, after))? {
            forward(ctx, left.clone(), same(&other.value), window.start)?;
        }
        // A record that is too old to be kept does not meet itself.
        let typed: &mut KeyValueStore<Windowed<K, NumberedWindow>, L> = ctx.store(store);
        let mut with_itself = typed.meets_itself(timestamp);
        for (window, other) in fetch::<K, L>(ctx, store, &key, timestamp, (after, before))? {
            if window.start > timestamp && std::mem::take(&mut with_itself) {
                forward(ctx, left.clone(), right.clone(), timestamp)?;
            }
            forward(ctx, other.value, right.clone(), window.start)?;
        }
        if with_itself {
            forward(ctx, left, right, timestamp)?;
        }
        Ok(())
    })
}

fn fetch<K: Wire, L: Wire>(
    ctx: &mut Context<'_>,
    store: usize,
    key: &K,
    timestamp: i64,
    (before, after): (i64, i64),
) -> Result<Vec<Found<NumberedWindow, L>>, NodeError> {
    let window = NumberedWindow { start: timestamp, end: timestamp, number: 0 };
    let any = Windowed { key: key.clone(), window };
    let from = timestamp.saturating_sub(before).max(0);
    let to = timestamp.saturating_add(after).max(0);
    ctx.fetch::<K, NumberedWindow, L>(store, &any, (from, to), ScanOrder::Forward, |_| Wanted::Yes)
}

/// The value as the other side's type, which is the same: both sides are one stream.
fn same<L: Wire, R: Wire>(value: &L) -> R {
    let value: &dyn Any = value;
    value.downcast_ref::<R>().expect("one stream has values of one type").clone()
}
