/// Why a database could not be opened, read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("state of task '{task}': {reason}")]
pub struct StateError {
    /// The task whose database it is.
    pub task: String,
    /// What went wrong, and the remedy.
    pub reason: String,
}
