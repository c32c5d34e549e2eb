use millstream_broker::embedded::EmbeddedBroker;
use millstream_broker::*;
use std::time::Duration;

#[test]
fn smoke() {
    let broker = EmbeddedBroker::in_memory();
    broker.create_topic(NewTopic::new("t", 2)).unwrap();
    let tp = TopicPartition::new("t", 0);
    let mut p = broker
        .producer(ProducerOptions::transactional("c", "x"))
        .unwrap();
    let mut c = broker.consumer(ConsumerOptions::default()).unwrap();
    c.assign(&tp, 0).unwrap();
    let mut b = RecordBuffer::new();
    for i in 0..10 {
        b.push(i, Some(b"k"), Some(b"value"), &Headers::new());
    }
    let mut m = broker
        .membership(GroupJoin {
            group: "g".into(),
            client_id: "m".into(),
            instance: None,
            tasks: vec!["0_0".parse().unwrap(), "0_1".parse().unwrap()],
            poll_timeout: Duration::from_secs(10),
            waker: None,
        })
        .unwrap();
    let events = m.poll().unwrap();
    assert_eq!(events.len(), 1);
    assert!(matches!(&events[0].change, MembershipChange::Assigned(t) if t.len() == 2));
    p.begin().unwrap();
    p.send(&tp, &mut b).unwrap();
    assert!(c.fetch(&tp, 1000).unwrap().is_none());
    p.send_offsets(
        &[(tp.clone(), OffsetAndMetadata::new(3))],
        &events[0].identity,
    )
    .unwrap();
    assert!(matches!(
        c.committed("g", std::slice::from_ref(&tp)),
        Err(BrokerError::UnstableOffsets(_))
    ));
    assert!(matches!(p.commit(), CommitOutcome::Committed));
    let batch = c.fetch(&tp, 100).unwrap().unwrap();
    assert_eq!(batch.iter().count(), 3);
    assert_eq!(batch.next_offset(), 3);
    let batch = c.fetch(&tp, 1000).unwrap().unwrap();
    assert_eq!(
        batch.iter().map(|r| r.offset).collect::<Vec<_>>(),
        (3..10).collect::<Vec<_>>()
    );
    assert_eq!(batch.next_offset(), 11);
    assert!(c.fetch(&tp, 1000).unwrap().is_none());
}
