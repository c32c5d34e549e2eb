use millstream_broker::{BrokerError, TopicPartition};

use crate::cluster::*;

pub fn offsets_are_part_of_a_transaction(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut producer = cluster.transactional("offsets");
    producer.begin().unwrap();
    let mut offsets = at(&partition, 5);
    offsets[0].1.metadata = "note".to_owned();
    producer.send_offsets(&offsets, &cluster.nobody("g")).unwrap();
    let error = cluster
        .consumer()
        .committed(&cluster.name("g"), std::slice::from_ref(&partition))
        .unwrap_err();
    assert!(matches!(error, BrokerError::UnstableOffsets(_)) && error.is_retriable(), "{error}");
    commit(&mut *producer);
    let committed = cluster.eventually("the offsets are stable", || {
        cluster.consumer().committed(&cluster.name("g"), std::slice::from_ref(&partition)).ok()
    });
    assert_eq!(committed, [Some(offsets[0].1.clone())]);
    assert_eq!(cluster.broker.admin().unwrap().group_offsets(&cluster.name("g")).unwrap(), offsets);
}

pub fn aborted_offsets_are_forgotten(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut producer = cluster.transactional("forgotten");
    for (offset, committed) in [(3, true), (5, false)] {
        producer.begin().unwrap();
        producer.send_offsets(&at(&partition, offset), &cluster.nobody("g")).unwrap();
        if committed {
            commit(&mut *producer);
        } else {
            producer.abort().unwrap();
        }
    }
    assert_eq!(cluster.committed("g", &partition), Some(3));
}

pub fn other_partitions_stay_stable(cluster: &Cluster) {
    let open = cluster.topic(2);
    let other = TopicPartition::new(open.topic.clone(), 1);
    let mut producer = cluster.transactional("stable");
    producer.begin().unwrap();
    producer.send_offsets(&at(&open, 5), &cluster.nobody("g")).unwrap();
    assert_eq!(cluster.committed("g", &other), None);
    assert_eq!(cluster.committed("another", &open), None);
}

pub fn commits_without_a_transaction(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut consumer = cluster.consumer();
    assert_eq!(cluster.committed("plain", &partition), None);
    consumer.commit(&at(&partition, 2), &cluster.nobody("plain")).unwrap();
    consumer.commit(&at(&partition, 1), &cluster.nobody("plain")).unwrap();
    assert_eq!(cluster.committed("plain", &partition), Some(1));
    let mut stranger = cluster.nobody("plain");
    stranger.member = "stranger".to_owned();
    stranger.generation = 1;
    let error = consumer.commit(&at(&partition, 9), &stranger).unwrap_err();
    assert!(matches!(error, BrokerError::UnknownMember { .. }), "{error}");
}

pub fn commits_of_a_group_with_members_need_a_member(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let (_member, identity) = cluster.sole_member("members", 1);
    let mut consumer = cluster.consumer();
    consumer.commit(&at(&partition, 1), &identity).unwrap();
    let error = consumer.commit(&at(&partition, 2), &cluster.nobody("members")).unwrap_err();
    assert!(matches!(error, BrokerError::UnknownMember { .. }), "{error}");
    let mut instance = identity.clone();
    instance.instance = Some("somebody".to_owned());
    let error = consumer.commit(&at(&partition, 2), &instance).unwrap_err();
    assert!(error.is_fenced(), "{error}");
    assert_eq!(cluster.committed("members", &partition), Some(1));
}

pub fn commits_of_an_old_generation_are_refused(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let (mut first, old) = cluster.sole_member("old", 2);
    let mut second = cluster.join("old", "b", 2);
    let events = cluster.settle(&mut [&mut first, &mut second], shares(&[0, 1]));
    let new = identity(&events[0]);
    assert!(new.generation > old.generation);
    // Where the member lives an adapter may know that it has lost nothing; others do not.
    let elsewhere = cluster.elsewhere();
    let mut producer = elsewhere.transactional("old");
    producer.begin().unwrap();
    let error = producer.send_offsets(&at(&partition, 1), &old).unwrap_err();
    assert!(matches!(error, BrokerError::IllegalGeneration { .. }) && error.is_fenced(), "{error}");
    producer.abort().unwrap();
    producer.begin().unwrap();
    producer.send_offsets(&at(&partition, 1), &new).unwrap();
    commit(&mut *producer);
    let error = elsewhere.consumer().commit(&at(&partition, 2), &old).unwrap_err();
    assert!(error.is_fenced(), "{error}");
    assert_eq!(cluster.committed("old", &partition), Some(1));
}

pub fn commits_during_a_rebalance_are_taken(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let (mut first, current) = cluster.sole_member("during", 2);
    let _second = cluster.join("during", "b", 2);
    let mut consumer = cluster.consumer();
    consumer.commit(&at(&partition, 1), &current).unwrap();
    let _asked_back = first.poll().unwrap();
    consumer.commit(&at(&partition, 2), &current).unwrap();
    assert_eq!(cluster.committed("during", &partition), Some(2));
}

pub fn the_admin_changes_offsets_of_empty_groups_only(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut admin = cluster.broker.admin().unwrap();
    admin.alter_group_offsets(&cluster.name("admin"), &at(&partition, 7)).unwrap();
    assert_eq!(cluster.committed("admin", &partition), Some(7));
    let (mut member, _) = cluster.sole_member("admin", 1);
    let error = admin.alter_group_offsets(&cluster.name("admin"), &at(&partition, 8)).unwrap_err();
    assert!(matches!(error, BrokerError::GroupNotEmpty(_)), "{error}");
    member.leave().unwrap();
    admin.delete_group_offsets(&cluster.name("admin"), std::slice::from_ref(&partition)).unwrap();
    assert_eq!(cluster.committed("admin", &partition), None);
    assert!(admin.group_offsets(&cluster.name("admin")).unwrap().is_empty());
}
