//! A request to end a transaction that comes when the next one is open: without a guard it ends that
//! one, in the middle.

use std::sync::Arc;
use std::time::Duration;

use millstream::broker::{
    Broker, BrokerError, CommitOutcome, Headers, NewTopic, Producer, ProducerOptions, RecordBuffer,
    TopicPartition,
};
use millstream_kafka_server::{Action, ApiKey, KafkaOptions, KafkaServer, Target};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::numbers::{broker, eventually};

const WAIT: Duration = Duration::from_secs(10);

/// One transactional producer after the other's way of doing it.
trait Transactions {
    fn begin(&mut self);
    fn send(&mut self, topic: &str, value: &str);
    fn commit(&mut self);
    fn abort(&mut self);
}

/// librdkafka as anybody would use it.
struct Bare(BaseProducer);

impl Transactions for Bare {
    fn begin(&mut self) {
        self.0.begin_transaction().unwrap();
    }

    fn send(&mut self, topic: &str, value: &str) {
        self.0.send(BaseRecord::<(), str>::to(topic).payload(value)).map_err(|(e, _)| e).unwrap();
        self.0.flush(WAIT).unwrap();
    }

    fn commit(&mut self) {
        self.0.commit_transaction(WAIT).unwrap();
    }

    fn abort(&mut self) {
        // It may be told that there is nothing to abort: somebody else has ended it.
        let _ended_already = self.0.abort_transaction(WAIT);
    }
}

/// Ours, as the port wants it used: one that is in doubt is opened anew.
struct Ours {
    broker: Arc<dyn Broker>,
    producer: Box<dyn Producer>,
    times_in_doubt: u32,
}

impl Ours {
    fn new(broker: Arc<dyn Broker>) -> Self {
        let producer = Self::open(&*broker);
        Self { broker, producer, times_in_doubt: 0 }
    }

    fn open(broker: &dyn Broker) -> Box<dyn Producer> {
        broker.producer(ProducerOptions::transactional("torn-ours", "ours")).unwrap()
    }
}

impl Transactions for Ours {
    fn begin(&mut self) {
        if let Err(error) = self.producer.begin() {
            assert!(matches!(error, BrokerError::Timeout(_)), "{error}");
            self.times_in_doubt += 1;
            self.producer = Self::open(&*self.broker);
            self.producer.begin().unwrap();
        }
    }

    fn send(&mut self, topic: &str, value: &str) {
        let mut buffer = RecordBuffer::new();
        buffer.push(1, None, Some(value.as_bytes()), &Headers::new());
        self.producer.send(&TopicPartition::new(topic, 0), &mut buffer).unwrap();
        self.producer.flush().unwrap();
    }

    fn commit(&mut self) {
        assert!(matches!(self.producer.commit(), CommitOutcome::Committed));
    }

    fn abort(&mut self) {
        self.producer.abort().unwrap();
    }
}

/// What is seen of two transactions, the first committed by a request that comes again during the
/// second, which is aborted.
fn seen(server: &KafkaServer, topic: &str, producer: &mut dyn Transactions) -> Vec<String> {
    let direct = broker(&server.bootstrap());
    direct.admin().unwrap().create_topics(&[NewTopic::new(topic, 1)]).unwrap();
    let target = Target::next(ApiKey::END_TXN).of_client("torn");
    let late = server.proxy().fault(target, Action::HoldAndCloseClient);
    producer.begin();
    producer.send(topic, "first");
    producer.commit();
    assert!(late.wait_hit(WAIT));
    producer.begin();
    producer.send(topic, "second, begun");
    late.release();
    assert!(late.wait_answered(WAIT));
    std::thread::sleep(Duration::from_millis(300));
    producer.send(topic, "second, ended");
    producer.abort();
    committed(&*direct, topic)
}

fn committed(direct: &dyn Broker, topic: &str) -> Vec<String> {
    let partition = TopicPartition::new(topic, 0);
    let mut consumer = direct.consumer(Default::default()).unwrap();
    consumer.assign(&partition, 0).unwrap();
    let mut values = Vec::new();
    eventually("everything is read", || {
        while let Some(batch) = consumer.fetch(&partition, 1000).unwrap() {
            let read = batch.iter().filter_map(|record| record.value);
            values.extend(read.map(|value| String::from_utf8_lossy(value).into_owned()));
            let log = consumer.offsets(&partition).unwrap();
            if log.last_stable == log.end && batch.next_offset() == log.end {
                return Some(());
            }
        }
        None
    });
    values
}

#[test]
fn a_late_request_tears_nothing() {
    let server = KafkaServer::start(KafkaOptions::default().proxied());
    let proxied = server.proxy().bootstrap();

    let bare: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &proxied)
        .set("client.id", "torn-bare")
        .set("transactional.id", "bare")
        .set("retry.backoff.ms", "10")
        .create()
        .unwrap();
    bare.init_transactions(WAIT).unwrap();
    let torn = seen(&server, "bare", &mut Bare(bare));
    assert_eq!(torn, ["first", "second, begun"], "the control does not tear: nothing is shown");

    let mut ours = Ours::new(broker(&proxied));
    assert_eq!(seen(&server, "ours", &mut ours), ["first"]);
    assert_eq!(ours.times_in_doubt, 1);
}
