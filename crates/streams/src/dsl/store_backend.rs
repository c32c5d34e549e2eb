//! Where single stores are kept.

use std::sync::Arc;

use millstream_state::StateBackend;

use super::{Materialized, StreamJoined};
use crate::codec::Data;

impl<K: Data, V: Data> Materialized<K, V> {
    /// Keeps the store in `backend`, wherever the application keeps the others: in memory in an
    /// application on disk, or in a database of your own, which implements
    /// [`StateBackend`] and [`Database`](crate::state::Database). For several stores share one `Arc`: each
    /// task then opens them together.
    ///
    /// What the store needs of it is little: its changelog brings everything back that the backend does
    /// not have any more. A store that moves to another backend begins empty there and is restored; one
    /// without a changelog loses what it held.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use millstream::{Materialized, state::MemoryBackend};
    /// let recent = Materialized::<String, i64>::new("recent").backend(Arc::new(MemoryBackend));
    /// ```
    #[doc(alias = "withStoreType")]
    #[doc(alias = "DslStoreSuppliers")]
    #[doc(alias = "KeyValueBytesStoreSupplier")]
    #[doc(alias = "WindowBytesStoreSupplier")]
    #[doc(alias = "SessionBytesStoreSupplier")]
    #[doc(alias = "VersionedBytesStoreSupplier")]
    #[doc(alias = "inMemoryKeyValueStore")]
    #[doc(alias = "persistentKeyValueStore")]
    pub fn backend(mut self, backend: Arc<dyn StateBackend>) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Has it kept where another part of the program says.
    pub(super) fn kept_in(mut self, backend: Option<Arc<dyn StateBackend>>) -> Self {
        self.backend = backend;
        self
    }
}

impl StreamJoined {
    /// Keeps the stores of the join in `backend`, wherever the application keeps the others; see
    /// [`Materialized::backend`].
    #[doc(alias = "withDslStoreSuppliers")]
    #[doc(alias = "withThisStoreSupplier")]
    #[doc(alias = "withOtherStoreSupplier")]
    pub fn backend(mut self, backend: Arc<dyn StateBackend>) -> Self {
        self.backend = Some(backend);
        self
    }
}
