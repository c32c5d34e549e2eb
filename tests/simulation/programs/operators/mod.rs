//! One or two operators behind the same input, with settings that a seed chooses. What comes out and
//! what the stores hold is compared with a straight run.

mod by_hand;
mod event_time;
mod joins;
mod limits;
mod tables;
mod windows;

use millstream::{KStream, StreamsBuilder, Topology, Wire};

use crate::random::Random;
use crate::scenario::Scenario;
use crate::store_shape::KeptStore;

use by_hand::ByHand;
pub use event_time::EventTime;
use joins::{StreamJoin, TableLookup};
use limits::Limited;
use tables::{ForeignKey, Limit, TableJoin};
use windows::Windowed;

/// Where the records go first, in the order in which they are processed.
pub const ORDER: &str = "order";

/// One operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Windowed(Windowed),
    StreamJoin(StreamJoin),
    TableLookup(TableLookup),
    TableJoin(TableJoin),
    ForeignKey(ForeignKey),
    Limit(Limit),
    Limited(Limited),
    ByHand(ByHand),
}

/// How what comes out of an operator is compared with what came out of the straight run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// For each key the same records.
    Exact,
    /// Some of the records of each key, and the last of them.
    Thinned,
    /// The last value of each key.
    Last,
    /// The last value of each key, unless there is none in the end: an inner foreign-key join may keep
    /// a result for ever that should be gone, here as in Kafka Streams. When the row on the left
    /// changes once more, the answer that takes the result away is stale, and nothing answers the
    /// new row if the other table has no row for it.
    LastUnlessGone,
    /// Not at all: it depends on when caches are flushed.
    Loose,
}

/// The operators of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operators {
    pub first: Operator,
    pub second: Option<Operator>,
}

/// The input as operators see it.
struct Sides<'a> {
    builder: &'a StreamsBuilder,
    left: KStream<String, String>,
    right: KStream<String, String>,
    all: KStream<String, String>,
}

impl Operator {
    fn choose(random: &mut Random) -> Self {
        match random.below(14) {
            0..4 => Self::Windowed(Windowed::choose(random)),
            4..7 => Self::StreamJoin(StreamJoin::choose(random)),
            7 => Self::TableLookup(TableLookup::choose(random)),
            8 => Self::TableJoin(TableJoin::choose(random)),
            9 => Self::Limit(Limit::choose(random)),
            10..12 => Self::Limited(Limited::choose(random)),
            _ => Self::ByHand(ByHand::choose(random)),
        }
    }

    /// Adds it to a topology; `n` tells what it makes from what others make.
    fn add(self, sides: &Sides<'_>, n: usize) {
        match self {
            Self::Windowed(windowed) => windowed.add(sides, n),
            Self::StreamJoin(join) => join.add(sides, n),
            Self::TableLookup(lookup) => lookup.add(sides, n),
            Self::TableJoin(join) => join.add(sides, n),
            Self::ForeignKey(join) => join.add(sides, n),
            Self::Limit(limit) => limit.add(sides, n),
            Self::Limited(limited) => limited.add(sides, n),
            Self::ByHand(nodes) => nodes.add(sides, n),
        }
    }

    fn stores(self, n: usize, is_cached: bool) -> Vec<KeptStore> {
        match self {
            Self::Windowed(windowed) => windowed.stores(n, is_cached),
            Self::StreamJoin(join) => join.stores(n),
            Self::TableLookup(lookup) => lookup.stores(n),
            Self::TableJoin(join) => join.stores(n, is_cached),
            Self::ForeignKey(_) => tables::foreign_key_stores(n),
            Self::Limit(_) => tables::limit_stores(n),
            Self::Limited(limited) => limited.stores(n),
            Self::ByHand(nodes) => nodes.stores(n),
        }
    }

    fn sameness(self, scenario: &Scenario) -> Sameness {
        match self {
            Self::ForeignKey(join) => join.sameness(),
            Self::Limited(limited) => limited.sameness(scenario),
            Self::TableJoin(_) if !scenario.is_uncached() => Sameness::Last,
            Self::Windowed(windowed) if !scenario.is_uncached() => windowed.cached(),
            _ => Sameness::Exact,
        }
    }
}

impl Operators {
    pub fn choose(random: &mut Random) -> Self {
        if random.below(10) == 0 {
            let first = Operator::ForeignKey(ForeignKey::choose(random));
            return Self { first, second: None };
        }
        let first = Operator::choose(random);
        Self { first, second: random.chance(300).then(|| Operator::choose(random)) }
    }

    fn all(self) -> impl Iterator<Item = (usize, Operator)> {
        [Some(self.first), self.second].into_iter().flatten().enumerate()
    }

    /// Whether records of different partitions come together.
    pub fn crosses_partitions(self) -> bool {
        matches!(self.first, Operator::ForeignKey(_))
    }

    pub fn topology(self, scenario: &Scenario) -> Topology {
        let builder = &StreamsBuilder::new();
        let is_by_hand = self.all().any(|(_, operator)| matches!(operator, Operator::ByHand(_)));
        let input = |topic: &str| -> KStream<String, String> {
            if is_by_hand {
                builder.add_source(format!("source-of-{topic}"), [topic])
            } else {
                builder.stream(topic)
            }
        };
        let sides = if scenario.inputs == 2 {
            let (left, right) = (input("in-0"), input("in-1"));
            let all = left.merge(&right);
            Sides { builder, left, right, all }
        } else {
            let all = input("in-0");
            let left = all.filter(|_, value| is_left(value));
            Sides { builder, left, right: all.filter_not(|_, value| is_left(value)), all }
        };
        if scenario.inputs == 2 {
            sides.all.to(ORDER);
        }
        for (n, operator) in self.all() {
            operator.add(&sides, n);
        }
        builder.build().expect("the topology is sound")
    }

    /// Output topics, and how each is compared.
    pub fn outputs(self, scenario: &Scenario) -> Vec<(String, Sameness)> {
        self.all().map(|(n, operator)| (output(n), operator.sameness(scenario))).collect()
    }

    pub fn stores(self, scenario: &Scenario) -> Vec<KeptStore> {
        let is_cached = !scenario.is_uncached();
        self.all().flat_map(|(n, operator)| operator.stores(n, is_cached)).collect()
    }
}

/// A record: its number, its side, a key of the other side, and whether it deletes where tables are
/// made of it.
pub fn value(scenario: &Scenario, topic: u64, id: u64, random: &mut Random) -> String {
    let is_left = if scenario.inputs == 2 { topic == 0 } else { random.chance(500) };
    let side = if is_left { "L" } else { "R" };
    let other = random.below(scenario.keys);
    let deletes = if random.chance(200) { "-" } else { "+" };
    format!("{id} {side} k{other} {deletes}")
}

fn word(value: &str, number: usize) -> &str {
    value.split_ascii_whitespace().nth(number).unwrap_or("none")
}

fn is_left(value: &str) -> bool {
    word(value, 1) == "L"
}

/// The record as a row of a table, or a delete of one.
fn row(value: &str) -> Option<String> {
    (word(value, 3) == "+").then(|| format!("{} {}", word(value, 0), word(value, 2)))
}

/// The number of a record or of a row.
fn id(value: &str) -> &str {
    word(value, 0)
}

fn output(n: usize) -> String {
    format!("out-{n}")
}

/// Writes what comes out.
fn write<V: Wire>(stream: &KStream<String, V>, n: usize) {
    stream.to(output(n));
}
