//! A cluster of three nodes, one of which is gone at a time: leaders of partitions and coordinators of
//! groups and transactions move.

use std::thread;
use std::time::{Duration, Instant};

use millstream::{AppState, Config, Guarantee};
use millstream_kafka_server::{KafkaCluster, KafkaOptions};

use crate::log;
use crate::numbers::{Feeder, Results, application, broker, create_topics};
use crate::outages::Telling;

const NODES: usize = 3;
const FED: i64 = 500;

fn survives(guarantee: Guarantee) {
    let name = format!("nodes-{guarantee:?}").to_lowercase();
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
    for round in 0..2 * NODES {
        // Amid work.
        feeder.feed(FED);
        while results.copied() < (feeder.fed - FED / 2) as usize {
            results.read();
        }
        let node = cluster.node(round % NODES);
        if round % 2 == 0 {
            node.kill();
        } else {
            node.stop();
        }
        let away = Instant::now();
        feeder.feed(FED);
        println!("BOOT {}", cluster.bootstrap());
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(&mut results, feeder.fed)
        }))
        .is_err()
        {
            println!("{:?} after:\n{}", app.state(), log::lines().join("\n"));
            println!("HANGS");
            thread::sleep(Duration::from_secs(900));
            panic!();
        }
        println!("{name}: all through {:?} after node {} went", away.elapsed(), round % NODES);
        cluster.node(round % NODES).restart();
        thread::sleep(Duration::from_millis(200));
        assert!(matches!(app.state(), AppState::Running | AppState::Rebalancing));
    }
    check(&mut results, feeder.fed);
    app.close(Duration::from_secs(30)).unwrap();
}

#[test]
fn exactly_once_while_nodes_come_and_go() {
    survives(Guarantee::ExactlyOnce);
}

#[test]
fn at_least_once_while_nodes_come_and_go() {
    survives(Guarantee::AtLeastOnce);
}
