use std::borrow::Cow;
use std::sync::Arc;

use millstream_state::ScanOrder;

use super::node;
use super::window_close::{advance, emit_closed};
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::processor::{Context, Found, Node, NodeError, NodeResult, Wanted};
use crate::record::{Headers, Record, TimeWindow, Timestamped, Windowed};
use crate::windows::SlidingWindows;

/// Folds the records of each key into the windows that they slide through (Kafka's
/// `KStreamSlidingWindowAggregate`): each distinct timestamp ends one window and, if others follow
/// it, stands directly before the beginning of another one. Records with a null key or value are
/// dropped and counted, and so are late ones. With `emit_final` only closed windows are handed on.
pub(crate) fn sliding_aggregate<K: Wire, V: Wire, A: Data, F>(
    (store, input): (usize, usize),
    windows: SlidingWindows,
    emit_final: bool,
    fold: Arc<F>,
) -> Box<dyn Node>
where
    F: Fn(&K, Cow<'_, V>, Option<A>) -> Result<A, BoxError> + Send + Sync + 'static,
{
    let sliding = Sliding { store, input, windows, emit_final, fold };
    node(move |ctx, record: Record<K, V>| {
        if record.key.is_null() || record.value.is_null() {
            ctx.drop_record("its key or value is null");
            return Ok(());
        }
        sliding.process(ctx, record)
    })
}

struct Sliding<F> {
    store: usize,
    /// Its place among the operators that share the store.
    input: usize,
    windows: SlidingWindows,
    emit_final: bool,
    fold: Arc<F>,
}

/// The record at work.
struct Current<'a, K, V> {
    key: Windowed<K>,
    value: &'a V,
    timestamp: i64,
    headers: &'a Headers,
    closed_until: i64,
}

/// What is known of a key's windows around a record.
struct Around<A> {
    /// The aggregate of the window that ends last before the record.
    left: Option<Timestamped<A>>,
    /// The aggregate of a window that holds the record and later ones, without the record.
    right: Option<Timestamped<A>>,
    left_exists: bool,
    right_exists: bool,
    /// Timestamp of the last record before this one, as far as windows tell.
    previous: Option<i64>,
    starts: Vec<i64>,
}

impl<A> Default for Around<A> {
    fn default() -> Self {
        Self {
            left: None,
            right: None,
            left_exists: false,
            right_exists: false,
            previous: None,
            starts: Vec::new(),
        }
    }
}

