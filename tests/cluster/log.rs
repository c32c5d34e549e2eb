//! What is logged, for tests that look at it.

use std::fmt::{Debug, Write};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use millstream::StreamsApp;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Listens from now on, to all tests.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Lines).unwrap());
}

/// Every line so far.
pub(crate) fn lines() -> Vec<String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Checks that what these clients read and write is not left to librdkafka.
#[track_caller]
pub(crate) fn check_own_requests(client: &str) {
    let left = |line: &&String| line.contains(" by librdkafka, as for") && line.contains(client);
    assert_eq!(lines().iter().find(left), None);
}

/// Tells what an application was about, when its test fails.
pub(crate) struct Telling<'a>(pub(crate) &'a StreamsApp);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("{:?} after:\n{}", self.0.state(), lines().join("\n"));
        }
    }
}

struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("millstream")
    }

    fn event(&self, event: &Event<'_>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut text = Text(format!("{:.3} {}", now.as_secs_f64(), event.metadata().level()));
        event.record(&mut text);
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _infallible = write!(self.0, " {}={value:?}", field.name());
    }
}
