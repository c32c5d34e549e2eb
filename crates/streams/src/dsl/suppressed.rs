use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{BufferConfig, WhenFull};
use crate::operators::SuppressRules;

/// What a suppression waits for before it lets the update of a key through, and how much it holds
/// back meanwhile. Time is stream time: without input nothing comes out.
pub struct Suppressed<K> {
    pub(super) name: Option<String>,
    pub(super) rules: SuppressRules<K>,
    pub(super) changelog: Option<BTreeMap<String, String>>,
}

impl<K> Suppressed<K> {
    /// An update waits until stream time is `limit` past the first update of its key that waits; of
    /// several only the last comes out. Deletes come out too.
    #[doc(alias = "untilTimeLimit")]
    pub fn until_time_limit<F: WhenFull>(limit: Duration, buffer: BufferConfig<F>) -> Self {
        let BufferConfig { max_records, max_bytes, changelog, .. } = buffer;
        let rules = SuppressRules {
            wait_ms: i64::try_from(limit.as_millis()).unwrap_or(i64::MAX),
            place: None,
            drops_deletes: false,
            max_records,
            max_bytes,
            shuts_down: F::SHUTS_DOWN,
        };
        Self { name: None, rules, changelog }
    }

    /// Names the suppression; its buffer is called `<name>-store`, and so is its changelog.
    #[doc(alias = "withName")]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }
}

impl<K> fmt::Debug for Suppressed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suppressed")
            .field("name", &self.name)
            .field("wait_ms", &self.rules.wait_ms)
            .finish_non_exhaustive()
    }
}
