use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use millstream_state::ScanOrder;

use super::ask::ask;
use super::{StateView, StoreLookup, merged};
use crate::codec::{Data, Wire};
use crate::error::Error;
use crate::record::Timestamped;
use crate::runtime::StreamsApp;

/// A store of a running application, to be queried from anywhere in the process: each question is
/// answered by the stream threads between two records, and sees what was processed last, committed
/// or not. Only the tasks of this instance are asked.
///
/// ```no_run
/// # use millstream::{Error, StreamsApp};
/// # async fn ask(app: &StreamsApp) -> Result<(), Error> {
/// let totals = app.store::<String, i64>("totals")?;
/// let total = totals.get(&"acme".to_owned()).await?;
/// for (customer, total) in totals.all().await? { /* in byte order of the keys */ }
/// # Ok(()) }
/// ```
#[doc(alias = "ReadOnlyKeyValueStore")]
pub struct ReadOnlyStore<'a, K, V> {
    app: &'a StreamsApp,
    lookup: StoreLookup,
    types: PhantomData<fn() -> (K, V)>,
}

impl StreamsApp {
    /// A store of the topology, to query it. An error when there is none of that name; asking with
    /// other types than the store's is an error of each question.
    #[doc(alias = "queryMetadataForKey")]
    pub fn store<K: Data, V: Data>(&self, name: &str) -> Result<ReadOnlyStore<'_, K, V>, Error> {
        let lookup = StoreLookup::find(self.topology(), name)?;
        Ok(ReadOnlyStore { app: self, lookup, types: PhantomData })
    }
}

impl<K: Data + Sync, V: Data> ReadOnlyStore<'_, K, V> {
    /// The value of `key`; `None` when it has none.
    pub async fn get(&self, key: &K) -> Result<Option<V>, Error> {
        Ok(self.get_timestamped(key).await?.map(|entry| entry.value))
    }

    /// The value of `key` with its timestamp; `None` when it has none.
    pub async fn get_timestamped(&self, key: &K) -> Result<Option<Timestamped<V>>, Error> {
        let key = key.clone();
        let found = self.ask(move |mut view| view.get(&key)).await?;
        Ok(found.into_iter().flatten().next())
    }

    /// The entries whose keys lie in `range`, in unsigned order of the keys' bytes. They are copied
    /// out while the stream threads wait, so ask for no more than you need.
    pub async fn range(&self, range: impl RangeBounds<K>) -> Result<Vec<(K, V)>, Error> {
        self.range_ordered(range, ScanOrder::Forward).await
    }

    /// As [`range`](Self::range), backwards.
    #[doc(alias = "reverseRange")]
    pub async fn range_reverse(&self, range: impl RangeBounds<K>) -> Result<Vec<(K, V)>, Error> {
        self.range_ordered(range, ScanOrder::Reverse).await
    }

    /// The entries whose keys' bytes begin with those of `prefix`, in unsigned order of the keys'
    /// bytes. An error for a store of windows.
    #[doc(alias = "prefixScan")]
    pub async fn prefix<P: Wire + Sync>(&self, prefix: &P) -> Result<Vec<(K, V)>, Error> {
        let prefix = prefix.clone();
        let parts = self.ask(move |view| view.prefix(&prefix)).await?;
        let entries = merged(parts, ScanOrder::Forward);
        Ok(entries.map(|(key, value)| (key, value.value)).collect())
    }

    async fn range_ordered(
        &self,
        range: impl RangeBounds<K>,
        order: ScanOrder,
    ) -> Result<Vec<(K, V)>, Error> {
        let range: (Bound<K>, Bound<K>) =
            (range.start_bound().cloned(), range.end_bound().cloned());
        let parts = self.ask(move |view| view.range(&range, order)).await?;
        Ok(merged(parts, order).map(|(key, value)| (key, value.value)).collect())
    }

    /// All entries, in unsigned order of the keys' bytes.
    pub async fn all(&self) -> Result<Vec<(K, V)>, Error> {
        self.range(..).await
    }

    /// About how many entries there are.
    #[doc(alias = "approximateNumEntries")]
    pub async fn approximate_len(&self) -> Result<u64, Error> {
        Ok(self.ask(|view| Ok(view.approximate_len())).await?.into_iter().sum())
    }

    /// Asks every stream thread, and gathers what their tasks answer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl Fn(StateView<'_, K, V>) -> Result<T, Error> + Send + Sync + 'static,
    ) -> Result<Vec<T>, Error> {
        ask(self.app, &self.lookup, move |lookup, thread| lookup.each(thread, &question)).await
    }
}

impl<K, V> fmt::Debug for ReadOnlyStore<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadOnlyStore").field(&self.lookup.name).finish()
    }
}
