//! What a seed chooses before a run begins: the program, its settings, the shape of the world and
//! how badly it behaves.

use std::time::Duration;

use millstream::runtime::Pace;
use millstream::{Config, Guarantee, Optimization};

use crate::bug::Bug;
use crate::programs::{Operators, Program};
use crate::random::Random;

/// The application's name.
pub const APPLICATION: &str = "sim";

/// How often something goes wrong, in 10,000 calls of a client (four times as often while a
/// transaction is being committed) or in 10,000 turns of the world.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Calls that time out, before or after their effect.
    pub timeout: u64,
    /// Calls in which the instance dies.
    pub crash: u64,
    /// Calls in which the instance stands still while the others go on.
    pub stall: u64,
    /// Fetches after which a partition stays silent for a while.
    pub delay: u64,
    /// Turns in which an instance is killed between two steps.
    pub kill: u64,
    /// Turns in which an instance is frozen: a zombie, if it takes long.
    pub freeze: u64,
    /// Turns in which an instance is closed in order.
    pub close: u64,
    /// Turns in which the broker's machine loses power.
    pub power: u64,
}

/// A run, as its seed will have it.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub program: Program,
    pub exactly_once: bool,
    /// The broker keeps everything in memory, and therefore never crashes.
    pub in_memory: bool,
    /// Databases outlive the crash of their instance.
    pub kept_state: bool,
    /// Every other store of a task is in a backend of its own.
    pub two_backends: bool,
    /// Each life of an instance has a transactional id of its own, so that nobody fences its
    /// predecessor.
    pub new_identities: bool,
    /// Input topics (not of the count and the table).
    pub inputs: u32,
    /// Whether the processor of the pairs writes by the wall clock too.
    pub ticks: bool,
    /// Whether a table's topic is its changelog too.
    pub optimized: bool,
    pub partitions: u32,
    pub output_partitions: u32,
    pub instances: usize,
    pub records: u64,
    pub keys: u64,
    /// Bytes by which every value is longer than it need be: large ones are sent before the commit.
    pub padding: usize,
    pub transactional_input: bool,
    pub cache_bytes: usize,
    pub commit_interval_ms: u64,
    /// Shorter or longer than a member may be silent.
    pub transaction_timeout_ms: u64,
    pub buffered: usize,
    pub pace: Pace,
    /// Turns of the world before it heals.
    pub turns: u64,
    pub rates: Rates,
}

impl Scenario {
    pub fn of(seed: u64, bug: Option<Bug>) -> Self {
        let mut random = Random::new(seed);
        let r = &mut random;
        let simple =
            r.pick(&[Program::Pass, Program::Count, Program::Table, Program::Echo, Program::Pairs]);
        // From a generator of its own, so that the other half of the seeds stays as it was; such that
        // those in `ONCE_FAILED` belong to that half.
        let other = &mut Random::new(seed ^ (28 << 40));
        let program =
            if other.chance(500) { Program::Operators(Operators::choose(other)) } else { simple };
        // Again of its own and without the seeds of `ONCE_FAILED`, and not for bugs: each is to be
        // caught by as many seeds as before.
        let two_backends = bug.is_none() && Random::new(seed ^ (38 << 40)).chance(350);
        let exactly_once = r.chance(850) || bug.is_some();
        let wild = r.pick(&[0, 1, 1, 2, 4]);
        let padding = if r.chance(40) { 30_000 } else { 0 };
        let rates = Rates {
            timeout: wild * r.pick(&[0, 5, 20, 60]),
            crash: wild * r.pick(&[0, 2, 8]),
            // At least once promises nothing to a group with zombies in it.
            stall: if exactly_once { wild * r.pick(&[0, 2, 8]) } else { 0 },
            delay: wild * r.pick(&[0, 100, 500]),
            kill: wild * r.pick(&[0, 20, 60]),
            freeze: if exactly_once { wild * r.pick(&[0, 20, 60]) } else { 0 },
            close: wild * r.pick(&[0, 20, 60]),
            power: wild * r.pick(&[0, 0, 10, 20]),
        };
        Self {
            seed,
            program,
            exactly_once,
            in_memory: r.chance(250) && bug != Some(Bug::AcknowledgesBeforeSync),
            kept_state: r.chance(600),
            two_backends,
            new_identities: r.chance(200),
            inputs: if simple.has_several_inputs() && r.chance(300) { 2 } else { 1 },
            ticks: program == Program::Pairs && r.chance(500),
            optimized: program == Program::Table && r.chance(500),
            partitions: r.between(1, 4) as u32,
            output_partitions: r.between(1, 3) as u32,
            instances: r.pick(&[1, 2, 2, 3, 3, 4]),
            records: if padding > 0 { 30 } else { r.between(20, 300) },
            keys: r.between(1, 8),
            padding,
            transactional_input: exactly_once && r.chance(350),
            cache_bytes: r.pick(&[0, 0, 100, 1_000_000]),
            commit_interval_ms: r.pick(&[5, 20, 50, 200]),
            buffered: r.pick(&[1, 3, 10, 1000]),
            pace: r.pick(&[Pace::Interval, Pace::Interval, Pace::Interval, Pace::Records(5)]),
            transaction_timeout_ms: r.pick(&[1000, 1000, 5000]),
            turns: r.between(150, 900),
            rates,
        }
    }

    /// Whether each update of a table can be seen by itself.
    pub fn is_uncached(&self) -> bool {
        self.cache_bytes == 0
    }

    /// Names of the input topics.
    pub fn input_topics(&self) -> Vec<String> {
        (0..self.inputs).map(|n| format!("in-{n}")).collect()
    }

    pub fn config(&self) -> Config {
        Config::new(APPLICATION)
            .with_processing_guarantee(if self.exactly_once {
                Guarantee::ExactlyOnce
            } else {
                Guarantee::AtLeastOnce
            })
            .with_topology_optimization(match self.optimized {
                true => Optimization::All,
                false => Optimization::None,
            })
            .with_commit_interval(Duration::from_millis(self.commit_interval_ms))
            .with_statestore_cache_max_bytes(self.cache_bytes)
            .with_buffered_records_per_partition(self.buffered)
            .with_poll_timeout(Duration::from_millis(10))
            .with_max_poll_interval(Duration::from_millis(1500))
            .with_transaction_timeout(Duration::from_millis(self.transaction_timeout_ms))
            .with_repartition_purge_interval(Duration::from_millis(300))
    }
}
