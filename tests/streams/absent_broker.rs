//! A broker that is not there for stream threads that start.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{
    Admin, Broker, BrokerError, Consumer, ConsumerOptions, GroupJoin, Membership, Producer,
    ProducerOptions,
};
use millstream::{AppState, StreamsApp};

use crate::rig::{CLOSE, Rig, block_on, config, copy, eventually};

/// The embedded broker, which refuses to open so many producers.
#[derive(Debug)]
struct Refusing {
    broker: EmbeddedBroker,
    refusals: AtomicUsize,
    refusal: fn() -> BrokerError,
}

impl Broker for Refusing {
    fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        self.broker.consumer(options)
    }

    fn producer(&self, options: ProducerOptions) -> Result<Box<dyn Producer>, BrokerError> {
        let taken = self
            .refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |refusals| refusals.checked_sub(1));
        match taken {
            Ok(_) => Err((self.refusal)()),
            Err(_) => self.broker.producer(options),
        }
    }

    fn membership(&self, join: GroupJoin) -> Result<Box<dyn Membership>, BrokerError> {
        self.broker.membership(join)
    }

    fn admin(&self) -> Result<Box<dyn Admin>, BrokerError> {
        self.broker.admin()
    }
}

fn timeout() -> BrokerError {
    BrokerError::Timeout("coordinator load in progress".to_owned())
}

fn not_allowed() -> BrokerError {
    BrokerError::InvalidTransactionState("not allowed".to_owned())
}

fn app(rig: &Rig, refusals: usize, refusal: fn() -> BrokerError) -> StreamsApp {
    let broker = Refusing { broker: rig.broker.clone(), refusals: refusals.into(), refusal };
    let app = StreamsApp::on(Arc::new(broker), copy(), config("late").with_num_stream_threads(2));
    let app = app.unwrap();
    app.start().unwrap();
    app
}

#[test]
fn threads_start_when_it_answers() {
    let rig = Rig::new(1);
    let app = app(&rig, 3, timeout);
    block_on(app.running()).unwrap();
    rig.send("in", "a:1 b:2");
    assert_eq!(rig.rows("out", 2), ["a:1", "b:2"]);
    app.close(CLOSE).unwrap();
}

#[test]
fn an_application_closes_while_its_threads_wait_for_it() {
    let rig = Rig::new(1);
    let app = app(&rig, usize::MAX, timeout);
    app.close(CLOSE).unwrap();
    assert_eq!(app.state(), AppState::NotRunning);
}

#[test]
fn what_waiting_does_not_mend_ends_the_application() {
    let rig = Rig::new(1);
    let app = app(&rig, usize::MAX, not_allowed);
    eventually("the end", || app.state() == AppState::Error);
    let error = app.close(CLOSE).unwrap_err().to_string();
    assert!(error.contains("not allowed"), "{error}");
}
