//! A cluster that asks who comes and lets everybody do only what they are allowed to: with all rights
//! an application runs, without one it ends with an error that says which.

use std::time::Duration;

use millstream::Config;
use millstream_kafka_server::{JavaTopics, KafkaOptions, KafkaServer};

use crate::errors::refused;
use crate::log;
use crate::numbers::{Feeder, Results, application, broker, create_topics};

const PASSWORD: &str = "0nly-4-ann";

/// What an application needs, as `docs/decisions/kafka.md` lists it.
const RIGHTS: [&str; 14] = [
    "READ:TOPIC:NAME-numbers",
    "DESCRIBE:TOPIC:NAME-numbers",
    "WRITE:TOPIC:NAME-copy-a",
    "DESCRIBE:TOPIC:NAME-copy-a",
    "WRITE:TOPIC:NAME-copy-b",
    "WRITE:TOPIC:NAME-counts",
    "DESCRIBE_CONFIGS:TOPIC:NAME-*",
    "CREATE:TOPIC:NAME-*",
    "READ:TOPIC:NAME-per-group*",
    "WRITE:TOPIC:NAME-per-group*",
    "DELETE:TOPIC:NAME-per-group*",
    "READ:GROUP:NAME",
    "WRITE:TRANSACTIONAL_ID:NAME-*",
    "DESCRIBE:TOPIC:NAME-tasks*",
];

/// Rights that are missing, and what the error has to name.
const MISSING: [(&str, &[&str], &[&str]); 9] = [
    ("blind", &["READ:TOPIC:NAME-numbers"], &["blind-numbers", "Read"]),
    (
        "stranger",
        &["READ:TOPIC:NAME-numbers", "DESCRIBE:TOPIC:NAME-numbers"],
        &["stranger-numbers", "Describe"],
    ),
    ("mute", &["WRITE:TOPIC:NAME-copy-a"], &["mute-copy-a", "Write"]),
    ("maker", &["CREATE:TOPIC:NAME-*"], &["maker-per-group", "Create"]),
    ("curious", &["DESCRIBE_CONFIGS:TOPIC:NAME-*"], &["curious-", "DescribeConfigs"]),
    ("loner", &["READ:GROUP:NAME"], &["group 'loner'", "Read"]),
    ("undone", &["WRITE:TRANSACTIONAL_ID:NAME-*"], &["undone-", "Write", "transactional id"]),
    ("forgetful", &["WRITE:TOPIC:NAME-per-group*"], &["forgetful-per-group", "Write"]),
    ("lost", &["DESCRIBE:TOPIC:NAME-tasks*"], &["lost-tasks", "Describe"]),
];

fn settings(server: &KafkaServer, name: &str) -> Config {
    let pairs = [
        ("application.id", name),
        ("bootstrap.servers", &server.secured_bootstrap()),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", name),
        ("sasl.password", PASSWORD),
    ];
    Config::from_pairs(pairs).unwrap()
}

#[test]
fn every_right_that_is_missing_is_named() {
    log::listen();
    let names = MISSING.iter().map(|(name, ..)| *name).chain(["ann"]);
    let options = names.clone().fold(KafkaOptions::default(), |o, name| o.user(name, PASSWORD));
    let server = KafkaServer::start(options);
    let direct = broker(&server.bootstrap());
    let none: (&str, &[&str], &[&str]) = ("ann", &[], &[]);
    let mut rights = Vec::new();
    for (name, missing, _) in MISSING.iter().chain([&none]) {
        create_topics(&*direct, name);
        let granted = RIGHTS.iter().filter(|right| !missing.contains(right));
        rights.extend(granted.map(|right| format!("{name}:{}", right.replace("NAME", name))));
    }
    JavaTopics::new(server.bootstrap()).allow(&rights);

    let config = settings(&server, "ann");
    assert!(!format!("{config:?}").contains(PASSWORD), "{config:?}");
    let app = application(config).unwrap();
    app.start().unwrap();
    let mut feeder = Feeder::new(&*direct, "ann");
    feeder.feed(100);
    Results::of(&*direct, "ann").check(feeder.fed);
    log::check_own_requests("ann-");
    app.close(Duration::from_secs(10)).unwrap();

    let mut wrong = Vec::new();
    for (name, missing, expected) in MISSING {
        // Whoever cannot write something has to have something to write.
        Feeder::new(&*direct, name).feed(10);
        let error = refused(settings(&server, name));
        println!("without {missing:?}: {error}");
        if !expected.iter().all(|text| error.contains(text)) || error.contains(PASSWORD) {
            wrong.push(format!("without {missing:?}: {error}"));
        }
    }
    let impostor = settings(&server, "ann").set("sasl.password", "s0mething-else").unwrap();
    let error = refused(impostor);
    println!("with a wrong password: {error}");
    if !error.contains("sasl.password") || error.contains("s0mething-else") {
        wrong.push(format!("with a wrong password: {error}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let lines = log::lines();
    let told = lines
        .iter()
        .filter(|line| [PASSWORD, "s0mething-else"].iter().any(|secret| line.contains(secret)));
    assert_eq!(told.collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(!lines.is_empty());
}
