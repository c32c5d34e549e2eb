use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use millstream_state::Overlay;

use super::ask::ask;
use super::{StoreLookup, TaskStore};
use crate::codec::Data;
use crate::error::Error;
use crate::processor::{VersionedStore, times};
use crate::record::VersionedRecord;
use crate::runtime::StreamsApp;

/// A versioned store of a running application, to be queried from anywhere in the process, as a
/// [`ReadOnlyStore`](crate::ReadOnlyStore) is: each question is answered by the stream threads between two
/// records, and sees what was processed last, committed or not. Only the tasks of this instance are asked.
///
/// ```no_run
/// # use millstream::{Error, StreamsApp};
/// # async fn ask(app: &StreamsApp) -> Result<(), Error> {
/// let prices = app.versioned_store::<String, i64>("prices")?;
/// let tea = "tea".to_owned();
/// let now = prices.get(&tea).await?;
/// let then = prices.get_as_of(&tea, 1_700_000_000_000).await?;
/// let all_day = prices.versions(&tea, 1_700_000_000_000..1_700_086_400_000).await?;
/// # Ok(()) }
/// ```
#[doc(alias = "VersionedKeyQuery")]
#[doc(alias = "MultiVersionedKeyQuery")]
pub struct ReadOnlyVersionedStore<'a, K, V> {
    app: &'a StreamsApp,
    lookup: StoreLookup,
    types: PhantomData<fn() -> (K, V)>,
}

impl StreamsApp {
    /// A versioned store of the topology, to query it. An error when there is none of that name; asking
    /// a store that is not versioned, or with other types than the store's, is an error of each question.
    pub fn versioned_store<K: Data, V: Data>(
        &self,
        name: &str,
    ) -> Result<ReadOnlyVersionedStore<'_, K, V>, Error> {
        let lookup = StoreLookup::find(self.topology(), name)?;
        Ok(ReadOnlyVersionedStore { app: self, lookup, types: PhantomData })
    }
}

impl<K: Data + Sync, V: Data> ReadOnlyVersionedStore<'_, K, V> {
    /// The latest version of `key`; `None` when it has none, or its latest is a delete.
    pub async fn get(&self, key: &K) -> Result<Option<VersionedRecord<V>>, Error> {
        self.get_as_of(key, i64::MAX).await
    }

    /// The version of `key` that is valid at `time`, in milliseconds; `None` where it had no value. When
    /// that is before the store's history nothing is found but a version that is still the latest.
    #[doc(alias = "asOf")]
    pub async fn get_as_of(&self, key: &K, time: i64) -> Result<Option<VersionedRecord<V>>, Error> {
        let key = key.clone();
        let found = self.ask(move |store, overlay| store.as_of(overlay, &key, time)).await?;
        // A key is in one task.
        Ok(found.into_iter().flatten().next())
    }

    /// The versions of `key` that are valid at some time in `range`, in milliseconds, the earliest first.
    /// Deletes show as gaps. What ended before the store's history is not found.
    #[doc(alias = "fromTime")]
    #[doc(alias = "toTime")]
    #[doc(alias = "withAscendingTimestamps")]
    pub async fn versions(
        &self,
        key: &K,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<VersionedRecord<V>>, Error> {
        let (key, range) = (key.clone(), times(&range));
        let found = self.ask(move |store, overlay| store.versions_in(overlay, &key, range)).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// As [`versions`](Self::versions), the latest first.
    #[doc(alias = "withDescendingTimestamps")]
    pub async fn versions_reverse(
        &self,
        key: &K,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<VersionedRecord<V>>, Error> {
        let mut versions = self.versions(key, range).await?;
        versions.reverse();
        Ok(versions)
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl Fn(&VersionedStore<K, V>, &Overlay) -> Result<T, Error> + Send + Sync + 'static,
    ) -> Result<Vec<T>, Error> {
        ask(self.app, &self.lookup, move |lookup, thread| {
            lookup.each_store(thread, |TaskStore { store, overlay }| {
                match store.as_any_mut().downcast_ref::<VersionedStore<K, V>>() {
                    Some(store) => question(store, overlay),
                    None if lookup.is_versioned => Err(lookup.other_types::<K, V>()),
                    None => Err(Error::Unavailable(format!(
                        "store '{}' is not versioned: ask it with `store`, `window_store` or `session_store`",
                        lookup.name
                    ))),
                }
            })
        })
        .await
    }
}

impl<K, V> fmt::Debug for ReadOnlyVersionedStore<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadOnlyVersionedStore").field(&self.lookup.name).finish()
    }
}
