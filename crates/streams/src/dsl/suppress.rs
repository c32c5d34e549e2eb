use std::any::type_name;
use std::sync::Arc;

use super::{KTable, Suppressed};
use crate::codec::{Wire, WireCodec};
use crate::operators::Suppress;
use crate::processor::{ChangeBuffer, StateStore};
use crate::topology::{ChangelogKind, StoreSetup, StoreSpec};

impl<K: Wire, V: Wire> KTable<K, V> {
    /// Holds updates back, so that of several of a key only the last goes on. What waits survives a
    /// crash, and comes out in the order in which the first updates of the keys came in, each with
    /// the timestamp and the headers of its last one. A suppression keeps state, so it needs a
    /// [name](Suppressed::named).
    ///
    /// Joins behind it see of a key that is held back the value that it had before. A versioned table, or
    /// a view of one, is refused at `build()`, as in Kafka Streams.
    ///
    /// At most one update of a key in 10 ms of stream time, and the final count of each window of 10 ms:
    ///
    /// ```text
    /// in    a=1@0   a=2@5   b=1@9   c=1@10           d=1@19
    /// out                           a=2@5            b=1@9
    /// ```
    ///
    /// ```
    /// # use millstream::testing::check;
    /// use millstream::{BufferConfig, Suppressed};
    /// use std::time::Duration;
    /// check(
    ///     |s| {
    ///         let seldom = Suppressed::until_time_limit(
    ///             Duration::from_millis(10),
    ///             BufferConfig::unbounded(),
    ///         );
    ///         s.to_table("t").suppress(seldom.named("seldom")).to_stream()
    ///     },
    ///     "a:1@0 a:2@5 b:1@9 c:1@10 d:1@19",
    ///     "a:2@5 b:1@9",
    /// );
    /// ```
    ///
    /// ```
    /// # use millstream::testing::check;
    /// use millstream::{BufferConfig, Suppressed, TimeWindows};
    /// use std::time::Duration;
    /// check(
    ///     |s| {
    ///         let windows = TimeWindows::tumbling(Duration::from_millis(10));
    ///         let counts = s.group_by_key().windowed_by(windows).count("n");
    ///         let last = Suppressed::until_window_closes(BufferConfig::unbounded());
    ///         counts.suppress(last.named("last")).to_stream().map(|w, n| (w.key, n))
    ///     },
    ///     "a:x@1 a:y@5 a:z@11",
    ///     "a:2@5",
    /// );
    /// ```
    pub fn suppress(&self, suppressed: Suppressed<K>) -> Self {
        let Suppressed { name, mut rules, changelog } = suppressed;
        let mut graph = self.graph.borrow_mut();
        let (name, store_name) = match name {
            Some(name) => {
                let store = format!("{name}-store");
                (name, store)
            }
            None => {
                let name = graph.new_name("KTABLE-SUPPRESS-");
                graph.refuse_unnamed(&name, ".suppress(Suppressed::…(..).named(\"a-name\"))");
                (name, graph.new_name("KTABLE-SUPPRESS-STATE-STORE-"))
            }
        };
        if graph.is_versioned(self.node) {
            graph.problems.push(format!(
                "the suppression '{name}' is behind a versioned table, of which a late update may be no update at all: put `.materialized(\"a-name\")` before it, or suppress a table that is not versioned"
            ));
        }
        let windows = graph.windows_above(self.node);
        if rules.window_end.is_some() {
            match &windows {
                Some(windows) => rules.wait_ms = windows.grace,
                None => graph.problems.push(format!(
                    "the suppression '{name}' waits until windows close, but the keys of its table are of no windowed aggregation, so when they do is not known: use `Suppressed::until_time_limit`"
                )),
            }
        }
        let end = windows.map(|windows| windows.end);
        let rules = Arc::new(rules);
        let node = graph.add_processor(name, vec![self.node], move |setup| {
            let (key, value) = (WireCodec::<K>::shared(), WireCodec::<V>::shared());
            let (parent, store, end) = (setup.parents[0], setup.stores[0], end.clone());
            Box::new(Suppress::<K, V>::new(parent, store, rules.clone(), key, value, end))
        });
        let store = graph.add_store(StoreSpec {
            name: store_name,
            kind: ChangelogKind::Latest,
            factory: Arc::new(|setup: StoreSetup| {
                Box::new(ChangeBuffer::new(setup.options)) as Box<dyn StateStore>
            }),
            timestamped: false,
            caching: false,
            changelog,
            owner: None,
            segments: None,
            optional: false,
            formats: [type_name::<WireCodec<K>>(), type_name::<WireCodec<V>>()],
            source_topic: None,
            backend: None,
        });
        graph.connect(node, store);
        // What a key had before is what everybody downstream sees of it while it is held back.
        graph.send_old_values(self.node);
        drop(graph);
        Self::new(self.graph.clone(), node)
    }
}
