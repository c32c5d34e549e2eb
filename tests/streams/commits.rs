//! When a stream thread commits, and what a commit makes visible.

use std::time::Duration;

use millstream::broker::Broker;
use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Config, Guarantee};

use crate::rig::{CLOSE, Rig, config, copy, count, eventually};

/// The offset that a group has committed for a topic's only partition.
fn committed(rig: &Rig, group: &str) -> Option<i64> {
    let offsets = rig.broker.admin().unwrap().group_offsets(group).unwrap();
    offsets.first().map(|(_, committed)| committed.offset)
}

/// A few commits come ahead of their time when there is nothing else to do. After them the interval
/// counts.
#[test]
fn nothing_is_visible_before_the_commit_interval_is_over() {
    let rig = Rig::new(1);
    let config = config("rarely").with_commit_interval(Duration::from_secs(3600));
    let app = rig.run(&copy(), config.with_transaction_timeout(Duration::from_secs(3600)));
    let mut sent = 0;
    eventually("something written that is not committed", || {
        let commits = app.metrics().commits;
        assert!(commits <= 5, "{commits} commits within an hour");
        rig.send_numbers("in", sent..sent + 500);
        sent += 500;
        let offsets = rig.offsets("out", 0);
        offsets.end > offsets.last_stable + 2000
    });
    // What is written is there and not committed: readers stop before it.
    let visible = rig.all::<String, String>("out").len();
    assert!((visible as i64) < sent);
    let commits = app.metrics().commits;
    app.close(CLOSE).unwrap();
    assert_eq!(app.metrics().commits, commits + 1, "the close commits");
    assert_eq!(
        committed(&rig, "rarely"),
        Some(rig.all::<String, String>("out").last().unwrap().record.timestamp + 1)
    );
}

#[test]
fn every_interval_commits_what_there_is() {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        let rig = Rig::new(1);
        let app = rig.run(&copy(), config("often").with_processing_guarantee(guarantee));
        for n in 0..5 {
            rig.send_numbers("in", n..n + 1);
            rig.read::<String, String>("out", n as usize + 1);
            eventually("the offset", || committed(&rig, "often") == Some(n + 1));
        }
        eventually("five commits", || app.metrics().commits == 5);
        app.close(CLOSE).unwrap();
        assert_eq!(app.metrics().commits, 5, "a commit of nothing is none");
    }
}

#[test]
fn the_lag_is_what_is_not_processed() {
    let rig = Rig::new(1);
    let app = rig.run(&count(), config("lag"));
    rig.send_numbers("in", 0..100);
    rig.counts("out", 100);
    eventually("no lag", || app.metrics().lag == 0);
    app.close(CLOSE).unwrap();
}

#[test]
fn a_driver_commits_after_so_many_records() {
    for (commit_every, visible) in [(1, 6), (2, 6), (3, 4), (6, 2), (100, 2)] {
        let config = Config::new("every");
        let options = DriverOptions { config, commit_every, ..DriverOptions::default() };
        let mut driver = TopologyTestDriver::with_options(&count(), options).unwrap();
        let records = ["a", "b", "a", "b", "a", "b"]
            .map(|key| millstream::Record::new(key.to_owned(), "x".to_owned(), 0));
        driver.input::<String, String>("in").send_all(records).unwrap();
        let out = driver.output::<String, i64>("out").read_all().unwrap();
        assert_eq!(out.len(), visible, "every {commit_every}: {out:?}");
        let mut last = out[visible - 2..].to_vec();
        last.sort();
        assert_eq!(last, [("a".to_owned(), 3), ("b".to_owned(), 3)]);
    }
}
