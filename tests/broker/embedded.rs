//! What only the embedded broker can be asked: retention and compaction at a given time, waiting
//! for room, many threads.

use std::time::Duration;

use millstream_broker::embedded::EmbeddedBroker;
use millstream_broker::{
    Admin, Broker, BrokerError, Headers, ManualClock, NewTopic, ProducerOptions, RecordBuffer,
    TopicPartition,
};

use crate::cluster::*;

const DAY: Duration = Duration::from_secs(86_400);

/// On every kind of storage.
fn each(test: impl Fn(&Cluster)) {
    test(&Cluster::in_memory());
    test(&Cluster::durable());
}

/// Goes on in time, and lets somebody's call do the housekeeping.
fn pass(cluster: &Cluster, time: Duration) {
    cluster.clock.advance(time);
    cluster.producer().flush().unwrap();
    let _ = cluster.broker.admin().unwrap().list_topics().unwrap();
}

fn put(cluster: &Cluster, partition: &TopicPartition, records: &[(&str, Option<&str>)]) {
    use millstream_broker::Clock;
    let mut buffer = RecordBuffer::new();
    for (key, value) in records {
        let value = value.map(str::as_bytes);
        buffer.push(cluster.clock.wall_ms(), Some(key.as_bytes()), value, &Headers::new());
    }
    cluster.producer().send(partition, &mut buffer).unwrap();
}

#[test]
fn old_records_go() {
    each(|cluster| {
        let partition =
            cluster.create(|name| NewTopic::new(name, 1).config("retention.ms", "10000"));
        put(cluster, &partition, &[("a", Some("old"))]);
        cluster.clock.advance(Duration::from_secs(6));
        put(cluster, &partition, &[("a", Some("new"))]);
        pass(cluster, Duration::from_secs(5));
        assert_eq!(cluster.read(&partition), [(1, "new".to_owned())]);
        pass(cluster, DAY);
        assert_eq!(cluster.read(&partition), []);
        let ends = cluster.consumer().offsets(&partition).unwrap();
        assert_eq!((ends.beginning, ends.end), (2, 2));
    });
}

#[test]
fn too_many_records_go() {
    each(|cluster| {
        let partition =
            cluster.create(|name| NewTopic::new(name, 1).config("retention.bytes", "300"));
        let value = "x".repeat(76);
        for _ in 0..10 {
            send(&mut *cluster.producer(), &partition, &[&value]);
        }
        pass(cluster, DAY);
        assert_eq!(cluster.read(&partition).len(), 3);
    });
}

#[test]
fn open_transactions_are_kept() {
    each(|cluster| {
        let partition = cluster.create(|name| NewTopic::new(name, 1).config("retention.ms", "0"));
        let mut producer = cluster.transactional("open");
        producer.begin().unwrap();
        send(&mut *producer, &partition, &["a"]);
        pass(cluster, Duration::from_secs(5));
        assert_eq!(cluster.consumer().offsets(&partition).unwrap().beginning, 0);
        commit(&mut *producer);
        pass(cluster, Duration::from_secs(5));
        assert_eq!(cluster.consumer().offsets(&partition).unwrap().beginning, 1);
    });
}

fn compacted(cluster: &Cluster) -> TopicPartition {
    cluster.create(|name| {
        NewTopic::new(name, 1)
            .config("cleanup.policy", "compact")
            .config("segment.bytes", "100")
            .config("delete.retention.ms", "60000")
    })
}

/// So much that what came before is not in the active segment.
fn roll(cluster: &Cluster, partition: &TopicPartition, key: &str) {
    let large = "y".repeat(200);
    put(cluster, partition, &[(key, Some(&large))]);
    put(cluster, partition, &[(key, Some("active"))]);
}

#[test]
fn the_last_record_of_each_key_stays() {
    each(|cluster| {
        let partition = compacted(cluster);
        put(cluster, &partition, &[("a", Some("a1")), ("b", Some("b1")), ("a", Some("a2"))]);
        put(cluster, &partition, &[("b", Some("b2")), ("c", Some("c1"))]);
        let mut producer = cluster.transactional("aborted");
        producer.begin().unwrap();
        send(&mut *producer, &partition, &["aborted"]);
        producer.abort().unwrap();
        roll(cluster, &partition, "r");
        pass(cluster, Duration::from_secs(2));
        let read = cluster.read(&partition);
        let values: Vec<(i64, &str)> =
            read.iter().map(|(o, v)| (*o, v.get(..2).unwrap())).collect();
        assert_eq!(values, [(2, "a2"), (3, "b2"), (4, "c1"), (7, "yy"), (8, "ac")]);
        for from in 0..9 {
            let mut consumer = cluster.consumer();
            consumer.assign(&partition, from).unwrap();
            let expected: Vec<_> = read.iter().filter(|(o, _)| *o >= from).cloned().collect();
            assert_eq!(drain(&mut *consumer, &partition), expected, "from {from}");
        }
    });
}

#[test]
fn tombstones_go_later() {
    each(|cluster| {
        let partition = compacted(cluster);
        put(cluster, &partition, &[("a", Some("a1")), ("b", Some("b1"))]);
        put(cluster, &partition, &[("a", None)]);
        roll(cluster, &partition, "r");
        pass(cluster, Duration::from_secs(2));
        let values = cluster.values(&partition);
        assert_eq!((values[0].as_str(), values[1].as_str()), ("b1", "null"));
        pass(cluster, Duration::from_secs(50));
        assert_eq!(cluster.values(&partition)[1], "null");
        pass(cluster, Duration::from_secs(20));
        assert_eq!(cluster.values(&partition).len(), 3);
        assert_eq!(cluster.values(&partition)[0], "b1");
    });
}

