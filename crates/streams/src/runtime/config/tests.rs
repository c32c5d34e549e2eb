//! Rows of settings, and what becomes of them.

mod clients;
mod environment;
mod files;

use std::time::Duration;

use super::settings::SETTINGS;
use super::{Config, ConfigError, Guarantee};

fn config(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_pairs([("application.id", "app")].iter().chain(pairs).copied())
}

/// The text of the setting `key`.
fn text(config: &Config, key: &str) -> String {
    SETTINGS.iter().find(|setting| setting.key == key).expect(key).text(config)
}

#[test]
fn values_are_read_and_shown_again() {
    let rows = [
        ("application.id", "a.b_c-1", "a.b_c-1"),
        ("client.id", " one ", "one"),
        ("bootstrap.servers", "", ""),
        (
            "bootstrap.servers",
            "a-1.b_c:9092 , 10.0.0.1:1,[::1]:65535",
            "a-1.b_c:9092,10.0.0.1:1,[::1]:65535",
        ),
        ("group.protocol", "consumer", "consumer"),
        ("leave.group.on.close", "false", "false"),
        ("auto.offset.reset", "latest", "latest"),
        ("auto.offset.reset", "none", "none"),
        ("num.stream.threads", "4", "4"),
        ("processing.guarantee", "at_least_once", "at_least_once"),
        ("commit.interval.ms", "1000", "1000"),
        ("commit.interval.ms", "", ""),
        ("statestore.cache.max.bytes", "0", "0"),
        ("max.task.idle.ms", "-1", "-1"),
        ("max.task.idle.ms", "250", "250"),
        ("max.stream.time.advance.ms", "-1", "-1"),
        ("max.stream.time.advance.ms", "86400000", "86400000"),
        ("replication.factor", "-1", "-1"),
        ("replication.factor", "3", "3"),
        ("state.dir", "/data/app", "/data/app"),
        ("deserialization.exception.handler", "skip", "skip"),
        (
            "deserialization.exception.handler",
            "org.apache.kafka.streams.errors.LogAndContinueExceptionHandler",
            "skip",
        ),
        ("processing.exception.handler", "LogAndContinueProcessingExceptionHandler", "skip"),
        (
            "processing.exception.handler",
            "org.apache.kafka.streams.errors.LogAndFailProcessingExceptionHandler",
            "fail",
        ),
        ("production.exception.handler", "DefaultProductionExceptionHandler", "fail"),
        ("stream.thread.exception.handler", "replace_thread", "replace_thread"),
        ("topology.optimization", "none", "none"),
        ("default.dsl.store", "rocksDB", "rocksDB"),
        ("default.dsl.store", "in_memory", "in_memory"),
        ("state.cleanup.delay.ms", "1000", "1000"),
        ("rocksdb.memory.budget.bytes", "1000000", "1000000"),
    ];
    for (key, value, expected) in rows {
        let config = config(&[(key, value)]).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(text(&config, key), expected, "{key} = {value}");
    }
}

