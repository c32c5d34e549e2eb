//! A disk in memory that can lose power: for tests and the simulator.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Storage;

/// What a disk writes at once, as far as it is concerned: unsynced sectors are lost one by one.
const SECTOR: usize = 512;

/// A disk that keeps synced and unsynced bytes apart and is deterministic by its seed. Clones are
/// handles on the same disk. A broker uses it through a [`mount`](Self::mount).
#[derive(Clone)]
pub struct SimulatedDisk {
    disk: Arc<Mutex<Disk>>,
}

struct Disk {
    files: BTreeMap<String, SimulatedFile>,
    random: u64,
    /// Counts crashes: mounts of an earlier one are dead.
    boot: u64,
    locked: bool,
    capacity: Option<u64>,
    read_only: bool,
    changes: u64,
    power_fails_at: Option<u64>,
    syncs: u64,
}

#[derive(Default)]
struct SimulatedFile {
    bytes: Vec<u8>,
    synced: usize,
    /// Whether it outlives a crash at all.
    durable: bool,
}

/// The files hold payloads, which are never printed.
impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedDisk").finish_non_exhaustive()
    }
}

impl SimulatedDisk {
    /// An empty disk; what is torn in a crash follows from `seed`.
    pub fn new(seed: u64) -> Self {
        let disk = Disk {
            files: BTreeMap::new(),
            random: seed ^ 0x9e37_79b9_7f4a_7c15,
            boot: 0,
            locked: false,
            capacity: None,
            read_only: false,
            changes: 0,
            power_fails_at: None,
            syncs: 0,
        };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// The disk as the process sees it that runs now. After a [`crash`](Self::crash) every call to
    /// it fails.
    pub fn mount(&self) -> Arc<dyn Storage> {
        Arc::new(SimulatedMount { boot: self.locked().boot, disk: self.clone() })
    }

    /// Cuts the power: of each file the unsynced bytes are lost, or kept in part, or torn sector by
    /// sector, as the seed will have it. Locks are gone, and mounts are dead.
    pub fn crash(&self) {
        let mut disk = self.locked();
        disk.boot += 1;
        disk.locked = false;
        disk.power_fails_at = None;
        let mut files = std::mem::take(&mut disk.files);
        files.retain(|_, file| disk.lose_power(file));
        disk.files = files;
    }

    /// Ends the process and leaves the machine running: mounts are dead, locks are gone, and what
    /// was written is there, synced or not.
    pub fn kill(&self) {
        let mut disk = self.locked();
        disk.boot += 1;
        disk.locked = false;
        disk.power_fails_at = None;
    }

    /// After `changes` more changes (creations, appends, syncs, cuts, deletions) every call fails,
    /// and the change at which it happens is made in part. Then [`crash`](Self::crash) it.
    pub fn fail_after(&self, changes: u64) {
        let mut disk = self.locked();
        disk.power_fails_at = Some(disk.changes + changes);
    }

    /// Number of changes so far.
    pub fn changes(&self) -> u64 {
        self.locked().changes
    }

    /// Number of syncs so far.
    pub fn syncs(&self) -> u64 {
        self.locked().syncs
    }

    /// Limits the sum of all files' bytes; beyond it appends fail with "no space left".
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.locked().capacity = bytes;
    }

    /// Makes every change fail with "read-only file system".
    pub fn set_read_only(&self, read_only: bool) {
        self.locked().read_only = read_only;
    }

    /// Names of all files.
    pub fn file_names(&self) -> Vec<String> {
        self.locked().files.keys().cloned().collect()
    }

