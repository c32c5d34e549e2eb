use std::rc::Rc;
use std::sync::Arc;

use super::table_joins::joins_two_builders;
use super::{GlobalKTable, KStream};
use crate::codec::{Data, Wire};
use crate::error::BoxError;
use crate::operators;

impl<K: Data, V: Wire> KStream<K, V> {
    /// Joins each record with the present value of a global table under the key that `key` gives for
    /// it; a record whose key the table does not have gives nothing. Records with a null value, and
    /// those for which `key` gives nothing, are dropped and counted; a null key of the record itself
    /// is none of the table's business. The result has the record's key and timestamp.
    ///
    /// Changes of the table give nothing, they are found by later records; which, is not a matter of
    /// timestamps: the table is followed as fast as its topic can be read. No partitions have to
    /// agree, and nothing is repartitioned.
    ///
    /// ```text
    /// stream   a:1             a:2     a:3             a:4
    /// table            a:x                     a:-
    /// result                   a:2x    a:3x
    /// ```
    ///
    /// ```
    /// # use millstream::{StreamsBuilder, testing::TopologyTestDriver};
    /// let builder = StreamsBuilder::new();
    /// let names = builder.global_table::<i64, String>("names", "names");
    /// builder
    ///     .stream::<String, i64>("visits")
    ///     .join_global_table(&names, |_, visitor| Some(*visitor), |_, _, name| name)
    ///     .to("visitors");
    /// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<i64, String>("names").send(7, "Ada")?;
    /// driver.input::<String, i64>("visits").send("home", 7)?;
    /// driver.input::<String, i64>("visits").send("home", 8)?;
    /// let visitors = driver.output::<String, String>("visitors").read_all()?;
    /// assert_eq!(visitors, [("home".to_owned(), "Ada".to_owned())]);
    /// # Ok::<_, millstream::Error>(())
    /// ```
    #[doc(alias = "join")]
    pub fn join_global_table<GK: Wire, GV: Data, R: Data>(
        &self,
        table: &GlobalKTable<GK, GV>,
        key: impl Fn(&K, &V) -> Option<GK> + Send + Sync + 'static,
        f: impl Fn(&K, V, GV) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_join_global_table(
            table,
            move |k, v| Ok(key(k, v)),
            move |k, value, found| Ok(f(k, value, found)),
        )
    }

    /// As [`join_global_table`](Self::join_global_table), with closures that can fail.
    pub fn try_join_global_table<GK: Wire, GV: Data, R: Data>(
        &self,
        table: &GlobalKTable<GK, GV>,
        key: impl Fn(&K, &V) -> Result<Option<GK>, BoxError> + Send + Sync + 'static,
        f: impl Fn(&K, V, GV) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.add_global_join(table, false, key, move |key, value, found: Option<GV>| {
            found.map(|found| f(key, value, found)).transpose()
        })
    }

    /// As [`join_global_table`](Self::join_global_table), but a record that finds nothing, or for
    /// which `key` gives nothing, is joined with `None`. Records with a null value are dropped and
    /// counted.
    ///
    /// ```text
    /// stream   a:1             a:2             a:3
    /// table            a:x             a:-
    /// result   a:1-            a:2x            a:3-
    /// ```
    ///
    /// ```
    /// # use millstream::{StreamsBuilder, testing::TopologyTestDriver};
    /// let builder = StreamsBuilder::new();
    /// let names = builder.global_table::<i64, String>("names", "names");
    /// builder
    ///     .stream::<String, i64>("visits")
    ///     .left_join_global_table(&names, |_, n| Some(*n), |_, _, name| name.unwrap_or_default())
    ///     .to("visitors");
    /// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("visits").send("home", 8)?;
    /// let visitors = driver.output::<String, String>("visitors").read_all()?;
    /// assert_eq!(visitors, [("home".to_owned(), String::new())]);
    /// # Ok::<_, millstream::Error>(())
    /// ```
    #[doc(alias = "leftJoin")]
    pub fn left_join_global_table<GK: Wire, GV: Data, R: Data>(
        &self,
        table: &GlobalKTable<GK, GV>,
        key: impl Fn(&K, &V) -> Option<GK> + Send + Sync + 'static,
        f: impl Fn(&K, V, Option<GV>) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_left_join_global_table(
            table,
            move |k, v| Ok(key(k, v)),
            move |k, value, found| Ok(f(k, value, found)),
        )
    }

    /// As [`left_join_global_table`](Self::left_join_global_table), with closures that can fail.
    pub fn try_left_join_global_table<GK: Wire, GV: Data, R: Data>(
        &self,
        table: &GlobalKTable<GK, GV>,
        key: impl Fn(&K, &V) -> Result<Option<GK>, BoxError> + Send + Sync + 'static,
        f: impl Fn(&K, V, Option<GV>) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.add_global_join(table, true, key, move |key, value, found| {
            f(key, value, found).map(Some)
        })
    }

    fn add_global_join<GK: Wire, GV: Data, R: Data>(
        &self,
        table: &GlobalKTable<GK, GV>,
        keeps_unmapped: bool,
        key: impl Fn(&K, &V) -> Result<Option<GK>, BoxError> + Send + Sync + 'static,
        f: impl Fn(&K, V, Option<GV>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let (key, f, store) = (Arc::new(key), Arc::new(f), table.store());
        let mut graph = self.graph.borrow_mut();
        // Kafka Streams calls inner joins so too.
        let name = graph.new_name("KSTREAM-LEFTJOIN-");
        if !Rc::ptr_eq(&self.graph, &table.graph) {
            graph.problems.push(joins_two_builders(&name));
        }
        let node = graph.add_processor(name, vec![self.node], move |_| {
            let (key, f) = (key.clone(), f.clone());
            operators::global_join(store.clone(), keeps_unmapped, key, f)
        });
        graph.nodes[node].takes_null_keys = keeps_unmapped;
        drop(graph);
        KStream::new(self.graph.clone(), node, self.key_changed)
    }
}
