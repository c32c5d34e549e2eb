use std::any::type_name;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::table_joins::joins_two_builders;
use super::{KStream, KTable};
use crate::codec::{Data, Wire, WireCodec};
use crate::error::BoxError;
use crate::operators::{self, GraceJoin, GraceJoinSetup, Joiner};
use crate::processor::{GraceBuffer, Node, StateStore};
use crate::topology::{ChangelogKind, RepartitionFor, StoreSetup, StoreSpec};

impl<K: Wire, V: Wire> KStream<K, V> {
    /// Joins each record with the present value of its key in a table; a record whose key the table
    /// does not have gives nothing. Changes of the table give nothing either, they are only found by
    /// later records, whatever the timestamps say. Records with a null key or value are dropped and
    /// counted. The result has the record's timestamp.
    ///
    /// ```text
    /// stream   a:1             a:2     a:3             a:4
    /// table            a:x                     a:-
    /// result                   a:2x    a:3x
    /// ```
    ///
    /// The topics of both must have the same number of partitions. Where the stream's key may have
    /// changed it is repartitioned first, through a topic called
    /// `<application.id>-<name>-repartition` after the name that `.named(..)` gives the join.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let numbers = s.filter(|_, v| v.as_str() < "a");
    ///         let letters = s.filter(|_, v| v.as_str() >= "a").to_table("letters");
    ///         numbers.join_table(&letters, |_, number, letter| number + &letter)
    ///     },
    ///     "a:1 a:x a:2 b:3",
    ///     "a:2x",
    /// );
    /// ```
    #[doc(alias = "join")]
    pub fn join_table<V2: Data, R: Data>(
        &self,
        table: &KTable<K, V2>,
        f: impl Fn(&K, V, V2) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_join_table(table, move |key, value, found| Ok(f(key, value, found)))
    }

    /// As [`join_table`](Self::join_table), with a closure that can fail.
    pub fn try_join_table<V2: Data, R: Data>(
        &self,
        table: &KTable<K, V2>,
        f: impl Fn(&K, V, V2) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.add_table_join("KSTREAM-JOIN-", table, false, None, move |key, value, found| {
            found.map(|found| f(key, value, found)).transpose()
        })
    }

    /// Joins each record with the present value of its key in a table; where the table has none, or
    /// the record's key is null, `f` gets `None`. Records with a null value are dropped and counted;
    /// the rest is as with [`join_table`](Self::join_table).
    ///
    /// ```text
    /// stream   a:1             a:2             a:3
    /// table            a:x             a:-
    /// result   a:1-            a:2x            a:3-
    /// ```
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let numbers = s.filter(|_, v| v.as_str() < "a");
    ///         let letters = s.filter(|_, v| v.as_str() >= "a").to_table("letters");
    ///         numbers.left_join_table(&letters, |_, number, letter| {
    ///             number + letter.as_deref().unwrap_or("?")
    ///         })
    ///     },
    ///     "a:1 a:x a:2 b:3",
    ///     "a:1? a:2x b:3?",
    /// );
    /// ```
    #[doc(alias = "leftJoin")]
    pub fn left_join_table<V2: Data, R: Data>(
        &self,
        table: &KTable<K, V2>,
        f: impl Fn(&K, V, Option<V2>) -> R + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.try_left_join_table(table, move |key, value, found| Ok(f(key, value, found)))
    }

    /// As [`left_join_table`](Self::left_join_table), with a closure that can fail.
    pub fn try_left_join_table<V2: Data, R: Data>(
        &self,
        table: &KTable<K, V2>,
        f: impl Fn(&K, V, Option<V2>) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        self.add_table_join("KSTREAM-LEFTJOIN-", table, true, None, move |key, value, found| {
            f(key, value, found).map(Some)
        })
    }

    pub(super) fn add_table_join<V2: Data, R: Data>(
        &self,
        prefix: &str,
        table: &KTable<K, V2>,
        keeps_null_keys: bool,
        grace: Option<(i64, String)>,
        f: impl Fn(&K, V, Option<V2>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, R> {
        let f = Arc::new(f);
        let mut graph = self.graph.borrow_mut();
        // Without a name of its own the topic is called after what is repartitioned.
        let base = graph.nodes[self.node].name.clone();
        let source =
            self.key_changed.then(|| self.add_repartition(&mut graph, &base, RepartitionFor::Join));
        let name = graph.new_name(prefix);
        let mut reads = vec![table.node];
        if !Rc::ptr_eq(&self.graph, &table.graph) {
            graph.problems.push(joins_two_builders(&name));
            reads.clear();
        }
        let parent = source.unwrap_or(self.node);
        let grace_ms = grace.as_ref().map(|(ms, _)| *ms);
        let node = graph.add_processor(name, vec![parent], move |setup| -> Box<dyn Node> {
            let (table, f) = (setup.reads[0], f.clone());
            let Some(grace) = grace_ms else {
                return operators::stream_table_join::<K, V, V2, R, _>(table, keeps_null_keys, f);
            };
            let store = setup.stores[0];
            let joiner = Joiner {
                f: move |key: &K, value: V, found: Option<V2>| f(key, value, found),
                types: PhantomData,
            };
            Box::new(GraceJoin {
                setup: GraceJoinSetup { table, store, grace, keeps_null_keys },
                key: WireCodec::<K>::shared(),
                value: WireCodec::<V>::shared(),
                f: Arc::new(joiner),
            })
        });
        if let Some(source) = source {
            graph.name_repartition_after(node, source);
        }
        if source.is_some() && graph.has_generated_name(self.node) {
            graph.refuse_unnamed_topic(Some(node), &base, ".join_table(..).named(\"a-name\")");
        }
        if let Some((_, name)) = grace {
            let store = graph.add_store(StoreSpec {
                name: format!("{name}-Buffer"),
                kind: ChangelogKind::Latest,
                factory: Arc::new(|setup: StoreSetup| {
                    Box::new(GraceBuffer::new(setup.options)) as Box<dyn StateStore>
                }),
                timestamped: false,
                caching: false,
                changelog: Some(BTreeMap::new()),
                owner: None,
                segments: None,
                optional: false,
                formats: [type_name::<WireCodec<K>>(), type_name::<WireCodec<V>>()],
                source_topic: None,
                backend: None,
            });
            graph.connect(node, store);
            graph.rename(node, &name);
        }
        graph.nodes[node].reads = reads;
        graph.nodes[node].takes_null_keys = keeps_null_keys;
        graph.keyed.push(node);
        drop(graph);
        KStream::new(self.graph.clone(), node, false)
    }
}
