/// Why a database could not be opened, read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {reason}", whose(task))]
pub struct StateError {
    /// The task whose database it is; nothing when it is about all of them.
    pub task: String,
    /// What went wrong, and the remedy.
    pub reason: String,
    /// What can be done about it.
    pub kind: StateErrorKind,
}

fn whose(task: &str) -> String {
    if task.is_empty() { "state".to_owned() } else { format!("state of task '{task}'") }
}

/// What can be done about a [`StateError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateErrorKind {
    /// Somebody has to follow the remedy in the error's words.
    Failed,
    /// The task's last owner in this process has not closed the database yet: ask again.
    Busy,
    /// The database is damaged. Once it is dropped, the next to open it finds an empty one, to be
    /// restored from the changelogs.
    Corrupt,
}

impl StateError {
    /// An error that somebody has to do something about.
    pub fn failed(task: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { task: task.into(), reason: reason.into(), kind: StateErrorKind::Failed }
    }

    /// Whether the same call may succeed a little later.
    pub fn is_busy(&self) -> bool {
        self.kind == StateErrorKind::Busy
    }

    /// Whether the database is damaged and will be rebuilt when it is opened anew.
    pub fn is_corrupt(&self) -> bool {
        self.kind == StateErrorKind::Corrupt
    }
}
