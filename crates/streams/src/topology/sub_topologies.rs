use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::SubTopology;
use super::graph::{NodeKind, NodeSpec, SinkTopic};

/// The nodes behind each node, in the order in which they were added.
pub(super) fn children_of(nodes: &[NodeSpec]) -> Vec<Vec<usize>> {
    let mut children = vec![Vec::new(); nodes.len()];
    for (number, node) in nodes.iter().enumerate() {
        for parent in &node.parents {
            children[*parent].push(number);
        }
    }
    children
}

/// The sources, each behind all that comes before it, across internal topics too, and of several the
/// one whose place is first (`InternalStreamsBuilder.buildAndOptimizeTopology`).
fn sources_in_order(nodes: &[NodeSpec]) -> Vec<usize> {
    let mut below = children_of(nodes);
    let mut readers = BTreeMap::new();
    for (number, node) in nodes.iter().enumerate() {
        if let NodeKind::Source { topics, .. } = &node.kind {
            readers.extend(topics.iter().filter(|topic| topic.internal).map(|it| (it, number)));
        }
    }
    for (number, node) in nodes.iter().enumerate() {
        if let NodeKind::Sink { topic: SinkTopic::Topic(topic), .. } = &node.kind {
            below[number].extend(readers.get(topic));
        }
    }
    let mut above = vec![0; nodes.len()];
    below.iter().flatten().for_each(|node| above[*node] += 1);
    let ready = (0..nodes.len()).filter(|node| above[*node] == 0);
    let at = |node: usize| Reverse((nodes[node].place, node));
    let mut ready: BinaryHeap<_> = ready.map(at).collect();
    let mut sources = Vec::new();
    while let Some(Reverse((_, node))) = ready.pop() {
        if matches!(nodes[node].kind, NodeKind::Source { .. }) {
            sources.push(node);
        }
        for child in &below[node] {
            above[*child] -= 1;
            ready.extend((above[*child] == 0).then(|| at(*child)));
        }
    }
    sources
}

/// Groups nodes that are joined by edges or stores, numbered in the order in which
/// Kafka Streams adds their sources (`InternalTopologyBuilder.makeNodeGroups`).
pub(super) fn sub_topologies(
    nodes: &[NodeSpec],
    stores: usize,
    globals: &[usize],
) -> Vec<SubTopology> {
    let mut group: Vec<usize> = (0..nodes.len()).collect();
    fn root(group: &[usize], mut node: usize) -> usize {
        while group[node] != node {
            node = group[node];
        }
        node
    }
    let join = |group: &mut [usize], a: usize, b: usize| {
        let (a, b) = (root(group, a), root(group, b));
        group[a.max(b)] = a.min(b);
    };
    let mut users = vec![None; stores];
    for (number, node) in nodes.iter().enumerate() {
        for parent in &node.parents {
            join(&mut group, *parent, number);
        }
        for store in &node.stores {
            join(&mut group, *users[*store].get_or_insert(number), number);
        }
    }
    let mut sub_topologies: Vec<SubTopology> = Vec::new();
    let mut ids = BTreeMap::new();
    for source in sources_in_order(nodes) {
        ids.entry(root(&group, source)).or_insert_with(|| {
            let id = sub_topologies.len();
            let (nodes, stores) = (Vec::new(), Vec::new());
            let is_global = globals.contains(&source);
            sub_topologies.push(SubTopology { id: id as u32, nodes, stores, is_global });
            id
        });
    }
    for (number, node) in nodes.iter().enumerate() {
        // Only what was taken out is fed by no source: handles begin there.
        let Some(id) = ids.get(&root(&group, number)) else { continue };
        let sub_topology = &mut sub_topologies[*id];
        sub_topology.nodes.push(number);
        for store in &node.stores {
            if !sub_topology.stores.contains(store) {
                sub_topology.stores.push(*store);
            }
        }
    }
    sub_topologies
}
