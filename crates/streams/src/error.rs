//! What can go wrong, for three audiences: [`TopologyError`] for who writes a topology, [`Error`]
//! for who runs one, and [`BoxError`] for what user code itself returns.

use std::fmt;
use std::sync::Arc;

use millstream_broker::{BrokerError, TaskId};
use millstream_state::StateError;

/// Any error of user code; `?` and `"words".into()` make one.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What happens to a record that cannot be decoded, processed or produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ErrorPolicy {
    /// The stream thread stops with the error (Kafka's `LogAndFail…ExceptionHandler`).
    #[default]
    Fail,
    /// The record is dropped, counted and logged (Kafka's `LogAndContinue…ExceptionHandler`). What
    /// was written before the failing node stands: a table keeps a value that an operator behind it
    /// fails on, and the operator may meet it once more as the old value of the next change.
    Skip,
}

/// The three kinds of [`ErrorPolicy`] of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ErrorPolicies {
    /// For bytes that cannot be read.
    pub decode: ErrorPolicy,
    /// For closures and processors that return an error or panic.
    pub process: ErrorPolicy,
    /// For records that cannot be written.
    pub produce: ErrorPolicy,
}

/// At which step a record failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading its bytes.
    Decode,
    /// In an operator or processor.
    Process,
    /// Writing its bytes.
    Produce,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decode => "decode",
            Self::Process => "process",
            Self::Produce => "produce",
        })
    }
}

/// A record that failed: where it came from, which node failed, and why. Never holds the payload.
#[derive(Debug)]
pub struct RecordFailure {
    /// At which step.
    pub stage: Stage,
    /// The node that failed.
    pub node: Arc<str>,
    /// The task.
    pub task: TaskId,
    /// Topic of the input record.
    pub topic: Arc<str>,
    /// Partition of the input record.
    pub partition: u32,
    /// Offset of the input record.
    pub offset: i64,
    /// What went wrong.
    pub cause: BoxError,
}

impl fmt::Display for RecordFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, node, task, topic, partition, offset, cause } = self;
        write!(
            f,
            "{stage} failed in node '{node}' of task {task} for the record at {topic}-{partition}@{offset}: {cause}"
        )
    }
}

impl std::error::Error for RecordFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}

/// A panic of user code, caught.
#[derive(Debug, thiserror::Error)]
#[error("panic: {0}")]
pub struct Panic(pub String);

impl Panic {
    /// Takes the words out of what `catch_unwind` gives.
    pub(crate) fn from_payload(payload: &(dyn std::any::Any + Send)) -> Self {
        let words = payload
            .downcast_ref::<&str>()
            .map(|words| (*words).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self(words.unwrap_or_else(|| "of a value that is no text".to_owned()))
    }
}

/// Why an application, a stream thread or a test driver could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A record failed and the policy is to fail.
    #[error(transparent)]
    Record(#[from] Box<RecordFailure>),
    /// The broker refused something.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A state store could not be opened, read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// What a store or changelog holds cannot be read as the store's types.
    #[error(
        "store '{store}': {cause}: its bytes are of another format; give the store the format it was written with, or a new name"
    )]
    StoreFormat {
        /// The store.
        store: String,
        /// What could not be read.
        cause: BoxError,
    },
    /// The topology does not fit the topics or itself.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A setting is wrong; the message names it.
    #[error("{0}")]
    Config(String),
    /// A stream thread's code panicked outside user code.
    #[error("stream thread '{thread}': {panic}")]
    Thread {
        /// The thread.
        thread: String,
        /// Its last words.
        panic: Panic,
    },
    /// A query, or another request, that the application cannot answer now.
    #[error("{0}")]
    Unavailable(String),
    /// Something did not end in time.
    #[error("{0}")]
    Timeout(String),
}

impl Error {
    /// Whether somebody else has taken over: tasks are dropped without writing, and the thread
    /// rejoins (Kafka's `TaskMigratedException`).
    pub fn is_fenced(&self) -> bool {
        matches!(self, Self::Broker(error) if error.is_fenced())
    }
}

/// Everything that is wrong with a topology, found together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyError {
    /// The problems, each naming its nodes, stores or topics and the remedy.
    pub problems: Vec<String>,
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the topology is not valid: {}", self.problems.join("; "))
    }
}

impl std::error::Error for TopologyError {}
