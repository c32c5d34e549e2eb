//! `describe()`, character for character as Kafka Streams prints it (`TopologyDescription`).

use std::collections::BTreeSet;
use std::fmt::Write;

use super::graph::{NodeKind, SinkTopic};
use super::{SubTopology, TopologyParts};

pub(super) fn describe(topology: &TopologyParts) -> String {
    let mut out = String::from("Topologies:\n ");
    for sub_topology in &topology.sub_topologies {
        let _ = writeln!(out, "  Sub-topology: {}", sub_topology.id);
        for node in in_order(topology, sub_topology) {
            describe_node(topology, node, &mut out);
        }
        out.push('\n');
    }
    out
}

/// Larger sub-trees first, then by name (`InternalTopologyBuilder.NodeComparator`).
fn in_order(topology: &TopologyParts, sub_topology: &SubTopology) -> Vec<usize> {
    fn size(topology: &TopologyParts, node: usize) -> usize {
        1 + topology.children[node].iter().map(|child| size(topology, *child)).sum::<usize>()
    }
    let mut nodes = sub_topology.nodes.clone();
    nodes.sort_by_cached_key(|node| {
        (std::cmp::Reverse(size(topology, *node)), topology.nodes[*node].name.clone())
    });
    nodes
}

fn describe_node(topology: &TopologyParts, number: usize, out: &mut String) {
    let node = &topology.nodes[number];
    let name = &node.name;
    let names = |nodes: &[usize]| {
        let names: BTreeSet<&str> =
            nodes.iter().map(|node| topology.nodes[*node].name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { join(names) }
    };
    let children = names(&topology.children[number]);
    let parents = names(&node.parents);
    let _ = match &node.kind {
        NodeKind::Source { topics, .. } => {
            let topics = join(topics.iter().map(|topic| topic.name.as_str()));
            write!(out, "    Source: {name} (topics: [{topics}])\n      --> {children}\n")
        }
        NodeKind::Processor { .. } => {
            let stores: BTreeSet<&str> =
                node.stores.iter().map(|store| topology.stores[*store].name.as_str()).collect();
            let stores = join(stores);
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
