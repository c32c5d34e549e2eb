use std::any::type_name_of_val;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use millstream_state::StateBackend;

use super::changelog_settings::changelog_settings;
use super::generated_names::Naming;
use crate::codec::{Codec, Data, StoredWindow, WindowStoreCodec, Wire, WireCodec};
use crate::processor::{KeyValueStore, Segments, StoreHandle, VersionedStore};
use crate::record::{NumberedWindow, Windowed};
use crate::topology::{ChangelogKind, Graph, StoreSetup, StoreSpec, TableWindows};
use crate::windows::{EmitStrategy, JoinWindows, SessionWindows, millis};

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
    retention: Option<Duration>,
    time_to_live: Option<Duration>,
    /// For how long a versioned store keeps versions.
    history: Option<Duration>,
    logs_headers: bool,
    /// How many operators write it.
    inputs: usize,
    limit: Option<usize>,
    formats: [&'static str; 2],
    /// Where it is kept, if not with the others.
    pub(super) backend: Option<Arc<dyn StateBackend>>,
    pub(super) naming: Naming,
    /// Whether it is left out where nothing asks its table for values.
    pub(super) optional: bool,
}

impl<K: Data, V: Data> Materialized<K, V> {
    /// A store with formats chosen by hand.
    pub fn with(name: impl Into<String>, key: impl Codec<K>, value: impl Codec<V>) -> Self {
        let formats = [type_name_of_val(&key), type_name_of_val(&value)];
        Self {
            name: name.into(),
            key: Arc::new(key),
            value: Arc::new(value),
            timestamped: true,
            caching: true,
            changelog: Some(BTreeMap::new()),
            retention: None,
            time_to_live: None,
            history: None,
            logs_headers: false,
            inputs: 1,
            limit: None,
            formats,
            backend: None,
            naming: Naming::Given,
            optional: false,
        }
    }

    /// Switches the write-back cache off: every update is written and forwarded at once.
    #[doc(alias = "withCachingDisabled")]
    pub fn without_cache(mut self) -> Self {
        self.caching = false;
        self
    }

    changelog_settings!("the changelog", "the store");

    /// Keeps values without timestamps, as Kafka's plain key-value stores do. Only for stores of
    /// the Processor API; tables always keep them.
    #[doc(alias = "keyValueStoreBuilder")]
    pub fn plain(mut self) -> Self {
        self.timestamped = false;
        self
    }

    /// Keeps at most so many entries in each task: when there are more, the one that was not read or
    /// written for longest is deleted, in the changelog too; nobody downstream hears of it. Such a
    /// store has no cache, and none of windows can be one.
    ///
    /// After a restart the order of use is that of the last writes, as far as they are restored.
    /// Together with a [time to live](Self::time_to_live) both limits hold: what is over is no entry any
    /// more, and goes before any that lives.
    ///
    /// ```
    /// use millstream::Materialized;
    /// let recent = Materialized::<String, i64>::new("recent").lru(1000);
    /// ```
    #[doc(alias = "lruMap")]
    pub fn lru(mut self, max_entries: usize) -> Self {
        self.limit = Some(max_entries);
        self.caching = false;
        self
    }

