//! What nodes may do with tables in versioned stores.

use millstream_state::Overlay;

use crate::codec::Data;
use crate::error::{BoxError, Stage};
use crate::processor::{Context, NodeError, Output, VersionedStore};
use crate::record::{Change, Timestamped, VersionPut};

impl Context<'_> {
    /// A versioned store, by its number in the task, and what it needs to work.
    pub(crate) fn versioned_store<K: Data, V: Data>(
        &mut self,
        store: usize,
    ) -> (&mut VersionedStore<K, V>, &mut Overlay, &mut dyn Output) {
        let task = &mut *self.task;
        let typed = task.stores[store].as_any_mut().downcast_mut();
        let typed = typed.expect("typed handles made this store, so the types agree");
        (typed, &mut task.overlay, &mut *self.output)
    }

    /// As [`update_store`](Self::update_store), for a versioned store: `update` gets the latest
    /// version. What comes out of order is forwarded, and known not to be the latest; what is too
    /// old is not.
    #[cold]
    pub(super) fn update_versions<K: Data, V: Data>(
        &mut self,
        store: usize,
        key: &K,
        update: impl FnOnce(Option<Timestamped<V>>) -> Result<Timestamped<Option<V>>, BoxError>,
    ) -> Result<Option<(Change<V>, i64)>, NodeError> {
        let (typed, overlay, _) = self.versioned_store::<K, V>(store);
        let old = typed.latest(overlay, key)?;
        let sent_old = typed.sends_old().then(|| old.clone()).flatten().map(|old| old.value);
        let new = update(old).map_err(|cause| self.failure(Stage::Process, cause))?;
        let Timestamped { value, timestamp } = new;
        let (typed, overlay, output) = self.versioned_store::<K, V>(store);
        let value = typed.present(value);
        let put = typed.put(overlay, output, key, value.as_ref(), timestamp)?;
        self.task.outdated = matches!(put, VersionPut::Until(_));
        let change = Change { new: value, old: sent_old };
        Ok((put != VersionPut::TooOld).then_some((change, timestamp)))
    }

    /// The value that a key had in the table of a node at `time`, or has if the table is not
    /// versioned.
    pub(crate) fn table_value_as_of<K: Data, V: Data>(
        &mut self,
        table: u32,
        key: &K,
        time: i64,
    ) -> Result<Option<Timestamped<V>>, NodeError> {
        let before = self.task.as_of.replace(time);
        let found = self.table_value(table, key);
        self.task.as_of = before;
        found
    }
}
