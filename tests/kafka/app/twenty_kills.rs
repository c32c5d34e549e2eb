//! Twenty kills; `cargo run --release -p millstream-kill-app --features kafka,rocksdb --bin kills`
//! is for more.

use std::path::Path;

use millstream_kafka_server::kills::{KillPlan, run};

#[test]
fn every_number_counts_once_whatever_is_killed() {
    let mut plan = KillPlan::new(20);
    plan.settings.push(("default.dsl.store".to_owned(), "rocksDB".to_owned()));
    let report = run(Path::new(env!("CARGO_BIN_EXE_kill_app")), &plan).unwrap();
    println!("{report}");
    assert!(report.problems.is_empty(), "{report}");
    assert!(report.records > 1000, "{report}");
}