impl<F> Sliding<F> {
    fn process<K: Wire, V: Wire, A: Data>(
        &self,
        ctx: &mut Context<'_>,
        record: Record<K, V>,
    ) -> NodeResult
    where
        F: Fn(&K, Cow<'_, V>, Option<A>) -> Result<A, BoxError> + Send + Sync + 'static,
    {
        let SlidingWindows { difference, grace } = self.windows;
        let Record { key, value, timestamp, headers } = record;
        let times = advance::<K, TimeWindow, A>(ctx, (self.store, self.input), timestamp);
        let closed_until = times.stream.saturating_sub(grace);
        if timestamp.saturating_add(1).saturating_add(difference) <= closed_until {
            ctx.drop_record("its windows are closed");
            return Ok(());
        }
        let key = Windowed { key, window: TimeWindow { start: 0, end: 0 } };
        let mut current =
            Current { key, value: &value, timestamp, headers: &headers, closed_until };
        if timestamp < difference {
            return self.early::<K, V, A>(ctx, &mut current);
        }
        self.in_place::<K, V, A>(ctx, &mut current)?;
        if !self.emit_final || times.emitted >= closed_until {
            return Ok(());
        }
        let from = if times.emitted < 0 { 0 } else { (times.emitted - difference).max(0) };
        let to = closed_until - difference - 1;
        emit_closed::<K, TimeWindow, A>(ctx, self.store, from, to, closed_until, &headers)
    }

    fn fetch<K: Wire, V, A: Data>(
        &self,
        ctx: &mut Context<'_>,
        current: &Current<'_, K, V>,
        from: i64,
        order: ScanOrder,
    ) -> Result<Vec<Found<TimeWindow, A>>, NodeError> {
        // With the window that begins directly behind the record.
        let to = current.timestamp.saturating_add(1);
        let timestamp = current.timestamp;
        // Backwards, the first that ends before the record is the last to be looked at.
        let wanted = |window: &TimeWindow| match order {
            ScanOrder::Reverse if window.end < timestamp => Wanted::AsLast,
            _ => Wanted::Yes,
        };
        ctx.fetch::<K, TimeWindow, A>(self.store, &current.key, (from, to), order, wanted)
    }

    fn in_place<K: Wire, V: Wire, A: Data>(
        &self,
        ctx: &mut Context<'_>,
        current: &mut Current<'_, K, V>,
    ) -> NodeResult
    where
        F: Fn(&K, Cow<'_, V>, Option<A>) -> Result<A, BoxError> + Send + Sync + 'static,
    {
        let SlidingWindows { difference, .. } = self.windows;
        let timestamp = current.timestamp;
        let mut around = Around::default();
        let from = timestamp.saturating_sub(difference.saturating_mul(2));
        for (window, stored) in self.fetch(ctx, current, from, ScanOrder::Reverse)? {
            around.starts.push(window.start);
            if window.start == timestamp.saturating_add(1) {
                around.right_exists = true;
            } else if window.end > timestamp {
                around.right.get_or_insert_with(|| stored.clone());
                self.update(ctx, current, window, Some(stored))?;
            } else if window.end == timestamp {
                around.left_exists = true;
                if stored.timestamp < timestamp {
                    around.previous = Some(stored.timestamp);
                }
                self.update(ctx, current, window, Some(stored))?;
            } else {
                around.previous = Some(stored.timestamp);
                around.left = Some(stored);
                break;
            }
        }
        if let Some(previous) = around.previous {
            let window = self.window(previous.saturating_add(1));
            if !around.starts.contains(&window.start) && window.end >= timestamp {
                self.update::<K, V, A>(ctx, current, window, None)?;
            }
        }
        if !around.left_exists {
            let window = self.window(timestamp - difference);
            let reaches = around.previous.is_some_and(|previous| previous >= window.start);
            let left = around.left.take().filter(|_| reaches);
            let left = left.map(|left| Timestamped { timestamp, ..left });
            self.update(ctx, current, window, left)?;
        }
        match around.right {
            Some(right) if !around.right_exists && right.timestamp > timestamp => {
                self.put(ctx, current, self.window(timestamp.saturating_add(1)), right)
            }
            _ => Ok(()),
        }
    }

    /// Records before the first full window share one that begins at 0.
    fn early<K: Wire, V: Wire, A: Data>(
        &self,
        ctx: &mut Context<'_>,
        current: &mut Current<'_, K, V>,
    ) -> NodeResult
    where
        F: Fn(&K, Cow<'_, V>, Option<A>) -> Result<A, BoxError> + Send + Sync + 'static,
    {
        let timestamp = current.timestamp;
        let mut around = Around::default();
        let mut combined: Option<Timestamped<A>> = None;
        for (window, stored) in self.fetch(ctx, current, 0, ScanOrder::Forward)? {
            around.starts.push(window.start);
            if window.start == 0 {
                if stored.timestamp < timestamp {
                    around.previous = Some(stored.timestamp);
                }
                combined = Some(stored);
            } else if window.start <= timestamp {
                around.right = Some(stored.clone());
                self.update(ctx, current, window, Some(stored))?;
            } else {
                around.right_exists = true;
            }
        }
        let right = around.right.or_else(|| combined.clone());
        if let Some(right) = right.filter(|right| right.timestamp > timestamp)
            && !around.right_exists
        {
            self.put(ctx, current, self.window(timestamp + 1), right)?;
        }
        if let Some(previous) = around.previous
            && !around.starts.contains(&(previous + 1))
        {
            self.update::<K, V, A>(ctx, current, self.window(previous + 1), None)?;
        }
        self.update(ctx, current, self.window(0), combined)
    }

    fn window(&self, start: i64) -> TimeWindow {
        TimeWindow { start, end: start.saturating_add(self.windows.difference) }
    }

    /// Adds the record to a window that has `stored` so far.
    fn update<K: Wire, V: Wire, A: Data>(
        &self,
        ctx: &mut Context<'_>,
        current: &mut Current<'_, K, V>,
        window: TimeWindow,
        stored: Option<Timestamped<A>>,
    ) -> NodeResult
    where
        F: Fn(&K, Cow<'_, V>, Option<A>) -> Result<A, BoxError> + Send + Sync + 'static,
    {
        if window.end < current.closed_until {
            ctx.drop_record("its window is closed");
            return Ok(());
        }
        let timestamp = stored
            .as_ref()
            .map_or(current.timestamp, |stored| current.timestamp.max(stored.timestamp));
        let aggregate = ctx.user((self.fold)(
            &current.key.key,
            Cow::Borrowed(current.value),
            stored.map(|s| s.value),
        ))?;
        self.put(ctx, current, window, Timestamped { value: aggregate, timestamp })
    }

    fn put<K: Wire, V, A: Data>(
        &self,
        ctx: &mut Context<'_>,
        current: &mut Current<'_, K, V>,
        window: TimeWindow,
        new: Timestamped<A>,
    ) -> NodeResult {
        current.key.window = window;
        let (key, headers) = (&current.key, current.headers);
        let new = Timestamped { value: Some(new.value), timestamp: new.timestamp };
        let updated =
            ctx.update_store(self.store, key, current.timestamp, headers, |_, _| Ok(new))?;
        match updated {
            Some((change, timestamp)) if !self.emit_final => {
                let (key, headers) = (key.clone(), headers.clone());
                ctx.forward(Record { key, value: change, timestamp, headers })
            }
            _ => Ok(()),
        }
    }
}