    /// The bytes of a file, as a process would read them.
    pub fn read_file(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.locked().files.get(name)?.bytes.clone())
    }

    /// Replaces a file behind everybody's back, as bit rot and other programs do. `None` removes it.
    pub fn write_file(&self, name: &str, bytes: Option<Vec<u8>>) {
        let mut disk = self.locked();
        match bytes {
            None => {
                disk.files.remove(name);
            }
            Some(bytes) => {
                let file = SimulatedFile { synced: bytes.len(), bytes, durable: true };
                disk.files.insert(name.to_owned(), file);
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// xorshift64*.
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let mixed = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d);
        (mixed >> 33) as usize % below.max(1)
    }

    /// Loses what is not synced of a file; says whether there still is a file.
    fn lose_power(&mut self, file: &mut SimulatedFile) -> bool {
        if !file.durable && self.random(2) == 0 {
            return false;
        }
        let unsynced = file.bytes.len() - file.synced;
        match self.random(4) {
            0 => file.bytes.truncate(file.synced),
            1 => {}
            2 => {
                let kept = self.random(unsynced + 1);
                file.bytes.truncate(file.synced + kept);
            }
            _ => {
                let mut at = file.synced;
                while at < file.bytes.len() {
                    let until = file.bytes.len().min((at / SECTOR + 1) * SECTOR);
                    if self.random(2) == 0 {
                        file.bytes[at..until].fill(0);
                    }
                    at = until;
                }
            }
        }
        file.synced = file.bytes.len();
        file.durable = true;
        true
    }

    fn find(&mut self, name: &str) -> io::Result<&mut SimulatedFile> {
        let file = self.files.get_mut(name);
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Counts a change. `Ok(false)`: the power fails during it.
    fn change(&mut self) -> io::Result<bool> {
        if self.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        self.changes += 1;
        match self.power_fails_at {
            Some(at) if self.changes > at => Err(power_failed()),
            Some(at) if self.changes == at => Ok(false),
            _ => Ok(true),
        }
    }
}

fn power_failed() -> io::Error {
    io::Error::other("the simulated power has failed")
}

/// A [`SimulatedDisk`] as one run of the process sees it.
#[derive(Debug)]
pub struct SimulatedMount {
    disk: SimulatedDisk,
    boot: u64,
}

impl SimulatedMount {
    fn alive(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.disk.locked();
        if disk.boot != self.boot {
            return Err(power_failed());
        }
        Ok(disk)
    }
}

impl Storage for SimulatedMount {
    fn location(&self) -> PathBuf {
        PathBuf::from("simulated")
    }

    fn lock(&self) -> io::Result<()> {
        let mut disk = self.alive()?;
        if disk.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if disk.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        disk.locked = true;
        Ok(())
    }

    fn unlock(&self) {
        if let Ok(mut disk) = self.alive() {
            disk.locked = false;
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.alive()?.files.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<()> {
        let mut disk = self.alive()?;
        let whole = disk.change()?;
        disk.files.insert(name.to_owned(), SimulatedFile::default());
        if whole { Ok(()) } else { Err(power_failed()) }
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.alive()?;
        let whole = disk.change()?;
        let used: usize = disk.files.values().map(|file| file.bytes.len()).sum();
        let room = match disk.capacity {
            Some(capacity) => (capacity as usize).saturating_sub(used),
            None => usize::MAX,
        };
        let mut taken = bytes.len().min(room);
        if !whole {
            taken = disk.random(taken + 1);
        }
        disk.find(name)?.bytes.extend_from_slice(&bytes[..taken]);
        if !whole {
            return Err(power_failed());
        }
        if taken < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        let mut disk = self.alive()?;
        if !disk.change()? {
            return Err(power_failed());
        }
        disk.syncs += 1;
        let file = disk.find(name)?;
        file.synced = file.bytes.len();
        file.durable = true;
        Ok(())
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(self.alive()?.find(name)?.bytes.len() as u64)
    }

    fn read_at(&self, name: &str, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut disk = self.alive()?;
        let bytes = &disk.find(name)?.bytes;
        let range = usize::try_from(position)
            .ok()
            .and_then(|from| bytes.get(from..from.checked_add(buffer.len())?));
        match range {
            Some(found) => {
                buffer.copy_from_slice(found);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        let mut disk = self.alive()?;
        if !disk.change()? {
            return Err(power_failed());
        }
        let file = disk.find(name)?;
        file.bytes.truncate(len as usize);
        file.synced = file.synced.min(file.bytes.len());
        Ok(())
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        let mut disk = self.alive()?;
        if !disk.change()? {
            return Err(power_failed());
        }
        disk.find(name)?;
        disk.files.remove(name);
        Ok(())
    }
}

impl Drop for SimulatedMount {
    fn drop(&mut self) {
        self.unlock();
    }
}
