//! Starts a Kafka broker, prints where it is, and runs until Ctrl-C.

use std::process::ExitCode;
use std::thread;

use millstream_kafka_server::{KafkaOptions, KafkaServer};

fn main() -> ExitCode {
    eprintln!("starting Kafka (the first time its jars are fetched) ...");
    match KafkaServer::try_start(KafkaOptions::default()) {
        Ok(server) => {
            println!("bootstrap: {}", server.bootstrap());
            eprintln!("Ctrl-C ends it; its data go with it");
            loop {
                // The watchdog ends the broker when this process is gone.
                thread::park();
            }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
