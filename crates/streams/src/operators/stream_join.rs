use std::sync::Arc;

use millstream_state::{KeyRange, ScanOrder};

use super::node;
use crate::codec::{Data, JoinSide, List, WaitingKey, Wire};
use crate::error::BoxError;
use crate::processor::{Context, KeyValueStore, Node, NodeError, NodeResult, Wanted};
use crate::record::{Headers, NumberedWindow, Record, Timestamped, Windowed};
use crate::windows::JoinWindows;

/// One side of a join.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamJoin {
    pub(crate) is_left: bool,
    /// Whether a record of this side without a partner gives a result.
    pub(crate) outer: bool,
    pub(crate) windows: JoinWindows,
    /// The store of the other side's records.
    pub(crate) other: usize,
    /// The store of records that wait for a partner.
    pub(crate) waiting: Option<usize>,
}

/// What a join does with values, as `L` left and `R` right.
pub(crate) struct StreamJoiner<K, L, R, T, O, V> {
    /// Joins a value of this side with one of the other, if there is one.
    pub(crate) join: Arc<JoinFunction<K, T, O, V>>,
    /// Joins a value of either side with nothing.
    pub(crate) alone: Arc<AloneFunction<K, L, R, V>>,
    pub(crate) side: fn(T) -> JoinSide<L, R>,
}

type JoinFunction<K, T, O, V> =
    dyn Fn(&K, T, Option<O>) -> Result<Option<V>, BoxError> + Send + Sync;
type AloneFunction<K, L, R, V> =
    dyn Fn(&K, JoinSide<L, R>) -> Result<Option<V>, BoxError> + Send + Sync;

impl<K, L, R, T, O, V> Clone for StreamJoiner<K, L, R, T, O, V> {
    fn clone(&self) -> Self {
        Self { join: self.join.clone(), alone: self.alone.clone(), side: self.side }
    }
}

type Waiting<K, L, R> = KeyValueStore<WaitingKey<K>, List<JoinSide<L, R>>>;

/// Joins each record of one stream with those of the other that lie in its window (Kafka's
/// `KStreamKStreamJoin`). Results have the higher timestamp of the two and the headers of the record
/// that came last. Records with a null value are dropped and counted, and so are those with a null key
/// where this side must have a partner; else they are joined with nothing at once.
pub(crate) fn stream_join<K: Wire, L: Wire, R: Wire, T: Wire, O: Wire, V: Data>(
    spec: StreamJoin,
    joiner: StreamJoiner<K, L, R, T, O, V>,
) -> Box<dyn Node> {
    let side = Side { spec, joiner };
    node(move |ctx, record: Record<K, T>| side.process(ctx, record))
}

struct Side<K, L, R, T, O, V> {
    spec: StreamJoin,
    joiner: StreamJoiner<K, L, R, T, O, V>,
}

