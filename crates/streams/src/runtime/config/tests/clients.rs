//! What goes on to clients, and what does not.

use millstream_broker::IsolationLevel;

use super::super::settings::SETTINGS;
use super::super::{Config, Guarantee};
use super::config;

fn error(key: &str, value: &str) -> String {
    config(&[(key, value)]).map_or_else(|error| error.to_string(), |_| "no error".to_owned())
}

#[test]
fn settings_of_clients_go_where_they_belong() {
    let pairs = [
        ("consumer.fetch.min.bytes", "1024"),
        ("producer.linger.ms", "20"),
        ("producer.socket.timeout.ms", "5000"),
        ("admin.socket.timeout.ms", "6000"),
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "PLAIN"),
        ("ssl.ca.location", "/ca.pem"),
        ("client.dns.lookup", "use_all_dns_ips"),
        // What is so anyway.
        ("consumer.enable.auto.commit", "false"),
        ("consumer.isolation.level", "read_committed"),
        ("producer.acks", "all"),
        ("producer.enable.idempotence", "true"),
        ("producer.max.in.flight", "5"),
    ];
    let entries = config(&pairs).expect("allowed").clients.entries().collect::<Vec<_>>();
    let mut expected: Vec<_> =
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let mut found = entries;
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_would_break_the_engine_is_refused() {
    let rows = [
        ("consumer.enable.auto.commit", "true", "offsets are committed together"),
        ("consumer.auto.commit.interval.ms", "5", "`commit.interval.ms`"),
        ("consumer.enable.auto.offset.store", "true", "passed over"),
        ("consumer.isolation.level", "read_uncommitted", "`at_least_once`"),
        ("consumer.group.id", "g", "set `application.id`"),
        ("consumer.group.instance.id", "g", "without a prefix"),
        ("consumer.session.timeout.ms", "1", "without the prefix"),
        ("consumer.max.poll.interval.ms", "1", "without the prefix"),
        ("consumer.partition.assignment.strategy", "range", "must stay together"),
        ("consumer.enable.partition.eof", "true", "remove it"),
        ("consumer.auto.offset.reset", "latest", "without the prefix"),
        ("producer.transactional.id", "t", "fence each other"),
        ("producer.transaction.timeout.ms", "1", "`transaction.timeout.ms`"),
        ("producer.enable.idempotence", "false", "twice"),
        ("producer.acks", "1", "`all`"),
        ("producer.request.required.acks", "0", "`all`"),
        ("producer.partitioner", "random", "remove it"),
        ("producer.max.in.flight", "6", "5 or less"),
        ("producer.max.in.flight.requests.per.connection", "many", "5 or less"),
        ("producer.retries", "0", "remove it"),
        ("producer.enable.gapless.guarantee", "true", "remove it"),
        ("producer.queuing.strategy", "lifo", "overtake"),
        ("producer.delivery.report.only.error", "true", "remove it"),
        ("consumer.bootstrap.servers", "a:1", "without a prefix"),
        ("producer.metadata.broker.list", "a:1", "one cluster"),
        ("admin.client.id", "a", "`client.id`"),
    ];
    for (key, value, words) in rows {
        let error = error(key, value);
        assert!(error.starts_with(&format!("`{key}` is refused: ")), "{error}");
        assert!(error.contains(words), "{error}");
    }
    // Refused without the prefix too.
    assert!(error("enable.auto.commit", "true").starts_with("`consumer.enable.auto.commit` is"));
    assert!(error("acks", "1").starts_with("`producer.acks` is refused"));
}

#[test]
fn the_isolation_level_is_free_at_least_once() {
    use Guarantee::{AtLeastOnce, ExactlyOnce};
    use IsolationLevel::{ReadCommitted, ReadUncommitted};
    let rows = [
        (ExactlyOnce, None, Some(ReadCommitted)),
        (ExactlyOnce, Some("read_committed"), Some(ReadCommitted)),
        (ExactlyOnce, Some("read_uncommitted"), None),
        (AtLeastOnce, None, Some(ReadUncommitted)),
        (AtLeastOnce, Some("read_committed"), Some(ReadCommitted)),
        (AtLeastOnce, Some("read_uncommitted"), Some(ReadUncommitted)),
        (AtLeastOnce, Some("read_all"), None),
    ];
    for (guarantee, level, expected) in rows {
        let mut config = Config::new("app").with_processing_guarantee(guarantee);
        if let Some(level) = level {
            config = config.set("consumer.isolation.level", level).expect("a name of consumers");
        }
        let found = config.validate().ok().map(|()| config.isolation());
        assert_eq!(found, expected, "{guarantee:?} {level:?}");
    }
}

