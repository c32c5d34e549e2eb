use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

use crate::codec::{BufferedChange, Codec, CodecError, Data, RecordContext, Wire};
use crate::error::Error;
use crate::processor::{Context, Layer, Node, NodeResult, take};
use crate::record::{Change, Record, Timestamped};

/// Gives the end of a time window by its start.
pub(crate) type WindowEnd = Arc<dyn Fn(i64) -> i64 + Send + Sync>;

/// What a suppression holds back, and how much of it.
pub(crate) struct SuppressRules<K> {
    /// An update comes out when stream time is so many milliseconds past its place in the buffer.
    pub(crate) wait_ms: i64,
    /// Gives the end of a key's window, which is its place in the buffer; deletes are then left out,
    /// as nobody has heard of what they delete. Without it the place is the record's timestamp.
    pub(crate) window_end: Option<fn(&K) -> i64>,
    pub(crate) max_records: Option<usize>,
    pub(crate) max_bytes: Option<usize>,
    /// Whether a full buffer ends the application instead of being emptied early.
    pub(crate) shuts_down: bool,
}

/// Holds the updates of a table back (Kafka's `KTableSuppressProcessor`). Time is the highest
/// timestamp that has come to this node; it is committed with the input's offsets.
pub(crate) struct Suppress<K: 'static, V: 'static> {
    /// The table whose updates come in, by its number in the task.
    pub(crate) parent: u32,
    pub(crate) store: usize,
    pub(crate) rules: Arc<SuppressRules<K>>,
    pub(crate) key: Arc<dyn Codec<K>>,
    pub(crate) value: Arc<dyn Codec<V>>,
    /// Gives the end of a time window, which is not written, by its start.
    pub(crate) end: Option<WindowEnd>,
    /// Key, old value and new value, encoded.
    bytes: RefCell<[Vec<u8>; 3]>,
}

impl<K: Wire, V: Data> Suppress<K, V> {
    pub(crate) fn new(
        parent: u32,
        store: usize,
        rules: Arc<SuppressRules<K>>,
        key: Arc<dyn Codec<K>>,
        value: Arc<dyn Codec<V>>,
        end: Option<WindowEnd>,
    ) -> Self {
        Self { parent, end, store, rules, key, value, bytes: RefCell::default() }
    }

    fn hold_back(&self, ctx: &mut Context<'_>, record: Record<K, Change<V>>) -> NodeResult {
        let Record { key, value: change, timestamp, headers } = record;
        let place = self.rules.window_end.map_or(timestamp, |end| end(&key));
        let mut bytes = self.bytes.borrow_mut();
        let [key_bytes, old_bytes, new_bytes] = &mut *bytes;
        key_bytes.clear();
        let written = self.key.encode(&key, key_bytes).and_then(|()| {
            let old = self.encode_value(change.old.as_ref(), old_bytes)?;
            Ok((old, self.encode_value(change.new.as_ref(), new_bytes)?))
        });
        let values = ctx.user(written.map_err(Into::into))?;
        let (topic, partition) = ctx.task.source();
        let (topic, partition) = (topic.clone(), partition.cast_signed());
        let offset = ctx.task.origin.offset;
        let context = RecordContext { timestamp, offset, topic: &topic, partition, headers };
        let (buffer, overlay) = ctx.change_buffer(self.store);
        Ok(buffer.put(overlay, key_bytes, place, values, context)?)
    }

    fn encode_value<'a>(
        &self,
        value: Option<&V>,
        out: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, CodecError> {
        out.clear();
        match value.filter(|value| !self.value.is_null(value)) {
            Some(value) => self.value.encode(value, out).map(|()| Some(out.as_slice())),
            None => Ok(None),
        }
    }

