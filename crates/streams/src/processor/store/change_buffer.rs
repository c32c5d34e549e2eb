use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use millstream_broker::{Headers, RecordBatch};
use millstream_state::{KeyRange, Overlay, RestoreBatch, ScanOrder};

use super::times::StoreTimes;
use crate::codec::{BufferedChange, CodecError, RecordContext, VERSION, VERSION_HEADER};
use crate::error::Error;
use crate::processor::{Context, Flush, NodeResult, Output, StateStore, StoreOptions};

/// The bytes of a key.
type Key = Box<[u8]>;

/// What a suppression holds back: the latest update of each key, in the order in which their first
/// ones came (Kafka's `InMemoryTimeOrderedKeyValueChangeBuffer`).
///
/// The updates lie in the task's database as its other stores' data do, in the format of the
/// changelog; so a commit keeps them, an abort drops what was not committed, and a restore needs no
/// rule of its own. In memory is their order, read from the database when the task begins. The
/// changelog hears of a key once a commit, however often it changed.
pub(crate) struct ChangeBuffer {
    options: StoreOptions,
    order: BTreeSet<(i64, Key)>,
    /// What Kafka Streams would take the updates to hold in memory.
    bytes: usize,
    /// Keys that the changelog has to hear of.
    dirty: BTreeSet<Key>,
    encoded: Vec<u8>,
    /// Prior values of keys whose records are of the oldest versions, while they are restored.
    priors: BTreeMap<Key, Option<Box<[u8]>>>,
    times: StoreTimes,
}

impl ChangeBuffer {
    pub(crate) fn new(options: StoreOptions) -> Self {
        Self {
            options,
            order: BTreeSet::new(),
            bytes: 0,
            dirty: BTreeSet::new(),
            encoded: Vec::new(),
            priors: BTreeMap::new(),
            times: StoreTimes::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.options.name
    }

    /// Reads the order of what the database holds; called once, before the first record.
    pub(crate) fn load(&mut self, overlay: &Overlay) -> Result<(), Error> {
        self.priors.clear();
        for entry in overlay.scan(self.options.number, &KeyRange::all(), ScanOrder::Forward) {
            let (key, value) = entry?;
            let change = self.decode(&value)?;
            self.bytes += change.resident_bytes(&key);
            self.order.insert((change.time, key.as_ref().into()));
        }
        Ok(())
    }

    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<BufferedChange<'a>, Error> {
        BufferedChange::decode(bytes).map_err(|cause| self.format_error(cause))
    }

    #[cold]
    pub(crate) fn format_error(&self, cause: CodecError) -> Error {
        Error::StoreFormat { store: self.options.name.to_string(), cause: cause.into() }
    }

    /// Takes note of a timestamp that has come to the suppression; gives the highest one.
    pub(crate) fn advance(&mut self, timestamp: i64) -> i64 {
        self.times.stream = self.times.stream.max(timestamp);
        self.times.stream
    }

    /// How many keys are held back.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// What they hold, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The time of the first of them.
    pub(crate) fn first_time(&self) -> Option<i64> {
        self.order.first().map(|(time, _)| *time)
    }

