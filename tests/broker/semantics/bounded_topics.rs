use millstream_broker::{BrokerError, NewTopic, TopicPartition};

use crate::cluster::*;

fn bounded(cluster: &Cluster) -> TopicPartition {
    cluster.create(|name| NewTopic::new(name, 1).bounded(1000))
}

fn fill(cluster: &Cluster, partition: &TopicPartition) -> i64 {
    let mut producer = cluster.producer();
    while !producer.is_full(&partition.topic) {
        send(&mut *producer, partition, &["0123456789"; 10]);
    }
    producer.acknowledged(partition).unwrap()
}

pub fn a_full_topic_gets_room_when_its_readers_have_passed(cluster: &Cluster) {
    let partition = bounded(cluster);
    let end = fill(cluster, &partition);
    let mut consumer = cluster.consumer();
    consumer.commit(&at(&partition, end - 10), &cluster.nobody("reader")).unwrap();
    assert!(!cluster.producer().is_full(&partition.topic));
    assert_eq!(consumer.offsets(&partition).unwrap().beginning, end - 10);
    assert_eq!(cluster.values(&partition).len(), 10);
}

pub fn every_reader_counts(cluster: &Cluster) {
    let partition = bounded(cluster);
    let mut consumer = cluster.consumer();
    consumer.commit(&at(&partition, 0), &cluster.nobody("slow")).unwrap();
    let end = fill(cluster, &partition);
    consumer.commit(&at(&partition, end), &cluster.nobody("quick")).unwrap();
    assert!(cluster.producer().is_full(&partition.topic));
    let mut producer = cluster.transactional("slow");
    producer.begin().unwrap();
    producer.send_offsets(&at(&partition, end), &cluster.nobody("slow")).unwrap();
    assert!(cluster.producer().is_full(&partition.topic));
    commit(&mut *producer);
    assert!(!cluster.producer().is_full(&partition.topic));
}

pub fn far_above_the_bound_producing_is_refused(cluster: &Cluster) {
    let partition = bounded(cluster);
    let mut producer = cluster.producer();
    let mut taken = 0;
    let error = loop {
        let mut buffer = buffer(&["0123456789"; 10]);
        match producer.send(&partition, &mut buffer) {
            Ok(()) => taken += 1,
            Err(error) => {
                assert_eq!(buffer.count(), 10, "the buffer is left as it was");
                break error;
            }
        }
    };
    assert!(matches!(error, BrokerError::TopicFull(_)) && error.is_retriable(), "{error}");
    assert!(taken > 3);
}
