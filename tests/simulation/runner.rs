//! Runs seeds.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream::broker::BrokerError;

use crate::bug::Bug;
use crate::scenario::Scenario;
use crate::sim::Sim;
use crate::watchdog::watch;
use crate::world::World;

/// Lines of a trace that a failure shows.
const SHOWN: usize = 120;

/// More calls than any step makes that ends.
const MOST_CALLS: u32 = 100_000;

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    pub scenario: Scenario,
    pub failure: Option<String>,
    /// Hash of all that happened.
    pub hash: u64,
    pub lines: Vec<String>,
    pub steps: u64,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seed = self.scenario.seed;
        let hidden = self.lines.len().saturating_sub(SHOWN);
        writeln!(f, "{:#?}", self.scenario)?;
        writeln!(f, "… {hidden} lines …")?;
        for line in &self.lines[hidden..] {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "seed {seed}: {}", self.failure.as_deref().unwrap_or("passed"))?;
        writeln!(
            f,
            "MILLSTREAM_SEED={seed} cargo test -p millstream-tests --test simulation one_seed"
        )
    }
}

/// Runs a seed.
pub fn run(seed: u64, bug: Option<Bug>, keeps_lines: bool) -> Run {
    run_within(seed, bug, keeps_lines, MOST_CALLS)
}

/// Runs a seed; a step that makes more calls hangs.
pub fn run_within(seed: u64, bug: Option<Bug>, keeps_lines: bool, most_calls: u32) -> Run {
    let _watched = watch(seed);
    let scenario = Scenario::of(seed, bug);
    let sim = Sim::new(scenario.clone(), bug, keeps_lines, most_calls);
    let lived = catch_unwind(AssertUnwindSafe(|| live(&sim)));
    match lived {
        Ok(Ok(())) => finish(&sim, scenario),
        Ok(Err(error)) => {
            sim.fail(format!("the world ended: {error}"));
            finish(&sim, scenario)
        }
        Err(_) => {
            sim.fail("panicked".to_owned());
            finish(&sim, scenario)
        }
    }
}

/// Runs a seed, and a second time with its trace when it fails.
pub fn run_and_explain(seed: u64, bug: Option<Bug>) -> Run {
    let run_once = run(seed, bug, false);
    if run_once.failure.is_some() { run(seed, bug, true) } else { run_once }
}

/// Runs the seeds below `count` on all cores, each alone in its thread; gives those that failed,
/// each with its reason, and the number of steps.
pub fn run_all(count: u64) -> (Vec<(u64, String)>, u64) {
    let (next, steps) = (AtomicU64::new(0), AtomicU64::new(0));
    let failed = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        break;
                    }
                    let done = run(seed, None, false);
                    steps.fetch_add(done.steps, Ordering::Relaxed);
                    if let Some(reason) = done.failure {
                        let line = reason.lines().next().unwrap_or_default();
                        let line = format!("{:?}: {line}", done.scenario.program);
                        failed.lock().expect("nobody panics here").push((seed, line));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().expect("nobody panics here");
    failed.sort_unstable();
    (failed, steps.into_inner())
}

fn live(sim: &Arc<Sim>) -> Result<(), BrokerError> {
    let mut world = World::new(Arc::clone(sim))?;
    for _ in 0..sim.scenario.turns {
        world.turn()?;
        if sim.with(|core| core.failure.is_some()) {
            return Ok(());
        }
    }
    world.heal()?;
    if sim.with(|core| core.failure.is_none()) {
        world.judge()?;
    }
    Ok(())
}

fn finish(sim: &Sim, scenario: Scenario) -> Run {
    // What holds on to the simulation, for the cycle to be broken.
    let threads = sim.with_instances(std::mem::take);
    let late = sim.with(|core| std::mem::take(&mut core.late));
    drop((threads, late));
    sim.with(|core| Run {
        scenario,
        failure: core.failure.take(),
        hash: core.trace.hash(),
        lines: core.trace.take_lines(),
        steps: core.steps,
    })
}
