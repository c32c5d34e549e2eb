//! The Kafka broker that the suite runs on.

use std::sync::OnceLock;
use std::time::Duration;

use millstream_broker::kafka::{KafkaBroker, KafkaConfig};
use millstream_broker::{Broker, GroupJoin, TaskId};
use millstream_kafka_server::{KafkaOptions, KafkaServer};

pub fn bootstrap_servers() -> String {
    static SERVER: OnceLock<KafkaServer> = OnceLock::new();
    let start = || {
        // Tests of timeouts are not to wait long.
        let options = KafkaOptions::default()
            .property("group.min.session.timeout.ms", 1000)
            .property("group.consumer.heartbeat.interval.ms", 300)
            .property("transaction.abort.timed.out.transaction.cleanup.interval.ms", 200);
        let server = KafkaServer::start(options);
        // The first member has the topic of the groups made, and waits for that with patience.
        let broker = KafkaBroker::connect(KafkaConfig::new(server.bootstrap())).unwrap();
        let join = GroupJoin {
            group: "first".to_owned(),
            client_id: "first".to_owned(),
            instance: None,
            tasks: vec![TaskId { sub_topology: 0, partition: 0 }],
            poll_timeout: Duration::from_secs(300),
            waker: None,
        };
        let mut member = broker.membership(join).unwrap();
        while member.poll().unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
        member.leave().unwrap();
        server
    };
    SERVER.get_or_init(start).bootstrap()
}
