//! Requests that are held, lost or left unanswered while an application runs: a hundred times, and
//! every input counts once.

use std::time::Duration;

use millstream::Config;
use millstream_kafka_server::{Action, ApiKey, KafkaOptions, KafkaServer, Target};

use crate::numbers::{Feeder, Results, application, broker, create_topics};

const EPISODES: usize = 100;
const REQUESTS: [ApiKey; 6] = [
    ApiKey::END_TXN,
    ApiKey::TXN_OFFSET_COMMIT,
    ApiKey::ADD_OFFSETS_TO_TXN,
    ApiKey::ADD_PARTITIONS_TO_TXN,
    ApiKey::PRODUCE,
    ApiKey::INIT_PRODUCER_ID,
];
const ACTIONS: [Action; 4] =
    [Action::HoldAndCloseClient, Action::Drop, Action::LoseAnswer, Action::Hold];
/// A request that is not seen by then is not sent any more in this episode: a producer asks for its
/// id only when it is opened.
const SEEN_WITHIN: Duration = Duration::from_secs(3);

#[test]
fn a_hundred_faults_and_nothing_torn_lost_or_doubled() {
    let timeouts = "transaction.abort.timed.out.transaction.cleanup.interval.ms";
    let options = KafkaOptions::default().proxied().property(timeouts, 200);
    let server = KafkaServer::start(options);
    let direct = broker(&server.bootstrap());
    create_topics(&*direct, "late");
    let config = Config::new("late")
        .with_num_stream_threads(2)
        .with_transaction_timeout(Duration::from_secs(3))
        .set("bootstrap.servers", server.proxy().bootstrap())
        .unwrap();
    let app = application(config).unwrap();
    app.start().unwrap();
    let mut feeder = Feeder::new(&*direct, "late");
    let mut results = Results::of(&*direct, "late");
    let mut random = 1u64;
    let mut below = |limit: u64| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) % limit
    };
    let mut hits = 0;
    for episode in 0..EPISODES {
        let request = REQUESTS[episode % REQUESTS.len()];
        let action = ACTIONS[episode / REQUESTS.len() % ACTIONS.len()];
        let target = Target::next(request).of_client("late-StreamThread");
        let fault = server.proxy().fault(target, action);
        // A producer that is opened anew: something has to go wrong before.
        let before = (request == ApiKey::INIT_PRODUCER_ID).then(|| {
            let target = Target::next(ApiKey::END_TXN).of_client("late-StreamThread");
            server.proxy().fault(target, Action::LoseAnswer)
        });
        feeder.feed(20 + below(50) as i64);
        let hit = fault.wait_hit(SEEN_WITHIN);
        hits += usize::from(hit);
        feeder.feed(10);
        // What is held comes late: in the middle of what follows.
        std::thread::sleep(Duration::from_millis(below(400)));
        fault.release();
        feeder.feed(10);
        results.read();
        drop(before);
    }
    results.check(feeder.fed);
    app.close(Duration::from_secs(30)).unwrap();
    assert!(hits > EPISODES * 3 / 4, "only {hits} requests met their fault");
    println!("{hits} of {EPISODES} requests met their fault; {} numbers", feeder.fed);
}
