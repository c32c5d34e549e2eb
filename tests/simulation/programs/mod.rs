//! The programs under test. Each knows its topology, what to feed it, and what must come out.

mod count;
mod echo;
mod operators;
mod pairs;
mod pass;
mod table;

use millstream::Topology;

use crate::log::{Entry, Logs};
use crate::random::Random;
use crate::scenario::Scenario;
use crate::store_shape::KeptStore;

pub use operators::{EventTime, ORDER, Operators, Sameness};

/// One of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// A map and nothing else.
    Pass,
    /// A count by a new key, behind a repartition topic.
    Count,
    /// A table, regrouped and summed up.
    Table,
    /// A join with a global table of what came out before.
    Echo,
    /// A processor with a store, and two outputs for each input.
    Pairs,
    /// Windows, joins, suppression: compared with a straight run.
    Operators(Operators),
}

/// What a program is judged by, at the end.
pub struct Ending<'a> {
    pub scenario: &'a Scenario,
    pub logs: &'a Logs,
}

impl Program {
    /// Whether it can read two topics.
    pub fn has_several_inputs(self) -> bool {
        matches!(self, Self::Pass | Self::Pairs)
    }

    /// How many output records each input record makes, when that is certain.
    pub fn outputs_per_input(self) -> Option<usize> {
        match self {
            Self::Pass | Self::Echo => Some(1),
            Self::Pairs => Some(2),
            Self::Count | Self::Table | Self::Operators(_) => None,
        }
    }

    pub fn topology(self, scenario: &Scenario) -> Topology {
        match self {
            Self::Pass => pass::topology(scenario),
            Self::Count => count::topology(),
            Self::Echo => echo::topology(),
            Self::Table => table::topology(),
            Self::Pairs => pairs::topology(scenario),
            Self::Operators(operators) => operators.topology(scenario),
        }
    }

    /// Output topics with their numbers of partitions.
    pub fn output_topics(self, scenario: &Scenario) -> Vec<(String, u32)> {
        let topics = match self {
            Self::Pairs => vec!["out-a".to_owned(), "out-b".to_owned()],
            Self::Operators(operators) => {
                operators.outputs(scenario).into_iter().map(|(topic, _)| topic).collect()
            }
            Self::Pass | Self::Echo | Self::Count | Self::Table => vec!["out".to_owned()],
        };
        let topics = topics.into_iter().map(|topic| (topic, scenario.output_partitions));
        let order = matches!(self, Self::Operators(_)).then(|| (ORDER.to_owned(), 1));
        topics.chain(order).collect()
    }

    pub fn stores(self, scenario: &Scenario) -> Vec<KeptStore> {
        let tables: &[&str] = match self {
            Self::Pass | Self::Echo => &[],
            Self::Count => &["counts"],
            Self::Table => &["entries", "sums"],
            Self::Pairs => &["seen"],
            Self::Operators(operators) => return operators.stores(scenario),
        };
        tables.iter().map(|name| KeptStore::table(*name)).collect()
    }

    /// Value of the input record `id`.
    pub fn value(
        self,
        scenario: &Scenario,
        topic: u64,
        id: u64,
        random: &mut Random,
    ) -> Option<String> {
        match self {
            Self::Operators(_) => Some(operators::value(scenario, topic, id, random)),
            Self::Pass | Self::Echo | Self::Pairs => Some(format!("{id}")),
            Self::Count => Some(format!("{id} w{}", random.below(6))),
            Self::Table if random.chance(150) => None,
            Self::Table => Some(format!("{id} g{} {}", random.below(3), random.below(100))),
        }
    }

    /// Judges an output record when it becomes visible, after `earlier` ones of its partition.
    pub fn watch(self, scenario: &Scenario, earlier: &[Entry], new: &Entry) -> Result<(), String> {
        match self {
            Self::Pass => pass::watch(earlier, new),
            Self::Count => count::watch(scenario, earlier, new),
            Self::Echo => echo::watch(scenario, earlier, new),
            Self::Table => table::watch(new),
            Self::Pairs => pairs::watch(earlier, new),
            Self::Operators(_) => Ok(()),
        }
    }

    /// Judges everything, when all is processed; what is compared with a straight run is not judged here.
    pub fn judge(self, ending: &Ending<'_>) -> Result<(), String> {
        match self {
            Self::Pass | Self::Echo => pass::judge(ending),
            Self::Count => count::judge(ending),
            Self::Table => table::judge(ending),
            Self::Pairs => pairs::judge(ending),
            Self::Operators(_) => Ok(()),
        }
    }
}
