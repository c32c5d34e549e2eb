//! What stores of windows know of time, as it is committed beside the offsets.

use crate::codec::decode_offset_metadata;
use crate::processor::StateStore;

/// The times that are known, each with its name.
pub(super) fn kept(stores: &mut [Box<dyn StateStore>]) -> Vec<(String, i64)> {
    let mut kept = Vec::new();
    for store in stores {
        let Some((name, times)) = store.times() else { continue };
        let known = times.named().filter(|(_, time)| **time >= 0);
        kept.extend(known.map(|(suffix, time)| (format!("{name}{suffix}"), *time)));
    }
    kept
}

/// Gives stores the times of `metadata` back; of several the highest counts.
pub(super) fn restore(stores: &mut [Box<dyn StateStore>], metadata: &str) {
    let (_, kept) = decode_offset_metadata(metadata);
    for (kept_name, kept_time) in &kept {
        for store in &mut *stores {
            let Some((name, times)) = store.times() else { continue };
            for (suffix, time) in times.named() {
                if kept_name.strip_prefix(&*name) == Some(&*suffix) {
                    *time = (*time).max(*kept_time);
                }
            }
        }
    }
}
