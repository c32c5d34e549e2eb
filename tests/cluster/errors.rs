//! What cannot be: an error within a bounded time that names the thing and what to do.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use millstream::broker::NewTopic;
use millstream::{Config, StreamsApp, StreamsBuilder};

use millstream_kafka_server::{KafkaOptions, KafkaServer};

use crate::numbers::{Feeder, Results, application, broker, create_topics, eventually};
use crate::server;

/// Starts an application, and gives what it says; it says so in time.
#[track_caller]
pub(crate) fn refused(config: Config) -> String {
    refused_within(config, Duration::from_secs(25))
}

#[track_caller]
fn refused_within(config: Config, limit: Duration) -> String {
    let start = Instant::now();
    let app = match application(config) {
        Ok(app) => app,
        Err(error) => return error.to_string(),
    };
    let error = match app.start() {
        Err(error) => error,
        // What the first call of a thread finds out stops the application.
        Ok(()) => {
            eventually("it ends", || app.state().is_terminal().then_some(()));
            app.close(Duration::from_secs(10)).unwrap_err()
        }
    };
    assert!(start.elapsed() < limit, "{error}: after {:?}", start.elapsed());
    error.to_string()
}

fn on_server(name: &str) -> Config {
    Config::new(name).set("bootstrap.servers", server()).unwrap()
}

#[test]
fn a_cluster_that_does_not_answer() {
    // Nobody listens, or somebody who never says anything.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [closed, silent.local_addr().unwrap()] {
        let config = Config::new("unreachable").set("bootstrap.servers", address.to_string());
        let error = refused(config.unwrap());
        assert!(error.contains(&address.to_string()), "{error}");
        assert!(error.contains("bootstrap.servers") || error.contains("in time"), "{error}");
    }
}

#[test]
fn missing_topics_are_named_all_at_once() {
    let error = refused(on_server("missing"));
    for topic in ["missing-numbers", "missing-copy-a", "missing-copy-b", "missing-counts"] {
        assert!(error.contains(topic), "{error}");
    }
    assert!(error.contains("create"), "{error}");
}

#[test]
fn internal_topics_that_do_not_fit() {
    let broker = broker(&server());
    for (name, topic, partitions, policy, expected) in [
        ("unfit-1", "per-group-changelog", 3, "compact", "has 3 partitions"),
        ("unfit-2", "per-group-changelog", 2, "delete", "cleanup.policy=delete"),
        ("unfit-3", "per-group-repartition", 2, "compact", "cleanup.policy=compact"),
    ] {
        create_topics(&*broker, name);
        let topic = format!("{name}-{topic}");
        let new = NewTopic::new(&topic, partitions).config("cleanup.policy", policy);
        broker.admin().unwrap().create_topics(&[new]).unwrap();
        let error = refused(on_server(name));
        assert!(error.contains(&topic) && error.contains(expected), "{error}");
    }
}

#[test]
fn topics_with_different_partitions_cannot_be_joined_by_key() {
    let broker = broker(&server());
    for (topic, partitions) in [("narrow", 1), ("wide", 3), ("sums", 1)] {
        broker.admin().unwrap().create_topics(&[NewTopic::new(topic, partitions)]).unwrap();
    }
    let builder = StreamsBuilder::new();
    let both = builder.stream::<String, i64>("narrow").merge(&builder.stream("wide"));
    both.group_by_key().count("sums").to("sums");
    let app = StreamsApp::new(builder.build().unwrap(), on_server("co-partitioned")).unwrap();
    let error = app.start().unwrap_err().to_string();
    assert!(error.contains("'narrow' has 1") && error.contains("'wide' has 3"), "{error}");
}

#[test]
fn settings_that_the_client_or_the_cluster_refuses() {
    for (number, (key, value, expected)) in [
        ("session.timeout.ms", "3600000", "session.timeout.ms"),
        ("transaction.timeout.ms", "2000000000", "transaction.timeout.ms"),
        ("replication.factor", "5", "per-group"),
        ("topic.retention.ms", "sometimes", "per-group"),
        ("security.protocol", "ssl", "security.protocol"),
        ("producer.linger.ms", "soon", "linger.ms"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("settings-{number}");
        create_topics(&*broker(&server()), &name);
        let mut config = on_server(&name).set(key, value);
        if key == "session.timeout.ms" {
            config = config.and_then(|config| config.set("max.poll.interval.ms", "4000000"));
        }
        let error = match config {
            Ok(config) => refused(config),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expected), "{key}: {error}");
    }
}

#[test]
fn a_broker_that_is_too_old_for_the_protocol() {
    let server = KafkaServer::start(KafkaOptions::default().old());
    let direct = broker(&server.bootstrap());
    let config = |name: &str, protocol: &str| {
        create_topics(&*direct, name);
        let config = Config::new(name).set("bootstrap.servers", server.bootstrap()).unwrap();
        config.set("group.protocol", protocol).unwrap()
    };
    let app = application(config("old-classic", "classic")).unwrap();
    app.start().unwrap();
    let mut feeder = Feeder::new(&*direct, "old-classic");
    feeder.feed(100);
    Results::of(&*direct, "old-classic").check(feeder.fed);
    app.close(Duration::from_secs(10)).unwrap();

    let error = refused_within(config("old-consumer", "consumer"), Duration::from_secs(45));
    println!("{error}");
    for text in ["group.protocol=consumer", "Kafka 4.0", "group.protocol=classic"] {
        assert!(error.contains(text), "{error}");
    }
}
