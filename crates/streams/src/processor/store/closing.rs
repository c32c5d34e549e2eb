use millstream_state::{KeyRange, Overlay, ScanOrder};
use std::ops::Bound;

use super::KeyValueStore;
use super::segments::Segments;
use crate::codec::Data;
use crate::error::Error;

/// Finds the windows of a store that are to be closed, in the order of their times: the index of the
/// store, and the time of the first window in it that is still open.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    /// No window that is open is earlier; `None` when nobody has looked yet.
    pub(super) earliest: Option<i64>,
}

impl Closing {
    /// Takes note of a window that has come or gone, in a store that has an index.
    #[inline]
    pub(super) fn note(
        &mut self,
        segments: &Segments,
        overlay: &mut Overlay,
        store: usize,
        stored: &[u8],
        is_there: bool,
    ) {
        if !segments.indexed {
            return;
        }
        overlay.write(store, &segments.index_key(stored), is_there.then_some(&[]));
        if let (true, Some(earliest), Some(time)) = (is_there, self.earliest, segments.time(stored))
        {
            self.earliest = Some(earliest.min(time));
        }
    }

    /// The stored keys of the windows whose times lie in `from..=to`, in the order of their times.
    pub(super) fn take(
        &mut self,
        segments: &Segments,
        overlay: &Overlay,
        store: usize,
        from: i64,
        to: i64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        if self.earliest.is_some_and(|earliest| earliest > to) {
            return Ok(Vec::new());
        }
        let mut closed = Vec::new();
        let start = Bound::Included(segments.index_from(from.max(0)));
        let range = KeyRange { start, end: Bound::Unbounded };
        self.earliest = Some(i64::MAX);
        for entry in overlay.scan(store, &range, ScanOrder::Forward) {
            let (key, _) = entry?;
            let Some(time) = segments.index_time(&key) else { continue };
            if time > to {
                self.earliest = Some(time);
                break;
            }
            closed.push(segments.stored_key(&key));
        }
        Ok(closed)
    }
}

impl<K: Data, V: Data> KeyValueStore<K, V> {
    /// No entry that is looked for by its time is earlier; `None` when nobody has looked yet.
    pub(crate) fn earliest(&self) -> Option<i64> {
        self.closing.earliest
    }

    /// Notes the earliest of all entries.
    pub(crate) fn set_earliest(&mut self, time: i64) {
        self.closing.earliest = Some(time);
    }

    /// Notes an entry that has come.
    pub(crate) fn note_earliest(&mut self, time: i64) {
        self.closing.earliest = self.closing.earliest.map(|earliest| earliest.min(time));
    }
}
