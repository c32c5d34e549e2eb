//! A program as data. The Java side reads the same fields.

use std::collections::BTreeMap;

use millstream::Optimization;
use serde::{Deserialize, Serialize};

use super::super::case::RawRecord;

/// The setting that rearranges topologies.
pub(super) const OPTIMIZATION: &str = "topology.optimization";

/// Operators, settings, and what comes in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Program {
    pub(super) operators: Vec<Operator>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) steps: Vec<Step>,
}

/// A record that comes in, or an advance of the wall clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<RawRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) advance_wall_ms: Option<u64>,
}

/// One operator; which fields it has depends on what it is. All keys and values are text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Operator {
    pub(super) op: String,
    /// The operators whose results it takes, by their places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) of: Vec<usize>,
    /// Aggregations of one name share a grouping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) store: Option<String>,
    /// What it does with values: a function's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) f: Option<String>,
    /// How it makes keys: a function's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// `count`, `reduce` or `aggregate`; of processors written by hand, which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) how: Option<String>,
    /// `inner`, `left` or `outer`; of a store of a processor, `plain`, `timestamped` or `window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    /// `tumbling`, `hopping`, `sliding`, `session` or `unlimited`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) windows: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) size: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) advance: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) grace: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) before: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) after: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) limit: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) records: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retention: Option<u64>,
    /// For how long a versioned table keeps its versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) versioned: Option<u64>,
    /// The nodes behind a processor that it hands records to by their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) children: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) emit_final: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) no_cache: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) no_log: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What an operator gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Stream,
    /// The branches of a split.
    Branches,
    Table,
    GlobalTable,
    Windows,
    Sessions,
    Nothing,
}

impl Operator {
    pub(super) fn is(&self, op: &str) -> bool {
        self.op == op
    }

    pub(super) fn f(&self) -> &str {
        self.f.as_deref().unwrap_or_default()
    }

    pub(super) fn by(&self) -> &str {
        self.by.as_deref().unwrap_or_default()
    }

    pub(super) fn how(&self) -> &str {
        self.how.as_deref().unwrap_or_default()
    }

    pub(super) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or_default()
    }

    /// Whether both are processors with the same store.
    #[cfg(feature = "java")]
    pub(super) fn shares_store(&self, other: &Self) -> bool {
        let is_processor = |operator: &Self| operator.op.starts_with("process");
        is_processor(self)
            && is_processor(other)
            && self.store.is_some()
            && self.store == other.store
    }

    /// What it gives, by what it takes.
    pub(super) fn gives(&self, takes: Option<Kind>) -> Kind {
        match self.op.as_str() {
            "table"
            | "to_table"
            | "table_join"
            | "foreign_key_join"
            | "table_aggregate"
            | "table_transform_values" => Kind::Table,
            "aggregate" | "cogroup" => match self.windows.as_deref() {
                None => Kind::Table,
                Some("session") => Kind::Sessions,
                Some(_) => Kind::Windows,
            },
            "table_filter" | "table_map_values" | "suppress" => takes.unwrap_or(Kind::Table),
            "global_table" => Kind::GlobalTable,
            "split" => Kind::Branches,
            "to" | "by_hand" => Kind::Nothing,
            _ => Kind::Stream,
        }
    }
}

impl Program {
    /// How it is rearranged.
    pub(super) fn optimization(&self) -> Optimization {
        match self.config.get(OPTIMIZATION).map(String::as_str) {
            Some("all") => Optimization::All,
            _ => Optimization::None,
        }
    }

    /// The topics that are read.
    #[cfg(feature = "java")]
    pub(super) fn topics(&self) -> impl Iterator<Item = String> {
        let read = self.operators.iter().filter(|operator| !operator.is("to"));
        read.filter_map(|operator| operator.topic.clone())
    }

    /// What each operator gives.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = Vec::new();
        for operator in &self.operators {
            let takes = operator.of.first().map(|of| kinds[*of]);
            kinds.push(operator.gives(takes));
        }
        kinds
    }

    /// Topics on which Kafka Streams has something else that is a difference on purpose: without a
    /// cache the old values in the buffer of a suppression of windows; and it takes the topic of a
    /// versioned table for its changelog.
    pub(super) fn loosely_logged(&self) -> Vec<String> {
        let kinds = self.kinds();
        let suppressions = self
            .operators
            .iter()
            .filter(|operator| operator.is("suppress") && kinds[operator.of[0]] != Kind::Table);
        let names = suppressions.filter_map(|operator| operator.name.as_deref());
        let mut topics: Vec<_> = names.map(|name| format!("app-{name}-store-changelog")).collect();
        if self.optimization() != Optimization::None {
            let versioned = self.operators.iter().filter(|operator| operator.versioned.is_some());
            let stores = versioned.filter_map(|operator| operator.store.as_deref());
            topics.extend(stores.map(|store| format!("app-{store}-changelog")));
        }
        topics
    }
}
