//! A cluster of three nodes, one of which is gone at a time: leaders of partitions and coordinators of
//! groups and transactions move.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use millstream::{AppState, Config, Guarantee};
use millstream_kafka_server::{KafkaCluster, KafkaOptions};

use crate::log;
use crate::numbers::{Feeder, Results, application, broker, create_topics};
use crate::outages::Telling;

const NODES: usize = 3;
const FED: i64 = 500;

/// Three brokers are enough at a time.
static ONE_CLUSTER: Mutex<()> = Mutex::new(());

fn survives(guarantee: Guarantee, protocol: &str) {
    let _one = ONE_CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("nodes-{guarantee:?}-{protocol}").to_lowercase();
    // The numbers' times are long ago: a broker that starts would delete them as too old.
    let options = KafkaOptions::default().heap_mb(384).property("log.retention.ms", -1);
    let mut cluster = KafkaCluster::start(NODES as u32, options);
    let direct = broker(&cluster.bootstrap());
    create_topics(&*direct, &name);
    let config = Config::new(&name)
        .with_processing_guarantee(guarantee)
        .with_commit_interval(Duration::from_millis(100))
        .with_num_stream_threads(2)
        .set("bootstrap.servers", cluster.bootstrap())
        .and_then(|config| config.set("group.protocol", protocol))
        .unwrap();
    let app = application(config).unwrap();
    log::listen();
    app.start().unwrap();
    let _telling = Telling(&app);
    let mut feeder = Feeder::new(&*direct, &name);
    let mut results = Results::of(&*direct, &name);
    let check = |results: &mut Results, fed| match guarantee {
        Guarantee::ExactlyOnce => results.check(fed),
        Guarantee::AtLeastOnce => results.check_at_least_once(fed),
    };
    feeder.feed(FED);
    check(&mut results, feeder.fed);
    for round in 0..NODES {
        // Amid work.
        feeder.feed(FED);
        while results.copied() < (feeder.fed - FED / 2) as usize {
            results.read();
        }
        let node = cluster.node(round);
        if round % 2 == 0 {
            node.kill();
        } else {
            node.stop();
        }
        let away = Instant::now();
        feeder.feed(FED);
        check(&mut results, feeder.fed);
        println!("{name}: all through {:?} after node {} went", away.elapsed(), round);
        cluster.node(round).restart();
        thread::sleep(Duration::from_millis(200));
        assert!(matches!(app.state(), AppState::Running | AppState::Rebalancing));
    }
    check(&mut results, feeder.fed);
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
