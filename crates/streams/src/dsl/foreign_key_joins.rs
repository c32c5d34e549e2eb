use std::sync::Arc;

use millstream_broker::partition_for_key;

use super::repartition::{add_internal_sink, add_internal_source};
use super::{KTable, Materialized};
use crate::codec::{
    Codec, Data, SubscriptionCodec, SubscriptionResponse, SubscriptionResponseCodec, Wire,
    WireCodec,
};
use crate::error::BoxError;
use crate::operators::{self, SubscriptionCodecs};
use crate::processor::{Outdated, SinkFormats};
use crate::topology::{Companion, Graph, foreign_key_topic};

impl<K: Wire, V: Wire> KTable<K, V> {
    /// Joins each row with the row of another table whose key is its foreign key: many rows here to
    /// one there. The result has the keys of this table that have a row on both sides. A row whose
    /// `foreign_key` is `None` gives nothing and is counted as dropped; a change of the foreign key
    /// moves a row, a change or delete there reaches all rows that have it.
    ///
    /// ```text
    /// this     a:x|1           b:x|2                   a:y|1   b:-
    /// other            x:R                     x:S
    /// result           a:1R    b:2R            a:1S b:2S   a:-     b:-
    /// ```
    ///
    /// The result has the higher timestamp where a row here changed, and that of the other row where
    /// that changed. The tables may have different numbers of partitions: rows are sent to where
    /// their foreign key is, and answered, through two topics of the application's own. An answer
    /// that comes too late, when the row is another by then, is left out. What the other table's
    /// format writes as no bytes at all counts as missing.
    ///
    /// `.named(..)` names the topics and the store with them:
    /// `<application.id>-<name>-subscription-registration-topic`, `…-subscription-response-topic` and
    /// `…-subscription-store-changelog`. A join without a name is refused, since they would change with
    /// the operators before it.
    /// Behind what needs the result's old values it must be `.materialized(..)`.
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let items = s.filter(|_, v| v.as_str() < "a").to_table("items");
    ///         let prices = s.filter(|_, v| v.as_str() >= "a").to_table("prices");
    ///         let joined = items
    ///             .join_on_foreign_key(&prices, |_, v| Some(v.clone()), |_, v, price| v + &price)
    ///             .named("item-prices");
    ///         joined.to_stream()
    ///     },
    ///     "i:1 1:x j:1 1:y",
    ///     "i:1x j:1x i:1y j:1y",
    /// );
    /// ```
    #[doc(alias = "TableJoined")]
    pub fn join_on_foreign_key<F: Wire, V2: Wire, R: Data>(
        &self,
        other: &KTable<F, V2>,
        foreign_key: impl Fn(&K, &V) -> Option<F> + Send + Sync + 'static,
        f: impl Fn(&K, V, V2) -> R + Send + Sync + 'static,
    ) -> KTable<K, R> {
        let foreign_key = move |key: &K, value: &V| Ok(foreign_key(key, value));
        self.try_join_on_foreign_key(other, foreign_key, move |key, v, v2| Ok(f(key, v, v2)))
    }

