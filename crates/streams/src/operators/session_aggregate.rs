use std::sync::Arc;

use millstream_state::ScanOrder;

use super::node;
use super::window_close::{advance, emit_closed};
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::processor::{Context, Node, NodeResult, Wanted};
use crate::record::{Headers, Record, SessionWindow, Timestamped, Windowed};
use crate::windows::SessionWindows;

/// Folds the records of each key and session (Kafka's `KStreamSessionWindowAggregate`). A record
/// first merges all sessions within the gap, beginning with what `initializer` gives, and is then
/// folded into the result; sessions that were merged away are deleted before. Records with a null key
/// are dropped and counted, and so are late ones. With `emit_final` only closed sessions are handed
/// on. `place` is the store and the operator's place among those that share it.
pub(crate) fn session_aggregate<K: Wire, V: Data, A: Data, I, F, M>(
    place: (usize, usize),
    windows: SessionWindows,
    emit_final: bool,
    (initializer, aggregator, merger): (Arc<I>, Arc<F>, Arc<M>),
) -> Box<dyn Node>
where
    I: Fn() -> Option<A> + Send + Sync + 'static,
    F: Fn(&K, V, Option<A>) -> Result<A, BoxError> + Send + Sync + 'static,
    M: Fn(&K, Option<A>, A) -> Result<A, BoxError> + Send + Sync + 'static,
{
    let (store, _) = place;
    node(move |ctx, record: Record<K, V>| {
        if record.key.is_null() {
            ctx.drop_record("its key is null");
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        let times = advance::<K, SessionWindow, A>(ctx, place, timestamp);
        let SessionWindows { gap, grace } = windows;
        let closed_until = times.stream.saturating_sub(grace).saturating_sub(gap);
        let alone = SessionWindow { start: timestamp, end: timestamp };
        let mut key = Windowed { key, window: alone };
        let near = near::<K, A>(ctx, store, &key, gap)?;
        let mut merged = alone;
        let mut aggregate = initializer();
        for (session, stored) in &near {
            let value = stored.value.clone();
            aggregate = Some(ctx.user(merger(&key.key, aggregate, value))?);
            merged.start = merged.start.min(session.start);
            merged.end = merged.end.max(session.end);
        }
        if merged.end < closed_until {
            ctx.drop_record("its session is closed");
        } else {
            if merged != alone {
                for (session, _) in near {
                    key.window = session;
                    put::<K, A>(ctx, store, &key, None, timestamp, &headers, emit_final)?;
                }
            }
            let aggregate = ctx.user(aggregator(&key.key, value, aggregate))?;
            key.window = merged;
            put(ctx, store, &key, Some(aggregate), timestamp, &headers, emit_final)?;
        }
        if !emit_final || times.emitted >= closed_until {
            return Ok(());
        }
        let (from, to) = (times.emitted, closed_until - 1);
        emit_closed::<K, SessionWindow, A>(ctx, store, from, to, closed_until, &headers)
    })
}

/// The sessions of a key at most `gap` away from its window.
fn near<K: Wire, A: Data>(
    ctx: &mut Context<'_>,
    store: usize,
    key: &Windowed<K, SessionWindow>,
    gap: i64,
) -> Result<Vec<(SessionWindow, Timestamped<A>)>, crate::processor::NodeError> {
    let from = key.window.start.saturating_sub(gap);
    let latest_start = key.window.end.saturating_add(gap);
    // Sessions of a key do not overlap: behind one that begins too late all do.
    let wanted = |session: &SessionWindow| match session.start <= latest_start {
        true => Wanted::Yes,
        false => Wanted::NoMore,
    };
    ctx.fetch::<K, SessionWindow, A>(store, key, (from, i64::MAX), ScanOrder::Forward, wanted)
}

fn put<K: Wire, A: Data>(
    ctx: &mut Context<'_>,
    store: usize,
    key: &Windowed<K, SessionWindow>,
    new: Option<A>,
    timestamp: i64,
    headers: &Headers,
    emit_final: bool,
) -> NodeResult {
    // A result has the time of its session's end.
    let new = Timestamped { value: new, timestamp: key.window.end };
    let updated = ctx.update_store(store, key, timestamp, headers, |_, _| Ok(new))?;
    match updated {
        Some((change, timestamp)) if !emit_final => {
            let (key, headers) = (key.clone(), headers.clone());
            ctx.forward(Record { key, value: change, timestamp, headers })
        }
        _ => Ok(()),
    }
}
