//! Folders for what goes with a test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of our own, in memory if the system has such a place.
pub(crate) fn new_folder() -> std::io::Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let memory = Path::new("/dev/shm");
    let above = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("millstream-kafka-{}-{number}", std::process::id());
        match fs::create_dir(above.join(&name)) {
            // Left by a process that had our id and was killed together with its watchdog.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| above.join(name)),
        }
    }
}

/// Copies a folder and all in it.
pub(crate) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map(|_| ())?;
        }
    }
    Ok(())
}
