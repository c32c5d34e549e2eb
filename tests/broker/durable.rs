//! A broker in a directory: what stays after a restart, and what is refused.

use std::path::Path;
use std::time::Duration;

use millstream_broker::embedded::{EmbeddedBroker, EmbeddedBrokerBuilder, Fsync, SimulatedDisk};
use millstream_broker::{
    Broker, BrokerError, CommitOutcome, ManualClock, NewTopic, OffsetAndMetadata, TopicPartition,
};

use crate::cluster::*;

fn on_disk(disk: &SimulatedDisk) -> EmbeddedBrokerBuilder {
    let clock = ManualClock::at(START_MS);
    EmbeddedBroker::builder()
        .clock(clock_of(&clock))
        .segment_bytes(2000)
        .cache_bytes(0)
        .storage(disk.mount())
}

fn in_directory(path: &Path) -> Result<EmbeddedBroker, BrokerError> {
    EmbeddedBroker::builder().directory(path).open()
}

fn cluster(builder: EmbeddedBrokerBuilder) -> Cluster {
    let clock = ManualClock::at(START_MS);
    let broker = builder.clock(clock_of(&clock)).open().unwrap();
    Cluster::new(broker, clock)
}

#[test]
fn everything_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/when/missing");
    let partition = TopicPartition::new("kept", 1);
    {
        let broker = in_directory(&path).unwrap();
        let topic = NewTopic::new("kept", 1).config("retention.ms", "-1");
        broker.create_topic(topic.bounded(1_000_000)).unwrap();
        broker.create_topic(NewTopic::new("dropped", 1)).unwrap();
        let mut admin = broker.admin().unwrap();
        admin.create_partitions("kept", 2).unwrap();
        admin.delete_topic("dropped").unwrap();
        let cluster = Cluster::new(broker.clone(), ManualClock::at(0));
        let mut producer = cluster.transactional("kept");
        transact(&mut *producer, &partition, &["a", "b"]);
        producer.begin().unwrap();
        send(&mut *producer, &partition, &["aborted"]);
        producer.abort().unwrap();
        let offset = OffsetAndMetadata { offset: 2, metadata: "note".to_owned() };
        producer.begin().unwrap();
        producer.send_offsets(&[(partition.clone(), offset)], &cluster.nobody("g")).unwrap();
        commit(&mut *producer);
        admin.delete_records(&[(partition.clone(), 1)]).unwrap();
        producer.begin().unwrap();
        send(&mut *producer, &partition, &["left open"]);
        broker.close().unwrap();
        let error = producer.flush().unwrap_err();
        assert!(matches!(error, BrokerError::Closed(_)), "{error}");
    }
    let broker = in_directory(&path).unwrap();
    let mut admin = broker.admin().unwrap();
    assert_eq!(admin.list_topics().unwrap(), ["kept"]);
    let described = admin.describe_topics(&["kept"]).unwrap().remove(0).unwrap();
    assert_eq!((described.partitions, described.configs["retention.ms"].as_str()), (2, "-1"));
    let offsets = admin.group_offsets("g").unwrap();
    assert_eq!((offsets[0].1.offset, offsets[0].1.metadata.as_str()), (2, "note"));
    let cluster = Cluster::new(broker, ManualClock::at(0));
    assert_eq!(cluster.read(&partition), [(1, "b".to_owned())]);
    let ends = cluster.consumer().offsets(&partition).unwrap();
    assert_eq!((ends.beginning, ends.last_stable, ends.end), (1, 7, 7));
    let mut producer = cluster.transactional("kept");
    transact(&mut *producer, &partition, &["c"]);
    assert_eq!(cluster.read(&partition)[1], (7, "c".to_owned()));
}

#[test]
fn a_second_process_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = in_directory(directory.path()).unwrap();
    let error = in_directory(directory.path()).unwrap_err();
    assert!(matches!(error, BrokerError::Directory { .. }));
    let message = error.to_string();
    assert!(message.contains(&directory.path().display().to_string()), "{message}");
    assert!(message.contains("another process"), "{message}");
    first.close().unwrap();
    in_directory(directory.path()).unwrap();
}

#[test]
fn a_directory_of_another_application_is_refused() {
    let disk = SimulatedDisk::new(1);
    drop(on_disk(&disk).application("orders").open().unwrap());
    let error = on_disk(&disk).application("billing").open().unwrap_err();
    let message = error.to_string();
    assert!(message.contains("'orders'") && message.contains("'billing'"), "{message}");
    drop(on_disk(&disk).application("orders").open().unwrap());

    disk.write_file("meta", Some(b"millstream-journal 9\napplication orders\nend\n".to_vec()));
    let message = on_disk(&disk).application("orders").open().unwrap_err().to_string();
    assert!(message.contains("journal 9") && message.contains("journal 1"), "{message}");
    disk.write_file("meta", None);
    let error = on_disk(&disk).application("orders").open().unwrap_err();
    assert!(matches!(error, BrokerError::Corrupt { .. }), "{error}");
}

