use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::directory::AppDirectory;
use super::open::open_database;
use super::options::{Memory, RocksOptions};
use crate::{Database, StateBackend, StateError, StateErrorKind};

/// Opens databases in RocksDB for one application; one process at a time. All of them share one
/// memory budget.
#[derive(Clone, Debug)]
pub struct RocksBackend(Arc<Shared>);

/// What all databases of an application share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) application: String,
    pub(super) directory: AppDirectory,
    pub(super) memory: Memory,
    /// Bytes that restores hold back.
    pub(super) held_back: AtomicUsize,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    open: BTreeSet<String>,
    /// Those seen closed, and since when.
    closed: BTreeMap<String, Duration>,
}

impl Shared {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task's database is open, until this is dropped.
#[derive(Debug)]
pub(super) struct OpenTask {
    pub(super) shared: Arc<Shared>,
    pub(super) task: String,
}

impl Drop for OpenTask {
    fn drop(&mut self) {
        self.shared.tasks().open.remove(&self.task);
    }
}

impl RocksBackend {
    /// Locks `<root>/<application>`, made if it is not there, until the backend and all its
    /// databases are dropped.
    pub fn open(
        root: impl AsRef<Path>,
        application: &str,
        options: RocksOptions,
    ) -> Result<Self, StateError> {
        Ok(Self(Arc::new(Shared {
            application: application.to_owned(),
            directory: AppDirectory::lock(root.as_ref(), application)?,
            memory: Memory::new(options),
            held_back: AtomicUsize::new(0),
            tasks: Mutex::default(),
        })))
    }
}

impl StateBackend for RocksBackend {
    fn open(&self, task: &str, stores: &[&str]) -> Result<Box<dyn Database>, StateError> {
        {
            let mut tasks = self.0.tasks();
            if !tasks.open.insert(task.to_owned()) {
                return Err(StateError {
                    task: task.to_owned(),
                    reason: "its database is still open in another thread of this process"
                        .to_owned(),
                    kind: StateErrorKind::Busy,
                });
            }
            tasks.closed.remove(task);
        }
        let open = OpenTask { shared: self.0.clone(), task: task.to_owned() };
        Ok(Box::new(open_database(open, stores)?))
    }

    fn place(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn identity(&self, make: &dyn Fn() -> String) -> Result<Option<String>, StateError> {
        self.0.directory.identity(make).map(Some)
    }

    fn clean(&self, now: Duration, delay: Duration) {
        let there = match self.0.directory.tasks() {
            Ok(there) => there,
            Err(error) => {
                tracing::warn!("databases of former tasks cannot be listed: {error}");
                return;
            }
        };
        for task in there {
            // Nobody opens it meanwhile.
            let mut tasks = self.0.tasks();
            if tasks.open.contains(&task) {
                continue;
            }
            let since = *tasks.closed.entry(task.clone()).or_insert(now);
            if now.saturating_sub(since) < delay {
                continue;
            }
            tasks.closed.remove(&task);
            match self.0.directory.delete(&task) {
                Ok(()) => tracing::info!(
                    "state of task {task}: deleted, as the task has been elsewhere for {delay:?}"
                ),
                Err(error) => tracing::warn!("state of task {task}: cannot be deleted: {error}"),
            }
        }
    }
}
