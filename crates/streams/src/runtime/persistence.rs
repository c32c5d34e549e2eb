//! When a database is written to the disk, so that a crash leaves little to restore.

use std::time::Duration;

/// Longest time for which commits are in memory only: of so much a crash takes the changelogs'
/// records to be restored.
const INTERVAL: Duration = Duration::from_secs(5);
/// Bytes committed after which it does not wait so long.
const BYTES: usize = 16 * 1024 * 1024;
/// A database in which nothing changes notes so often that it is in use.
const IDLE_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// What a database has not on the disk yet.
#[derive(Debug)]
pub(super) struct Persistence {
    /// When all was.
    at: Duration,
    bytes: usize,
    /// When the first commit since then was made.
    since: Option<Duration>,
}

impl Persistence {
    /// All is on the disk, or about to be.
    pub(super) fn new(now: Duration) -> Self {
        Self { at: now, bytes: 0, since: None }
    }

    /// A commit of so many bytes was made.
    pub(super) fn committed(&mut self, bytes: usize, now: Duration) {
        if bytes > 0 {
            self.bytes += bytes;
            self.since.get_or_insert(now);
        }
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.bytes > BYTES || now >= self.due()
    }

    /// When it is time.
    pub(super) fn due(&self) -> Duration {
        self.since.map_or(self.at + IDLE_INTERVAL, |since| since + INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soon_after_a_commit_and_seldom_without() {
        let second = Duration::from_secs;
        let mut persistence = Persistence::new(second(0));
        assert!(!persistence.is_due(second(599)) && persistence.is_due(second(600)));
        persistence.committed(0, second(10));
        assert!(!persistence.is_due(second(20)));
        persistence.committed(1, second(20));
        persistence.committed(1, second(24));
        assert!(!persistence.is_due(second(24)) && persistence.is_due(second(25)));
        persistence.committed(BYTES, second(24));
        assert!(persistence.is_due(second(24)));
    }
}