#[test]
fn a_directory_that_cannot_be_written_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let below = file.join("below");
    let disk = SimulatedDisk::new(1);
    disk.set_read_only(true);
    for (error, path) in [
        (in_directory(&below).unwrap_err(), below.as_path()),
        (on_disk(&disk).open().unwrap_err(), Path::new("simulated")),
    ] {
        assert!(matches!(error, BrokerError::Directory { .. }), "{error}");
        let message = error.to_string();
        let start = format!("directory {}: it cannot be used: ", path.display());
        assert!(message.starts_with(&start), "{message}");
        assert!(message.ends_with("; make it writable or choose another"), "{message}");
    }
}

#[test]
fn snapshots_larger_than_segments_are_not_cleaned_for_ever() {
    let disk = SimulatedDisk::new(1);
    let cluster = cluster(on_disk(&disk).segment_bytes(500));
    let partition = cluster.topic(1);
    for _ in 0..100 {
        cluster.topic(1);
    }
    let (mut producer, value) = (cluster.producer(), "x".repeat(200));
    for _ in 0..40 {
        send(&mut *producer, &partition, &[value.as_str()]);
        producer.flush().unwrap();
    }
    cluster.clock.advance(Duration::from_secs(600));
    assert_eq!(cluster.values(&partition).len(), 40);
}

#[test]
fn one_sync_for_each_commit() {
    let disk = SimulatedDisk::new(1);
    let cluster = cluster(on_disk(&disk).segment_bytes(1 << 20));
    let partition = cluster.topic(1);
    let mut producer = cluster.transactional("x");
    let before = (disk.syncs(), disk.changes());
    for _ in 0..10 {
        producer.begin().unwrap();
        send(&mut *producer, &partition, &["a"]);
        producer.send_offsets(&at(&partition, 1), &cluster.nobody("g")).unwrap();
        commit(&mut *producer);
    }
    assert_eq!(disk.syncs() - before.0, 10);
    assert_eq!(disk.changes() - before.1, 30, "a write, a sync and a note of the sync");
    producer.begin().unwrap();
    commit(&mut *producer);
    let mut plain = cluster.producer();
    plain.flush().unwrap();
    assert_eq!(disk.syncs() - before.0, 10, "nothing was done");
    send(&mut *plain, &partition, &["a"]);
    plain.flush().unwrap();
    assert_eq!(disk.syncs() - before.0, 11);
}

#[test]
fn without_fsync_the_process_may_die() {
    let disk = SimulatedDisk::new(1);
    let partition;
    {
        let cluster = cluster(on_disk(&disk).fsync(Fsync::Never));
        partition = cluster.topic(1);
        let syncs = disk.syncs();
        transact(&mut *cluster.transactional("x"), &partition, &["a"]);
        assert_eq!(disk.syncs(), syncs);
        disk.kill();
    }
    assert_eq!(cluster(on_disk(&disk)).values(&partition), ["a"]);
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let disk = SimulatedDisk::new(7);
    let value = "x".repeat(100);
    let (partition, mut acknowledged) = (TopicPartition::new("topic-0", 0), 0);
    {
        let cluster = cluster(on_disk(&disk));
        cluster.topic(1);
        disk.set_capacity(Some(5_000));
        let mut producer = cluster.transactional("x");
        let error = loop {
            producer.begin().unwrap();
            send(&mut *producer, &partition, &[&value]);
            match producer.commit() {
                CommitOutcome::Committed => acknowledged += 1,
                CommitOutcome::Unknown(error) | CommitOutcome::Aborted(error) => break error,
            }
        };
        assert!(
            matches!(&error, BrokerError::Io { context, .. } if context.contains(".journal")),
            "{error}"
        );
        let later = producer.begin().unwrap_err();
        assert!(
            matches!(&later, BrokerError::Closed(first) if first.contains(".journal")),
            "{later}"
        );
        assert_eq!(cluster.values(&partition).len(), acknowledged, "reading goes on");
        assert!(cluster.broker.admin().unwrap().create_topics(&[NewTopic::new("t", 1)]).is_err());
    }
    assert!(acknowledged > 3);
    disk.set_capacity(None);
    let found = cluster(on_disk(&disk)).values(&partition).len();
    assert!((acknowledged..=acknowledged + 1).contains(&found), "{found} of {acknowledged}");
}

