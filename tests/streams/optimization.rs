//! `topology.optimization`: other topics, the same results.

use std::time::Duration;

use millstream::{
    Config, ErrorPolicy, JoinWindows, Optimization, Record, StreamsBuilder, Topic, Topology,
};

use crate::rig::{CLOSE, Rig, block_on, config};

fn optimized(application_id: &str) -> Config {
    config(application_id)
        .with_topology_optimization(Optimization::All)
        .with_statestore_cache_max_bytes(0)
        .with_deserialization_exception_handler(ErrorPolicy::Skip)
}

/// A table whose old values show: each update comes out with what it replaces.
fn differences() -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .table::<String, i64>("in", "table")
        .group_by(|key, value| (key.clone(), value))
        .aggregate(
            "log",
            String::new,
            |_, new, log| format!("{log}+{new}"),
            |_, old, log| format!("{log}-{old}"),
        )
        .to("out");
    builder.build().unwrap()
}

#[test]
fn a_table_is_restored_from_its_topic_as_far_as_it_was_processed() {
    let rig = Rig::new(1);
    let numbers = Topic::<String, i64>::new("in");
    let number = |value| Record::new("a".to_owned(), value, 0);
    let app = rig.run(&differences(), optimized("reuse"));
    rig.send_records(&numbers, [number(1)]);
    // In the way of a restore that takes bytes as they are.
    let bad = Record::new("b".to_owned(), "bad".to_owned(), 0);
    rig.send_records(&Topic::<String, String>::new("in"), [bad]);
    rig.send_records(&numbers, [number(2)]);
    rig.read::<String, String>("out", 2);
    app.close(CLOSE).unwrap();

    rig.send_records(&numbers, [number(3), number(4)]);
    let app = rig.run(&differences(), optimized("reuse"));
    let out = rig.read::<String, String>("out", 4).pop().unwrap().record.value;
    assert_eq!(out, "+1-1+2-2+3-3+4", "no update is applied before its turn, none is missed");
    let table = app.store::<String, i64>("table").unwrap();
    assert_eq!(block_on(table.get(&"b".to_owned())).unwrap(), None);
    app.close(CLOSE).unwrap();
    let topics = millstream::broker::Broker::admin(&rig.broker).unwrap().list_topics().unwrap();
    assert!(!topics.contains(&"reuse-table-changelog".to_owned()), "{topics:?}");
    assert_eq!(rig.offsets("in", 0).beginning, 0, "it is not purged");
}

fn aggregations() -> Topology {
    let builder = StreamsBuilder::new();
    let keyed = builder.stream::<String, String>("in").select_key(|_, value| value.clone());
    // It asks of values only whether they are there: where it has a topic alone they are not decoded.
    keyed.group_by_key().named("first").count("a").to_stream().to("out");
    let even = keyed.filter(|_, value| value.ends_with(['0', '2', '4', '6', '8']));
    even.group_by_key().named("second").reduce("b", |_, new| new);
    builder.build().unwrap()
}

#[test]
fn what_is_repartitioned_for_behind_one_change_of_keys_shares_a_topic() {
    let written = aggregations();
    let merged = written.optimized(Optimization::MergeRepartitionTopics);
    assert_eq!((written.sub_topologies().len(), merged.sub_topologies().len()), (3, 2));
    assert_eq!(merged.optimized(Optimization::None).describe(), written.describe());
    assert!(!merged.to_mermaid().contains("second"), "{}", merged.to_mermaid());
    for (optimization, repartitions) in [
        (Optimization::None, &["merge-first-repartition", "merge-second-repartition"][..]),
        (Optimization::All, &["merge-first-repartition"]),
    ] {
        let rig = Rig::new(2);
        let config = optimized("merge").with_topology_optimization(optimization);
        let app = rig.run(&written, config.with_num_stream_threads(2));
        rig.send_numbers("in", 0..50);
        assert_eq!(rig.read::<String, i64>("out", 50).len(), 50);
        let store = app.store::<String, String>("b").unwrap();
        let len = || block_on(store.all()).map_or(0, |all| all.len());
        crate::rig::eventually("all have come", || len() == 25);
        app.close(CLOSE).unwrap();
        let topics = millstream::broker::Broker::admin(&rig.broker).unwrap().list_topics().unwrap();
        let made = topics.iter().filter(|topic| topic.ends_with("-repartition"));
        assert_eq!(made.collect::<Vec<_>>(), repartitions, "{optimization:?}");
    }
}

/// Kafka Streams loses what has no key there.
#[test]
fn a_filter_behind_a_topic_hands_records_without_a_key_on_to_others() {
    let builder = StreamsBuilder::new();
    let keyed = builder
        .stream::<String, String>("in")
        .select_key(|_, value| Some(value.clone()).filter(|value| value != "none"));
    let kept = keyed.filter(|_, value| value != "dropped");
    kept.group_by_key().count("counts").to_stream().to("counted");
    kept.map(|_, value| (value, "kept".to_owned())).to("out");
    let topology = builder.build().unwrap();
    for optimization in [Optimization::None, Optimization::All] {
        let rig = Rig::with_topics(&[("in", 1), ("out", 1), ("counted", 1)]);
        let app = rig.run(&topology, optimized("keyless").with_topology_optimization(optimization));
        rig.send("in", "a:none b:dropped c:x");
        assert_eq!(rig.rows("out", 2), ["none:kept", "x:kept"], "{optimization:?}");
        assert_eq!(
            rig.read::<Option<String>, i64>("counted", 1)[0].record.key.as_deref(),
            Some("x")
        );
        app.close(CLOSE).unwrap();
    }
}

/// A stream joined with itself behind a new key: each side is repartitioned.
fn itself() -> Topology {
    let builder = StreamsBuilder::new();
    let keyed = builder.stream::<String, String>("in").select_key(|_, _| "k".to_owned());
    let windows = JoinWindows::of_time_difference(Duration::from_millis(10));
    keyed.join(&keyed, windows, "itself", |_, a, b| a + &b).to("out");
    builder.build().unwrap()
}

/// The two repartition topics become one, and what is then joined with itself keeps one store.
#[test]
fn a_self_join_behind_a_merged_topic_keeps_one_store() {
    let written = itself();
    let both = [
        (Optimization::None, 2, 2),
        (Optimization::MergeRepartitionTopics, 1, 2),
        // Its sides are two topics, and so two streams.
        (Optimization::SingleStoreSelfJoin, 2, 2),
        (Optimization::All, 1, 1),
    ];
    for (optimization, repartitions, changelogs) in both {
        let topics = written.optimized(optimization).topics("app");
        let repartition = topics.iter().flat_map(|sub| &sub.repartition_topics).count();
        let changelog = topics.iter().flat_map(|sub| &sub.changelog_topics).count();
        assert_eq!((repartition, changelog), (repartitions, changelogs), "{optimization:?}");
        let rig = Rig::new(1);
        let config = config("itself").with_topology_optimization(optimization);
        let app = rig.run(&written, config.with_statestore_cache_max_bytes(0));
        rig.send("in", "a:1@0 b:2@5 c:3@20");
        let mut rows = rig.rows("out", 5);
        rows.sort();
        assert_eq!(rows, ["k:11", "k:12", "k:21", "k:22", "k:33"], "{optimization:?}");
        app.close(CLOSE).unwrap();
    }
}
