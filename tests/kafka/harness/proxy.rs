use std::sync::OnceLock;
use std::time::Duration;

use millstream_kafka_server::{Action, ApiKey, KafkaOptions, KafkaServer, Target};

use crate::wire::{CREATE_TOPICS, Connection, create_topic};

const SOON: Duration = Duration::from_secs(10);
const NOT_YET: Duration = Duration::from_millis(200);

fn server() -> &'static KafkaServer {
    static SERVER: OnceLock<KafkaServer> = OnceLock::new();
    SERVER.get_or_init(|| KafkaServer::start(KafkaOptions::default().proxied()))
}

fn through(client_id: &str) -> Connection {
    Connection::open(&server().proxy().bootstrap(), client_id)
}

fn has_topic(name: &str) -> bool {
    let (_, topics) = Connection::open(&server().bootstrap(), "tests").metadata();
    topics.iter().any(|topic| topic == name)
}

/// Whether it is there soon: a topic that was made is not known at once.
fn appears(name: &str) -> bool {
    let end = std::time::Instant::now() + SOON;
    while !has_topic(name) {
        if std::time::Instant::now() > end {
            return false;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    true
}

/// Creations of topics by this client.
fn creation(client_id: &str) -> Target {
    Target::next(ApiKey::CREATE_TOPICS).of_client(client_id)
}

#[test]
fn clients_stay_behind_it() {
    let proxy = server().proxy();
    let port: i32 = proxy.bootstrap().rsplit(':').next().unwrap().parse().unwrap();
    let before = proxy.requests(ApiKey::METADATA);
    assert_eq!(through("tests").metadata().0, port);
    assert!(proxy.requests(ApiKey::METADATA) > before);
    let direct: i32 = server().bootstrap().rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(Connection::open(&server().bootstrap(), "tests").metadata().0, direct);
}

#[test]
fn a_held_request_holds_up_its_connection_only() {
    let fault = server().proxy().fault(creation("holding"), Action::Hold);
    let mut held = through("holding");
    let sent = held.send(CREATE_TOPICS, 2, &create_topic("held"));
    assert!(fault.wait_hit(SOON));
    assert_eq!(through("holding").create_topic("not-held"), 0);
    assert!(!has_topic("held") && !fault.wait_answered(NOT_YET));
    fault.release();
    assert!(fault.wait_answered(SOON));
    assert_eq!(held.receive().unwrap().0, sent);
    assert!(appears("held"));
    assert_eq!(held.api_versions(), 0);
}

#[test]
fn a_held_request_arrives_after_its_client_has_gone() {
    let fault = server().proxy().fault(creation("leaving"), Action::Hold);
    let mut held = through("leaving");
    held.send(CREATE_TOPICS, 2, &create_topic("late"));
    assert!(fault.wait_hit(SOON));
    drop(held);
    assert!(!fault.wait_answered(NOT_YET) && !has_topic("late"));
    fault.release();
    assert!(fault.wait_answered(SOON) && appears("late"));
}

#[test]
fn a_client_that_is_sent_away_tries_again_and_is_overtaken_by_itself() {
    let fault = server().proxy().fault(creation("retrying"), Action::HoldAndCloseClient);
    let mut first = through("retrying");
    first.send(CREATE_TOPICS, 2, &create_topic("retried"));
    assert!(first.receive().is_none() && fault.wait_hit(SOON));
    assert_eq!(through("retrying").create_topic("retried"), 0);
    assert!(!fault.wait_answered(NOT_YET));
    fault.release();
    assert!(fault.wait_answered(SOON));
}

#[test]
fn a_dropped_request_never_arrives() {
    let fault = server().proxy().fault(creation("dropping"), Action::Drop);
    let mut connection = through("dropping");
    connection.send(CREATE_TOPICS, 2, &create_topic("dropped"));
    assert!(connection.receive().is_none() && fault.wait_hit(SOON));
    assert!(!fault.wait_answered(NOT_YET) && !has_topic("dropped"));
}

#[test]
fn a_lost_answer_is_of_a_request_that_arrived() {
    let fault = server().proxy().fault(creation("losing"), Action::LoseAnswer);
    let mut connection = through("losing");
    connection.send(CREATE_TOPICS, 2, &create_topic("unanswered"));
    assert!(connection.receive().is_none());
    assert!(fault.wait_answered(SOON) && appears("unanswered"));
}

#[test]
fn the_request_that_is_meant_is_found_and_only_once() {
    let proxy = server().proxy();
    let fault = proxy.fault(creation("chosen").nth(2), Action::Drop);
    assert_eq!(through("other").create_topic("a"), 0);
    assert_eq!(through("chosen-1").create_topic("b"), 0);
    assert!(!fault.wait_hit(Duration::ZERO));
    let mut second = through("chosen-2");
    second.send(CREATE_TOPICS, 2, &create_topic("c"));
    assert!(second.receive().is_none() && fault.wait_hit(SOON));
    assert_eq!(through("chosen-3").create_topic("c"), 0);
    drop(proxy.fault(creation("chosen"), Action::Drop));
    assert_eq!(through("chosen-4").create_topic("d"), 0);
}

#[test]
fn a_cut_ends_all_connections_until_it_is_mended() {
    let server = KafkaServer::start(KafkaOptions::default().proxied());
    let proxy = server.proxy();
    let open = || Connection::open(&proxy.bootstrap(), "tests");
    let mut connection = open();
    assert_eq!(connection.api_versions(), 0);
    proxy.cut();
    assert!(connection.receive().is_none() && open().receive().is_none());
    proxy.mend();
    assert_eq!(open().api_versions(), 0);
}