impl<K: Wire, L: Wire, R: Wire, T: Wire, O: Wire, V: Data> Side<K, L, R, T, O, V> {
    fn process(&self, ctx: &mut Context<'_>, record: Record<K, T>) -> NodeResult {
        let StreamJoin { is_left, outer, windows, other, waiting } = self.spec;
        let mut stream_time = record.timestamp;
        if let Some(waiting) = waiting {
            // Records that are dropped move it, too.
            let times = store::<K, L, R>(ctx, waiting).times_mut();
            times.stream = times.stream.max(record.timestamp);
            stream_time = times.stream;
        }
        if record.value.is_null() || record.key.is_null() && !outer {
            ctx.drop_record("its key or value is null");
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        // As the other side sees it, the window is turned round.
        let (before, after) =
            if is_left { (windows.before, windows.after) } else { (windows.after, windows.before) };
        let from = timestamp.saturating_sub(before).max(0);
        let to = timestamp.saturating_add(after).max(0);
        if key.is_null() {
            let alone = ctx.user((self.joiner.join)(&key, value, None))?;
            return forward(ctx, key, alone, timestamp, &headers);
        }
        if let Some(waiting) = waiting.filter(|_| timestamp == stream_time) {
            let looked = store::<K, L, R>(ctx, waiting).times_mut().waiting;
            if looked >= 0 && !self.is_open(looked, after, stream_time) {
                self.emit_alone(ctx, waiting, stream_time, &headers)?;
            }
        }
        let window = NumberedWindow { start: timestamp, end: timestamp, number: 0 };
        let any = Windowed { key, window };
        let (times, order) = ((from, to), ScanOrder::Forward);
        let found =
            ctx.fetch::<K, NumberedWindow, O>(other, &any, times, order, |_| Wanted::Yes)?;
        let key = any.key;
        if found.is_empty() && outer {
            return match waiting.filter(|_| to >= stream_time) {
                Some(waiting) => self.wait(ctx, waiting, key, value, timestamp, &headers),
                None => {
                    let alone = ctx.user((self.joiner.join)(&key, value, None))?;
                    forward(ctx, key, alone, timestamp, &headers)
                }
            };
        }
        for (window, partner) in found {
            if let Some(waiting) = waiting {
                let place =
                    WaitingKey { timestamp: window.start, is_left: !is_left, key: key.clone() };
                if ctx.read_table::<_, List<JoinSide<L, R>>>(waiting, &place)?.is_some() {
                    set::<K, L, R>(ctx, waiting, &place, None, timestamp, &headers)?;
                }
            }
            let joined = ctx.user((self.joiner.join)(&key, value.clone(), Some(partner.value)))?;
            let time = timestamp.max(window.start);
            forward(ctx, key.clone(), joined, time, &headers)?;
        }
        Ok(())
    }

    /// Keeps a record until a partner comes or its window has passed.
    fn wait(
        &self,
        ctx: &mut Context<'_>,
        waiting: usize,
        key: K,
        value: T,
        timestamp: i64,
        headers: &Headers,
    ) -> NodeResult {
        let place = WaitingKey { timestamp, is_left: self.spec.is_left, key };
        let found = ctx.read_table::<_, List<JoinSide<L, R>>>(waiting, &place)?;
        let mut values = found.map_or_else(Vec::new, |found| found.value.0);
        values.push((self.joiner.side)(value));
        set(ctx, waiting, &place, Some(List(values)), timestamp, headers)?;
        let typed = store::<K, L, R>(ctx, waiting);
        typed.note_earliest(timestamp);
        let times = typed.times_mut();
        times.waiting = if times.waiting < 0 { timestamp } else { times.waiting.min(timestamp) };
        Ok(())
    }

    /// Hands on the records whose windows have passed without a partner.
    fn emit_alone(
        &self,
        ctx: &mut Context<'_>,
        waiting: usize,
        stream_time: i64,
        headers: &Headers,
    ) -> NodeResult {
        for (place, values) in self.passed(ctx, waiting, stream_time)? {
            for value in values.0 {
                let alone = ctx.user((self.joiner.alone)(&place.key, value))?;
                forward(ctx, place.key.clone(), alone, place.timestamp, headers)?;
            }
            set::<K, L, R>(ctx, waiting, &place, None, stream_time, headers)?;
        }
        Ok(())
    }

    fn is_open(&self, timestamp: i64, after: i64, stream_time: i64) -> bool {
        let end = timestamp.saturating_add(after).saturating_add(self.spec.windows.grace);
        end >= stream_time
    }

    /// The waiting records whose windows have passed. Notes up to where it has looked: Kafka Streams
    /// looks again when what it saw last has passed, though something earlier may have, too.
    fn passed(
        &self,
        ctx: &mut Context<'_>,
        waiting: usize,
        stream_time: i64,
    ) -> Result<Vec<(WaitingKey<K>, List<JoinSide<L, R>>)>, NodeError> {
        let JoinWindows { before, after, .. } = self.spec.windows;
        let mut passed = Vec::new();
        let (mut left_open, mut right_open) = (false, false);
        let (mut first_open, mut last_seen) = (i64::MAX, i64::MAX);
        let state = &mut *ctx.task;
        let typed: &mut Waiting<K, L, R> = state.stores[waiting]
            .as_any_mut()
            .downcast_mut()
            .expect("typed handles made this store, so the types agree");
        // What was handed on before lies as deletes in front of this.
        let range = match typed.earliest() {
            Some(earliest) => KeyRange {
                start: std::ops::Bound::Included(earliest.to_be_bytes().to_vec()),
                end: std::ops::Bound::Unbounded,
            },
            None => KeyRange::all(),
        };
        for entry in
            typed.scan(&state.overlay, range, ScanOrder::Forward).map_err(NodeError::from)?
        {
            let (place, values): (WaitingKey<K>, Timestamped<List<JoinSide<L, R>>>) =
                entry.map_err(NodeError::from)?;
            last_seen = place.timestamp;
            if left_open && right_open {
                break;
            }
            let after = if place.is_left { after } else { before };
            if self.is_open(place.timestamp, after, stream_time) {
                first_open = first_open.min(place.timestamp);
                *(if place.is_left { &mut left_open } else { &mut right_open }) = true;
                continue;
            }
            passed.push((place, values.value));
        }
        typed.set_earliest(first_open);
        typed.times_mut().waiting = last_seen;
        Ok(passed)
    }
}

fn store<'a, K: Wire, L: Wire, R: Wire>(
    ctx: &'a mut Context<'_>,
    waiting: usize,
) -> &'a mut Waiting<K, L, R> {
    ctx.store(waiting)
}

fn set<K: Wire, L: Wire, R: Wire>(
    ctx: &mut Context<'_>,
    waiting: usize,
    place: &WaitingKey<K>,
    values: Option<List<JoinSide<L, R>>>,
    timestamp: i64,
    headers: &Headers,
) -> NodeResult {
    let values = Timestamped { value: values, timestamp };
    ctx.update_store(waiting, place, timestamp, headers, |_, _| Ok(values)).map(|_| ())
}

fn forward<K: Data, V: Data>(
    ctx: &mut Context<'_>,
    key: K,
    value: Option<V>,
    timestamp: i64,
    headers: &Headers,
) -> NodeResult {
    match value {
        Some(value) => ctx.forward(Record { key, value, timestamp, headers: headers.clone() }),
        None => Ok(()),
    }
}
