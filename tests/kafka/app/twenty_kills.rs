//! Twenty kills; `cargo run --release -p millstream-kill-app --features kafka,rocksdb --bin kills`
//! is for more.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use millstream_kafka_server::kills::{KillPlan, KillReport, run};

/// The kills do not know of one another, but this machine does.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn report(mut plan: KillPlan) -> KillReport {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    plan.settings.push(("default.dsl.store".to_owned(), "rocksDB".to_owned()));
    let report = run(Path::new(env!("CARGO_BIN_EXE_kill_app")), &plan).unwrap();
    println!("{report}");
    assert!(report.problems.is_empty(), "{report}");
    report
}

#[test]
fn every_number_counts_once_whatever_is_killed() {
    let report = report(KillPlan::new(20));
    assert!(report.records > 1000 && report.zombies >= 2, "{report}");
    assert!(report.outages.0 + report.outages.1 >= 1, "{report}");
}

#[test]
fn every_number_counts_at_least_once_whatever_is_killed() {
    let mut plan = KillPlan::new(10);
    plan.exactly_once = false;
    let report = report(plan);
    assert!(report.records > 1000, "{report}");
}