    /// As [`join_on_foreign_key`](Self::join_on_foreign_key), with closures that can fail.
    pub fn try_join_on_foreign_key<F: Wire, V2: Wire, R: Data>(
        &self,
        other: &KTable<F, V2>,
        foreign_key: impl Fn(&K, &V) -> Result<Option<F>, BoxError> + Send + Sync + 'static,
        f: impl Fn(&K, V, V2) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, R> {
        self.add_foreign_key_join(other, false, foreign_key, move |key, v, v2: Option<V2>| {
            v.zip(v2).map(|(v, v2)| f(key, v, v2)).transpose()
        })
    }

    /// Joins each row with the row of another table whose key is its foreign key; where there is no
    /// such row, or no foreign key, `f` gets `None`. The result has the keys of this table; the rest
    /// is as with [`join_on_foreign_key`](Self::join_on_foreign_key).
    ///
    /// ```text
    /// this     a:x|1           b:|2            b:-
    /// other            x:R             x:-
    /// result   a:1-    a:1R    b:2-    a:1-    b:-
    /// ```
    ///
    /// ```
    /// # use millstream::testing::check;
    /// check(
    ///     |s| {
    ///         let items = s.filter(|_, v| v.as_str() < "a").to_table("items");
    ///         let prices = s.filter(|_, v| v.as_str() >= "a").to_table("prices");
    ///         let joined = items.left_join_on_foreign_key(
    ///             &prices,
    ///             |_, v| Some(v.clone()),
    ///             |_, v, price| v + price.as_deref().unwrap_or("?"),
    ///         );
    ///         joined.named("item-prices").to_stream()
    ///     },
    ///     "i:1 1:x j:2",
    ///     "i:1? i:1x j:2?",
    /// );
    /// ```
    pub fn left_join_on_foreign_key<F: Wire, V2: Wire, R: Data>(
        &self,
        other: &KTable<F, V2>,
        foreign_key: impl Fn(&K, &V) -> Option<F> + Send + Sync + 'static,
        f: impl Fn(&K, V, Option<V2>) -> R + Send + Sync + 'static,
    ) -> KTable<K, R> {
        let foreign_key = move |key: &K, value: &V| Ok(foreign_key(key, value));
        self.try_left_join_on_foreign_key(other, foreign_key, move |key, v, v2| Ok(f(key, v, v2)))
    }

    /// As [`left_join_on_foreign_key`](Self::left_join_on_foreign_key), with closures that can fail.
    pub fn try_left_join_on_foreign_key<F: Wire, V2: Wire, R: Data>(
        &self,
        other: &KTable<F, V2>,
        foreign_key: impl Fn(&K, &V) -> Result<Option<F>, BoxError> + Send + Sync + 'static,
        f: impl Fn(&K, V, Option<V2>) -> Result<R, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, R> {
        self.add_foreign_key_join(other, true, foreign_key, move |key, v, v2: Option<V2>| {
            v.map(|v| f(key, v, v2)).transpose()
        })
    }

    fn add_foreign_key_join<F: Wire, V2: Wire, R: Data>(
        &self,
        other: &KTable<F, V2>,
        left: bool,
        foreign_key: impl Fn(&K, &V) -> Result<Option<F>, BoxError> + Send + Sync + 'static,
        f: impl Fn(&K, Option<V>, Option<V2>) -> Result<Option<R>, BoxError> + Send + Sync + 'static,
    ) -> KTable<K, R> {
        let mut graph = self.graph.borrow_mut();
        let names = Names::new(&mut graph);
        let other_node = self.other_table(&mut graph, other, &names.result);
        graph.send_old_values(self.node);

        let (foreign_key, codecs) = (Arc::new(foreign_key), Arc::new(SubscriptionCodecs::new()));
        let send = graph.add_processor(names.registration, vec![self.node], move |_| {
            operators::subscription_send::<K, V, F, _>(foreign_key.clone(), left)
        });
        let (topic, key) = (names.registration_topic, WireCodec::<Option<F>>::shared());
        let value: Arc<dyn Codec<_>> = Arc::new(SubscriptionCodec::new(WireCodec::<K>::shared()));
        let formats = SinkFormats::internal(key.clone(), value.clone());
        let registration_sink =
            add_internal_sink(&mut graph, names.registration_sink, send, &topic, formats);
        let registration_source =
            add_internal_source(&mut graph, names.registration_source, topic, key, value);

        let store = Materialized::<Vec<u8>, Vec<u8>>::new(names.store).without_cache();
        let store = store.logging_headers().add_to(&mut graph, None).number;
        let receive_codecs = codecs.clone();
        let receive = graph.add_processor(names.receive, vec![registration_source], move |setup| {
            operators::subscription_receive::<F, K>(setup.stores[0], receive_codecs.clone())
        });
        graph.connect(receive, store);
        let join = graph.add_processor(names.join, vec![receive], |setup| {
            operators::subscription_join::<F, K, V2>(setup.reads[0])
        });
        graph.nodes[join].reads = vec![other_node];
        let foreign = graph.add_processor(names.foreign, vec![other_node], move |setup| {
            operators::foreign_table_join::<F, K, V2>(setup.stores[0], codecs.clone())
        });
        graph.connect(foreign, store);
        for node in [send, foreign] {
            graph.nodes[node].outdated = Outdated::Dropped;
        }

        let (topic, key) = (names.response_topic, WireCodec::<K>::shared());
        let value = SubscriptionResponseCodec::new(WireCodec::<V2>::shared());
        let value: Arc<dyn Codec<SubscriptionResponse<V2>>> = Arc::new(value);
        let formats = SinkFormats {
            key: key.clone(),
            value: value.clone(),
            partitioner: Some(Arc::new(partition_of_response)),
            window_suffix: 0,
        };
        let response_sink =
            add_internal_sink(&mut graph, names.response_sink, join, &topic, formats);
        graph.nodes[response_sink].parents.push(foreign);
        let response_source =
            add_internal_source(&mut graph, names.response_source, topic, key, value);
        let f = Arc::new(f);
        let resolver = graph.add_processor(names.resolver, vec![response_source], move |setup| {
            operators::response_join::<K, V, V2, R, _>(setup.reads[0], f.clone())
        });
        graph.nodes[resolver].reads = vec![self.node];
        let result = graph.add_processor(names.result, vec![resolver], |setup| {
            operators::table_source::<K, R>(setup.stores.first().copied())
        });
        graph.burn_store_name(result, "KTABLE-FK-JOIN-OUTPUT-STATE-STORE-");
        graph.only_stored.push(result);
        // Each of the two topics has as many partitions as the table that it goes to.
        graph.keyed.extend([join, resolver]);
        graph.nodes[result].companions = vec![
            (Companion::Node(send), "-subscription-registration-processor".into()),
            (Companion::Node(registration_sink), "-subscription-registration-sink".into()),
            (Companion::Node(registration_source), "-subscription-registration-source".into()),
            (Companion::TopicOf(registration_source), "-subscription-registration-topic".into()),
            (Companion::Store(store), "-subscription-store".into()),
            (Companion::Node(receive), "-subscription-receive".into()),
            (Companion::Node(join), "-subscription-join-foreign".into()),
            (Companion::Node(foreign), "-foreign-join-subscription".into()),
            (Companion::Node(response_sink), "-subscription-response-sink".into()),
            (Companion::Node(response_source), "-subscription-response-source".into()),
            (Companion::TopicOf(response_source), "-subscription-response-topic".into()),
            (Companion::Node(resolver), "-subscription-response-resolver".into()),
            (Companion::Node(result), "-result".into()),
        ];
        graph.refuse_unless_named(result, ".join_on_foreign_key(..).named(\"a-name\")");
        drop(graph);
        KTable::new(self.graph.clone(), result)
    }
}

/// Where a response goes: to the partition that asked. Version 0 of a subscription does not say
/// which that is; then it is where the key goes by itself.
fn partition_of_response<K: Wire, V>(
    key: &K,
    response: &SubscriptionResponse<V>,
    partitions: u32,
) -> u32 {
    response.primary_partition.unwrap_or_else(|| {
        let mut bytes = Vec::new();
        match key.encode(&mut bytes) {
            Ok(()) => partition_for_key(&bytes, partitions),
            // Whoever writes the record will say why it cannot be written.
            Err(_) => 0,
        }
    })
}

/// Generated names, in the order in which Kafka Streams takes their numbers.
struct Names {
    registration_topic: String,
    registration: String,
    registration_sink: String,
    registration_source: String,
    store: String,
    receive: String,
    join: String,
    foreign: String,
    response_topic: String,
    response_sink: String,
    response_source: String,
    resolver: String,
    result: String,
}

impl Names {
    fn new(graph: &mut Graph) -> Self {
        let mut next = |prefix: &str| graph.new_name(prefix);
        Self {
            registration_topic: foreign_key_topic(&next(
                "KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-",
            )),
            registration: next("KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-"),
            registration_sink: next("KTABLE-SINK-"),
            registration_source: next("KTABLE-SOURCE-"),
            store: next("KTABLE-FK-JOIN-SUBSCRIPTION-STATE-STORE-"),
            receive: next("KTABLE-FK-JOIN-SUBSCRIPTION-PROCESSOR-"),
            join: next("KTABLE-FK-JOIN-SUBSCRIPTION-PROCESSOR-"),
            foreign: next("KTABLE-FK-JOIN-SUBSCRIPTION-PROCESSOR-"),
            response_topic: foreign_key_topic(&next("KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-")),
            response_sink: next("KTABLE-SINK-"),
            response_source: next("KTABLE-SOURCE-"),
            resolver: next("KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-"),
            result: next("KTABLE-FK-JOIN-OUTPUT-"),
        }
    }
}
