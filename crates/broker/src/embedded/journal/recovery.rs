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
    let mut state = State::default();
    let mut segments = BTreeMap::new();
    for (i, number) in numbers.iter().enumerate() {
        let name = segment_name(*number);
        let is_last = i + 1 == numbers.len();
        let bytes =
            read_file(storage, &name).map_err(|error| writer.io_error("reading", &name, &error))?;
        let kept = replay(storage, &mut state, *number, &bytes, is_last)?;
        if kept < bytes.len() {
            tracing::warn!(
                segment = name,
                bytes = bytes.len() - kept,
                "cut off what a crash left behind the last whole entry"
            );
        }
        if kept == 0 {
            storage
                .delete(&name)
                .map_err(|error| writer.io_error("deleting", &name, &error))?;
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
        let used = SegmentUse {
            len: kept as u64,
            live: 0,
        };
        segments.insert(*number, used);
    }
    for location in state.locations() {
        if let Some(used) = segments.get_mut(&location.segment) {
            used.live += u64::from(location.len);
        }
    }
    Ok(Recovered { state, segments })
}

fn segment_numbers(writer: &JournalWriter) -> Result<Vec<u64>, BrokerError> {
    let storage = writer.storage();
    let names = storage
        .list()
        .map_err(|error| writer.io_error("listing", "", &error))?;
    let numbers: BTreeSet<u64> = names
        .iter()
        .filter_map(|name| name.strip_suffix(".journal")?.parse().ok())
        .collect();
    for (expected, number) in (numbers.first().copied().unwrap_or(0)..).zip(&numbers) {
        if *number != expected {
            return Err(BrokerError::Corrupt {
                path: storage.location().join(segment_name(expected)),
                position: 0,
                reason: "the file is missing and later ones are there: restore the directory \
                         from a backup"
                    .to_owned(),
            });
        }
    }
    Ok(numbers.into_iter().collect())
}

fn read_file(storage: &dyn Storage, name: &str) -> io::Result<Vec<u8>> {
    let len = storage.len(name)?;
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    storage.read_at(name, 0, &mut bytes)?;
    Ok(bytes)
}

/// Replays one segment; returns how many of its bytes are whole frames.
fn replay(
    storage: &dyn Storage,
    state: &mut State,
    segment: u64,
    bytes: &[u8],
    is_last: bool,
) -> Result<usize, BrokerError> {
    let corrupt = |position: usize, reason: &str| BrokerError::Corrupt {
        path: storage.location().join(segment_name(segment)),
        position: position as u64,
        reason: format!("{reason}: restore the directory from a backup"),
    };
    let mut at = 0;
    while at < bytes.len() {
        let Some(payload) = frame::payload(&bytes[at..]) else {
            if !is_last || tail::was_synced(bytes, segment, at) {
                return Err(corrupt(
                    at,
                    "an entry that had been on the disk does not fit its checksum",
                ));
            }
            return Ok(at);
        };
        let entry = Entry::decode(payload)
            .ok_or_else(|| corrupt(at, "an entry is of no kind this version knows"))?;
        let is_start = matches!(entry, Entry::SegmentStart { segment: of } if of == segment);
        if is_start != (at == 0) {
            return Err(corrupt(at, "the file belongs somewhere else"));
        }
        let len = frame::HEAD + payload.len();
        let location = Location {
            segment,
            position: at as u64,
            len: len as u32,
        };
        state
            .replay(entry, location)
            .map_err(|reason| corrupt(at, &reason.to_string()))?;
        at += len;
    }
    Ok(at)
}

impl State {
    fn locations(&self) -> impl Iterator<Item = Location> {
        let logs = self.topics.values().flat_map(|topic| &topic.partitions);
        logs.flat_map(|log| log.chunks())
            .filter_map(|chunk| chunk.location)
    }

    /// Repeats a change. What concerns a topic that is gone is passed over.
    fn replay(&mut self, entry: Entry<'_>, location: Location) -> Result<(), BrokerError> {
        match entry {
            Entry::SegmentStart { .. } | Entry::Synced { .. } => {}
            Entry::Topic {
                id,
                name,
                partitions,
                configs,
                bound_bytes,
            } => self.restore_topic(id, name, partitions, configs, bound_bytes)?,
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
            Entry::Removed {
                topic,
                partition,
                from,
                until,
            } => {
                if let Some(log) = self.log_by_id(topic, partition) {
                    log.replace(from, until, None);
                }
            }
            Entry::Producer {
                id,
                epoch,
                transactional_id,
            } => self.restore_producer(id, epoch, transactional_id),
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
            Entry::Ends {
                topic,
                partition,
                log_start,
                end,
                cleaned_until,
            } => {
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
