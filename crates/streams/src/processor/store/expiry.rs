//! Entries that live for a limited time. The database has each of them twice: by its key, and by its
//! time in an index, where those that are over are found.

use std::ops::Bound;

use millstream_broker::Headers;
use millstream_state::{KeyRange, Overlay, ScanOrder};

use super::KeyValueStore;
use crate::codec::{Data, TIMESTAMP_BYTES};
use crate::error::Error;
use crate::processor::{Origin, Output};

/// In front of keys: what is stored, and the index.
const ENTRY: u8 = 0;
const INDEX: u8 = 1;

/// After so many writes it is looked for what is over, and at most so many entries are deleted: more
/// than can have come, so that it ends, and few enough that nobody waits for it.
const WRITES: u32 = 32;
const DELETES: usize = 128;

/// How long entries live, and what is known of the earliest.
#[derive(Debug)]
pub(crate) struct Expiry {
    time_to_live: i64,
    /// No entry is earlier; the highest time there is when there are none.
    earliest: i64,
    /// Writes since it was last looked.
    writes: u32,
}

/// A range without what the index has.
pub(super) fn entries_only(range: KeyRange) -> KeyRange {
    let bounded = |bound, or| if bound == Bound::Unbounded { or } else { bound };
    KeyRange {
        start: bounded(range.start, Bound::Included(vec![ENTRY])),
        end: bounded(range.end, Bound::Excluded(vec![INDEX])),
    }
}

/// Where the index has an entry, by its stored key.
pub(super) fn index_key(stored: &[u8], timestamp: i64) -> Vec<u8> {
    let key = stored.get(1..).unwrap_or_default();
    [&[INDEX], &timestamp.max(0).to_be_bytes()[..], key].concat()
}

/// The time of an entry by what is stored.
fn stored_time(value: &[u8]) -> Option<i64> {
    value.first_chunk::<TIMESTAMP_BYTES>().map(|time| i64::from_be_bytes(*time).max(0))
}

impl<K: Data, V: Data> KeyValueStore<K, V> {
    /// Has entries live for so many milliseconds.
    pub(crate) fn expire_after(&mut self, time_to_live: Option<i64>) {
        // What is in the database already may be of any time.
        let expiry = |time_to_live| Expiry { time_to_live, earliest: 0, writes: 0 };
        self.expiry = time_to_live.map(expiry);
    }

    /// The time until which entries are over, where they live for a limited time.
    #[inline]
    pub(super) fn over_until(&self) -> Option<i64> {
        let expiry = self.expiry.as_ref()?;
        Some(self.times.store.saturating_sub(expiry.time_to_live))
    }

    /// Whether an entry of this time is over.
    #[inline]
    pub(super) fn is_over(&self, timestamp: i64) -> bool {
        self.over_until().is_some_and(|over| timestamp <= over)
    }

    /// Puts an entry that is about to be written in its place in the index.
    pub(super) fn index_entry(
        &mut self,
        overlay: &mut Overlay,
        key: &[u8],
        timestamp: Option<i64>,
    ) -> Result<(), Error> {
        let number = self.options.number;
        let before = overlay.get(number, key)?.and_then(|value| stored_time(&value));
        let timestamp = timestamp.map(|timestamp| timestamp.max(0));
        if before == timestamp {
            return Ok(());
        }
        if let Some(before) = before {
            overlay.write(number, &index_key(key, before), None);
        }
        if let (Some(timestamp), Some(expiry)) = (timestamp, &mut self.expiry) {
            overlay.write(number, &index_key(key, timestamp), Some(&[]));
            expiry.earliest = expiry.earliest.min(timestamp);
        }
        Ok(())
    }

    /// Now and then: deletes some of the entries that are over, from the changelog too.
    #[inline]
    pub(super) fn sweep(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        origin: &Origin,
    ) -> Result<(), Error> {
        let (Some(over), Some(expiry)) = (self.over_until(), &mut self.expiry) else {
            return Ok(());
        };
        expiry.writes += 1;
        if expiry.writes < WRITES || expiry.earliest > over {
            return Ok(());
        }
        expiry.writes = 0;
        self.delete_until(overlay, output, origin, over)
    }

    /// Deletes some of the entries that are over; says whether there may have been any.
    pub(super) fn delete_over(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        origin: &Origin,
    ) -> Result<bool, Error> {
        let (Some(over), Some(expiry)) = (self.over_until(), &self.expiry) else {
            return Ok(false);
        };
        if expiry.earliest > over {
            return Ok(false);
        }
        self.delete_until(overlay, output, origin, over)?;
        Ok(true)
    }

    fn delete_until(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        origin: &Origin,
        over: i64,
    ) -> Result<(), Error> {
        let number = self.options.number;
        let range = KeyRange::prefix(&[INDEX]);
        let (mut due, mut earliest) = (Vec::new(), i64::MAX);
        for entry in overlay.scan(number, &range, ScanOrder::Forward) {
            let (index, _) = entry?;
            let time = index.get(1..).and_then(stored_time).unwrap_or(0);
            if time > over || due.len() == DELETES {
                earliest = time;
                break;
            }
            due.push((time, index.into_owned()));
        }
        for (time, index) in due {
            overlay.write(number, &index, None);
            let key = index.get(1 + TIMESTAMP_BYTES..).unwrap_or_default();
            let stored = [&[ENTRY], key].concat();
            // After a restore the index may have times that have passed away.
            if overlay.get(number, &stored)?.and_then(|value| stored_time(&value)) != Some(time) {
                continue;
            }
            overlay.write(number, &stored, None);
            if let Some(recency) = &mut self.recency {
                recency.forget(&stored);
            }
            if let Some(changelog) = self.options.changelog {
                let buffer = output.buffer(changelog.topic, changelog.partition);
                buffer.push(origin.timestamp, Some(key), None, &Headers::new());
            }
        }
        if let Some(expiry) = &mut self.expiry {
            expiry.earliest = earliest;
        }
        Ok(())
    }
}
