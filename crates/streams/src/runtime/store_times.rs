//! What stores of windows know of time, as it is committed beside the offsets.

use std::sync::Once;

use crate::codec::decode_offset_metadata;
use crate::processor::StateStore;

/// Bytes that the times may take: written as text they must stay below the 4,096 bytes that a broker
/// takes beside an offset (`offset.metadata.max.bytes`).
const MOST_BYTES: usize = 2900;
/// Bytes of a time beside its name.
const TIME_BYTES: usize = 12;

/// The times that are known, each with its name, as far as there is room: those that Kafka Streams
/// keeps too come first.
pub(super) fn kept(stores: &mut [Box<dyn StateStore>]) -> Vec<(String, i64)> {
    let mut kept = Vec::new();
    for store in stores {
        let (name, times) = store.times();
        let known = times.named().filter(|(_, time)| **time >= 0);
        kept.extend(known.map(|(suffix, time)| (format!("{name}{suffix}"), *time)));
    }
    let bytes = |kept: &[(String, i64)]| -> usize {
        kept.iter().map(|(name, _)| name.len() + TIME_BYTES).sum()
    };
    if bytes(&kept) > MOST_BYTES {
        static WARNED: Once = Once::new();
        WARNED.call_once(|| {
            tracing::warn!("a task has so many windowed stores that not all of their times fit beside its offsets: those left out begin anew after a restart, as in Kafka Streams");
        });
        kept.sort_by_key(|(name, _)| name.contains('/'));
        while bytes(&kept) > MOST_BYTES {
            kept.pop();
        }
    }
    kept
}

/// Gives stores the times of `metadata` back; of several the highest counts.
pub(super) fn restore(stores: &mut [Box<dyn StateStore>], metadata: &str) {
    let (_, kept) = decode_offset_metadata(metadata);
    for (kept_name, kept_time) in &kept {
        for store in &mut *stores {
            let (name, times) = store.times();
            for (suffix, time) in times.named() {
                if kept_name.strip_prefix(&*name) == Some(&*suffix) {
                    *time = (*time).max(*kept_time);
                }
            }
        }
    }
}
