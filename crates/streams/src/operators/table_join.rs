use std::sync::Arc;

use super::view_node;
use crate::codec::Data;
use crate::error::BoxError;
use crate::processor::{Context, Node};
use crate::record::{Change, Record, Timestamped};

/// Where one side of a join of two tables stands.
pub(crate) struct JoinSide {
    /// The table whose changes come in.
    pub(crate) own: u32,
    /// The table that is asked.
    pub(crate) other: u32,
    /// Nothing comes of a change where the other table has no value.
    pub(crate) needs_other: bool,
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
    let JoinSide { own, other, needs_other, sends_old } = side;
    let join = f.clone();
    let value = move |ctx: &mut Context<'_>, key: &K| {
        let own: Option<Timestamped<V>> = ctx.table_value(own, key)?;
        let other: Option<Timestamped<V2>> = ctx.table_value(other, key)?;
        let times = [own.as_ref().map(|v| v.timestamp), other.as_ref().map(|v| v.timestamp)];
        let timestamp = times.into_iter().flatten().max().unwrap_or(-1);
        let joined = join(key, own.map(|v| v.value), other.map(|v| v.value));
        Ok(ctx.user(joined)?.map(|value| Timestamped { value, timestamp }))
    };
    let update = move |ctx: &mut Context<'_>, record: Record<K, Change<V>>| {
        let Record { key, value: change, timestamp, headers } = record;
        let found: Option<Timestamped<V2>> = ctx.table_value(other, &key)?;
        let (other, timestamp) = match found {
            Some(found) => (Some(found.value), timestamp.max(found.timestamp)),
            None if needs_other || (change.new.is_none() && change.old.is_none()) => return Ok(()),
            None => (None, timestamp),
        };
        let old = if sends_old { ctx.user(f(&key, change.old, other.clone()))? } else { None };
        let new = ctx.user(f(&key, change.new, other))?;
        ctx.forward(Record { key, value: Change { new, old }, timestamp, headers })
    };
    view_node(update, value)
}

/// Puts the two sides of a join together (Kafka's `KTableKTableJoinMerger`). With a `store` the
/// result is materialized; without one the first side is asked for values.
pub(crate) fn table_join_merge<K: Data, R: Data>(
    first: u32,
    store: Option<usize>,
) -> Box<dyn Node> {
    let value = move |ctx: &mut Context<'_>, key: &K| ctx.table_value::<K, R>(first, key);
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
