use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an application has done so far, over all its stream threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Input records processed, those of repartition topics too.
    pub processed: u64,
    /// Records dropped: by an operator's rule (a null key), or because they failed and the policy
    /// is to skip (Kafka's `dropped-records-total`).
    pub dropped: u64,
    /// Changelog records restored.
    pub restored: u64,
    /// Commits made.
    pub commits: u64,
    /// Input records that were there at the last commit and are not processed yet.
    pub lag: u64,
}

/// The counters of one stream thread, written by it alone.
#[derive(Clone, Debug, Default)]
pub(super) struct ThreadMetrics(Arc<[AtomicU64; 5]>);

impl ThreadMetrics {
    pub(super) fn add(&self, counted: Metrics) {
        let Metrics { processed, dropped, restored, commits, lag } = counted;
        for (cell, by) in self.0.iter().zip([processed, dropped, restored, commits]) {
            if by > 0 {
                cell.fetch_add(by, Ordering::Relaxed);
            }
        }
        if commits > 0 {
            self.0[4].store(lag, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> Metrics {
        let [processed, dropped, restored, commits, lag] =
            std::array::from_fn(|cell| self.0[cell].load(Ordering::Relaxed));
        Metrics { processed, dropped, restored, commits, lag }
    }
}

impl std::ops::Add for Metrics {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            processed: self.processed + other.processed,
            dropped: self.dropped + other.dropped,
            restored: self.restored + other.restored,
            commits: self.commits + other.commits,
            lag: self.lag + other.lag,
        }
    }
}
