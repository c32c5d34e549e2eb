use std::any::Any;
use std::sync::Arc;

use crate::codec::{BufferedChange, Codec, RecordContext, Wire};
use crate::error::BoxError;
use crate::processor::{Context, Node, NodeResult, take};
use crate::record::{Record, Timestamped};

/// Where a join with grace stands, and what it waits for.
#[derive(Clone, Copy)]
pub(crate) struct GraceJoinSetup {
    pub(crate) table: u32,
    /// Its buffer.
    pub(crate) store: usize,
    pub(crate) grace: i64,
    pub(crate) keeps_null_keys: bool,
}

/// Joins the records of a stream with a versioned table when the stream's time has passed their own
/// by the grace, so that the table has had time to catch up (Kafka's `KStreamKTableJoin` with a
/// grace period, KIP-923). A record that comes later than that is joined at once, as is one without a
/// key. `f` gives nothing where it needs a value of the table.
pub(crate) struct GraceJoin<K: 'static, V: 'static, F> {
    pub(crate) setup: GraceJoinSetup,
    pub(crate) key: Arc<dyn Codec<K>>,
    pub(crate) value: Arc<dyn Codec<V>>,
    pub(crate) f: Arc<F>,
}

/// Joins one record: `None` is a missing value, or no result.
pub(crate) trait GraceJoiner<K, V>: Send + Sync + 'static {
    fn join(&self, ctx: &mut Context<'_>, table: u32, record: Record<K, V>) -> NodeResult;
}

/// A closure as a joiner, with the types of the table and of the result.
pub(crate) struct Joiner<V2, R, F> {
    pub(crate) f: F,
    pub(crate) types: std::marker::PhantomData<fn(V2) -> R>,
}

impl<K, V, V2, R, F> GraceJoiner<K, V> for Joiner<V2, R, F>
where
    K: Wire,
    V: Wire,
    V2: crate::codec::Data,
    R: crate::codec::Data,
    F: Fn(&K, V, Option<V2>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
{
    fn join(&self, ctx: &mut Context<'_>, table: u32, record: Record<K, V>) -> NodeResult {
        let Record { key, value, timestamp, headers } = record;
        let found: Option<Timestamped<V2>> =
            if key.is_null() { None } else { ctx.table_value_as_of(table, &key, timestamp)? };
        match ctx.user((self.f)(&key, value, found.map(|found| found.value)))? {
            Some(value) => ctx.forward(Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    }
}

impl<K: Wire, V: Wire, F: GraceJoiner<K, V>> GraceJoin<K, V, F> {
    fn hold_back(&self, ctx: &mut Context<'_>, record: Record<K, V>) -> NodeResult {
        let Record { key, value, timestamp, headers } = record;
        let (mut key_bytes, mut value_bytes) = (Vec::new(), Vec::new());
        let written = self.key.encode(&key, &mut key_bytes);
        let written = written.and_then(|()| self.value.encode(&value, &mut value_bytes));
        ctx.user(written.map_err(Into::into))?;
        let (topic, partition) = ctx.task.source();
        let (topic, partition) = (topic.clone(), partition.cast_signed());
        let offset = ctx.task.origin.offset;
        let context = RecordContext { timestamp, offset, topic: &topic, partition, headers };
        let (buffer, overlay, output, now) = ctx.grace_buffer(self.setup.store);
        buffer.put(overlay, output, &key_bytes, &value_bytes, context, now);
        Ok(())
    }

    fn join_due(&self, ctx: &mut Context<'_>, due: i64) -> NodeResult {
        loop {
            let (buffer, overlay, output, now) = ctx.grace_buffer(self.setup.store);
            let Some((key, held)) = buffer.pop(overlay, output, due, now)? else {
                return Ok(());
            };
            let decoded = BufferedChange::decode(&held).and_then(|held| {
                let value = self.value.decode(held.new.unwrap_or_default())?;
                Ok((self.key.decode(&key)?, value, held.context))
            });
            let (key, value, context) = decoded.map_err(|cause| buffer.format_error(cause))?;
            let origin = ctx.task.origin_of(&context);
            let RecordContext { timestamp, headers, .. } = context;
            let before = std::mem::replace(&mut ctx.task.origin, origin);
            let record = Record { key, value, timestamp, headers };
            let joined = self.f.join(ctx, self.setup.table, record);
            ctx.task.origin = before;
            joined?;
        }
    }
}

impl<K: Wire, V: Wire, F: GraceJoiner<K, V>> Node for GraceJoin<K, V, F> {
    fn init(&self, ctx: &mut Context<'_>) -> NodeResult {
        let (buffer, overlay, ..) = ctx.grace_buffer(self.setup.store);
        Ok(buffer.load(overlay)?)
    }

    fn process(&self, ctx: &mut Context<'_>, record: &mut dyn Any) -> NodeResult {
        let record = take::<K, V>(record);
        let GraceJoinSetup { table, store, grace, keeps_null_keys } = self.setup;
        let no_key = record.key.is_null();
        if record.value.is_null() || (no_key && !keeps_null_keys) {
            ctx.drop_record("its key or value is null");
            return Ok(());
        }
        let stream_time = ctx.grace_buffer(store).0.advance(record.timestamp);
        let due = stream_time.saturating_sub(grace);
        if no_key || record.timestamp < due {
            self.f.join(ctx, table, record)?;
        } else {
            self.hold_back(ctx, record)?;
        }
        self.join_due(ctx, due)
    }
}
