use super::random::Random;

/// Places that a process comes to in every commit; see `failpoint.rs` of the runtime.
const IN_COMMITS: [&str; 5] =
    ["after-produce", "after-offsets", "during-commit", "between-commits", "between-stores"];
/// Places that it comes to when it gets a task.
const IN_RESTORES: [&str; 1] = ["in-restore"];
/// Places that it comes to when others come and go.
const IN_REBALANCES: [&str; 2] = ["in-rebalance", "before-release"];

/// What is done.
#[derive(Clone, Debug)]
pub struct KillPlan {
    /// Every second one is aimed at a place in the code, the others at a random time. Among them an
    /// instance hangs for longer than its session, and the broker is started anew.
    pub kills: u32,
    /// Decides who is killed, when and where.
    pub seed: u64,
    /// Processes of the application.
    pub instances: usize,
    /// Nodes of the cluster. One of several goes twice as often, and the others go on.
    pub nodes: u32,
    /// Partitions of each topic.
    pub partitions: u32,
    /// Records a second.
    pub rate: u32,
    /// Shortest and longest time before a random kill, in milliseconds.
    pub pause_ms: (u64, u64),
    /// Every number counts once; else none is lost, and some count again.
    pub exactly_once: bool,
    /// Settings of the application, over those of the plan.
    pub settings: Vec<(String, String)>,
}

impl KillPlan {
    /// Three instances, four partitions, a kill every few seconds.
    pub fn new(kills: u32) -> Self {
        Self {
            kills,
            seed: 1,
            instances: 3,
            nodes: 1,
            partitions: 4,
            rate: 500,
            pause_ms: (500, 4000),
            exactly_once: true,
            settings: Vec::new(),
        }
    }
}

/// What else goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// An instance hangs, is given up, and comes to itself again.
    Zombie,
    /// A broker goes, and comes back with its data.
    Outage,
}

impl KillPlan {
    /// The trouble before the kills with this number, counted in pairs.
    pub(super) fn trouble(&self, pair: u32) -> Option<Trouble> {
        match (pair % 4, pair % 8) {
            // At least once, nobody keeps it from sending what it had in its hands.
            (1, _) if self.exactly_once => Some(Trouble::Zombie),
            (_, 3) => Some(Trouble::Outage),
            (3, _) if self.nodes > 1 => Some(Trouble::Outage),
            _ => None,
        }
    }
}

/// Where an aimed kill strikes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    pub(super) place: &'static str,
    /// How often the process has to come there.
    times: u64,
}

impl Aim {
    /// The places have their turns.
    pub(super) fn number(number: u32, random: &mut Random) -> Self {
        let places = || IN_COMMITS.iter().chain(&IN_RESTORES).chain(&IN_REBALANCES);
        let place = places().copied().cycle().nth(number as usize % places().count());
        let place = place.expect("there are places");
        let most = match place {
            "before-release" => 1,
            place if IN_COMMITS.contains(&place) => 20,
            _ => 2,
        };
        Self { place, times: 1 + random.below(most) }
    }

    /// For `MILLSTREAM_FAILPOINT`.
    pub(super) fn failpoint(&self) -> String {
        format!("{}:{}", self.place, self.times)
    }

    /// Whether somebody else has to go before the process comes there.
    pub(super) fn needs_others(&self) -> bool {
        IN_REBALANCES.contains(&self.place)
    }
}
