//! The real file system.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Storage;

/// Name of the file whose lock stands for the directory.
const LOCK: &str = "LOCK";

/// A directory of the operating system.
#[derive(Debug)]
pub(in crate::embedded) struct Directory {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    lock: Option<File>,
    files: BTreeMap<String, Arc<File>>,
}

impl Directory {
    /// The directory at `path`. Nothing is touched before it is locked.
    pub(in crate::embedded) fn new(path: PathBuf) -> Self {
        Self { path, open: Mutex::default() }
    }

    fn opened(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, name: &str) -> io::Result<Arc<File>> {
        let mut open = self.opened();
        if let Some(file) = open.files.get(name) {
            return Ok(Arc::clone(file));
        }
        let mut options = OpenOptions::new();
        let file = Arc::new(options.read(true).append(true).open(self.path.join(name))?);
        open.files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    /// Makes the creation or deletion of a file outlive a crash.
    fn sync_directory(&self) -> io::Result<()> {
        #[cfg(unix)]
        File::open(&self.path)?.sync_all()?;
        Ok(())
    }
}

impl Storage for Directory {
    fn location(&self) -> PathBuf {
        self.path.clone()
    }

    fn lock(&self) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(self.path.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => {
                self.opened().lock = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self) {
        if let Some(lock) = self.opened().lock.take() {
            // A process that is just being started elsewhere has this file open too until it runs.
            let _closed_next = lock.unlock();
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string()
                && name != LOCK
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<()> {
        self.opened().files.remove(name);
        File::create(self.path.join(name))?;
        self.sync_directory()
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        (&*self.file(name)?).write_all(bytes)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_data()
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(self.file(name)?.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, name: &str, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        self.file(name)?.read_exact_at(buffer, position)
    }

    #[cfg(not(unix))]
    fn read_at(&self, name: &str, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        // A handle of its own: seeking moves a position that handles share.
        let mut file = File::open(self.path.join(name))?;
        file.seek(SeekFrom::Start(position))?;
        file.read_exact(buffer)
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).open(self.path.join(name))?.set_len(len)
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        self.opened().files.remove(name);
        fs::remove_file(self.path.join(name))?;
        self.sync_directory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a process has it that was forked and does not run yet.
    #[test]
    fn a_copy_of_the_lock_does_not_keep_it() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::new(folder.path().to_owned());
        directory.lock().unwrap();
        let copy = directory.opened().lock.as_ref().map(File::try_clone);
        assert!(Directory::new(folder.path().to_owned()).lock().is_err());
        directory.unlock();
        Directory::new(folder.path().to_owned()).lock().unwrap();
        drop(copy);
    }
}
