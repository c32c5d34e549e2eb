use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::codec::{Codec, Data, Wire, WireCodec};
use crate::processor::{KeyValueStore, StoreHandle};
use crate::topology::{ChangelogKind, Graph, StoreSetup, StoreSpec};

/// A state store: its name, its formats, and how it is kept. A plain name becomes a store with the
/// formats of its types, a changelog and a cache.
///
/// The name is a part of the program's state: the changelog topic is called after it, so a store
/// that gets another name begins empty.
///
/// ```
/// use millstream::Materialized;
/// let plain: Materialized<String, i64> = "counts".into();
/// let tuned = Materialized::<String, i64>::new("counts").without_cache();
/// ```
pub struct Materialized<K: 'static, V: 'static> {
    pub(super) name: String,
    key: Arc<dyn Codec<K>>,
    value: Arc<dyn Codec<V>>,
    timestamped: bool,
    caching: bool,
    changelog: Option<BTreeMap<String, String>>,
    logs_headers: bool,
}

impl<K: Data, V: Data> Materialized<K, V> {
    /// A store with formats chosen by hand.
    pub fn with(name: impl Into<String>, key: impl Codec<K>, value: impl Codec<V>) -> Self {
        Self {
            name: name.into(),
            key: Arc::new(key),
            value: Arc::new(value),
            timestamped: true,
            caching: true,
            changelog: Some(BTreeMap::new()),
            logs_headers: false,
        }
    }

    /// Switches the write-back cache off: every update is written and forwarded at once.
    #[doc(alias = "withCachingDisabled")]
    pub fn without_cache(mut self) -> Self {
        self.caching = false;
        self
    }

    /// Switches the changelog off: the store is lost when its task moves or its process ends.
    #[doc(alias = "withLoggingDisabled")]
    pub fn without_changelog(mut self) -> Self {
        self.changelog = None;
        self
    }

    /// Sets one of Kafka's topic configs on the changelog topic.
    #[doc(alias = "withLoggingEnabled")]
    pub fn changelog_config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.changelog.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// Keeps values without timestamps, as Kafka's plain key-value stores do. Only for stores of
    /// the Processor API; tables always keep them.
    #[doc(alias = "keyValueStoreBuilder")]
    pub fn plain(mut self) -> Self {
        self.timestamped = false;
        self
    }

    /// Has the records of the changelog carry the headers of what was processed.
    pub(super) fn logging_headers(mut self) -> Self {
        self.logs_headers = true;
        self
    }

    /// Adds the store to the graph; `owner` is the node that forwards what its cache gives.
    pub(super) fn add_to(self, graph: &mut Graph, owner: Option<usize>) -> StoreHandle<K, V> {
        let Self { name, key, value, timestamped, caching, changelog, logs_headers } = self;
        let handle_name = name.as_str().into();
        let factory = Arc::new(move |setup: StoreSetup| {
            let mut store = KeyValueStore::new(setup.options, key.clone(), value.clone());
            store.log_headers(logs_headers);
            Box::new(store) as Box<dyn crate::processor::StateStore>
        });
        let kind = ChangelogKind::Latest;
        let spec = StoreSpec { name, kind, factory, timestamped, caching, changelog, owner };
        let number = graph.add_store(spec);
        StoreHandle { name: handle_name, number, types: PhantomData }
    }

    /// Makes this the store of the table node `node`.
    pub(super) fn attach(self, graph: &mut Graph, node: usize) {
        let table = Self { timestamped: true, ..self };
        let store = table.add_to(graph, Some(node)).number;
        graph.connect(node, store);
    }
}

impl<K: Wire, V: Wire> Materialized<K, V> {
    /// A store with the formats of its types.
    pub fn new(name: impl Into<String>) -> Self {
        Self::with(name, WireCodec::<K>::new(), WireCodec::<V>::new())
    }
}

impl<K: Wire, V: Wire> From<&str> for Materialized<K, V> {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl<K: Wire, V: Wire> From<String> for Materialized<K, V> {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl<K, V> fmt::Debug for Materialized<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Materialized").field(&self.name).finish()
    }
}
