use crate::codec::{Data, StoredWindow};
use crate::error::Error;
use crate::processor::{Context, KeyValueStore, NodeError, NodeResult};
use crate::record::{Change, Headers, Record, Windowed};

/// What an operator knows of time.
pub(super) struct Times {
    /// The highest timestamp that has come to it.
    pub(super) stream: i64,
    /// Up to where windows have been closed and handed on.
    pub(super) emitted: i64,
}

/// Lets stream time come to `timestamp` at an operator with a store of windows; gives its times.
/// `input` is its place among the operators that share the store.
#[inline]
pub(super) fn advance<K: Data, W: StoredWindow, A: Data>(
    ctx: &mut Context<'_>,
    (store, input): (usize, usize),
    timestamp: i64,
) -> Times {
    let times = ctx.store::<Windowed<K, W>, A>(store).times_mut();
    let stream = times.stream_of(input);
    *stream = timestamp.max(*stream);
    Times { stream: *stream, emitted: times.emitted }
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