#[test]
fn space_is_given_back() {
    let disk = SimulatedDisk::new(1);
    let mut cluster = cluster(on_disk(&disk));
    let kept = cluster.topic(1);
    let purged = cluster.topic(1);
    send(&mut *cluster.producer(), &kept, &["first", "second"]);
    transact(&mut *cluster.transactional("kept"), &kept, &["third"]);
    let value = "x".repeat(100);
    for round in 0..10 {
        let mut producer = cluster.transactional("x");
        for _ in 0..20 {
            producer.begin().unwrap();
            send(&mut *producer, &purged, &[&value]);
            producer.send_offsets(&at(&purged, round), &cluster.nobody("g")).unwrap();
            commit(&mut *producer);
        }
        let end = cluster.consumer().offsets(&purged).unwrap().end;
        cluster.broker.admin().unwrap().delete_records(&[(purged.clone(), end)]).unwrap();
        cluster.clock.advance(Duration::from_secs(2));
        assert_eq!(cluster.values(&kept), ["first", "second", "third"]);
        let used: usize = disk.file_names().iter().map(|f| disk.read_file(f).unwrap().len()).sum();
        assert!(used < 12_000, "{used} bytes in {:?}", disk.file_names());
        if round % 3 == 2 {
            disk.crash();
            cluster = self::cluster(on_disk(&disk));
        }
    }
    assert!(disk.file_names().iter().all(|name| !name.starts_with("00000000000000000000")));
    assert_eq!(cluster.committed("g", &purged), Some(9));
    assert_eq!(cluster.read(&kept).last().unwrap(), &(2, "third".to_owned()));
}

#[test]
fn damage_is_reported_with_file_and_byte() {
    let disk = SimulatedDisk::new(1);
    let partition;
    {
        let cluster = cluster(on_disk(&disk).segment_bytes(1 << 20));
        partition = cluster.topic(1);
        let mut producer = cluster.transactional("x");
        transact(&mut *producer, &partition, &["damaged"]);
        transact(&mut *producer, &partition, &["later"]);
        let name = disk.file_names().remove(0);
        let mut bytes = disk.read_file(&name).unwrap();
        let at = bytes.windows(7).position(|w| w == b"damaged").unwrap();
        bytes[at] ^= 1;
        disk.write_file(&name, Some(bytes));
        let mut consumer = cluster.consumer();
        consumer.assign(&partition, 0).unwrap();
        let error = consumer.fetch(&partition, 1000).unwrap_err();
        assert!(matches!(error, BrokerError::Corrupt { .. }), "{error}");
    }
    let error = on_disk(&disk).open().unwrap_err();
    let BrokerError::Corrupt { path, position, reason } = &error else {
        panic!("{error}");
    };
    assert!(path.ends_with("00000000000000000000.journal") && *position > 0);
    assert!(reason.contains("backup") && !reason.contains("damaged"), "{reason}");
}

#[test]
fn a_missing_segment_is_reported() {
    let disk = SimulatedDisk::new(1);
    for _ in 0..3 {
        drop(on_disk(&disk).open().unwrap());
    }
    disk.write_file("00000000000000000001.journal", None);
    let error = on_disk(&disk).open().unwrap_err();
    assert!(
        matches!(&error, BrokerError::Corrupt { path, .. } if path.ends_with("00000000000000000001.journal")),
        "{error}"
    );
}

#[test]
fn a_torn_tail_is_cut_off() {
    let disk = SimulatedDisk::new(1);
    let partition;
    {
        let cluster = cluster(on_disk(&disk).segment_bytes(1 << 20));
        partition = cluster.topic(1);
        transact(&mut *cluster.transactional("x"), &partition, &["kept"]);
        disk.kill();
    }
    let name = disk.file_names().remove(0);
    let mut bytes = disk.read_file(&name).unwrap();
    bytes.extend_from_slice(&[9; 300]);
    disk.write_file(&name, Some(bytes));
    for _ in 0..2 {
        assert_eq!(cluster(on_disk(&disk)).values(&partition), ["kept"]);
    }
}

#[test]
fn a_missing_first_segment_is_reported() {
    let disk = SimulatedDisk::new(1);
    for _ in 0..3 {
        let cluster = cluster(on_disk(&disk));
        let partition = cluster.topic_if_missing("kept");
        transact(&mut *cluster.transactional("x"), &partition, &["a"]);
    }
    let first = disk.file_names().remove(0);
    disk.write_file(&first, None);
    let error = on_disk(&disk).open().unwrap_err();
    assert!(matches!(error, BrokerError::Corrupt { .. }), "{error}");
}

#[test]
fn a_segment_deleted_by_somebody_else_is_reported() {
    let disk = SimulatedDisk::new(1);
    let cluster = cluster(on_disk(&disk));
    let partition = cluster.topic(1);
    transact(&mut *cluster.transactional("x"), &partition, &["a"]);
    disk.write_file("00000000000000000000.journal", None);
    let mut consumer = cluster.consumer();
    consumer.assign(&partition, 0).unwrap();
    let error = consumer.fetch(&partition, 1000).unwrap_err();
    assert!(matches!(error, BrokerError::Corrupt { .. }), "{error}");
}
