use std::time::Duration;

use super::{KStream, KTable};
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::windows::millis;

impl<K: Wire, V: Wire> KStream<K, V> {
    /// As [`join_table`](Self::join_table) with a [versioned](crate::Materialized::versioned) table,
    /// but each record waits until the stream's time has passed its own by `grace`: until then the
    /// table may catch up. Records come out in the order of their times. One that comes later than
    /// that is joined at once. What waits is kept in the store `<name>-Buffer`.
    ///
    /// ```text
    /// stream   a:1@5                       a:2@30
    /// table             a:x@4    a:y@6
    /// result                               a:1x@5      (grace: 20)
    /// ```
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{Materialized, testing::check};
    /// check(
    ///     |s| {
    ///         let numbers = s.filter(|_, v| v.as_str() < "a");
    ///         let letters = s.filter(|_, v| v.as_str() >= "a");
    ///         let store = Materialized::versioned("letters", Duration::from_secs(60));
    ///         let letters = letters.to_table(store);
    ///         let grace = Duration::from_millis(20);
    ///         numbers.join_table_with_grace(&letters, grace, "join", |_, n, l| n + &l)
    ///     },
    ///     "a:1@5 a:x@4 a:y@6 a:2@30",
    ///     "a:1x@5",
    /// );
    /// ```
    #[doc(alias = "withGracePeriod")]
    pub fn join_table_with_grace<V2: Data, R: Data>(
        &self,
        table: &KTable<K, V2>,
        grace: Duration,
        name: impl Into<String>,
        f: impl Fn(&K, V, V2) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_join_table_with_grace(table, grace, name, move |key, value, found| {
            Ok(f(key, value, found))
        })
    }

    /// As [`join_table_with_grace`](Self::join_table_with_grace), with a closure that can fail.
    pub fn try_join_table_with_grace<V2: Data, R: Data>(
        &self,
        table: &KTable<K, V2>,
        grace: Duration,
        name: impl Into<String>,
        f: impl Fn(&K, V, V2) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let grace = self.grace(table, grace, name.into());
        self.add_table_join("KSTREAM-JOIN-", table, false, grace, move |key, value, found| {
            found.map(|found| f(key, value, found)).transpose()
        })
    }

    /// As [`join_table_with_grace`](Self::join_table_with_grace), but where the table has no value at
    /// the record's time `f` gets `None`; so it does at once for a record with a null key.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{Materialized, testing::check};
    /// check(
    ///     |s| {
    ///         let numbers = s.filter(|_, v| v.as_str() < "a");
    ///         let letters = s.filter(|_, v| v.as_str() >= "a");
    ///         let store = Materialized::versioned("letters", Duration::from_secs(60));
    ///         let letters = letters.to_table(store);
    ///         let grace = Duration::from_millis(20);
    ///         numbers.left_join_table_with_grace(&letters, grace, "join", |_, n, l| {
    ///             n + l.as_deref().unwrap_or("?")
    ///         })
    ///     },
    ///     "a:1@3 a:x@4 a:2@5 a:3@30",
    ///     "a:1?@3 a:2x@5",
    /// );
    /// ```
    pub fn left_join_table_with_grace<V2: Data, R: Data>(
        &self,
        table: &KTable<K, V2>,
        grace: Duration,
        name: impl Into<String>,
        f: impl Fn(&K, V, Option<V2>) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_left_join_table_with_grace(table, grace, name, move |key, value, found| {
            Ok(f(key, value, found))
        })
    }

    /// As [`left_join_table_with_grace`](Self::left_join_table_with_grace), with a closure that can
    /// fail.
    pub fn try_left_join_table_with_grace<V2: Data, R: Data>(
        &self,
        table: &KTable<K, V2>,
        grace: Duration,
        name: impl Into<String>,
        f: impl Fn(&K, V, Option<V2>) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let grace = self.grace(table, grace, name.into());
        self.add_table_join("KSTREAM-LEFTJOIN-", table, true, grace, move |key, value, found| {
            f(key, value, found).map(Some)
        })
    }

    /// The grace of a join, checked against the history of the table.
    fn grace<V2>(
        &self,
        table: &KTable<K, V2>,
        grace: Duration,
        name: String,
    ) -> Option<(i64, String)> {
        let grace = millis(grace);
        let mut graph = self.graph.borrow_mut();
        let problem = match graph.history(table.node) {
            None => Some(format!(
                "'{name}' joins with a grace, but its table is not versioned: keep it in a `Materialized::versioned(..)`, or leave the grace out"
            )),
            Some(history) if history < grace => Some(format!(
                "'{name}' joins with a grace of {grace} ms, but its table keeps versions for {history} ms: let it keep them for at least the grace"
            )),
            Some(_) => None,
        };
        graph.problems.extend(problem);
        Some((grace, name))
    }
}
