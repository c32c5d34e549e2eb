//! The order in which `describe()` lists the neighbours of a node. Kafka Streams puts them into tree
//! sets ordered by the size of the sub-trees below them, in the order of a hash map and while the
//! sizes still grow (`InternalTopologyBuilder.describeSubtopology`); this does the same.

use std::cmp::Ordering;

use super::graph::NodeKind;
use super::{SubTopology, TopologyParts};

/// Neighbours within a sub-topology; everything is indexed by the nodes' numbers.
pub(super) struct Neighbours<'a> {
    topology: &'a TopologyParts,
    /// How many nodes there are on all ways down, the node itself included.
    sizes: Vec<usize>,
    children: Vec<Tree>,
    parents: Vec<Tree>,
}

impl<'a> Neighbours<'a> {
    pub(super) fn of(topology: &'a TopologyParts, sub_topology: &SubTopology) -> Self {
        let count = topology.nodes.len();
        let mut neighbours = Self {
            topology,
            sizes: vec![1; count],
            children: vec![Tree::default(); count],
            parents: vec![Tree::default(); count],
        };
        for node in nodes_in_hash_order(topology, sub_topology) {
            for parent in &topology.nodes[node].parents {
                neighbours.link(*parent, node);
            }
        }
        neighbours
    }

    fn link(&mut self, parent: usize, child: usize) {
        let mut parents = std::mem::take(&mut self.parents[child]);
        parents.insert(parent, &|other| self.compare(parent, other));
        self.parents[child] = parents;
        let mut children = std::mem::take(&mut self.children[parent]);
        children.insert(child, &|other| self.compare(child, other));
        self.children[parent] = children;
        self.grow(parent, self.sizes[child]);
    }

    fn grow(&mut self, node: usize, by: usize) {
        self.sizes[node] += by;
        for parent in self.parents[node].in_order() {
            self.grow(parent, by);
        }
    }

    /// Larger sub-trees first, then by name (`InternalTopologyBuilder.NodeComparator`).
    pub(super) fn compare(&self, a: usize, b: usize) -> Ordering {
        let name = |node: usize| &self.topology.nodes[node].name;
        let by_size = self.sizes[b].cmp(&self.sizes[a]);
        by_size.then_with(|| name(a).cmp(name(b)))
    }

    pub(super) fn children(&self, node: usize) -> Vec<usize> {
        self.children[node].in_order()
    }

    pub(super) fn parents(&self, node: usize) -> Vec<usize> {
        self.parents[node].in_order()
    }
}

/// The nodes as `java.util.HashMap` iterates over their names, which were put in with the sources
/// first.
fn nodes_in_hash_order(topology: &TopologyParts, sub_topology: &SubTopology) -> Vec<usize> {
    let is_source = |node: &usize| matches!(topology.nodes[*node].kind, NodeKind::Source { .. });
    let name = |node: &usize| topology.nodes[*node].name.as_str();
    let (mut nodes, others): (Vec<_>, Vec<_>) =
        sub_topology.nodes.iter().copied().partition(is_source);
    nodes.sort_by_key(name);
    nodes.extend(others);
    in_hash_order(nodes, name)
}

/// Items as `java.util.HashMap` iterates over their names, given in the order in which they were put
/// in.
pub(super) fn in_hash_order<'a, T>(mut items: Vec<T>, name: impl Fn(&T) -> &'a str) -> Vec<T> {
    let mut buckets = 16;
    while items.len() > buckets / 4 * 3 {
        buckets *= 2;
    }
    items.sort_by_key(|item| {
        let hash = java_hash(name(item));
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    });
    items
}

/// `java.lang.String.hashCode`.
fn java_hash(text: &str) -> u32 {
    let add = |hash: u32, unit: u16| hash.wrapping_mul(31).wrapping_add(unit.into());
    text.encode_utf16().fold(0, add)
}

/// A binary search tree. `java.util.TreeMap` also balances its tree; that shows only where four or
/// more neighbours meet whose order changes while they are put in.
#[derive(Clone, Default)]
struct Tree(Option<Box<Branch>>);

#[derive(Clone)]
struct Branch {
    node: usize,
    before: Tree,
    after: Tree,
}

impl Tree {
    /// Puts `node` in; `compare` says how it stands to another.
    fn insert(&mut self, node: usize, compare: &dyn Fn(usize) -> Ordering) {
        match &mut self.0 {
            Some(branch) => match compare(branch.node) {
                Ordering::Less => branch.before.insert(node, compare),
                Ordering::Greater => branch.after.insert(node, compare),
                Ordering::Equal => {}
            },
            None => {
                let (before, after) = (Self::default(), Self::default());
                self.0 = Some(Box::new(Branch { node, before, after }));
            }
        }
    }

    fn in_order(&self) -> Vec<usize> {
        let Some(branch) = &self.0 else {
            return Vec::new();
        };
        let mut nodes = branch.before.in_order();
        nodes.push(branch.node);
        nodes.extend(branch.after.in_order());
        nodes
    }
}
