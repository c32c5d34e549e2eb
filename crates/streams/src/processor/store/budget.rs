use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that all caches of a stream thread may hold together (`statestore.cache.max.bytes` divided
/// by the number of threads). One thread writes it, so plain loads and stores are enough.
#[derive(Clone, Debug)]
pub(crate) struct CacheBudget {
    limit: usize,
    used: Arc<AtomicUsize>,
}

impl CacheBudget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: Arc::default() }
    }

    #[inline]
    pub(crate) fn grow(&self, bytes: usize) {
        let used = self.used.load(Ordering::Relaxed);
        self.used.store(used + bytes, Ordering::Relaxed);
    }

    pub(crate) fn shrink(&self, bytes: usize) {
        let used = self.used.load(Ordering::Relaxed);
        self.used.store(used.saturating_sub(bytes), Ordering::Relaxed);
    }

    /// How many bytes too many are held.
    #[inline]
    pub(crate) fn excess(&self) -> usize {
        self.used.load(Ordering::Relaxed).saturating_sub(self.limit)
    }
}
