use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{BufferConfig, ShutDownWhenFull, WhenFull};
use crate::operators::SuppressRules;
use crate::record::{Window, Windowed};
use crate::windows::millis;

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
        Self::with_rules(millis(limit), None, buffer)
    }

    fn with_rules<F: WhenFull>(
        wait_ms: i64,
        window_end: Option<fn(&K) -> i64>,
        buffer: BufferConfig<F>,
    ) -> Self {
        let BufferConfig { max_records, max_bytes, changelog, .. } = buffer;
        let shuts_down = F::SHUTS_DOWN;
        let rules = SuppressRules { wait_ms, window_end, max_records, max_bytes, shuts_down };
        Self { name: None, rules, changelog }
    }

    /// Names the suppression; its buffer is called `<name>-store`, and so is its changelog.
    #[doc(alias = "withName")]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }
}

impl<K: 'static, W: Window> Suppressed<Windowed<K, W>> {
    /// A window comes out once, with its last result, when stream time has passed its end and the
    /// grace of its windows; deletes do not come out. Since a result must not come out early, a full
    /// buffer [shuts down](BufferConfig::shut_down_when_full).
    #[doc(alias = "untilWindowCloses")]
    pub fn until_window_closes(buffer: BufferConfig<ShutDownWhenFull>) -> Self {
        // How long to wait after the end is known when the table is.
        Self::with_rules(0, Some(|key| key.window.end()), buffer)
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
