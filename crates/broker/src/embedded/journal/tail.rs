//! Torn or corrupt? A frame that does not fit its checksum, in the last segment, is the torn tail
//! of a crash when nothing shows that it had been on the disk: the operating system writes pages in
//! any order, so whole frames may follow it. A sync entry that stands behind it and says that
//! everything up to a later place was synced shows that it had been, and then its damage is
//! corruption, not a crash.

use super::Entry;
use super::entry::SYNC_MAGIC;
use super::frame::{self, HEAD};

/// Whether the frame at `bad` of the segment with these bytes had been on the disk.
pub(super) fn was_synced(bytes: &[u8], segment: u64, bad: usize) -> bool {
    let mut from = bad + HEAD;
    while let Some(found) = find(bytes, from) {
        let start = found - HEAD;
        let entry = frame::payload(&bytes[start..]).and_then(Entry::decode);
        if let Some(Entry::Synced { segment: of, position, up_to }) = entry
            && of == segment
            && position == start as u64
            && up_to > bad as u64
        {
            return true;
        }
        from = found + 1;
    }
    false
}

fn find(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let at = rest.windows(SYNC_MAGIC.len()).position(|window| window == SYNC_MAGIC)?;
    Some(from + at)
}