    /// The keys with their times, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&[u8], i64)> {
        self.order.iter().map(|(time, key)| (&**key, *time))
    }

    /// Holds an update back. A key that is held back keeps its place and its prior value.
    pub(crate) fn put(
        &mut self,
        overlay: &mut Overlay,
        key: &[u8],
        time: i64,
        (old, new): (Option<&[u8]>, Option<&[u8]>),
        context: RecordContext<'_>,
    ) -> Result<(), Error> {
        let held = overlay.get(self.options.number, key)?;
        let before = held.as_deref().map(|bytes| self.decode(bytes)).transpose()?;
        let (prior, time) =
            before.as_ref().map_or((old, time), |before| (before.prior, before.time));
        let change = BufferedChange { context, prior, old, new, time };
        self.bytes += change.resident_bytes(key);
        match &before {
            Some(before) => self.bytes -= before.resident_bytes(key),
            None => drop(self.order.insert((time, key.into()))),
        }
        self.encoded.clear();
        change.encode(&mut self.encoded);
        drop(before);
        drop(held);
        overlay.write(self.options.number, key, Some(&self.encoded));
        self.mark_dirty(key);
        Ok(())
    }

    /// What a key had before it was held back; `None` when it is not.
    pub(crate) fn prior(
        &self,
        overlay: &Overlay,
        key: &[u8],
    ) -> Result<Option<Option<Vec<u8>>>, Error> {
        let Some(held) = overlay.get(self.options.number, key)? else {
            return Ok(None);
        };
        Ok(Some(self.decode(&held)?.prior.map(<[u8]>::to_vec)))
    }

    fn mark_dirty(&mut self, key: &[u8]) {
        if self.options.changelog.is_some() && !self.dirty.contains(key) {
            self.dirty.insert(key.into());
        }
    }

    /// Takes the first of all out: its key, and the bytes of its [`BufferedChange`].
    pub(crate) fn pop(&mut self, overlay: &mut Overlay) -> Result<Option<(Key, Vec<u8>)>, Error> {
        let Some((_, key)) = self.order.pop_first() else {
            return Ok(None);
        };
        let held = overlay.get(self.options.number, &key)?;
        let bytes = held.map(|bytes| bytes.into_owned()).unwrap_or_default();
        self.bytes -= self.decode(&bytes)?.resident_bytes(&key);
        overlay.write(self.options.number, &key, None);
        self.mark_dirty(&key);
        Ok(Some((key, bytes)))
    }

    /// Tells the changelog what became of the keys that changed, all as of `now`.
    fn log(&mut self, overlay: &Overlay, output: &mut dyn Output, now: i64) -> Result<(), Error> {
        let Some(changelog) = self.options.changelog else {
            return Ok(());
        };
        let mut version = Headers::new();
        version.push(VERSION_HEADER, Some(&[VERSION]));
        while let Some(key) = self.dirty.pop_first() {
            let value = overlay.get(self.options.number, &key)?;
            let none = Headers::new();
            let headers = if value.is_some() { &version } else { &none };
            let buffer = output.buffer(changelog.topic, changelog.partition);
            buffer.push(now, Some(&key), value.as_deref(), headers);
        }
        Ok(())
    }
}

impl Context<'_> {
    /// The buffer of a suppression, by its number in the task, and where its data lie.
    pub(crate) fn change_buffer(&mut self, store: usize) -> (&mut ChangeBuffer, &mut Overlay) {
        let task = &mut *self.task;
        let buffer = task.stores[store].as_any_mut().downcast_mut();
        (buffer.expect("the suppression made this store"), &mut task.overlay)
    }
}

impl StateStore for ChangeBuffer {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn flush_with(&self) -> fn(&mut Context<'_>, usize, Flush) -> NodeResult {
        |ctx, store, _| {
            let task = &mut *ctx.task;
            let buffer: Option<&mut Self> = task.stores[store].as_any_mut().downcast_mut();
            // Kafka Streams leaves the timestamp to the producer, which takes its clock.
            match buffer {
                Some(buffer) => Ok(buffer.log(&task.overlay, ctx.output, task.wall_clock)?),
                None => Ok(()),
            }
        }
    }

    fn times(&mut self) -> (Arc<str>, &mut StoreTimes) {
        (self.options.name.clone(), &mut self.times)
    }

    fn restore(&mut self, records: &RecordBatch, into: &mut RestoreBatch) -> Option<i64> {
        let mut next = None;
        let priors = &mut self.priors;
        let mut encoded = Vec::new();
        for record in records.iter() {
            next = Some(record.offset + 1);
            let Some(key) = record.key else { continue };
            let Some(value) = record.value else {
                priors.remove(key);
                into.push(key, None);
                continue;
            };
            let headers = record.headers();
            let version = headers.last(VERSION_HEADER).and_then(|header| header.value.as_deref());
            let context = RecordContext {
                timestamp: record.timestamp,
                offset: record.offset,
                topic: &self.options.name,
                partition: self.options.changelog.map_or(0, |log| log.partition.cast_signed()),
                headers: Headers::new(),
            };
            let before = || priors.get(key).map(Option::as_deref);
            encoded.clear();
            // What cannot be read stays empty, and is found out when the order is read.
            let change = BufferedChange::decode_version(version, value, context, before);
            if let Ok(change) = &change {
                change.encode(&mut encoded);
            }
            let prior = change.ok().map(|change| change.prior.map(Box::from));
            if let (None | Some([1]), Some(prior)) = (version, prior) {
                priors.insert(key.into(), prior);
            }
            into.push(key, Some(&[&encoded]));
        }
        next
    }
}
