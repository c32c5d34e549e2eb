use crate::codec::{Data, StoredWindow};
use crate::error::Error;
use crate::processor::{Context, KeyValueStore, NodeError, NodeResult, StoreTimes};
use crate::record::{Change, Headers, Record, Windowed};

/// Lets stream time come to `timestamp` at an operator with a store of windows; gives its times.
#[inline]
pub(super) fn advance<K: Data, W: StoredWindow, A: Data>(
    ctx: &mut Context<'_>,
    store: usize,
    timestamp: i64,
) -> StoreTimes {
    let times = ctx.store::<Windowed<K, W>, A>(store).times_mut();
    times.stream = times.stream.max(timestamp);
    *times
}

/// Hands on the windows whose times lie in `from..=to`, which are closed: no record will change them.
/// `closed_until` is noted, so that each is handed on once.
pub(super) fn emit_closed<K: Data, W: StoredWindow, A: Data>(
    ctx: &mut Context<'_>,
    store: usize,
    from: i64,
    to: i64,
    closed_until: i64,
    headers: &Headers,
) -> NodeResult {
    if to < 0 {
        return Ok(());
    }
    let state = &mut *ctx.task;
    let typed: &mut KeyValueStore<Windowed<K, W>, A> = state.stores[store]
        .as_any_mut()
        .downcast_mut()
        .expect("typed handles made this store, so the types agree");
    let closed = typed.closed(&state.overlay, from, to).map_err(|e: Error| NodeError::from(e))?;
    typed.times_mut().emitted = closed_until;
    for (key, value) in closed {
        let timestamp = W::result_time(&key.window).unwrap_or(value.timestamp);
        let value = Change { new: Some(value.value), old: None };
        ctx.forward(Record { key, value, timestamp, headers: headers.clone() })?;
    }
    Ok(())
}
