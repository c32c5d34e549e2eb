use std::sync::Arc;

use super::view_node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::{Context, Layer, Node};
use crate::record::{Change, Record, Timestamped};

/// Where one side of a join of two tables stands.
pub(crate) struct JoinSide {
    /// The table whose changes come in.
    pub(crate) own: u32,
    /// The table that is asked.
    pub(crate) other: u32,
    /// Nothing comes of a change where the other table has no value.
    pub(crate) needs_other: bool,
    /// Nothing comes of a key either that only the other table has.
    pub(crate) needs_own: bool,
    /// A store is behind both tables, so that both change at once.
    pub(crate) shares_store: bool,
    pub(crate) sends_old: bool,
}

/// One side of a join of two tables: joins each change with the present value of the other table
/// (Kafka's `KTableKTableInnerJoin`, `…LeftJoin`, `…RightJoin` and `…OuterJoin`). `f` gives nothing
/// where a value is missing that it needs.
pub(crate) fn table_join<K: Data, V: Data, V2: Data, R: Data, F>(
    side: JoinSide,
    f: Arc<F>,
) -> Box<dyn Node>
where
    F: Fn(&K, Option<V>, Option<V2>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
{
    let JoinSide { own, other, needs_other, needs_own, shares_store, sends_old } = side;
    // Whoever undoes old results has to get exactly those that it has heard of.
    let layer = if sends_old { Layer::Flushed } else { Layer::Present };
    let join = f.clone();
    let value = move |ctx: &mut Context<'_>, key: &K, layer: Layer| {
        let own: Option<Timestamped<V>> = ctx.table_value_at(own, key, layer)?;
        let other: Option<Timestamped<V2>> = ctx.table_value_at(other, key, layer)?;
        let times = [own.as_ref().map(|v| v.timestamp), other.as_ref().map(|v| v.timestamp)];
        let timestamp = times.into_iter().flatten().max().unwrap_or(-1);
        let joined = join(key, own.map(|v| v.value), other.map(|v| v.value));
        Ok(ctx.user(joined)?.map(|value| Timestamped { value, timestamp }))
    };
    let update = move |ctx: &mut Context<'_>, record: Record<K, Change<V>>| {
        let Record { key, value: change, timestamp, headers } = record;
        let found: Option<Timestamped<V2>> = ctx.table_value_at(other, &key, layer)?;
        if found.is_none() {
            let nothing = if change.new.is_some() || !needs_own {
                needs_other || (change.new.is_none() && change.old.is_none())
            } else if needs_other {
                // Both rows are gone. The side that hears of it first deletes what was made of them.
                let flushed = ctx.table_value_at::<K, V2>(other, &key, Layer::Flushed)?;
                flushed.is_none() && !shares_store
            } else {
                change.old.is_none()
            };
            if nothing {
                return Ok(());
            }
        }
        let time = found.as_ref().map_or(timestamp, |found| found.timestamp.max(timestamp));
        let other = found.map(|found| found.value);
        let old = if sends_old { ctx.user(f(&key, change.old, other.clone()))? } else { None };
        let new = ctx.user(f(&key, change.new, other))?;
        ctx.forward(Record { key, value: Change { new, old }, timestamp: time, headers })
    };
    view_node(update, value)
}

/// Puts the two sides of a join together (Kafka's `KTableKTableJoinMerger`). With a `store` the
/// result is materialized; without one the first side is asked for values.
pub(crate) fn table_join_merge<K: Data, R: Data>(
    first: u32,
    store: Option<usize>,
) -> Box<dyn Node> {
    let value = move |ctx: &mut Context<'_>, key: &K, layer: Layer| {
        ctx.table_value_at::<K, R>(first, key, layer)
    };
    let update = move |ctx: &mut Context<'_>, record: Record<K, Change<R>>| {
        let Some(store) = store else {
            return ctx.forward(record);
        };
        let Record { key, value: Change { new, .. }, timestamp, headers } = record;
        ctx.update_table(store, key, timestamp, headers, |_, _| {
            Ok(Timestamped { value: new, timestamp })
        })
    };
    view_node(update, value)
}
