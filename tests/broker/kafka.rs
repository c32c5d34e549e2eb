//! The Kafka broker that the suite runs on.

pub fn bootstrap_servers() -> String {
    std::env::var("MILLSTREAM_KAFKA").unwrap()
}
