//! How stores lie in the database, and what of their changelogs they must hold.

use std::collections::BTreeMap;

use crate::log::Entry;

/// How a store keeps keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As the changelog has them.
    Plain,
    /// With the timestamp in front of the value.
    Timestamped,
    /// As that, each behind a byte that says that it is no part of the index of their times.
    Expiring,
    /// In chains of versions; judged by what joins find in them.
    Versions,
    /// With the number of the segment in front of the key, and perhaps an index of their times.
    Windows {
        indexed: bool,
        /// Bytes of the window behind the key; they begin with its time.
        suffix: usize,
        retention: i64,
        timestamped: bool,
    },
}

/// A store of a program.
#[derive(Clone, Debug)]
pub struct KeptStore {
    pub name: String,
    pub shape: Shape,
    /// Whether a straight run leaves the same in it.
    pub compared: bool,
    /// How many entries a task may keep.
    pub most: Option<usize>,
}

/// The entries of a store, or of a changelog, as the changelog has the keys and the store the values.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

impl KeptStore {
    pub fn new(name: impl Into<String>, shape: Shape) -> Self {
        Self { name: name.into(), shape, compared: true, most: None }
    }

    pub fn table(name: impl Into<String>) -> Self {
        Self::new(name, Shape::Timestamped)
    }

    pub fn plain(name: impl Into<String>) -> Self {
        Self::new(name, Shape::Plain)
    }

    /// The buffer of a suppression: it knows partitions and offsets, which a straight run has others
    /// of.
    pub fn buffer(name: impl Into<String>) -> Self {
        Self::plain(name).alone()
    }

    /// Not compared with a straight run.
    pub fn alone(self) -> Self {
        Self { compared: false, ..self }
    }
}

impl Shape {
    /// What a changelog folds to.
    pub fn fold(self, log: &[Entry]) -> Entries {
        let mut fold = Entries::new();
        for entry in log {
            let Some(value) = &entry.value else {
                fold.remove(&entry.key);
                continue;
            };
            let is_timestamped = match self {
                Self::Plain | Self::Versions => false,
                Self::Timestamped | Self::Expiring => true,
                Self::Windows { timestamped, .. } => timestamped,
            };
            let mut bytes = Vec::new();
            if is_timestamped {
                bytes.extend_from_slice(&entry.timestamp.to_be_bytes());
            }
            bytes.extend_from_slice(value);
            fold.insert(entry.key.clone(), bytes);
        }
        fold
    }

    /// What a database holds, without its index.
    pub fn held<'a>(self, entries: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Entries {
        let in_front = match self {
            Self::Plain | Self::Timestamped | Self::Versions => 0,
            Self::Expiring => 1,
            Self::Windows { indexed, .. } => 8 + usize::from(indexed),
        };
        let is_index = |key: &[u8]| match in_front {
            0 | 8 => false,
            _ => key.get(in_front - 1) != Some(&0),
        };
        let stored = entries.filter(|(key, _)| !is_index(key));
        stored.map(|(key, value)| (key[in_front..].to_vec(), value.to_vec())).collect()
    }

    /// The time of a window by its key.
    pub fn time(self, key: &[u8]) -> Option<i64> {
        let Self::Windows { suffix, .. } = self else { return None };
        let at = key.len().checked_sub(suffix)?;
        Some(i64::from_be_bytes(*key[at..].first_chunk()?))
    }

    /// Leaves out what is too old at a time.
    pub fn retain_fresh(self, entries: &mut Entries, newest: i64) {
        if let Self::Windows { retention, .. } = self {
            let oldest = newest.saturating_sub(retention).saturating_add(1);
            entries.retain(|key, _| self.time(key).is_some_and(|time| time >= oldest));
        }
    }
}
