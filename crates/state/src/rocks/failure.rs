//! What an error of RocksDB means.

use std::path::Path;

use rocksdb::ErrorKind;

use crate::{StateError, StateErrorKind};

/// Whether the files of a database are damaged, missing, or written by somebody else, so that
/// nothing but another database helps. Options that do not fit are not: with other options it opens.
pub(super) fn is_damage(error: &rocksdb::Error) -> bool {
    let words = error.as_ref();
    match error.kind() {
        ErrorKind::Corruption | ErrorKind::NotFound => true,
        ErrorKind::InvalidArgument => {
            words.contains("does not exist") || words.contains("comparator")
        }
        ErrorKind::IOError => words.contains("No such file"),
        _ => false,
    }
}

/// The error of a task whose database lies at `path`.
pub(super) fn failure(task: &str, path: &Path, error: &rocksdb::Error) -> StateError {
    let words = error.as_ref();
    let (kind, remedy) = if is_damage(error) {
        (StateErrorKind::Corrupt, "it is rebuilt from its changelogs when it is opened again")
    } else if words.contains("No space left") {
        (StateErrorKind::Failed, "make room on the disk, then start again")
    } else if words.contains("Permission denied") {
        (StateErrorKind::Failed, "let this user read and write the directory")
    } else if words.contains("Too many open files") {
        (StateErrorKind::Failed, "raise the limit of open files (ulimit -n)")
    } else if words.contains("lock") {
        (StateErrorKind::Failed, "another process has it open: end that process")
    } else {
        (
            StateErrorKind::Failed,
            "if it persists, stop and delete the directory: it is restored from its changelogs",
        )
    };
    let reason = format!("the database in {}: {words}; {remedy}", path.display());
    StateError { task: task.to_owned(), reason, kind }
}
