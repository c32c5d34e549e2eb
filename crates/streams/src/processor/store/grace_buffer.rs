use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use millstream_broker::{Headers, RecordBatch};
use millstream_state::{KeyRange, Overlay, RestoreBatch, ScanOrder};

use super::times::StoreTimes;
use crate::codec::{BufferedChange, CodecError, RecordContext};
use crate::error::Error;
use crate::processor::{Context, Output, StateStore, StoreOptions};

/// Bytes around a key: a zero and the time before it, a number behind it.
const BEFORE: usize = 9;
const NUMBER: usize = 4;

/// Records of a stream that wait for the versions of a table to come (Kafka's
/// `RocksDBTimeOrderedKeyValueBuffer`): `00 ‖ i64 time ‖ key ‖ i32 number`, and the record in the
/// format of a suppression. They lie in the task's database; in memory is their order, read from it
/// when the task begins. The changelog hears of each at once.
pub(crate) struct GraceBuffer {
    options: StoreOptions,
    order: BTreeSet<Box<[u8]>>,
    number: u32,
    times: StoreTimes,
}

impl GraceBuffer {
    pub(crate) fn new(options: StoreOptions) -> Self {
        Self { options, order: BTreeSet::new(), number: 0, times: StoreTimes::default() }
    }

    #[cold]
    pub(crate) fn format_error(&self, cause: CodecError) -> Error {
        Error::StoreFormat { store: self.options.name.to_string(), cause: cause.into() }
    }

    /// Reads the order of what the database holds; called once, before the first record.
    pub(crate) fn load(&mut self, overlay: &Overlay) -> Result<(), Error> {
        for entry in overlay.scan(self.options.number, &KeyRange::all(), ScanOrder::Forward) {
            let (key, _) = entry?;
            let number = key.len().checked_sub(NUMBER).filter(|at| *at >= BEFORE);
            let Some(number) = number.and_then(|at| key[at..].first_chunk()) else {
                return Err(self.format_error(CodecError::new("a key without its time")));
            };
            // New numbers begin behind the old ones, so that nothing is overwritten.
            self.number = self.number.max(u32::from_be_bytes(*number));
            self.order.insert(key.as_ref().into());
        }
        Ok(())
    }

    /// The keys of what waits with their times, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&[u8], i64)> {
        self.order.iter().filter_map(|stored| {
            let time = i64::from_be_bytes(*stored.get(1..)?.first_chunk()?);
            Some((&stored[BEFORE..stored.len() - NUMBER], time))
        })
    }

    /// Takes note of a timestamp that has come to the join; gives the highest one.
    pub(crate) fn advance(&mut self, timestamp: i64) -> i64 {
        self.times.stream = self.times.stream.max(timestamp);
        self.times.stream
    }

    /// Has a record wait; `now` is the wall clock, as of which the changelog hears of it.
    pub(crate) fn put(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        key: &[u8],
        value: &[u8],
        context: RecordContext<'_>,
        now: i64,
    ) {
        self.number = (self.number + 1) & i32::MAX.cast_unsigned();
        let (time, number) = (context.timestamp.to_be_bytes(), self.number.to_be_bytes());
        let stored = [&[0][..], &time, key, &number].concat();
        let held = BufferedChange { context, prior: None, old: None, new: Some(value), time: 0 };
        let mut bytes = Vec::new();
        held.encode(&mut bytes);
        self.write(overlay, output, &stored, Some(&bytes), now);
        self.order.insert(stored.into());
    }

    fn write(
        &self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        stored: &[u8],
        value: Option<&[u8]>,
        now: i64,
    ) {
        overlay.write(self.options.number, stored, value);
        if let Some(changelog) = self.options.changelog {
            let buffer = output.buffer(changelog.topic, changelog.partition);
            buffer.push(now, Some(stored), value, &Headers::new());
        }
    }

    /// Takes the first record out if its time is not after `due`: its key, and the bytes of its
    /// [`BufferedChange`].
    pub(crate) fn pop(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        due: i64,
        now: i64,
    ) -> Result<Option<(Vec<u8>, Vec<u8>)>, Error> {
        let first = self.order.first().and_then(|key| key.get(1..)?.first_chunk());
        if first.is_none_or(|time| i64::from_be_bytes(*time) > due) {
            return Ok(None);
        }
        let Some(stored) = self.order.pop_first() else { return Ok(None) };
        let bytes = overlay.get(self.options.number, &stored)?.map(|bytes| bytes.into_owned());
        self.write(overlay, output, &stored, None, now);
        let key = stored[BEFORE..stored.len() - NUMBER].to_vec();
        Ok(Some((key, bytes.unwrap_or_default())))
    }
}

impl Context<'_> {
    /// The buffer of a join with grace, by its number in the task, and what it needs to work.
    pub(crate) fn grace_buffer(
        &mut self,
        store: usize,
    ) -> (&mut GraceBuffer, &mut Overlay, &mut dyn Output, i64) {
        let task = &mut *self.task;
        let buffer = task.stores[store].as_any_mut().downcast_mut();
        let buffer = buffer.expect("the join made this store");
        (buffer, &mut task.overlay, &mut *self.output, task.wall_clock)
    }
}

impl StateStore for GraceBuffer {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn times(&mut self) -> (Arc<str>, &mut StoreTimes) {
        (self.options.name.clone(), &mut self.times)
    }

    fn restore(&mut self, records: &RecordBatch, into: &mut RestoreBatch) -> Option<i64> {
        let mut next = None;
        for record in records.iter() {
            next = Some(record.offset + 1);
            let Some(key) = record.key else { continue };
            match record.value {
                Some(value) => into.push(key, Some(&[value])),
                None => into.push(key, None),
            }
        }
        next
    }
}
