use millstream_broker::{BrokerError, NewTopic, TopicPartition};

use crate::cluster::*;

pub fn topics_are_created_and_described(cluster: &Cluster) {
    let mut admin = cluster.broker.admin().unwrap();
    let name = cluster.name("described");
    let topic = NewTopic::new(&name, 3).config("retention.ms", "1000");
    admin.create_topics(std::slice::from_ref(&topic)).unwrap();
    assert!(admin.list_topics().unwrap().contains(&topic.name));
    let described = admin.describe_topics(&[&name, "missing"]).unwrap();
    let found = described[0].as_ref().unwrap();
    assert_eq!((found.partitions, &found.configs), (3, &topic.configs));
    assert_eq!(described[1], None);
    let error = admin.create_topics(&[topic]).unwrap_err();
    assert!(matches!(error, BrokerError::TopicExists(_)), "{error}");
    assert_eq!(cluster.producer().partitions(&name).unwrap(), 3);
}

pub fn partitions_can_be_added(cluster: &Cluster) {
    let partition = cluster.topic(1);
    let mut admin = cluster.broker.admin().unwrap();
    admin.create_partitions(&partition.topic, 3).unwrap();
    let last = TopicPartition::new(partition.topic.clone(), 2);
    send(&mut *cluster.producer(), &last, &["a"]);
    assert_eq!(cluster.values(&last), ["a"]);
    let error = admin.create_partitions(&partition.topic, 2).unwrap_err();
    assert!(matches!(error, BrokerError::InvalidTopic { .. }), "{error}");
}

pub fn a_deleted_topic_comes_back_empty(cluster: &Cluster) {
    let partition = cluster.topic(1);
    send(&mut *cluster.producer(), &partition, &["a"]);
    let mut consumer = cluster.consumer();
    consumer.commit(&at(&partition, 1), &cluster.nobody("deleted")).unwrap();
    let mut admin = cluster.broker.admin().unwrap();
    admin.delete_topic(&partition.topic).unwrap();
    cluster.eventually("the topic is gone", || match consumer.offsets(&partition) {
        Err(BrokerError::UnknownTopic(_)) => Some(()),
        _ => None,
    });
    assert!(matches!(admin.delete_topic(&partition.topic), Err(BrokerError::UnknownTopic(_))));
    admin.create_topics(&[NewTopic::new(&*partition.topic, 1)]).unwrap();
    assert_eq!(cluster.read(&partition), []);
    assert_eq!(cluster.committed("deleted", &partition), None);
}

pub fn invalid_topics_are_refused(cluster: &Cluster) {
    let mut admin = cluster.broker.admin().unwrap();
    let long = "x".repeat(250);
    for (name, partitions, config) in [
        ("", 1, ""),
        ("..", 1, ""),
        ("a/b", 1, ""),
        (long.as_str(), 1, ""),
        ("none", 0, ""),
        ("config", 1, "often"),
    ] {
        let mut topic = NewTopic::new(name, partitions);
        if !config.is_empty() {
            topic = topic.config("cleanup.policy", config);
        }
        let error = admin.create_topics(&[topic]).unwrap_err();
        assert!(matches!(error, BrokerError::InvalidTopic { .. }), "{name}: {error}");
    }
}
