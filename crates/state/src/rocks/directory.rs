//! The directory of an application: its lock, its lasting name, and the databases in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::StateError;

/// Name of the file whose lock stands for the directory.
const LOCK: &str = "LOCK";
/// Name of the file with the lasting name of whoever owns the directory.
const IDENTITY: &str = "process.id";
/// How many damaged databases of a task are kept to be looked at.
const KEPT_ASIDE: u32 = 2;
/// Stands between the name of a task and the number of a database that was set aside.
const ASIDE: &str = ".broken-";

/// A locked directory.
#[derive(Debug)]
pub(super) struct AppDirectory {
    path: PathBuf,
    lock: File,
}

impl Drop for AppDirectory {
    fn drop(&mut self) {
        // A process that is just being started elsewhere has this file open too until it runs.
        let _closed_next = self.lock.unlock();
    }
}

fn error(path: &Path, what: &str, error: &io::Error) -> StateError {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => "; let this user read and write it, or set `state.dir`",
        io::ErrorKind::StorageFull => "; make room on the disk",
        _ => "",
    };
    StateError::failed("", format!("{what} {}: {error}{remedy}", path.display()))
}

impl AppDirectory {
    /// Locks the directory of `application` below `root`, made if it is not there.
    pub(super) fn lock(root: &Path, application: &str) -> Result<Self, StateError> {
        let path = root.join(application);
        fs::create_dir_all(&path).map_err(|e| error(&path, "cannot make the directory", &e))?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path.join(LOCK)).map_err(|e| error(&path, "cannot lock", &e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, lock: file }),
            Err(TryLockError::WouldBlock) => Err(StateError::failed(
                "",
                format!(
                    "the directory {} is in use by another process, or by another application object of this one: end that, or give each a `state.dir` of its own",
                    path.display()
                ),
            )),
            Err(TryLockError::Error(e)) => Err(error(&path, "cannot lock", &e)),
        }
    }

    /// Where the database of a task is.
    pub(super) fn task(&self, task: &str) -> PathBuf {
        self.path.join(task)
    }

    /// What the file of the lasting name says, or what `make` gives, written for good.
    pub(super) fn identity(&self, make: &dyn Fn() -> String) -> Result<String, StateError> {
        let path = self.path.join(IDENTITY);
        match fs::read_to_string(&path) {
            Ok(kept) if !kept.trim().is_empty() => return Ok(kept.trim().to_owned()),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(error(&path, "cannot read", &e)),
        }
        let made = make();
        let write = || {
            // Whole or not at all: renamed when it is on the disk.
            let new = self.path.join(format!("{IDENTITY}.new"));
            let mut file = File::create(&new)?;
            file.write_all(made.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            self.sync()
        };
        write().map_err(|e| error(&path, "cannot write", &e))?;
        Ok(made)
    }

    fn sync(&self) -> io::Result<()> {
        #[cfg(unix)]
        File::open(&self.path)?.sync_all()?;
        Ok(())
    }

    /// Moves what is in the place of a task's database aside; only the last few are kept.
    pub(super) fn set_aside(&self, task: &str, why: &str) -> Result<(), StateError> {
        let aside = |number: u32| self.path.join(format!("{task}{ASIDE}{number}"));
        let number = (1..=KEPT_ASIDE).find(|number| !aside(*number).exists());
        let to = aside(number.unwrap_or(KEPT_ASIDE));
        let set = || {
            if number.is_none() {
                remove(&aside(1))?;
                for number in 2..=KEPT_ASIDE {
                    fs::rename(aside(number), aside(number - 1))?;
                }
            }
            fs::rename(self.task(task), &to)
        };
        set().map_err(|e| error(&self.task(task), "cannot move aside", &e))?;
        tracing::warn!(
            "state of task {task}: {why}; what is there is moved to {}, and the stores are restored from their changelogs",
            to.display()
        );
        Ok(())
    }

    /// Names of the databases that are there.
    pub(super) fn tasks(&self) -> io::Result<Vec<String>> {
        let mut tasks = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && !name.contains(ASIDE)
                && entry.path().join("CURRENT").exists()
            {
                tasks.push(name);
            }
        }
        tasks.sort_unstable();
        Ok(tasks)
    }

    /// Deletes the database of a task, which nobody has open.
    pub(super) fn delete(&self, task: &str) -> io::Result<()> {
        remove(&self.task(task))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a process has it that was forked and does not run yet.
    #[test]
    fn a_copy_of_the_lock_does_not_keep_it() {
        let root = tempfile::tempdir().unwrap();
        let directory = AppDirectory::lock(root.path(), "app").unwrap();
        let copy = directory.lock.try_clone().unwrap();
        assert!(AppDirectory::lock(root.path(), "app").is_err());
        drop(directory);
        AppDirectory::lock(root.path(), "app").unwrap();
        drop(copy);
    }
}