    /// For how long windows are kept, in stream time. Only for windowed aggregations, and at least
    /// as long as their windows take records, by default as long as that; and for stores of windows
    /// that processors use by hand.
    #[doc(alias = "withRetention")]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    /// How long an entry lives after its timestamp, in stream time: the highest timestamp written to
    /// the store. What is over is neither read nor updated, as if it had been deleted; an update gives
    /// an entry a new timestamp, and with it a new life. It is then deleted little by little with later
    /// writes, from the changelog too. What stands behind a table hears nothing of it. Only for stores
    /// of keys and values with timestamps: windows have their [`retention`](Self::retention). Kafka
    /// Streams has no such stores.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{Materialized, testing::check};
    /// check(
    ///     |s| {
    ///         let store = Materialized::new("n").time_to_live(Duration::from_millis(10));
    ///         s.group_by_key().count(store).to_stream()
    ///     },
    ///     "a:x@1 a:y@10 a:z@20 b:x@29 a:x@30",
    ///     "a:1 a:2 a:1 b:1 a:1",
    /// );
    /// ```
    #[doc(alias = "ttl")]
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = Some(time);
        self
    }

    /// Has the changelog as another part of the program says.
    pub(super) fn logging(mut self, changelog: Option<BTreeMap<String, String>>) -> Self {
        self.changelog = changelog;
        self
    }

    /// Has the records of the changelog carry the headers of what was processed.
    pub(super) fn logging_headers(mut self) -> Self {
        self.logs_headers = true;
        self
    }

    /// Adds a versioned store to the graph.
    pub(super) fn add_versions(self, graph: &mut Graph, owner: Option<usize>) -> usize {
        let history = self.history.map_or(0, millis);
        let Self { name, key, value, changelog, formats, backend, .. } = self;
        let segments = Segments::of_versions(history);
        let factory = Arc::new(move |setup: StoreSetup| {
            let store = VersionedStore::new(setup.options, segments, key.clone(), value.clone());
            Box::new(store) as Box<dyn crate::processor::StateStore>
        });
        graph.add_store(StoreSpec {
            name,
            kind: ChangelogKind::Versions { history },
            factory,
            timestamped: true,
            caching: false,
            changelog,
            owner,
            segments: Some(segments),
            optional: false,
            formats,
            source_topic: None,
            backend,
        })
    }

    /// Adds the store to the graph; `owner` is the node that forwards what its cache gives.
    pub(super) fn add_to(self, graph: &mut Graph, owner: Option<usize>) -> StoreHandle<K, V> {
        if self.retention.is_some() {
            let name = &self.name;
            graph
                .problems
                .push(format!("the store '{name}' keeps no windows: leave out `.retention(..)`"));
        }
        if self.history.is_some() {
            graph.problems.push(format!(
                "the store '{}' is versioned: add it with `add_versioned_store(..)`",
                self.name
            ));
        }
        if self.limit == Some(0) {
            let name = &self.name;
            graph.problems.push(format!(
                "the store '{name}' is to keep no entries at all: give `.lru(..)` at least 1"
            ));
        }
        let key = self.key.clone();
        self.add_as(graph, owner, key, ChangelogKind::Latest, None)
    }

    /// Adds a store whose keys are made of `K`.
    fn add_as<K2: Data>(
        self,
        graph: &mut Graph,
        owner: Option<usize>,
        key: Arc<dyn Codec<K2>>,
        kind: ChangelogKind,
        segments: Option<Segments>,
    ) -> StoreHandle<K2, V> {
        if self.time_to_live.is_some() && (segments.is_some() || !self.timestamped) {
            graph.problems.push(format!(
                "the store '{}' cannot have a time to live: only stores of keys and values with timestamps can; leave out `.time_to_live(..)`",
                self.name
            ));
        }
        let time_to_live = self.time_to_live.map(millis);
        let Self {
            name,
            value,
            timestamped,
            caching,
            changelog,
            logs_headers,
            limit,
            inputs,
            optional,
            formats,
            backend,
            ..
        } = self;
        let handle_name = name.as_str().into();
        let factory = Arc::new(move |setup: StoreSetup| {
            let mut store = KeyValueStore::new(setup.options, key.clone(), value.clone());
            store.log_headers(logs_headers);
            store.expire_after(time_to_live);
            // So that what is known of each is restored.
            store.times_mut().stream_of(inputs.saturating_sub(1));
            if let Some(limit) = limit {
                store.keep_at_most(limit);
            }
            Box::new(store) as Box<dyn crate::processor::StateStore>
        });
        let spec = StoreSpec {
            name,
            kind,
            factory,
            timestamped,
            caching,
            changelog,
            owner,
            segments,
            optional,
            formats,
            source_topic: None,
            backend,
        };
        let number = graph.add_store(spec);
        StoreHandle { name: handle_name, number, types: PhantomData }
    }

    /// Adds the store as a global one: it is filled from a topic, which is all the changelog it
    /// needs, and nobody hears of changes. That of a table keeps timestamps.
    pub(super) fn add_global(self, graph: &mut Graph, is_table: bool) -> StoreHandle<K, V> {
        let timestamped = self.timestamped || is_table;
        let store = Self { timestamped, caching: false, changelog: None, ..self };
        store.add_to(graph, None)
    }

    /// Makes this the store of the table node `node`.
    pub(super) fn attach(self, graph: &mut Graph, node: usize) {
        self.attach_to(graph, &[node], node);
    }

    /// Makes this the store of the table node `table`, which `users` write.
    pub(super) fn attach_to(self, graph: &mut Graph, users: &[usize], table: usize) {
        let store = match self.history {
            Some(_) => self.add_versions(graph, Some(table)),
            None => Self { timestamped: true, ..self }.add_to(graph, Some(table)).number,
        };
        users.iter().for_each(|user| graph.connect(*user, store));
    }

    /// Makes this the store of the windows that `users` aggregate for the table node `table`.
    pub(super) fn attach_windows<W: StoredWindow>(
        mut self,
        graph: &mut Graph,
        users: &[usize],
        table: usize,
        windows: WindowStoreSpec,
    ) {
        let least = windows.retention;
        let retention = self.retention.take().map_or(least, millis);
        if retention < least {
            graph.problems.push(format!(
                "the store '{}' is to keep windows for {retention} ms, but they take records for {least} ms: ask for at least that much",
                self.name
            ));
        }
        if self.limit.is_some() {
            graph.problems.push(format!(
                "the store '{}' keeps windows, which go by their time: leave out `.lru(..)`",
                self.name
            ));
        }
        let segments = Segments {
            scanned: windows.scanned,
            indexed: windows.emit == EmitStrategy::OnWindowClose,
            dates_results: windows.is_session,
            ..Segments::new(retention, W::SUFFIX)
        };
        let owner = (windows.emit == EmitStrategy::OnWindowUpdate).then_some(table);
        // Where the windows of a key are looked for by range, Kafka Streams has no cache in front of a
        // store whose windows are closed.
        let caching = self.caching && !(segments.scanned && segments.indexed);
        let store = Self { timestamped: !windows.is_session, caching, ..self };
        let WindowStoreSpec { grace, end, .. } = windows;
        graph.nodes[table].windows = Some(TableWindows { grace, end: end.clone() });
        let key = Arc::new(WindowStoreCodec::new(store.key.clone(), end));
        let kind = ChangelogKind::Windows { retention };
        let key: Arc<dyn Codec<Windowed<K, W>>> = key;
        let store = Self { inputs: users.len(), ..store };
        let store = store.add_as(graph, owner, key, kind, Some(segments)).number;
        users.iter().for_each(|user| graph.connect(*user, store));
    }
}

