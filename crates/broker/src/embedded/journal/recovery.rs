//! Opening a directory: replay all segments, cut off a torn tail, abort what a crash left open.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::{Entry, JournalWriter, SegmentUse, frame, segment_name, tail};
use crate::BrokerError;
use crate::embedded::chunk::{Location, ProducerId};
use crate::embedded::state::State;
use crate::embedded::storage::Storage;

/// What was found in a directory.
#[derive(Debug)]
pub(in crate::embedded) struct Recovered {
    /// The state, without a journal.
    pub(in crate::embedded) state: State,
    /// The segments that are there.
    pub(in crate::embedded) segments: BTreeMap<u64, SegmentUse>,
}

/// Replays the journal in the writer's storage.
pub(in crate::embedded) fn recover(writer: &JournalWriter) -> Result<Recovered, BrokerError> {
    let storage = writer.storage();
    let numbers = segment_numbers(writer)?;
    let mut replay = Replay { storage, state: State::default(), previous_len: None, oldest: 0 };
    let mut segments = BTreeMap::new();
    for (i, number) in numbers.iter().enumerate() {
        let name = segment_name(*number);
        let is_last = i + 1 == numbers.len();
        let bytes =
            read_file(storage, &name).map_err(|error| writer.io_error("reading", &name, &error))?;
        let kept = replay.segment(*number, &bytes, is_last)?;
        if kept < bytes.len() {
            tracing::warn!(
                segment = name,
                bytes = bytes.len() - kept,
                "cut off what a crash left behind the last whole entry"
            );
        }
        if kept == 0 {
            storage.delete(&name).map_err(|error| writer.io_error("deleting", &name, &error))?;
            continue;
        }
        if is_last {
            let cut = || {
                if kept < bytes.len() {
                    storage.truncate(&name, kept as u64)?;
                }
                // From now on it is an earlier segment, and those are whole.
                storage.sync(&name)
            };
            cut().map_err(|error| writer.io_error("repairing", &name, &error))?;
        }
        let used = SegmentUse { len: kept as u64, live: 0 };
        segments.insert(*number, used);
    }
    if let Some(first) = numbers.first().filter(|first| **first > replay.oldest) {
        return Err(missing(storage, first - 1));
    }
    let state = replay.state;
    for location in state.locations() {
        if let Some(used) = segments.get_mut(&location.segment) {
            used.live += u64::from(location.len);
        }
    }
    Ok(Recovered { state, segments })
}

fn segment_numbers(writer: &JournalWriter) -> Result<Vec<u64>, BrokerError> {
    let storage = writer.storage();
    let names = storage.list().map_err(|error| writer.io_error("listing", "", &error))?;
    let numbers: BTreeSet<u64> =
        names.iter().filter_map(|name| name.strip_suffix(".journal")?.parse().ok()).collect();
    for (expected, number) in (numbers.first().copied().unwrap_or(0)..).zip(&numbers) {
        if *number != expected {
            return Err(missing(storage, expected));
        }
    }
    Ok(numbers.into_iter().collect())
}

fn missing(storage: &dyn Storage, segment: u64) -> BrokerError {
    BrokerError::Corrupt {
        path: storage.location().join(segment_name(segment)),
        position: 0,
        reason: "the file is missing and later ones are there: restore the directory from a backup"
            .to_owned(),
    }
}

fn read_file(storage: &dyn Storage, name: &str) -> io::Result<Vec<u8>> {
    let len = storage.len(name)?;
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    storage.read_at(name, 0, &mut bytes)?;
    Ok(bytes)
}

/// What has been replayed so far.
struct Replay<'a> {
    storage: &'a dyn Storage,
    state: State,
    /// Length of the segment before.
    previous_len: Option<u64>,
    /// The oldest segment that must be there.
    oldest: u64,
}

