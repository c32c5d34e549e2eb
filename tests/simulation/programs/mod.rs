//! The programs under test. Each knows its topology, what to feed it, and what must come out.

mod count;
mod echo;
mod pairs;
mod pass;
mod table;

use millstream::Topology;

use crate::log::{Entry, Logs};
use crate::random::Random;
use crate::scenario::Scenario;

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
}

/// What a program is judged by, at the end.
pub struct Ending<'a> {
    pub scenario: &'a Scenario,
    pub logs: &'a Logs,
}

impl Program {
    /// Whether its tasks are of one sub-topology.
    pub fn is_single(self) -> bool {
        matches!(self, Self::Pass | Self::Echo | Self::Pairs)
    }

    /// Whether it can read two topics.
    pub fn has_several_inputs(self) -> bool {
        matches!(self, Self::Pass | Self::Pairs)
    }

    /// How many output records each input record makes, when that is certain.
    pub fn outputs_per_input(self) -> Option<usize> {
        match self {
            Self::Pass | Self::Echo => Some(1),
            Self::Pairs => Some(2),
            Self::Count | Self::Table => None,
        }
    }

    pub fn topology(self, scenario: &Scenario) -> Topology {
        match self {
            Self::Pass => pass::topology(scenario),
            Self::Count => count::topology(),
            Self::Echo => echo::topology(),
            Self::Table => table::topology(),
            Self::Pairs => pairs::topology(scenario),
        }
    }

    pub fn output_topics(self) -> &'static [&'static str] {
        match self {
            Self::Pairs => &["out-a", "out-b"],
            _ => &["out"],
        }
    }

    /// Stores by name.
    pub fn stores(self) -> &'static [&'static str] {
        match self {
            Self::Pass | Self::Echo => &[],
            Self::Count => &["counts"],
            Self::Table => &["entries", "sums"],
            Self::Pairs => &["seen"],
        }
    }

    /// Value of the input record `id`.
    pub fn value(self, id: u64, random: &mut Random) -> Option<String> {
        match self {
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
        }
    }

    /// Judges everything, when all is processed.
    pub fn judge(self, ending: &Ending<'_>) -> Result<(), String> {
        match self {
            Self::Pass | Self::Echo => pass::judge(ending),
            Self::Count => count::judge(ending),
            Self::Table => table::judge(ending),
            Self::Pairs => pairs::judge(ending),
        }
    }
}
