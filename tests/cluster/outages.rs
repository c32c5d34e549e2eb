//! The broker goes away under an application at work, and comes back with its data.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::{Duration, Instant};

use millstream::{AppState, Guarantee};
use millstream_kafka_server::KafkaServer;

use crate::log::{self, Telling};
use crate::numbers::{Feeder, Results, application, broker, config, create_topics, keeps_numbers};

/// Shorter than the transaction and the session last, and longer.
const SHORT: u64 = 5;
const LONG: u64 = 20;
const FED_EACH_TIME: i64 = 500;

/// Where the broker goes away.
#[derive(Clone, Copy, Debug)]
enum Amid {
    Work,
    Idleness,
}

/// How often a broker may lose markers by itself before that is a failure too.
const ATTEMPTS: usize = 5;

fn survives(guarantee: Guarantee, amid: Amid, away: &[u64]) {
    for _ in 0..ATTEMPTS {
        if passes(guarantee, amid, away) {
            return;
        }
        println!("Kafka has lost the markers of a transaction: once more, with another broker");
    }
    panic!("Kafka has lost the markers of a transaction {ATTEMPTS} times");
}

/// Says no if the broker, and not the application, is to blame.
fn passes(guarantee: Guarantee, amid: Amid, away: &[u64]) -> bool {
    let name = format!("outages-{guarantee:?}-{amid:?}-{}", away.len()).to_lowercase();
    let mut server = KafkaServer::start(keeps_numbers());
    let direct = broker(&server.bootstrap());
    create_topics(&*direct, &name);
    let app = application(config(&name, &server.bootstrap(), guarantee)).unwrap();
    log::listen();
    app.start().unwrap();
    let _telling = Telling(&app);
    let mut feeder = Feeder::new(&*direct, &name);
    let mut results = Results::of(&*direct, &name);
    for (number, secs) in away.iter().copied().enumerate() {
        feeder.feed(FED_EACH_TIME);
        match amid {
            Amid::Work => results.wait_for(feeder.fed - FED_EACH_TIME / 2),
            Amid::Idleness => {
                results.check(feeder.fed);
                // No transaction is open, so that nothing fails but the reading.
                thread::sleep(Duration::from_secs(1));
            }
        }
        if number % 2 == 0 {
            server.kill()
        } else {
            server.stop()
        }
        thread::sleep(Duration::from_secs(secs));
        server.restart();
        let back = Instant::now();
        feeder.feed(FED_EACH_TIME);
        let checked = catch_unwind(AssertUnwindSafe(|| results.check_as(guarantee, feeder.fed)));
        if let Err(failure) = checked {
            if !server.has_lost_markers() {
                resume_unwind(failure);
            }
            let _waits_for_the_transaction = app.close(Duration::from_secs(5));
            return false;
        }
        println!("{name}: away for {secs} s, all through {:?} after the start", back.elapsed());
        assert!(matches!(app.state(), AppState::Running | AppState::Rebalancing));
    }
    app.close(Duration::from_secs(30)).unwrap();
    true
}

#[test]
fn exactly_once() {
    survives(Guarantee::ExactlyOnce, Amid::Work, &[SHORT]);
}

#[test]
fn exactly_once_without_a_broker_for_longer_than_a_transaction() {
    survives(Guarantee::ExactlyOnce, Amid::Work, &[SHORT, LONG]);
}

#[test]
fn exactly_once_with_nothing_to_do() {
    survives(Guarantee::ExactlyOnce, Amid::Idleness, &[1, SHORT, 1]);
}

#[test]
fn at_least_once() {
    survives(Guarantee::AtLeastOnce, Amid::Work, &[SHORT, LONG]);
}