impl Replay<'_> {
    fn corrupt(&self, segment: u64, position: u64, reason: &str) -> BrokerError {
        BrokerError::Corrupt {
            path: self.storage.location().join(segment_name(segment)),
            position,
            reason: format!("{reason}: restore the directory from a backup"),
        }
    }

    /// Replays one segment; returns how many of its bytes are whole frames.
    fn segment(&mut self, segment: u64, bytes: &[u8], is_last: bool) -> Result<usize, BrokerError> {
        let mut at = 0;
        while at < bytes.len() {
            let Some(payload) = frame::payload(&bytes[at..]) else {
                if !is_last || tail::was_synced(bytes, segment, at) {
                    let reason = "an entry that had been on the disk does not fit its checksum";
                    return Err(self.corrupt(segment, at as u64, reason));
                }
                break;
            };
            let location = Location {
                segment,
                position: at as u64,
                len: (frame::HEAD + payload.len()) as u32,
            };
            self.entry(payload, location)?;
            at += frame::HEAD + payload.len();
        }
        if at == 0 && !is_last {
            return Err(self.corrupt(segment, 0, "the file is empty"));
        }
        self.previous_len = Some(at as u64);
        Ok(at)
    }

    fn entry(&mut self, payload: &[u8], at: Location) -> Result<(), BrokerError> {
        let entry = Entry::decode(payload).ok_or_else(|| {
            let reason = "an entry is of no kind this version knows";
            self.corrupt(at.segment, at.position, reason)
        })?;
        let is_start =
            matches!(entry, Entry::SegmentStart { segment, .. } if segment == at.segment);
        if is_start != (at.position == 0) {
            let reason = "the file belongs somewhere else";
            return Err(self.corrupt(at.segment, at.position, reason));
        }
        if let Entry::SegmentStart { previous_len, .. } = entry
            && let (Some(expected), Some(found)) = (previous_len, self.previous_len)
            && expected != found
        {
            let reason = format!("the file had {expected} bytes when the next one was begun");
            return Err(self.corrupt(at.segment - 1, found, &reason));
        }
        if let Entry::OldestSegment { segment } = entry {
            self.oldest = self.oldest.max(segment);
        }
        self.state
            .replay(entry, at)
            .map_err(|error| self.corrupt(at.segment, at.position, &error.to_string()))
    }
}

impl State {
    fn locations(&self) -> impl Iterator<Item = Location> {
        let logs = self.topics.values().flat_map(|topic| &topic.partitions);
        logs.flat_map(|log| log.chunks()).filter_map(|chunk| chunk.location)
    }

    /// Repeats a change. What concerns a topic that is gone is passed over.
    fn replay(&mut self, entry: Entry<'_>, location: Location) -> Result<(), BrokerError> {
        match entry {
            Entry::SegmentStart { .. } | Entry::OldestSegment { .. } | Entry::Synced { .. } => {}
            Entry::Topic { id, name, partitions, configs, bound_bytes } => {
                self.restore_topic(id, name, partitions, configs, bound_bytes)?
            }
            Entry::TopicDeleted { id } => {
                let name = self.topics.get(&id).map(|topic| topic.name.clone());
                if let Some(name) = name {
                    self.delete_topic(&name)?;
                }
            }
            Entry::Chunk(entry) => {
                if let Some(topic) = self.topics.get_mut(&entry.topic)
                    && let Some(log) = topic.partitions.get_mut(entry.partition as usize)
                    && entry.next > log.log_start()
                {
                    let mut chunk = entry.chunk();
                    chunk.location = Some(location);
                    if entry.replaces || chunk.base < log.end() {
                        log.replace(chunk.base, chunk.next, Some(chunk));
                    } else {
                        log.append(chunk, topic.config.segment_bytes);
                    }
                }
            }
            Entry::Removed { topic, partition, from, until } => {
                if let Some(log) = self.log_by_id(topic, partition) {
                    log.replace(from, until, None);
                }
            }
            Entry::Producer { id, epoch, transactional_id } => {
                self.restore_producer(id, epoch, transactional_id)
            }
            Entry::TransactionEnd(ended) => self.replay_end(ended),
            Entry::Offsets { group, offsets } => {
                let (group, _) = self.group_and_wakes(&group);
                for (partition, offset) in offsets {
                    match offset {
                        Some(offset) => group.offsets.commit(partition, offset),
                        None => group.offsets.forget(&partition),
                    }
                }
            }
            Entry::Ends { topic, partition, log_start, end, cleaned_until } => {
                if let Some(log) = self.log_by_id(topic, partition) {
                    log.advance_log_start(log_start);
                    log.raise_end(end);
                    log.cleaned_until = log.cleaned_until.max(cleaned_until);
                    log.active_from = log.active_from.max(cleaned_until);
                }
            }
        }
        Ok(())
    }

    fn replay_end(&mut self, ended: super::super::transaction::EndedTransaction) {
        for (topic, partition, first, marker) in ended.partitions {
            if let Some(log) = self.log_by_id(topic, partition) {
                log.raise_end(marker + 1);
                log.end_transaction(ended.producer, first, marker, ended.committed);
            }
        }
        if ended.committed {
            for (name, offsets) in ended.offsets {
                let (group, _) = self.group_and_wakes(&name);
                for (partition, offset) in offsets {
                    group.offsets.commit(partition, offset);
                }
            }
        }
    }

    /// Aborts the transactions that were open when the process ended.
    pub(in crate::embedded) fn abort_left_open(&mut self) {
        let logs = self.topics.values().flat_map(|topic| &topic.partitions);
        let left: BTreeSet<ProducerId> = logs.flat_map(|log| log.open_producers()).collect();
        for producer in left {
            self.abort_everywhere(producer);
        }
    }
}
