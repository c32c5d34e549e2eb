use std::time::Duration;

use millstream_broker::{BrokerError, CommitOutcome, TopicPartition};

use crate::cluster::*;

pub fn committed_records_are_seen_after_the_commit(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut producer = cluster.transactional("seen");
    let mut committed = cluster.consumer();
    let mut uncommitted = cluster.uncommitted_consumer();
    committed.assign(&partition, 0).unwrap();
    uncommitted.assign(&partition, 0).unwrap();
    producer.begin().unwrap();
    send(&mut *producer, &partition, &["a", "b"]);
    assert!(committed.fetch(&partition, 1000).unwrap().is_none());
    assert_eq!(drain(&mut *uncommitted, &partition).len(), 2);
    commit(&mut *producer);
    assert_eq!(drain(&mut *committed, &partition).len(), 2);
}

pub fn aborted_records_are_never_seen(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut producer = cluster.transactional("aborted");
    transact(&mut *producer, &partition, &["a"]);
    producer.begin().unwrap();
    send(&mut *producer, &partition, &["b"]);
    producer.abort().unwrap();
    producer.abort().unwrap();
    transact(&mut *producer, &partition, &["c"]);
    assert_eq!(cluster.read(&partition), [(0, "a".to_owned()), (4, "c".to_owned())]);

    producer.begin().unwrap();
    send(&mut *producer, &partition, &["d"]);
    producer.abort().unwrap();
    let mut consumer = cluster.consumer();
    consumer.assign(&partition, 6).unwrap();
    let skipped = consumer.fetch(&partition, 1000).unwrap().unwrap();
    assert_eq!((skipped.iter().count(), skipped.next_offset()), (0, 8));
    assert!(consumer.fetch(&partition, 1000).unwrap().is_none());
}

pub fn markers_take_offsets(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut producer = cluster.transactional("markers");
    transact(&mut *producer, &partition, &["a", "b"]);
    assert_eq!(producer.acknowledged(&partition), Some(2));
    let mut consumer = cluster.consumer();
    cluster.eventually("the marker is written", || {
        (consumer.offsets(&partition).unwrap().end == 3).then_some(())
    });
    consumer.assign(&partition, 0).unwrap();
    let batch = consumer.fetch(&partition, 1000).unwrap().unwrap();
    assert_eq!(batch.iter().count(), 2);
    let mut next = batch.next_offset();
    while let Some(batch) = consumer.fetch(&partition, 1000).unwrap() {
        assert_eq!(batch.iter().count(), 0);
        next = batch.next_offset();
    }
    assert_eq!(next, 3, "the marker is passed over");
    transact(&mut *producer, &partition, &["c"]);
    assert_eq!(drain(&mut *consumer, &partition), [(3, "c".to_owned())]);
}

pub fn the_last_stable_offset_waits_for_the_earliest_transaction(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut first = cluster.transactional("first");
    let mut second = cluster.transactional("second");
    send(&mut *cluster.producer(), &partition, &["plain"]);
    first.begin().unwrap();
    send(&mut *first, &partition, &["slow"]);
    transact(&mut *second, &partition, &["quick"]);
    send(&mut *cluster.producer(), &partition, &["late"]);
    let ends = cluster.consumer().offsets(&partition).unwrap();
    assert_eq!((ends.beginning, ends.last_stable, ends.end), (0, 1, 5));
    assert_eq!(cluster.values(&partition), ["plain"]);
    commit(&mut *first);
    assert_eq!(cluster.values(&partition), ["plain", "slow", "quick", "late"]);
}

pub fn a_transaction_spans_partitions(cluster: &Cluster) {
    let left = cluster.topic(2);
    let right = TopicPartition::new(left.topic.clone(), 1);
    let mut producer = cluster.transactional("spans");
    producer.begin().unwrap();
    send(&mut *producer, &left, &["l"]);
    send(&mut *producer, &right, &["r"]);
    assert!(cluster.values(&left).is_empty() && cluster.values(&right).is_empty());
    commit(&mut *producer);
    assert_eq!(
        (cluster.values(&left), cluster.values(&right)),
        (vec!["l".into()], vec!["r".into()])
    );
}

pub fn a_new_producer_fences_the_old_one(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut old = cluster.transactional("fenced");
    old.begin().unwrap();
    send(&mut *old, &partition, &["lost"]);
    let mut new = cluster.transactional("fenced");
    let ends = cluster.consumer().offsets(&partition).unwrap();
    assert_eq!(ends.last_stable, ends.end, "what the old one left open is aborted at once");
    let error = old.send(&partition, &mut buffer(&["x"])).and_then(|()| old.flush()).unwrap_err();
    assert!(matches!(error, BrokerError::ProducerFenced(_)) && error.is_fenced(), "{error}");
    assert!(matches!(commit_error(&mut *old), BrokerError::ProducerFenced(_)));
    assert!(matches!(old.abort(), Err(BrokerError::ProducerFenced(_))));
    assert!(matches!(old.begin(), Err(BrokerError::ProducerFenced(_))));
    transact(&mut *new, &partition, &["kept"]);
    assert_eq!(cluster.values(&partition), ["kept"]);
}

pub fn an_overdue_transaction_is_aborted_and_fenced(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut producer = cluster.transactional("overdue");
    producer.begin().unwrap();
    send(&mut *producer, &partition, &["a"]);
    send(&mut *cluster.producer(), &partition, &["b"]);
    assert!(cluster.values(&partition).is_empty());
    cluster.pass(cluster.transaction_timeout + Duration::from_millis(1));
    cluster.eventually("it is aborted", || (cluster.values(&partition) == ["b"]).then_some(()));
    assert!(matches!(commit_error(&mut *producer), BrokerError::ProducerFenced(_)));
}

pub fn calls_out_of_order_are_refused(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut producer = cluster.transactional("order");
    let invalid = |error: BrokerError| {
        assert!(matches!(error, BrokerError::InvalidTransactionState(_)), "{error}");
    };
    invalid(producer.send(&partition, &mut buffer(&["a"])).unwrap_err());
    invalid(producer.send_offsets(&at(&partition, 1), &cluster.nobody("order")).unwrap_err());
    invalid(commit_error(&mut *producer));
    producer.begin().unwrap();
    invalid(producer.begin().unwrap_err());
    commit(&mut *producer);
    let mut plain = cluster.producer();
    invalid(plain.begin().unwrap_err());
    assert!(matches!(plain.commit(), CommitOutcome::Aborted(_)));
}
