//! A cluster of three nodes, one of which is gone at a time: leaders of partitions and coordinators of
//! groups and transactions move.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use millstream::{AppState, Guarantee};
use millstream_kafka_server::KafkaCluster;

use crate::log::{self, Telling};
use crate::numbers::{Feeder, Results, application, broker, config, create_topics, keeps_numbers};

const NODES: usize = 3;
const FED: i64 = 500;

/// Three brokers are enough at a time.
static ONE_CLUSTER: Mutex<()> = Mutex::new(());

fn survives(guarantee: Guarantee, protocol: &str) {
    let _one = ONE_CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("nodes-{guarantee:?}-{protocol}").to_lowercase();
    let mut cluster = KafkaCluster::start(NODES as u32, keeps_numbers().heap_mb(384));
    let direct = broker(&cluster.bootstrap());
    create_topics(&*direct, &name);
    let config = config(&name, &cluster.bootstrap(), guarantee);
    let app = application(config.set("group.protocol", protocol).unwrap()).unwrap();
    log::listen();
    app.start().unwrap();
    let _telling = Telling(&app);
    let mut feeder = Feeder::new(&*direct, &name);
    let mut results = Results::of(&*direct, &name);
    feeder.feed(FED);
    results.check_as(guarantee, feeder.fed);
    for round in 0..NODES {
        // Amid work.
        feeder.feed(FED);
        results.wait_for(feeder.fed - FED / 2);
        let node = cluster.node(round);
        if round % 2 == 0 {
            node.kill();
        } else {
            node.stop();
        }
        let away = Instant::now();
        feeder.feed(FED);
        results.check_as(guarantee, feeder.fed);
        println!("{name}: all through {:?} after node {round} went", away.elapsed());
        cluster.node(round).restart();
        thread::sleep(Duration::from_millis(200));
        assert!(matches!(app.state(), AppState::Running | AppState::Rebalancing));
    }
    results.check_as(guarantee, feeder.fed);
    app.close(Duration::from_secs(30)).unwrap();
}

#[test]
fn exactly_once_while_nodes_come_and_go() {
    survives(Guarantee::ExactlyOnce, "classic");
}

#[test]
fn exactly_once_with_the_consumer_protocol_while_nodes_come_and_go() {
    survives(Guarantee::ExactlyOnce, "consumer");
}

#[test]
fn at_least_once_while_nodes_come_and_go() {
    survives(Guarantee::AtLeastOnce, "classic");
}
