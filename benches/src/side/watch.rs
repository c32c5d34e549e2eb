use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millstream::{AppState, StreamsApp};
use serde_json::{Value, json};

use crate::process::epoch_ms;

/// What was seen of an application's states and restores. Times are milliseconds since the epoch, 0
/// before they come.
#[derive(Debug, Default)]
pub struct Seen {
    pub running_ms: i64,
    pub failed: bool,
    pub restore_begin_ms: i64,
    pub restore_end_ms: i64,
    /// Offsets restored, by changelog.
    restored: HashMap<String, u64>,
}

impl Seen {
    pub fn restored(&self) -> u64 {
        self.restored.values().sum()
    }
}

#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    /// Listens to `app`, and says so as events if `tell`.
    pub fn on(app: &StreamsApp, tell: bool) -> Self {
        let watch = Self::default();
        let states = watch.clone();
        app.on_state_change(move |_, now| {
            let ms = epoch_ms();
            let mut seen = states.seen();
            if now == AppState::Running && seen.running_ms == 0 {
                seen.running_ms = ms;
            }
            seen.failed |= now == AppState::Error;
            if tell {
                let state = format!("{now:?}").to_uppercase();
                event(
                    json!({"event": "state", "to": state, "ms": ms, "restored": seen.restored()}),
                );
            }
        });
        let restores = watch.clone();
        app.on_restore(move |progress| {
            let ms = epoch_ms();
            let mut seen = restores.seen();
            if seen.restore_begin_ms == 0 {
                seen.restore_begin_ms = ms;
            }
            seen.restore_end_ms = ms;
            match seen.restored.get_mut(&progress.changelog) {
                Some(done) => *done = progress.done,
                None => {
                    seen.restored.insert(progress.changelog.clone(), progress.done);
                }
            }
        });
        watch
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints a line at once.
pub fn event(line: Value) {
    let mut out = std::io::stdout().lock();
    // Nobody is left to tell when this fails.
    let _gone = writeln!(out, "{line}").and_then(|()| out.flush());
}

pub fn implementation() -> &'static str {
    concat!("millstream-", env!("CARGO_PKG_VERSION"))
}
