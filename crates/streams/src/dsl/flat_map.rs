use std::sync::Arc;

use super::KStream;
use crate::codec::Data;
use crate::error::BoxError;
use crate::operators;
use crate::topology::Keys;

impl<K: Data, V: Data> KStream<K, V> {
    /// Makes any number of records of each. A grouping behind it repartitions.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.flat_map(|k, v| [(v.clone(), k.clone()), (k, v)]), "a:1", "1:a a:1");
    /// ```
    #[doc(alias = "flatMap")]
    pub fn flat_map<K2: Data, V2: Data, I: IntoIterator<Item = (K2, V2)> + 'static>(
        &self,
        f: impl Fn(K, V) -> I + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        self.try_flat_map(move |key, value| Ok(f(key, value)))
    }

    /// As [`flat_map`](Self::flat_map), with a closure that can fail.
    pub fn try_flat_map<K2: Data, V2: Data, I: IntoIterator<Item = (K2, V2)> + 'static>(
        &self,
        f: impl Fn(K, V) -> Result<I, BoxError> + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        let f = Arc::new(f);
        self.then("KSTREAM-FLATMAP-", Keys::Changes, move || operators::flat_map(f.clone()))
    }

    /// Makes any number of values of each record, under its key.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.flat_map_values(|v| vec![v.clone(), v]), "a:1", "a:1 a:1");
    /// ```
    #[doc(alias = "flatMapValues")]
    pub fn flat_map_values<V2: Data, I: IntoIterator<Item = V2> + 'static>(
        &self,
        f: impl Fn(V) -> I + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.try_flat_map_values(move |value| Ok(f(value)))
    }

    /// As [`flat_map_values`](Self::flat_map_values), with a closure that can fail.
    pub fn try_flat_map_values<V2: Data, I: IntoIterator<Item = V2> + 'static>(
        &self,
        f: impl Fn(V) -> Result<I, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.try_flat_map_values_with_key(move |_, value| f(value))
    }

    /// Makes any number of values of each record, with a look at its key.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(|s| s.flat_map_values_with_key(|k, v| [k.clone(), v]), "a:1", "a:a a:1");
    /// ```
    pub fn flat_map_values_with_key<V2: Data, I: IntoIterator<Item = V2> + 'static>(
        &self,
        f: impl Fn(&K, V) -> I + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.try_flat_map_values_with_key(move |key, value| Ok(f(key, value)))
    }

    /// As [`flat_map_values_with_key`](Self::flat_map_values_with_key), with a closure that can
    /// fail.
    pub fn try_flat_map_values_with_key<V2: Data, I: IntoIterator<Item = V2> + 'static>(
        &self,
        f: impl Fn(&K, V) -> Result<I, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        let f = Arc::new(f);
        self.then("KSTREAM-FLATMAPVALUES-", Keys::Other, move || {
            operators::flat_map_values(f.clone())
        })
    }
}