#[test]
fn what_is_written_otherwise_here_says_how() {
    let rows = [
        ("sasl.jaas.config", "`sasl.username` and `sasl.password`"),
        ("consumer.sasl.jaas.config", "`sasl.username` and `sasl.password`"),
        ("ssl.truststore.location", "`ssl.ca.location`"),
        ("key.deserializer", "`Wire`"),
        ("producer.value.serializer", "`Wire`"),
        ("default.key.serde", "`Wire`"),
        ("max.poll.records", "`buffered.records.per.partition`"),
        ("consumer.max.poll.records", "`buffered.records.per.partition`"),
        ("main.consumer.fetch.min.bytes", "`consumer.fetch.min.bytes`"),
        ("num.standby.replicas", "later version"),
        ("upgrade.from", "remove it"),
        ("probing.rebalance.interval.ms", "later version"),
        ("metrics.recording.level", "`StreamsApp::metrics`"),
        ("rocksdb.config.setter", "remove it"),
        ("application.server", "later version"),
        // Of another kind of client, or of all of them.
        ("acks", "set `producer.acks`"),
        ("fetch.min.bytes", "set `consumer.fetch.min.bytes`"),
        ("producer.fetch.min.bytes", "set `consumer.fetch.min.bytes`"),
        ("admin.linger.ms", "set `producer.linger.ms`"),
        ("socket.timeout.ms", "`admin.socket.timeout.ms`"),
        ("consumer.commit.interval.ms", "set `commit.interval.ms`, without a prefix"),
    ];
    for (key, words) in rows {
        let error = error(key, "all");
        assert!(error.starts_with(&format!("`{key}` is not a setting here: ")), "{error}");
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_name_that_no_client_knows_shows_the_nearest() {
    let rows = [
        ("consumer.fetch.min.byte", "`consumer.fetch.min.bytes`"),
        ("producer.linger", "`producer.linger.ms`"),
        ("admin.socket.timeout", "`admin.socket.timeout.ms`"),
        ("sasl.pasword", "`sasl.password`"),
        ("security.protokol", "`security.protocol`"),
        ("producer.dr_msg_cb", ""),
    ];
    for (key, nearest) in rows {
        let error = error(key, "1");
        assert!(error.starts_with(&format!("unknown setting `{key}`")), "{error}");
        assert!(error.contains(nearest), "{error}");
    }
}

const SECRETS: &[&str] = &[
    "topic.my.Password",
    "topic.sasl.jaas.config",
    "topic.client.secret",
    "sasl.password",
    "consumer.sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "producer.ssl.keystore.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.assertion.private.key.passphrase",
];

#[test]
fn debug_shows_every_setting_and_no_secret() {
    let pairs: Vec<_> = SECRETS.iter().map(|key| (*key, "hunter2")).collect();
    let config = config(&pairs).expect("valid").with_topic_config("retention.ms", "77");
    let shown = format!("{config:?} {config:#?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    for key in SECRETS {
        assert!(shown.contains(&format!(r#""{key}": "(secret)""#)), "{key} in {shown}");
    }
    assert!(shown.contains(r#""topic.retention.ms": "77""#), "{shown}");
    for setting in SETTINGS {
        assert!(shown.contains(setting.key), "{} in {shown}", setting.key);
    }
}

#[test]
fn errors_tell_no_secret() {
    let misspelt = ["sasl.pasword", "sasl.jaas.config", "ssl.keystore.key", "my.token", "admin.x"];
    for key in misspelt {
        let error = config(&[(key, "hunter2")]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[cfg(feature = "kafka")]
#[test]
fn the_adapter_is_told_everything() {
    use std::time::Duration;

    use millstream_broker::kafka::GroupProtocol;

    assert!(Config::new("app").kafka().is_none());
    let config = config(&[
        ("bootstrap.servers", "a:1,b:2"),
        ("group.protocol", "consumer"),
        ("session.timeout.ms", "20000"),
        ("heartbeat.interval.ms", "500"),
        ("replication.factor", "3"),
        ("sasl.username", "u"),
        ("consumer.fetch.min.bytes", "2"),
        ("producer.linger.ms", "3"),
        ("admin.socket.timeout.ms", "4"),
    ]);
    let kafka = config.expect("valid").kafka().expect("a cluster is named");
    assert_eq!(kafka.bootstrap_servers, "a:1,b:2");
    assert_eq!(kafka.group_protocol, GroupProtocol::Consumer);
    assert_eq!(kafka.session_timeout, Duration::from_secs(20));
    assert_eq!(kafka.heartbeat_interval, Duration::from_millis(500));
    assert_eq!(kafka.replication_factor, Some(3));
    let rows = [
        (kafka.common, "sasl.username", "u"),
        (kafka.consumer, "fetch.min.bytes", "2"),
        (kafka.producer, "linger.ms", "3"),
        (kafka.admin, "socket.timeout.ms", "4"),
    ];
    for (map, name, value) in rows {
        assert_eq!(map.into_iter().collect::<Vec<_>>(), [(name.to_owned(), value.to_owned())]);
    }
}
