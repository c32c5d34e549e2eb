//! `describe()`, character for character as Kafka Streams prints it (`TopologyDescription`).

use std::fmt::Write;

use super::TopologyParts;
use super::graph::{NodeKind, SinkTopic};
use super::neighbours::{Neighbours, in_hash_order};

pub(super) fn describe(topology: &TopologyParts) -> String {
    let mut out = String::from("Topologies:\n ");
    for sub_topology in &topology.sub_topologies {
        let what = match sub_topology.is_global {
            true => " for global store (will not generate tasks)",
            false => "",
        };
        let _ = writeln!(out, "  Sub-topology: {}{what}", sub_topology.id);
        let neighbours = Neighbours::of(topology, sub_topology);
        let mut nodes = sub_topology.nodes.clone();
        nodes.sort_by(|a, b| neighbours.compare(*a, *b));
        for node in nodes {
            describe_node(topology, &neighbours, node, &mut out);
        }
        if !sub_topology.is_global {
            out.push('\n');
        }
    }
    out
}

fn describe_node(
    topology: &TopologyParts,
    neighbours: &Neighbours<'_>,
    number: usize,
    out: &mut String,
) {
    let node = &topology.nodes[number];
    let name = &node.name;
    let names = |nodes: Vec<usize>| {
        let names = nodes.iter().map(|node| topology.nodes[*node].name.as_str());
        if nodes.is_empty() { "none".to_owned() } else { join(names) }
    };
    let children = names(neighbours.children(number));
    let parents = names(neighbours.parents(number));
    let _ = match &node.kind {
        NodeKind::Source { topics, .. } => {
            let topics = join(topics.iter().map(|topic| topic.name.as_str()));
            write!(out, "    Source: {name} (topics: [{topics}])\n      --> {children}\n")
        }
        NodeKind::Processor { .. } | NodeKind::TakenOut => {
            let stores = node.stores.iter().map(|store| topology.stores[*store].name.as_str());
            let stores = join(in_hash_order(stores.collect(), |name| name));
            write!(
                out,
                "    Processor: {name} (stores: [{stores}])\n      --> {children}\n      <-- {parents}\n"
            )
        }
        NodeKind::Sink { topic: SinkTopic::Topic(topic), .. } => {
            write!(out, "    Sink: {name} (topic: {})\n      <-- {parents}\n", topic.name)
        }
        NodeKind::Sink { topic: SinkTopic::Extracted, .. } => {
            write!(out, "    Sink: {name} (extractor class: a lambda)\n      <-- {parents}\n")
        }
    };
}

fn join<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
