//! State under generated names: only to take over the topics of a Java program that named nothing.

use super::{Materialized, StreamsBuilder};
use crate::codec::{Wire, WireCodec};
use crate::topology::Graph;

/// Whether a store has a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    Given,
    /// As in Java where no `Materialized` is passed.
    Nothing,
    /// As in Java where one without a name is.
    WithoutName,
}

impl<K: Wire, V: Wire> Materialized<K, V> {
    /// A store whose name is generated, as Kafka Streams does where no `Materialized` is passed:
    /// `count()`. Refused by [`build`](StreamsBuilder::build) unless the builder
    /// [takes over generated names](StreamsBuilder::take_over_generated_names). The store of a
    /// table that is read from a topic is left out where nothing needs it, as in Kafka Streams.
    ///
    /// ```
    /// use millstream::{Materialized, StreamsBuilder};
    /// let builder = StreamsBuilder::new();
    /// let counts = || {
    ///     let builder = StreamsBuilder::new();
    ///     builder.stream::<String, i64>("in").group_by_key().count(Materialized::unnamed());
    ///     builder
    /// };
    /// let refused = counts().build().unwrap_err().to_string();
    /// assert!(refused.contains(".count(\"a-name\")"));
    ///
    /// let builder = counts();
    /// builder.take_over_generated_names();
    /// let topics = builder.build()?.topics("app");
    /// let changelog = &topics[0].changelog_topics[0].name;
    /// assert_eq!(changelog, "app-KSTREAM-AGGREGATE-STATE-STORE-0000000001-changelog");
    /// # Ok::<_, millstream::TopologyError>(())
    /// ```
    pub fn unnamed() -> Self {
        let mut unnamed = Self::with("", WireCodec::<K>::new(), WireCodec::<V>::new());
        unnamed.naming = Naming::Nothing;
        unnamed
    }

    /// As [`unnamed`](Self::unnamed), for a Java program that passes a `Materialized` without a name:
    /// `count(Materialized.with(..))`, which takes one number more.
    pub fn unnamed_materialized() -> Self {
        let mut unnamed = Self::unnamed();
        unnamed.naming = Naming::WithoutName;
        unnamed
    }
}

impl<K: 'static, V: 'static> Materialized<K, V> {
    /// Gives a store without a name the next generated one. `what` is the call that it belongs to.
    pub(super) fn settle_name(&mut self, graph: &mut Graph, prefix: &str, what: &str) {
        if self.naming == Naming::Given {
            return;
        }
        self.name = graph.new_name(&format!("{prefix}STATE-STORE-"));
        graph.refuse_unnamed(&self.name, what);
    }

    /// As [`settle_name`](Self::settle_name), where the store keeps the table of `node`, which has
    /// its number already. Gives whether Kafka Streams keeps it at all.
    pub(super) fn settle_name_of_table(&mut self, graph: &mut Graph, node: usize) -> bool {
        if self.naming == Naming::Given {
            graph.store_is_named(node);
            return true;
        }
        if graph.has_store_number(node) {
            return false;
        }
        // The two sides of a join are added right before what merges them.
        let is_join = graph.nodes[node].parents.len() > 1;
        let first = if is_join { node - 2 } else { node };
        self.name = graph.new_name_before(first, "KTABLE-MERGE-STATE-STORE-");
        if is_join {
            graph.refuse_unnamed(&self.name, ".materialized(\"a-name\")");
        }
        is_join
    }

    /// Takes the number that `count` takes twice in Kafka Streams.
    pub(super) fn burn_for_count(&self, graph: &mut Graph) {
        if self.naming == Naming::WithoutName {
            let _burnt = graph.new_name("");
        }
    }
}

impl StreamsBuilder {
    /// Says that the program takes over a Java program's state under generated names, so that
    /// [`Materialized::unnamed`] is allowed. Such a program must not be changed: the names count the
    /// operators before them.
    pub fn take_over_generated_names(&self) {
        self.graph.borrow_mut().takes_generated_names = true;
    }
}
