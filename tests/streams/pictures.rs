//! The pictures of a topology, letter by letter: the word count of the README.

use millstream::{StreamsBuilder, Topology};

fn word_count() -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("text-lines")
        .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count("word-counts")
        .to("counts");
    builder.build().unwrap()
}

const DESCRIPTION: &str = r"Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [text-lines])
      --> KSTREAM-FLATMAPVALUES-0000000001
    Processor: KSTREAM-FLATMAPVALUES-0000000001 (stores: [])
      --> KSTREAM-KEY-SELECT-0000000002
      <-- KSTREAM-SOURCE-0000000000
    Processor: KSTREAM-KEY-SELECT-0000000002 (stores: [])
      --> word-counts-repartition-filter
      <-- KSTREAM-FLATMAPVALUES-0000000001
    Processor: word-counts-repartition-filter (stores: [])
      --> word-counts-repartition-sink
      <-- KSTREAM-KEY-SELECT-0000000002
    Sink: word-counts-repartition-sink (topic: word-counts-repartition)
      <-- word-counts-repartition-filter

  Sub-topology: 1
    Source: word-counts-repartition-source (topics: [word-counts-repartition])
      --> KSTREAM-AGGREGATE-0000000003
    Processor: KSTREAM-AGGREGATE-0000000003 (stores: [word-counts])
      --> KTABLE-TOSTREAM-0000000007
      <-- word-counts-repartition-source
    Processor: KTABLE-TOSTREAM-0000000007 (stores: [])
      --> KSTREAM-SINK-0000000008
      <-- KSTREAM-AGGREGATE-0000000003
    Sink: KSTREAM-SINK-0000000008 (topic: counts)
      <-- KTABLE-TOSTREAM-0000000007

";

const MERMAID: &str = r#"flowchart TD
  t0[/"text-lines"/]
  t1[/"word-counts-repartition"/]
  t2[/"counts"/]
  subgraph sub_topology_0 [Sub-topology 0]
    n0["KSTREAM-SOURCE-0000000000"]
    n1["KSTREAM-FLATMAPVALUES-0000000001"]
    n2["KSTREAM-KEY-SELECT-0000000002"]
    n3["word-counts-repartition-filter"]
    n4["word-counts-repartition-sink"]
  end
  subgraph sub_topology_1 [Sub-topology 1]
    n5["word-counts-repartition-source"]
    n6["KSTREAM-AGGREGATE-0000000003"]
    n7["KTABLE-TOSTREAM-0000000007"]
    n8["KSTREAM-SINK-0000000008"]
    s0[("word-counts")]
  end
  t0 --> n0
  n0 --> n1
  n1 --> n2
  n2 --> n3
  n3 --> n4
  n4 --> t1
  t1 --> n5
  n5 --> n6
  n6 <--> s0
  n6 --> n7
  n7 --> n8
  n8 --> t2
"#;

const GRAPHVIZ: &str = r#"digraph topology {
  rankdir=TB;
  t0 [shape=parallelogram, label="text-lines"];
  t1 [shape=parallelogram, label="word-counts-repartition"];
  t2 [shape=parallelogram, label="counts"];
  subgraph cluster_0 {
    label="Sub-topology 0";
    n0 [shape=box, label="KSTREAM-SOURCE-0000000000"];
    n1 [shape=box, label="KSTREAM-FLATMAPVALUES-0000000001"];
    n2 [shape=box, label="KSTREAM-KEY-SELECT-0000000002"];
    n3 [shape=box, label="word-counts-repartition-filter"];
    n4 [shape=box, label="word-counts-repartition-sink"];
  }
  subgraph cluster_1 {
    label="Sub-topology 1";
    n5 [shape=box, label="word-counts-repartition-source"];
    n6 [shape=box, label="KSTREAM-AGGREGATE-0000000003"];
    n7 [shape=box, label="KTABLE-TOSTREAM-0000000007"];
    n8 [shape=box, label="KSTREAM-SINK-0000000008"];
    s0 [shape=cylinder, label="word-counts"];
  }
  t0 -> n0;
  n0 -> n1;
  n1 -> n2;
  n2 -> n3;
  n3 -> n4;
  n4 -> t1;
  t1 -> n5;
  n5 -> n6;
  n6 -> s0 [dir=both];
  n6 -> n7;
  n7 -> n8;
  n8 -> t2;
}
"#;

#[test]
fn as_kafka_streams_prints_it() {
    assert_eq!(word_count().describe(), DESCRIPTION);
    assert_eq!(format!("{:?}", word_count()), DESCRIPTION);
}

#[test]
fn as_a_mermaid_flow_chart() {
    assert_eq!(word_count().to_mermaid(), MERMAID);
}

#[test]
fn as_a_graphviz_graph() {
    assert_eq!(word_count().to_graphviz(), GRAPHVIZ);
}

/// Names with every character that a topic may have do not fall together.
#[test]
fn topics_with_similar_names_are_two() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("a.b").to("a-b");
    let topology = builder.build().unwrap();
    for picture in [topology.to_mermaid(), topology.to_graphviz()] {
        let drawn = |name: &str| {
            let line = picture.lines().find(|line| line.contains(&format!("\"{name}\""))).unwrap();
            line.trim().split(['[', ' ']).next().unwrap().to_owned()
        };
        assert_ne!(drawn("a.b"), drawn("a-b"), "{picture}");
    }
}

/// A node may be called anything.
#[test]
fn names_are_quoted() {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    stream.map_values(|v| v).named("say \"hi\"").to("out");
    let topology = builder.build().unwrap();
    assert!(
        topology.to_mermaid().contains("[\"say #quot;hi#quot;\"]"),
        "{}",
        topology.to_mermaid()
    );
    assert!(topology.to_graphviz().contains(r#"label="say \"hi\"""#), "{}", topology.to_graphviz());
}