impl<K: Data, V: Data> Materialized<K, V> {
    /// Adds a store of the records of a stream that wait to be joined.
    /// Of a store with a name of its own the changelog is compacted too, as in Kafka Streams.
    pub(super) fn add_join_store(
        self,
        graph: &mut Graph,
        windows: &JoinWindows,
        has_own_name: bool,
    ) -> usize {
        let (retention, size) = (windows.retention(), windows.size());
        let kind = match has_own_name {
            true => ChangelogKind::Windows { retention },
            false => ChangelogKind::JoinWindows { retention },
        };
        let store = self.plain().without_cache().logging_headers();
        store.add_scanned::<NumberedWindow>(graph, kind, retention, size).number
    }

    /// Adds a store of windows for processors written by hand. `size` is that of a window, and none for
    /// sessions.
    pub(super) fn add_window_store<W: StoredWindow>(
        mut self,
        graph: &mut Graph,
        size: Option<Duration>,
    ) -> StoreHandle<Windowed<K, W>, V> {
        let least = size.map_or(0, millis);
        let retention = self.retention.take().or(size).map(millis);
        if retention.is_none_or(|retention| retention < least) {
            graph.problems.push(format!(
                "the store '{}' must keep windows for at least {least} ms: say for how long with `.retention(..)`",
                self.name
            ));
        }
        let retention = retention.unwrap_or(least);
        let kind = match W::NUMBERED {
            true => ChangelogKind::JoinWindows { retention },
            false => ChangelogKind::Windows { retention },
        };
        let caching = self.caching && !W::NUMBERED;
        Self { caching, ..self }.add_scanned::<W>(graph, kind, retention, least)
    }

    /// Adds a store whose windows are looked for by range, and that no table owns.
    fn add_scanned<W: StoredWindow>(
        self,
        graph: &mut Graph,
        kind: ChangelogKind,
        retention: i64,
        size: i64,
    ) -> StoreHandle<Windowed<K, W>, V> {
        let segments = Segments {
            scanned: true,
            numbered: W::NUMBERED,
            ..Segments::new(retention, W::SUFFIX)
        };
        let end = Arc::new(move |start: i64| start.saturating_add(size));
        let key: Arc<dyn Codec<Windowed<K, W>>> =
            Arc::new(WindowStoreCodec::new(self.key.clone(), end));
        self.add_as(graph, None, key, kind, Some(segments))
    }
}

/// What an aggregation asks of its store of windows.
pub(super) struct WindowStoreSpec {
    /// How long a window takes records, in milliseconds, counted from its time.
    pub(super) retention: i64,
    /// How long after its end a window still takes records.
    pub(super) grace: i64,
    /// Whether the windows of a key are looked for by range.
    pub(super) scanned: bool,
    pub(super) emit: EmitStrategy,
    pub(super) is_session: bool,
    /// Gives the end of a time window by its start.
    pub(super) end: Arc<dyn Fn(i64) -> i64 + Send + Sync>,
}

impl WindowStoreSpec {
    /// What an aggregation of sessions asks for.
    pub(super) fn of_sessions(windows: SessionWindows, emit: EmitStrategy) -> Self {
        Self {
            retention: windows.retention(),
            grace: windows.gap.saturating_add(windows.grace),
            scanned: true,
            emit,
            is_session: true,
            end: Arc::new(|_| 0),
        }
    }
}

impl<K: Wire, V: Wire> Materialized<K, V> {
    /// A store that keeps the versions of its keys, each valid from its timestamp on until the next
    /// one's, for `history` in stream time; deletes are versions too. A table in such a store takes
    /// records that come out of order for what they are, versions of the past, and a stream that is
    /// joined with it finds the version of its record's time. Records older than the history are
    /// dropped and counted. It is never cached.
    ///
    /// ```
    /// use millstream::Materialized;
    /// use std::time::Duration;
    /// let prices: Materialized<String, i64> =
    ///     Materialized::versioned("prices", Duration::from_secs(3600));
    /// ```
    #[doc(alias = "persistentVersionedKeyValueStore")]
    pub fn versioned(name: impl Into<String>, history: Duration) -> Self {
        Self { history: Some(history), ..Self::new(name) }
    }

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