#[test]
fn young_records_are_not_compacted() {
    each(|cluster| {
        let partition = cluster.create(|name| {
            NewTopic::new(name, 1)
                .config("cleanup.policy", "compact")
                .config("segment.bytes", "100")
                .config("min.compaction.lag.ms", "60000")
        });
        put(cluster, &partition, &[("a", Some("a1")), ("a", Some("a2"))]);
        roll(cluster, &partition, "r");
        pass(cluster, Duration::from_secs(30));
        assert_eq!(cluster.values(&partition).len(), 4);
        pass(cluster, Duration::from_secs(31));
        assert_eq!(cluster.values(&partition).len(), 3);
    });
}

#[test]
fn compaction_again_and_again() {
    each(|cluster| {
        let partition = compacted(cluster);
        let mut expected = std::collections::BTreeMap::new();
        for round in 0..60u32 {
            let key = (round * 7 % 11).to_string();
            let value = (round % 5 != 0).then(|| format!("{round}-{}", "z".repeat(40)));
            put(cluster, &partition, &[(&key, value.as_deref())]);
            expected.insert(key, value);
            pass(cluster, Duration::from_secs(7));
            let mut table = std::collections::BTreeMap::new();
            let mut consumer = cluster.consumer();
            consumer.assign(&partition, 0).unwrap();
            while let Some(batch) = consumer.fetch(&partition, 1 << 20).unwrap() {
                for record in batch.iter() {
                    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
                    table.insert(record.key.map(text).unwrap(), record.value.map(text));
                }
            }
            let live = |t: &std::collections::BTreeMap<String, Option<String>>| {
                let live = t.clone().into_iter().filter(|(_, v)| v.is_some());
                live.collect::<Vec<_>>()
            };
            assert_eq!(live(&table), live(&expected), "round {round}");
        }
        assert!(cluster.values(&partition).len() < 30);
    });
}

#[test]
fn waiting_for_room() {
    let broker = EmbeddedBroker::in_memory();
    broker.create_topic(NewTopic::new("bounded", 1).bounded(100)).unwrap();
    let cluster = Cluster::new(broker.clone(), ManualClock::at(0));
    let partition = TopicPartition::new("bounded", 0);
    assert!(broker.wait_for_room("bounded", Duration::ZERO));
    send(&mut *cluster.producer(), &partition, &["x"; 10]);
    assert!(!broker.wait_for_room("bounded", Duration::ZERO));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| broker.wait_for_room("bounded", Duration::from_secs(60)));
        cluster.consumer().commit(&at(&partition, 10), &crate::cluster::nobody("g")).unwrap();
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn many_threads_on_one_directory() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 50;
    let directory = tempfile::tempdir().unwrap();
    let builder = || EmbeddedBroker::builder().directory(directory.path()).segment_bytes(20_000);
    let broker = builder().cache_bytes(0).open().unwrap();
    broker.create_topic(NewTopic::new("t", 2)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let broker = &broker;
            scope.spawn(move || {
                let options = ProducerOptions::transactional("p", format!("id-{thread}"));
                let mut producer = broker.producer(options).unwrap();
                for round in 0..ROUNDS {
                    producer.begin().unwrap();
                    for partition in 0..2 {
                        let partition = TopicPartition::new("t", partition);
                        send(&mut *producer, &partition, &[&format!("{thread}-{round}")]);
                        producer
                            .send_offsets(&at(&partition, 1), &crate::cluster::nobody("g"))
                            .unwrap();
                    }
                    commit(&mut *producer);
                    broker.maintain().unwrap();
                }
            });
        }
    });
    broker.close().unwrap();
    let closed = broker.admin().map(|_| ()).unwrap_err();
    assert!(matches!(closed, BrokerError::Closed(_)), "{closed}");
    let cluster = Cluster::new(builder().open().unwrap(), ManualClock::at(0));
    for partition in 0..2 {
        let values = cluster.values(&TopicPartition::new("t", partition));
        assert_eq!(values.len(), THREADS * ROUNDS);
        for thread in 0..THREADS {
            let prefix = format!("{thread}-");
            let of_thread =
                values.iter().filter_map(|v| v.strip_prefix(&prefix)?.parse::<usize>().ok());
            assert!(of_thread.eq(0..ROUNDS));
        }
    }
}

#[test]
fn admins_stop_at_the_first_failure() {
    let broker = EmbeddedBroker::in_memory();
    let mut admin: Box<dyn Admin> = broker.admin().unwrap();
    let topics = [NewTopic::new("a", 1), NewTopic::new("a", 1), NewTopic::new("b", 1)];
    assert!(matches!(admin.create_topics(&topics), Err(BrokerError::TopicExists(_))));
    assert_eq!(admin.list_topics().unwrap(), ["a"]);
}

/// A waker is called once for what can be seen, and not for what cannot.
#[test]
fn wakers_are_called_when_something_can_be_seen() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    each(|cluster| {
        let partition = cluster.topic(1);
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        let waker = millstream_broker::Waker::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let mut consumer = cluster.consumer_with(millstream_broker::ConsumerOptions {
            waker: Some(waker),
            ..Default::default()
        });
        consumer.assign(&partition, 0).unwrap();
        send(&mut *cluster.producer(), &partition, &["a"]);
        assert_eq!(calls.swap(0, Ordering::SeqCst), 1);
        let mut transactional = cluster.transactional("wakers");
        transactional.begin().unwrap();
        send(&mut *transactional, &partition, &["b"]);
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        commit(&mut *transactional);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    });
}