#[test]
fn what_cannot_be_used_says_what_would_be_right() {
    let rows: &[(&[(&str, &str)], &str)] = &[
        (
            &[("application.id", "a b")],
            "`application.id` = `a b`: expected a name of 1 to 249 letters, digits, `.`, `_` and \
             `-`, such as `word-count`",
        ),
        (
            &[("application.id", "")],
            "`application.id` = ``: expected a name of 1 to 249 letters, digits, `.`, `_` and \
             `-`, such as `word-count`",
        ),
        (
            &[("num.stream.threads", "0")],
            "`num.stream.threads` = `0`: expected a whole number from 1 on, such as `4`",
        ),
        (
            &[("commit.interval.ms", "1s")],
            "`commit.interval.ms` = `1s`: expected a whole number of milliseconds, or nothing, \
             such as `100`",
        ),
        (
            &[("max.task.idle.ms", "-2")],
            "`max.task.idle.ms` = `-2`: expected a whole number of milliseconds, or -1 for off, \
             such as `1000`",
        ),
        (
            &[("replication.factor", "0")],
            "`replication.factor` = `0`: expected a whole number from 1 to 32767, or -1 for what \
             the broker takes by itself, such as `3`",
        ),
        (
            &[("processing.guarantee", "exactly_once")],
            "`processing.guarantee` = `exactly_once`: expected `exactly_once_v2` or \
             `at_least_once`, such as `at_least_once`",
        ),
        (
            &[("production.exception.handler", "com.example.MyExceptionHandler")],
            "`production.exception.handler` = `com.example.MyExceptionHandler`: expected `fail` \
             or `skip`, such as `skip`",
        ),
        (
            &[("topology.optimization", "single.store.self.join")],
            "`topology.optimization` = `single.store.self.join`: that comes in a later version, \
             for now it can only be `none` or `all` or `reuse.ktable.source.topics` or \
             `merge.repartition.topics`",
        ),
        (
            &[("topology.optimization", "some")],
            "`topology.optimization` = `some`: expected `none` or `all` or \
             `reuse.ktable.source.topics` or `merge.repartition.topics`, such as `none`",
        ),
        (
            &[("comit.interval.ms", "1")],
            "unknown setting `comit.interval.ms`: did you mean `commit.interval.ms`?",
        ),
        (
            &[("NUM_STREAM_THREADS", "1")],
            "unknown setting `NUM_STREAM_THREADS`: did you mean `num.stream.threads`?",
        ),
        (
            &[("cache.max.bytes.buffering", "1")],
            "unknown setting `cache.max.bytes.buffering`: did you mean \
             `statestore.cache.max.bytes`?",
        ),
        (
            &[("default.production.exception.handler", "skip")],
            "unknown setting `default.production.exception.handler`: did you mean \
             `production.exception.handler`?",
        ),
        (
            &[("bootstrap.servers", "here")],
            "`bootstrap.servers` = `here`: expected `host:port`, several with commas between, or \
             nothing, such as `localhost:9092`",
        ),
        (
            &[("bootstrap.server", "here:9092")],
            "unknown setting `bootstrap.server`: did you mean `bootstrap.servers`?",
        ),
        (
            &[("group.protocol", "streams")],
            "`group.protocol` = `streams`: that comes in a later version, for now it can only be \
             `classic` or `consumer`",
        ),
        (
            &[("auto.offset.reset", "smallest")],
            "`auto.offset.reset` = `smallest`: expected `earliest` or `latest` or `none`, such as \
             `latest`",
        ),
        (
            &[("topic.", "1")],
            "unknown setting `topic.`, and none is spelt like it; the documentation of `Config` \
             has all of them",
        ),
        (
            &[("commit.interval.ms", "0")],
            "`commit.interval.ms` is 0, and a commit after every step leaves no time for records: \
             the shortest interval is 1",
        ),
        (
            &[("commit.interval.ms", "20000")],
            "`transaction.timeout.ms` (10000) is below `commit.interval.ms` (20000), so the \
             broker would abort every transaction before it is committed: raise the timeout or \
             commit more often",
        ),
        (
            &[("poll.ms", "500"), ("max.poll.interval.ms", "500")],
            "`poll.ms` (500) is not below `max.poll.interval.ms` (500), so a stream thread \
             without records would be taken for dead",
        ),
        (
            &[("bootstrap.servers", "a:1"), ("heartbeat.interval.ms", "4000")],
            "`heartbeat.interval.ms` (4000) has to be above 0 and at most a third of \
             `session.timeout.ms` (10000), so that an instance is not taken for dead when a \
             heartbeat or two are late",
        ),
        (
            &[("bootstrap.servers", "a:1"), ("max.poll.interval.ms", "9000")],
            "`session.timeout.ms` (10000) is above `max.poll.interval.ms` (9000): lower the one or \
             raise the other",
        ),
    ];
    for (pairs, expected) in rows {
        let error = config(pairs).map_or_else(|error| error.to_string(), |_| "no error".to_owned());
        assert_eq!(error, *expected, "{pairs:?}");
    }
}

#[test]
fn a_typed_value_is_held_to_the_same_rules() {
    let rows = [
        (Config::new("a/b"), "`application.id` = `a/b`: expected a name"),
        (Config::new(".."), "`application.id` = `..`: expected a name"),
        (Config::new("a".repeat(250)), "`application.id` = `aaa"),
        (Config::new("app").with_num_stream_threads(0), "`num.stream.threads` = `0`"),
        (Config::new("app").with_bootstrap_servers("a:1,"), "`bootstrap.servers` = `a:1,`"),
        (Config::new("app").with_replication_factor(40_000), "`replication.factor` = `40000`"),
        (Config::new("app").with_commit_interval(Duration::ZERO), "`commit.interval.ms` is 0"),
    ];
    for (config, expected) in rows {
        let error = config.validate().expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn what_is_no_server_is_refused() {
    let rows =
        ["a", ":1", "a:", "a:0", "a:65536", "a:1,,b:1", "a b:1", "::1:9092", "[a]:1", "k://a:1"];
    for servers in rows {
        assert!(config(&[("bootstrap.servers", servers)]).is_err(), "{servers}");
    }
}

#[test]
fn every_default_and_every_example_is_allowed() {
    let fresh = Config::new("app");
    assert_eq!(fresh.validate(), Ok(()));
    for setting in SETTINGS {
        let example = fresh.clone().set(setting.key, setting.example).expect(setting.key);
        assert_eq!(example.validate(), Ok(()), "{}", setting.key);
        assert_eq!(setting.text(&example), setting.example);
        // The one setting without a default is the application's name.
        if setting.key != "application.id" {
            assert_eq!(setting.text(&fresh), setting.default, "{}", setting.key);
        }
    }
}

#[test]
fn an_application_has_a_name() {
    let error = Config::from_pairs([("poll.ms", "1")]).unwrap_err();
    assert!(error.to_string().starts_with("`application.id` = ``"), "{error}");
}

#[test]
fn the_commit_interval_follows_the_guarantee_until_it_is_set() {
    let config = Config::new("app");
    assert_eq!(config.commit_interval(), Duration::from_millis(100));
    let config = config.with_processing_guarantee(Guarantee::AtLeastOnce);
    assert_eq!(config.commit_interval(), Duration::from_secs(30));
    assert_eq!(config.validate(), Ok(()), "the transaction timeout does not count here");
    let config = config.with_commit_interval(Duration::from_millis(7));
    assert_eq!(config.commit_interval(), Duration::from_millis(7));
}

#[test]
fn internal_topics_get_what_is_set_for_topics() {
    let config = config(&[("topic.segment.bytes", "1"), ("topic.cleanup.policy", "compact")]);
    let pairs = [("cleanup.policy", "compact"), ("segment.bytes", "1")];
    assert!(config.expect("valid").topic_configs().eq(pairs));
}
