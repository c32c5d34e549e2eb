//! Settings that are misspelt, out of range, or contradict each other.

use std::time::Duration;

use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Config, StreamsApp};

use super::assert_says;
use crate::rig::{Rig, copy};

#[test]
fn pairs() {
    for (pairs, expected) in [
        (&[("aplication.id", "x")] as &[_], &["`aplication.id`", "`application.id`?"] as &[_]),
        (&[("application.id", "x"), ("num.stream.thread", "2")], &["`num.stream.threads`?"]),
        (
            &[("application.id", "x"), ("zzz", "2")],
            &["unknown setting `zzz`", "documentation of `Config`"],
        ),
        (
            &[("application.id", "x"), ("num.stream.threads", "0")],
            &["`num.stream.threads` = `0`", "from 1 on"],
        ),
        (
            &[("application.id", "x"), ("poll.ms", "soon")],
            &["`poll.ms` = `soon`", "milliseconds", "`100`"],
        ),
        (
            &[("application.id", "x"), ("processing.guarantee", "twice")],
            &["`exactly_once_v2` or `at_least_once`"],
        ),
        (&[("application.id", "my app")], &["`application.id` = `my app`", "letters, digits"]),
        (&[("poll.ms", "1")], &["`application.id`", "a name of 1 to 249"]),
    ] {
        assert_says(Config::from_pairs(pairs.iter().copied()).unwrap_err(), expected);
    }
}

/// What came by its type is checked too, wherever a configuration is taken.
#[test]
fn values() {
    let config = || Config::new("x");
    let zero = Duration::ZERO;
    for (config, expected) in [
        (Config::new(""), &["`application.id`", "a name of 1 to 249"] as &[_]),
        (Config::new("a/b"), &["`application.id` = `a/b`"]),
        (
            config().with_commit_interval(zero),
            &["`commit.interval.ms` is 0", "shortest interval is 1"],
        ),
        (config().with_num_stream_threads(0), &["`num.stream.threads` = `0`"]),
        (
            config().with_commit_interval(Duration::from_secs(60)),
            &[
                "`transaction.timeout.ms` (10000)",
                "`commit.interval.ms` (60000)",
                "raise the timeout",
            ],
        ),
        (
            config().with_poll_timeout(Duration::from_secs(300)),
            &["`poll.ms`", "`max.poll.interval.ms`"],
        ),
    ] {
        let rig = Rig::new(1);
        assert_says(StreamsApp::new(copy(), config.clone()).unwrap_err(), expected);
        assert_says(StreamsApp::on(rig.shared(), copy(), config.clone()).unwrap_err(), expected);
        let options = DriverOptions { config, ..DriverOptions::default() };
        assert_says(TopologyTestDriver::with_options(&copy(), options).unwrap_err(), expected);
    }
}

#[test]
fn configs_of_internal_topics_are_checked_by_the_broker() {
    let rig = Rig::new(1);
    let config = Config::new("bad").with_topic_config("cleanup.policy", "burn");
    let app = rig.app(&crate::rig::count(), config);
    assert_says(app.start().unwrap_err(), &["bad-counts-changelog", "burn", "delete, compact"]);
}

#[cfg(not(feature = "kafka"))]
#[test]
fn a_cluster_needs_the_feature() {
    let config = Config::new("x").with_bootstrap_servers("localhost:9092");
    let error = StreamsApp::new(copy(), config).unwrap_err();
    assert_says(error, &["`bootstrap.servers`", "the feature `kafka`", "--features kafka"]);
}
