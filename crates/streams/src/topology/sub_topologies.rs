use std::collections::BTreeMap;

use super::SubTopology;
use super::graph::{NodeKind, NodeSpec};

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

/// Groups nodes that are joined by edges or stores, numbered in the order in which their
/// sources were added (`InternalTopologyBuilder.makeNodeGroups`).
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
    let is_source = |node: &usize| matches!(nodes[*node].kind, NodeKind::Source { .. });
    let mut sources: Vec<usize> = (0..nodes.len()).filter(is_source).collect();
    sources.sort_by_key(|source| nodes[*source].place);
    let mut sub_topologies: Vec<SubTopology> = Vec::new();
    let mut ids = BTreeMap::new();
    for source in sources {
        ids.entry(root(&group, source)).or_insert_with(|| {
            let id = sub_topologies.len();
            let (nodes, stores) = (Vec::new(), Vec::new());
            let is_global = globals.contains(&source);
            sub_topologies.push(SubTopology { id: id as u32, nodes, stores, is_global });
            id
        });
    }
    for (number, node) in nodes.iter().enumerate() {
        // Only what an optimization took out is fed by no source: handles begin there.
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
