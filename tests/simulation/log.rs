//! Topics as a read-committed reader sees them.

use std::collections::BTreeMap;

use millstream::broker::TopicPartition;

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

impl Entry {
    pub fn key(&self) -> &str {
        std::str::from_utf8(&self.key).unwrap_or("not a text")
    }

    pub fn text(&self) -> &str {
        let bytes = self.value.as_deref().unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or("not a text")
    }

    /// The record's number, which its value begins with.
    pub fn id(&self) -> u64 {
        let digits = self.text().split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|id| id.parse().ok()).unwrap_or(u64::MAX)
    }

    /// Whether it was made by the clock, and not from an input.
    pub fn is_tick(&self) -> bool {
        self.key.starts_with(b"tick")
    }

    /// The value as a number, as `i64` is written.
    pub fn number(&self) -> Option<i64> {
        Some(i64::from_be_bytes(self.value.as_deref()?.try_into().ok()?))
    }
}

/// Partitions of topics.
pub type Logs = BTreeMap<TopicPartition, Vec<Entry>>;

/// All records of topics whose names begin so, partition by partition.
pub fn entries<'a>(logs: &'a Logs, prefix: &'a str) -> impl Iterator<Item = &'a Entry> {
    let found = logs.iter().filter(move |(tp, _)| tp.topic.starts_with(prefix));
    found.flat_map(|(_, entries)| entries)
}

/// The last value of each key of topics whose names begin so.
pub fn latest<'a>(logs: &'a Logs, prefix: &'a str) -> BTreeMap<&'a str, &'a Entry> {
    entries(logs, prefix).map(|entry| (entry.key(), entry)).collect()
}

/// The numbers of the records of each key, in order; without what the clock made.
pub fn ids<'a>(logs: &'a Logs, prefix: &'a str) -> BTreeMap<&'a str, Vec<u64>> {
    let mut ids: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for entry in entries(logs, prefix).filter(|entry| !entry.is_tick()) {
        ids.entry(entry.key()).or_default().push(entry.id());
    }
    ids
}
