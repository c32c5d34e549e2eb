//! Which stores a node needs that asks a table for its values.

use std::collections::BTreeSet;

use super::graph::{Graph, NodeSpec};

impl Graph {
    /// Whether a store keeps the table of `node`.
    pub(crate) fn is_materialized(&self, node: usize) -> bool {
        self.stores.iter().any(|store| store.owner == Some(node))
    }

    /// The nodes, each connected to the stores behind the tables it reads, so that they are in one
    /// sub-topology. Done when all is known: a table may get its store after it was joined.
    pub(super) fn connected(&self, problems: &mut Vec<String>) -> Vec<NodeSpec> {
        let mut nodes = self.nodes.clone();
        let mut asked = BTreeSet::new();
        for node in &mut nodes {
            if node.reads.is_empty() {
                continue;
            }
            let behind = |tables: &[usize], asked: &mut BTreeSet<usize>| -> Vec<usize> {
                tables.iter().flat_map(|table| self.stores_behind(*table, asked)).collect()
            };
            let read = behind(&node.reads, &mut asked);
            // What the changes come from is not asked for values.
            let changing = behind(&node.parents, &mut BTreeSet::new());
            node.shares_store = read.iter().any(|store| changing.contains(store));
            for store in read {
                if !node.stores.contains(&store) {
                    node.stores.push(store);
                }
            }
        }
        for (number, store) in self.stores.iter().enumerate().filter(|(_, store)| store.optional) {
            let asks = |owner: usize| asked.contains(&owner) || self.nodes[owner].sends_old;
            if let Some(owner) = store.owner.filter(|owner| !asks(*owner)) {
                nodes[owner].stores.retain(|kept| *kept != number);
            }
        }
        for node in nodes.iter().filter(|node| node.shares_store && node.sends_old) {
            problems.push(format!(
                "both sides of the join at '{}' come from one table and change at once, and what stands behind the join undoes its old results: put `.materialized(\"..\")` behind the join",
                node.name
            ));
        }
        for table in self.only_stored.iter().filter(|table| !self.is_materialized(**table)) {
            if asked.contains(table) || self.nodes[*table].sends_old {
                problems.push(format!(
                    "what stands behind the table '{}' needs its values, and no store keeps them: put `.materialized(\"..\")` behind it",
                    self.nodes[*table].name
                ));
            }
        }
        nodes
    }

    /// The stores that say the value of a key in the table of a node: its own, or those of the
    /// tables that it is made of, from the node upwards. Adds the nodes on the way to `asked`.
    fn stores_behind(&self, table: usize, asked: &mut BTreeSet<usize>) -> Vec<usize> {
        let (mut stores, mut seen) = (Vec::new(), BTreeSet::new());
        let mut open = vec![table];
        while let Some(number) = open.pop() {
            if !seen.insert(number) {
                continue;
            }
            let node = &self.nodes[number];
            let kept = self.stores.iter().enumerate();
            stores.extend(kept.filter(|(_, store)| store.owner == Some(number)).map(|(s, _)| s));
            stores.extend(&node.stores);
            if !self.is_materialized(number) && !self.only_stored.contains(&number) {
                open.extend(node.parents.iter().chain(&node.reads).rev());
            }
        }
        asked.append(&mut seen);
        stores
    }
}
