//! The snapshot of metadata at the start of each segment: thanks to it the segments before can go
//! as soon as no records in them are needed.

use super::Entry;
use crate::embedded::state::State;
use crate::embedded::topic::Topic;

/// The entry that tells of a topic.
pub(in crate::embedded) fn topic_entry(topic: &Topic) -> Entry<'static> {
    Entry::Topic {
        id: topic.id,
        name: topic.name.to_string(),
        partitions: topic.partitions.len() as u32,
        configs: topic.configs.clone(),
        bound_bytes: topic.bound_bytes,
    }
}

impl State {
    /// Starts a segment of the journal.
    pub(in crate::embedded) fn start_segment(&mut self) {
        let entries = self.snapshot();
        if let Some(journal) = &mut self.journal {
            journal.start_segment();
            for entry in &entries {
                journal.append(entry);
            }
            journal.snapshot_end = journal.appended;
        }
    }

    fn snapshot(&self) -> Vec<Entry<'static>> {
        let mut entries = Vec::new();
        for topic in self.topics.values() {
            entries.push(topic_entry(topic));
            for (partition, log) in topic.partitions.iter().enumerate() {
                if log.end() > 0 {
                    entries.push(log.ends_entry(topic.id, partition as u32));
                }
            }
        }
        for (id, producer) in &self.producers {
            entries.push(Entry::Producer {
                id: *id,
                epoch: producer.epoch,
                transactional_id: producer.transactional_id.clone(),
            });
        }
        for (name, group) in &self.groups {
            let mut offsets = group.offsets.committed().clone();
            // What is decided counts, though it is applied only when the decision is on the disk:
            // a snapshot is no step back even when a crash leaves half of it.
            let decided = self.producers.values().filter_map(|p| p.committing.as_ref());
            for (_, of_group) in
                decided.flat_map(|(ended, _)| &ended.offsets).filter(|o| o.0 == *name)
            {
                offsets.extend(of_group.clone());
            }
            if !offsets.is_empty() {
                entries.push(Entry::Offsets {
                    group: name.clone(),
                    offsets: offsets.into_iter().map(|(tp, at)| (tp, Some(at))).collect(),
                });
            }
        }
        entries
    }
}
