use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use millstream_broker::{
    BrokerError, ConsumerOptions, Headers, NewTopic, RecordBuffer, TopicPartition, Waker,
};

use crate::cluster::*;

pub fn records_come_back_in_order(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut producer = cluster.producer();
    let mut headers = Headers::new();
    headers.push("h", Some(b"1"));
    let mut buffer = RecordBuffer::new();
    buffer.push(7, Some(b"k"), None, &headers);
    producer.send(&partition, &mut buffer).unwrap();
    assert!(buffer.is_empty());
    send(&mut *producer, &partition, &["b", "c"]);
    assert_eq!(producer.acknowledged(&partition), Some(3));

    let mut consumer = cluster.consumer();
    consumer.assign(&partition, 0).unwrap();
    let batch = consumer.fetch(&partition, 1).unwrap().unwrap();
    let first = batch.iter().next().unwrap();
    assert_eq!((first.offset, first.timestamp), (0, 7));
    assert_eq!((first.key, first.value), (Some(&b"k"[..]), None));
    assert_eq!(first.headers(), headers);
    let rest = drain(&mut *consumer, &partition);
    assert_eq!(rest, [(1, "b".to_owned()), (2, "c".to_owned())]);

    consumer.assign(&partition, 0).unwrap();
    let mut times = Vec::new();
    while let Some(batch) = consumer.fetch(&partition, 1000).unwrap() {
        times.extend(batch.iter().map(|record| record.timestamp));
    }
    assert_eq!(times, [7, 0, 0], "0 is a time like any other");
}

pub fn a_batch_is_cut_to_size_and_goes_on_where_it_ended(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let values: Vec<String> = (0..100).map(|i| format!("{i:0>76}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    send(&mut *cluster.producer(), &partition, &values);
    let mut consumer = cluster.consumer();
    consumer.assign(&partition, 0).unwrap();
    let mut next = 0;
    while let Some(batch) = consumer.fetch(&partition, 1000).unwrap() {
        assert!(batch.size() <= 1000);
        for record in batch.iter() {
            assert_eq!(record.offset, next);
            assert_eq!(record.value.unwrap(), values[next as usize].as_bytes());
            next += 1;
        }
        assert_eq!(batch.next_offset(), next);
    }
    assert_eq!(next, 100);
}

pub fn seeking_into_a_batch(cluster: &Cluster) {
    let partition = cluster.topic(1);
    send(&mut *cluster.producer(), &partition, &["a", "b", "c", "d"]);
    let mut consumer = cluster.consumer();
    for (offset, expected) in [(2, "cd"), (0, "abcd"), (3, "d"), (4, "")] {
        consumer.assign(&partition, offset).unwrap();
        let read = drain(&mut *consumer, &partition);
        let values: String = read.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, expected);
    }
}

pub fn positions_outside_the_log(cluster: &Cluster) {
    let partition = cluster.topic(1);
    send(&mut *cluster.producer(), &partition, &["a"]);
    let mut consumer = cluster.consumer();
    consumer.assign(&partition, 5).unwrap();
    let error = consumer.fetch(&partition, 1000).unwrap_err();
    assert!(matches!(error, BrokerError::OffsetOutOfRange { offset: 5, end: 1, .. }), "{error}");
    let missing = TopicPartition::new(partition.topic.clone(), 1);
    let error = consumer.offsets(&missing).unwrap_err();
    assert!(matches!(error, BrokerError::UnknownPartition(_)), "{error}");
    let error = consumer.offsets(&TopicPartition::new("nowhere", 0)).unwrap_err();
    assert!(matches!(error, BrokerError::UnknownTopic(_)), "{error}");
}

pub fn what_is_not_assigned_cannot_be_fetched(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut consumer = cluster.consumer();
    consumer.assign(&partition, 0).unwrap();
    consumer.unassign(&partition);
    consumer.unassign(&partition);
    let error = consumer.fetch(&partition, 1000).unwrap_err();
    assert!(matches!(error, BrokerError::NotAssigned(_)), "{error}");
}

pub fn deleted_records_are_gone(cluster: &Cluster) {
    let partition = cluster.topic(1);
    send(&mut *cluster.producer(), &partition, &["a", "b", "c"]);
    let mut admin = cluster.broker.admin().unwrap();
    admin.delete_records(&[(partition.clone(), 2)]).unwrap();
    admin.delete_records(&[(partition.clone(), 1)]).unwrap();
    assert_eq!(cluster.read(&partition), [(2, "c".to_owned())]);
    let mut consumer = cluster.consumer();
    consumer.assign(&partition, 1).unwrap();
    let error = consumer.fetch(&partition, 1000).unwrap_err();
    assert!(matches!(error, BrokerError::OffsetOutOfRange { beginning: 2, .. }), "{error}");
    let error = admin.delete_records(&[(partition.clone(), 4)]).unwrap_err();
    assert!(matches!(error, BrokerError::OffsetOutOfRange { .. }), "{error}");
}

pub fn a_record_too_large_is_refused(cluster: &Cluster) {
    let partition =
        cluster.create(|name| NewTopic::new(name, 1).config("max.message.bytes", "1000"));
    let mut producer = cluster.producer();
    let large = "x".repeat(2000);
    let error = producer.send(&partition, &mut buffer(&["small", &large])).unwrap_err();
    assert!(matches!(error, BrokerError::RecordTooLarge { limit: 1000, .. }), "{error}");
    let many: Vec<&str> = vec!["small"; 100];
    send(&mut *producer, &partition, &many);
    assert_eq!(cluster.values(&partition).len(), 100);
}

/// Kafka compresses anew what comes otherwise than the topic says.
pub fn compressed_records_are_read(cluster: &Cluster) {
    let values: Vec<String> = (0..2000).map(|number| format!("number {}", number % 7)).collect();
    let sent: Vec<&str> = values.iter().map(String::as_str).collect();
    for codec in ["uncompressed", "gzip", "snappy", "lz4", "zstd"] {
        let partition =
            cluster.create(|name| NewTopic::new(name, 1).config("compression.type", codec));
        send(&mut *cluster.producer(), &partition, &sent);
        assert_eq!(cluster.values(&partition), values, "{codec}");
    }
}

pub fn wakers_are_called_when_there_is_something_to_see(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let options = ConsumerOptions {
        waker: Some(Waker::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        })),
        ..ConsumerOptions::default()
    };
    let mut consumer = cluster.consumer_with(options);
    consumer.assign(&partition, 0).unwrap();
    let called = || (calls.swap(0, Ordering::SeqCst) > 0).then_some(());
    send(&mut *cluster.producer(), &partition, &["a"]);
    cluster.eventually("the waker is called", called);
    assert_eq!(drain(&mut *consumer, &partition).len(), 1);
    // That the end is reached is news too, and wakes nobody once it has been taken.
    for _ in 0..50 {
        assert!(consumer.fetch(&partition, 1000).unwrap().is_none());
        cluster.pass(Duration::from_millis(10));
    }
    let mut transactional = cluster.transactional("wakers");
    calls.store(0, Ordering::SeqCst);
    transact(&mut *transactional, &partition, &["b"]);
    cluster.eventually("the waker is called after the commit", called);
    consumer.unassign(&partition);
    calls.store(0, Ordering::SeqCst);
    send(&mut *cluster.producer(), &partition, &["c"]);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}
