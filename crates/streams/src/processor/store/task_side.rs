//! What a task does with a store: flush, restore, forget.

use std::any::Any;
use std::sync::Arc;

use millstream_broker::RecordBatch;
use millstream_state::{Overlay, RestoreBatch, StateError};

use super::KeyValueStore;
use super::cache::WriteBackCache;
use super::expiry::index_key;
use super::times::StoreTimes;
use crate::codec::Data;
use crate::processor::{Context, Flush, NodeError, NodeResult, StateStore};

impl<K: Data, V: Data> KeyValueStore<K, V> {
    fn can_read(&self, key: &[u8], value: Option<&[u8]>) -> bool {
        let value = value.is_none_or(|value| self.value_codec.decode(value).is_ok());
        value && self.key_codec.decode(key).is_ok()
    }
}

impl<K: Data, V: Data> StateStore for KeyValueStore<K, V> {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn is_dirty(&self) -> bool {
        self.cache.as_ref().is_some_and(WriteBackCache::is_dirty)
    }

    fn flush_with(&self) -> fn(&mut Context<'_>, usize, Flush) -> NodeResult {
        |ctx, store, what| {
            let Some(cache) = &mut ctx.store::<K, V>(store).cache else { return Ok(()) };
            let dirty = match what {
                Flush::All => cache.take_dirty(),
                Flush::Oldest => cache.take_oldest(),
            };
            for number in dirty {
                let task = &mut *ctx.task;
                let typed: &mut Self = task.stores[store]
                    .as_any_mut()
                    .downcast_mut()
                    .expect("this function was given out by a store of these types");
                let owner = typed.options.owner;
                let flushed = typed
                    .flush_slot(&mut task.overlay, ctx.output, number)
                    .map_err(NodeError::from)?;
                if let (Some((origin, record)), Some(owner)) = (flushed, owner) {
                    ctx.forward_from(owner, origin, record)?;
                }
            }
            Ok(())
        }
    }

    fn evict(&mut self) {
        if let Some(cache) = &mut self.cache {
            cache.evict();
        }
    }

    fn times(&mut self) -> (Arc<str>, &mut StoreTimes) {
        (self.options.name.clone(), &mut self.times)
    }

    fn take_expired(&mut self) -> u64 {
        std::mem::take(&mut self.expired)
    }

    fn expire(&mut self, overlay: &mut Overlay) -> Result<(), StateError> {
        let Some(segments) = &self.options.segments else { return Ok(()) };
        let first = segments.first_kept(self.times.store);
        if first > self.dropped_before {
            overlay.drop_segments(self.options.number, first)?;
            self.dropped_before = first;
        }
        Ok(())
    }

    fn restore(&mut self, records: &RecordBatch, into: &mut RestoreBatch) -> Option<i64> {
        let mut next = None;
        let mut local = Vec::new();
        for record in records.iter() {
            next = Some(record.offset + 1);
            let Some(mut key) = record.key else { continue };
            if self.options.restores_input && !self.can_read(key, record.value) {
                // The source has judged it when it was read.
                continue;
            }
            if let Some(segments) = &self.options.segments {
                let Some(time) = segments.time(key).filter(|time| *time >= 0) else {
                    tracing::warn!(
                        "store '{}': the record at offset {} of its changelog has a key of {} bytes that is no key of a window; it is left out",
                        self.options.name,
                        record.offset,
                        key.len()
                    );
                    continue;
                };
                local.clear();
                local.resize(segments.prefix(), 0);
                local.extend_from_slice(key);
                segments.fill_prefix(&mut local);
                self.times.store = self.times.store.max(time);
                self.newest = self.newest.max(time);
                key = &local;
                if segments.indexed {
                    let index = segments.index_key(&local);
                    into.push(&index, record.value.is_some().then_some(&[]));
                }
            } else if self.expiry.is_some() {
                local.clear();
                local.push(0);
                local.extend_from_slice(key);
                key = &local;
                if record.value.is_some() {
                    self.times.store = self.times.store.max(record.timestamp);
                    into.push(&index_key(&local, record.timestamp), Some(&[]));
                }
            }
            if let Some(recency) = &mut self.recency {
                match record.value {
                    Some(_) => recency.note(key, true),
                    None => recency.forget(key),
                }
            }
            match record.value {
                None => into.push(key, None),
                Some(value) if self.options.timestamped => {
                    into.push(key, Some(&[&record.timestamp.to_be_bytes(), value]));
                }
                Some(value) => into.push(key, Some(&[value])),
            }
        }
        next
    }
}
