//! The seam between the durable broker and the disk. Files are only appended to, read at a
//! position, cut off and deleted.

mod directory;
mod simulated_disk;

use std::fmt;
use std::io;
use std::path::PathBuf;

pub(super) use directory::Directory;
pub use simulated_disk::{SimulatedDisk, SimulatedMount};

/// One directory of files.
///
/// Errors are the operating system's; their [`kind`](io::Error::kind) is looked at:
/// `WouldBlock` from [`lock`](Self::lock) means that somebody else holds it.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Where it is, for messages.
    fn location(&self) -> PathBuf;

    /// Makes the directory when it is missing, and locks it against other processes until the
    /// storage is dropped or [`unlock`](Self::unlock)ed.
    fn lock(&self) -> io::Result<()>;

    /// Gives the lock back. Does nothing when it is not held.
    fn unlock(&self);

    /// Names of all files, in order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes an empty file; one that is there already is emptied. The file is sure to outlive a
    /// crash from its first [`sync`](Self::sync) on.
    fn create(&self, name: &str) -> io::Result<()>;

    /// Writes at the end of a file.
    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything written to the file is on the disk.
    fn sync(&self, name: &str) -> io::Result<()>;

    /// Length of a file in bytes.
    fn len(&self, name: &str) -> io::Result<u64>;

    /// Fills `buffer` from `position` on; an error when the file ends before.
    fn read_at(&self, name: &str, position: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Cuts a file off after `len` bytes.
    fn truncate(&self, name: &str, len: u64) -> io::Result<()>;

    /// Deletes a file for good.
    fn delete(&self, name: &str) -> io::Result<()>;
}
