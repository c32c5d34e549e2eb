use rustc_hash::FxHashMap;

/// Pending writes of one store: `None` deletes.
pub(crate) type Writes = FxHashMap<Box<[u8]>, Option<Box<[u8]>>>;

/// What a task commits in one atomic write: data of its stores, and for each the changelog offset
/// that the data corresponds to.
#[derive(Clone, Debug, Default)]
pub struct CommitBatch {
    writes: Vec<Writes>,
    offsets: Vec<Option<i64>>,
}

impl CommitBatch {
    /// An empty batch for a database of `stores` stores.
    pub fn new(stores: usize) -> Self {
        Self {
            writes: vec![Writes::default(); stores],
            offsets: vec![None; stores],
        }
    }

    /// Writes `value` under `key`, or deletes the key; the last write of a key counts.
    pub fn write(&mut self, store: usize, key: &[u8], value: Option<&[u8]>) {
        let value = value.map(Into::into);
        match self.writes[store].get_mut(key) {
            Some(pending) => *pending = value,
            None => {
                self.writes[store].insert(key.into(), value);
            }
        }
    }

    /// The pending write of `key`: `Some(None)` when it is to be deleted.
    pub fn pending(&self, store: usize, key: &[u8]) -> Option<Option<&[u8]>> {
        self.writes[store].get(key).map(Option::as_deref)
    }

    /// Notes that the data of `store` corresponds to its changelog up to `offset` (exclusive).
    pub fn set_offset(&mut self, store: usize, offset: i64) {
        self.offsets[store] = Some(offset);
    }

    /// Changelog offsets noted, by store.
    pub fn offsets(&self) -> impl Iterator<Item = (usize, i64)> {
        self.offsets
            .iter()
            .enumerate()
            .filter_map(|(store, offset)| Some((store, (*offset)?)))
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.writes.iter().all(Writes::is_empty) && self.offsets.iter().all(Option::is_none)
    }

    /// Pending writes of `store`, in no order.
    pub fn writes(&self, store: usize) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.writes[store]
            .iter()
            .map(|(key, value)| (&**key, value.as_deref()))
    }

    /// Takes the pending writes of `store` out, in no order.
    pub fn drain(
        &mut self,
        store: usize,
    ) -> impl Iterator<Item = (Box<[u8]>, Option<Box<[u8]>>)> + '_ {
        self.writes[store].drain()
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.writes.iter_mut().for_each(Writes::clear);
        self.offsets.fill(None);
    }
}