    /// Emits what is due, and what is too much.
    fn emit(&self, ctx: &mut Context<'_>, stream_time: i64) -> NodeResult {
        let SuppressRules { wait_ms, max_records, max_bytes, shuts_down, .. } = *self.rules;
        let due = stream_time.saturating_sub(wait_ms);
        loop {
            let (buffer, _) = ctx.change_buffer(self.store);
            let Some(first) = buffer.first_time() else {
                return Ok(());
            };
            if first > due {
                let (records, bytes) = (buffer.len(), buffer.bytes());
                let is_full = max_records.is_some_and(|most| records > most)
                    || max_bytes.is_some_and(|most| bytes > most);
                if !is_full {
                    return Ok(());
                }
                if shuts_down {
                    let most = |bound: Option<usize>| {
                        bound.map_or("any number".to_owned(), |n| n.to_string())
                    };
                    return Err(Box::new(Error::Unavailable(format!(
                        "the buffer '{}' is full: it holds {records} of at most {} records and {bytes} of at most {} bytes, and is set to shut down when full; raise its bounds, or have it emit early",
                        buffer.name(),
                        most(max_records),
                        most(max_bytes)
                    ))));
                }
            }
            self.emit_first(ctx)?;
        }
    }

    /// Forwards the first update of the buffer, as of the record that it came with.
    fn emit_first(&self, ctx: &mut Context<'_>) -> NodeResult {
        let (buffer, overlay) = ctx.change_buffer(self.store);
        let Some((key, held)) = buffer.pop(overlay)? else {
            return Ok(());
        };
        let read = |value: Option<&[u8]>| value.map(|bytes| self.value.decode(bytes)).transpose();
        let decoded = BufferedChange::decode(&held).and_then(|held| {
            let change = Change { new: read(held.new)?, old: read(held.old)? };
            let mut key = self.key.decode(&key)?;
            if let Some(end) = &self.end {
                key = key.with_window_end(&**end);
            }
            Ok((key, change, held.context))
        });
        let (key, value, context) = decoded.map_err(|cause| buffer.format_error(cause))?;
        if value.new.is_none() && self.rules.window_end.is_some() {
            return Ok(());
        }
        let origin = ctx.task.origin_of(&context);
        let RecordContext { timestamp, headers, .. } = context;
        ctx.forward_from(ctx.current(), origin, Record { key, value, timestamp, headers })
    }
}

impl<K: Wire, V: Data> Node for Suppress<K, V> {
    fn init(&self, ctx: &mut Context<'_>) -> NodeResult {
        let (buffer, overlay) = ctx.change_buffer(self.store);
        Ok(buffer.load(overlay)?)
    }

    /// Downstream a key that is held back has the value that it had before.
    fn table_value(
        &self,
        ctx: &mut Context<'_>,
        key: &dyn Any,
        layer: Layer,
        found: &mut dyn Any,
    ) -> NodeResult {
        let key: &K = key.downcast_ref().expect("typed handles wired this table to its reader");
        let found: &mut Option<Timestamped<V>> =
            found.downcast_mut().expect("typed handles wired this table to its reader");
        let mut bytes = Vec::new();
        ctx.user(self.key.encode(key, &mut bytes).map_err(Into::into))?;
        let (buffer, overlay) = ctx.change_buffer(self.store);
        let Some(prior) = buffer.prior(overlay, &bytes)? else {
            *found = ctx.table_value_at(self.parent, key, layer)?;
            return Ok(());
        };
        let value = prior.map(|prior| self.value.decode(&prior)).transpose();
        let value = value.map_err(|cause| buffer.format_error(cause))?;
        // When it was valid from is not kept.
        *found = value.map(|value| Timestamped { value, timestamp: -1 });
        Ok(())
    }

    fn process(&self, ctx: &mut Context<'_>, record: &mut dyn Any) -> NodeResult {
        let record = take::<K, Change<V>>(record);
        let stream_time = ctx.change_buffer(self.store).0.advance(record.timestamp);
        self.hold_back(ctx, record)?;
        self.emit(ctx, stream_time)
    }
}
