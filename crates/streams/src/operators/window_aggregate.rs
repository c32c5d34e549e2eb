use std::borrow::Cow;
use std::sync::Arc;

use super::node;
use super::window_close::{advance, emit_closed};
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::processor::Node;
use crate::record::{Record, TimeWindow, Timestamped, Windowed};
use crate::windows::FixedWindows;

/// Folds the records of each key and window (Kafka's `KStreamWindowAggregate`): `fold` gets the
/// aggregate so far, or none, and the value lent, which not every fold needs. Records with a null key are dropped and counted, and so is, for each
/// window that is closed already, a record that is late for it. With `emit_final` only closed windows
/// are handed on. `place` is the store and the operator's place among those that share it.
pub(crate) fn window_aggregate<K: Wire, V: Data, A: Data, F>(
    place: (usize, usize),
    windows: FixedWindows,
    emit_final: bool,
    fold: Arc<F>,
) -> Box<dyn Node>
where
    F: Fn(&K, Cow<'_, V>, Option<A>) -> Result<A, BoxError> + Send + Sync + 'static,
{
    let (store, _) = place;
    node(move |ctx, record: Record<K, V>| {
        if record.key.is_null() {
            ctx.drop_record("its key is null");
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        let times = advance::<K, TimeWindow, A>(ctx, place, timestamp);
        let closed_until = times.stream.saturating_sub(windows.grace());
        let mut key = Windowed { key, window: TimeWindow { start: 0, end: 0 } };
        for window in windows.of(timestamp) {
            if windows.closes() && window.end <= closed_until {
                ctx.drop_record("its window is closed");
                continue;
            }
            key.window = window;
            let update = |key: &Windowed<K>, old: Option<Timestamped<A>>| {
                let time = old.as_ref().map_or(timestamp, |old| timestamp.max(old.timestamp));
                let aggregate = fold(&key.key, Cow::Borrowed(&value), old.map(|old| old.value))?;
                Ok(Timestamped { value: Some(aggregate), timestamp: time })
            };
            let updated = ctx.update_store(store, &key, timestamp, &headers, update)?;
            if let (Some((change, timestamp)), false) = (updated, emit_final) {
                let (key, headers) = (key.clone(), headers.clone());
                ctx.forward(Record { key, value: change, timestamp, headers })?;
            }
        }
        if !emit_final || times.emitted >= closed_until {
            return Ok(());
        }
        let ended = |until: i64| windows.last_ended(until).max(-1);
        let from = if times.emitted < 0 { 0 } else { ended(times.emitted) + 1 };
        let to = ended(closed_until);
        emit_closed::<K, TimeWindow, A>(ctx, store, from, to, closed_until, &headers)
    })
}
