//! The Kafka broker that the suite runs on.

use std::sync::OnceLock;

use millstream_kafka_server::{KafkaOptions, KafkaServer};

pub fn bootstrap_servers() -> String {
    static SERVER: OnceLock<KafkaServer> = OnceLock::new();
    let start = || {
        // Tests of timeouts are not to wait long.
        let options = KafkaOptions::default()
            .property("group.min.session.timeout.ms", 1000)
            .property("transaction.abort.timed.out.transaction.cleanup.interval.ms", 200);
        KafkaServer::start(options)
    };
    SERVER.get_or_init(start).bootstrap()
}
