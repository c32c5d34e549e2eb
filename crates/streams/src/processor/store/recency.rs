use std::collections::BTreeMap;

use millstream_state::{KeyRange, Overlay, ScanOrder};
use rustc_hash::FxHashMap;

use super::KeyValueStore;
use super::expiry::entries_only;
use crate::codec::Data;
use crate::error::Error;
use crate::processor::{Origin, Output};

/// In which order the keys of a store of limited size were used. After a restart the order is that of
/// the writes that were restored; what a database on disk had before counts as older.
#[derive(Debug)]
pub(super) struct Recency {
    limit: usize,
    uses: FxHashMap<Box<[u8]>, i64>,
    order: BTreeMap<i64, Box<[u8]>>,
    next: i64,
    /// Whether it knows of all keys.
    is_complete: bool,
}

impl Recency {
    pub(super) fn new(limit: usize) -> Self {
        let (uses, order) = (FxHashMap::default(), BTreeMap::new());
        Self { limit, uses, order, next: 0, is_complete: false }
    }

    /// A key was used; only now is it one of many, if it `is_new`.
    pub(super) fn note(&mut self, key: &[u8], is_new: bool) {
        let number = self.next;
        match self.uses.get_mut(key) {
            Some(used) => {
                let before = std::mem::replace(used, number);
                let key = self.order.remove(&before).unwrap_or_else(|| key.into());
                self.order.insert(number, key);
            }
            None if is_new => {
                self.uses.insert(key.into(), number);
                self.order.insert(number, key.into());
            }
            None => return,
        }
        self.next += 1;
    }

    pub(super) fn forget(&mut self, key: &[u8]) {
        if let Some(used) = self.uses.remove(key) {
            self.order.remove(&used);
        }
    }

    /// The key that was not used for longest, if there are too many.
    fn too_many(&self) -> Option<Box<[u8]>> {
        (self.uses.len() > self.limit).then(|| self.order.values().next().cloned()).flatten()
    }

    /// Takes in the keys of the database, which lie in `range`, that it does not know.
    fn complete(
        &mut self,
        number: usize,
        range: &KeyRange,
        overlay: &Overlay,
    ) -> Result<(), Error> {
        if std::mem::replace(&mut self.is_complete, true) {
            return Ok(());
        }
        let mut oldest = self.order.keys().next().copied().unwrap_or(0);
        for entry in overlay.scan(number, range, ScanOrder::Reverse) {
            let (key, _) = entry?;
            if !self.uses.contains_key(&*key) {
                oldest -= 1;
                self.uses.insert(key.as_ref().into(), oldest);
                self.order.insert(oldest, key.as_ref().into());
            }
        }
        Ok(())
    }
}

impl<K: Data, V: Data> KeyValueStore<K, V> {
    /// Keeps at most so many entries: what was not used for longest has to go.
    pub(crate) fn keep_at_most(&mut self, limit: usize) {
        self.recency = Some(Recency::new(limit));
    }

    /// Before a write: notes the use of its key, and deletes others when there are too many.
    pub(super) fn make_room(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        key: &[u8],
        is_delete: bool,
        origin: &Origin,
    ) -> Result<(), Error> {
        let number = self.options.number;
        let Some(recency) = &mut self.recency else { return Ok(()) };
        let range = match self.expiry {
            Some(_) => entries_only(KeyRange::all()),
            None => KeyRange::all(),
        };
        recency.complete(number, &range, overlay)?;
        if is_delete {
            recency.forget(key);
            return Ok(());
        }
        loop {
            let Some(recency) = &mut self.recency else { return Ok(()) };
            recency.note(key, true);
            let Some(oldest) = recency.too_many() else { return Ok(()) };
            // What is over is no entry any more: it takes nobody's place.
            if !self.delete_over(overlay, output, origin)? {
                self.write(overlay, output, &oldest, None, origin)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_counts_as_use() {
        let mut recency = Recency::new(2);
        recency.note(b"a", true);
        recency.note(b"b", true);
        recency.note(b"nobody", false);
        recency.note(b"a", false);
        assert_eq!(recency.too_many(), None);
        recency.note(b"c", true);
        assert_eq!(recency.too_many().as_deref(), Some(&b"b"[..]));
        recency.forget(b"b");
        assert_eq!(recency.too_many(), None);
    }
}
