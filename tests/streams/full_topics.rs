//! A bounded topic that nobody reads: what a producer is told, and how it goes on.

use millstream::broker::{Broker, BrokerError, NewTopic, ProducerOptions, TopicPartition};
use millstream::{Error, Record, Topic, TopicProducer};

use crate::rig::Rig;

type Done = fn(&mut TopicProducer) -> Result<(), Error>;

type Options = fn() -> ProducerOptions;

const PRODUCERS: &[(Options, Done)] = &[
    (|| ProducerOptions::idempotent("test"), TopicProducer::flush),
    (|| ProducerOptions::transactional("test", "test"), TopicProducer::commit),
];

/// Sends the numbers from `first`, each acknowledged, until the topic is full; gives the number
/// that was refused.
fn fill(producer: &mut TopicProducer, done: Done, first: i64) -> i64 {
    for number in first..first + 1000 {
        let record = Record::new(number.to_string(), "x".repeat(100), number);
        let sent = producer.send(&Topic::<String, String>::new("small"), record);
        let Err(error) = sent.and_then(|()| done(producer)) else { continue };
        assert!(
            matches!(&error, Error::Broker(BrokerError::TopicFull(topic)) if topic == "small"),
            "{error:?}"
        );
        let message = error.to_string();
        assert!(message.contains("'small' is full: wait until its readers"), "{message}");
        return number;
    }
    panic!("the topic was never full");
}

fn keys(rig: &Rig) -> Vec<i64> {
    let records = rig.all::<String, String>("small").into_iter();
    records.map(|consumed| consumed.record.key.parse().unwrap()).collect()
}

fn make_room(rig: &Rig) {
    let before = (TopicPartition::new("small", 0), rig.offsets("small", 0).last_stable);
    rig.broker.admin().unwrap().delete_records(&[before]).unwrap();
    assert!(keys(rig).is_empty());
}

#[test]
fn what_was_accepted_is_there_once_and_sending_goes_on_when_there_is_room() {
    for (options, done) in PRODUCERS {
        let rig = Rig::with_topics(&[]);
        rig.broker.create_topic(NewTopic::new("small", 1).bounded(1000)).unwrap();
        let mut producer = TopicProducer::new(&rig.broker, options()).unwrap();
        let mut first = 0;
        for _ in 0..3 {
            let refused = fill(&mut producer, *done, first);
            assert!(refused > first + 3, "{first} to {refused}");
            producer.abort().unwrap();
            assert_eq!(keys(&rig), (first..refused).collect::<Vec<_>>());
            make_room(&rig);
            first = refused;
        }
    }
}

#[test]
fn what_was_refused_is_kept_and_sent_when_there_is_room() {
    for (options, done) in PRODUCERS {
        let rig = Rig::with_topics(&[]);
        rig.broker.create_topic(NewTopic::new("small", 1).bounded(1000)).unwrap();
        let mut producer = TopicProducer::new(&rig.broker, options()).unwrap();
        let refused = fill(&mut producer, *done, 0);
        assert_eq!(keys(&rig), (0..refused).collect::<Vec<_>>());
        make_room(&rig);
        done(&mut producer).unwrap();
        assert_eq!(keys(&rig), [refused]);
    }
}
