//! Which repartition topics are one, and where they stand.

use std::collections::BTreeSet;

use super::TopologyParts;
use super::graph::{
    Graph, Keys, NodeKind, NodeSpec, RepartitionFor, RepartitionNames, RepartitionSpec,
};
use super::names::repartition_topic;

impl Graph {
    /// Joins of one stream that have no names share a repartition topic (`KStreamImpl.repartitionForJoin`),
    /// and so do the aggregations of a grouping that has one (`GroupedStreamAggregateBuilder.build`).
    pub(super) fn share_repartitions(&mut self) {
        let mut kept: Vec<RepartitionSpec> = Vec::new();
        for spec in std::mem::take(&mut self.repartitions) {
            let parent = self.nodes[spec.first].parents.first().copied();
            let own_name = parent.map(|parent| repartition_topic(&self.nodes[parent].name));
            let is_unnamed = own_name.as_ref() == Some(&spec.topic);
            let may_share = |earlier: &&RepartitionSpec| {
                let is_alike = earlier.purpose == spec.purpose
                    && self.nodes[earlier.first].parents.first().copied() == parent;
                is_alike
                    && match spec.purpose {
                        RepartitionFor::Itself => false,
                        RepartitionFor::Join => is_unnamed,
                        RepartitionFor::Aggregation => earlier.topic == spec.topic,
                    }
            };
            let Some(earlier) = kept.iter().rev().find(may_share).cloned() else {
                kept.push(spec);
                continue;
            };
            if spec.purpose == RepartitionFor::Aggregation {
                // Kafka Streams adds its node once more.
                let place = self.nodes[spec.first].place;
                let again = &mut self.nodes[earlier.first..=earlier.source];
                again.iter_mut().for_each(|node| node.place = place);
            }
            replace_parent(&mut self.nodes, spec.source, earlier.source);
            (spec.first..=spec.source).for_each(|node| take_out(&mut self.nodes, node));
        }
        self.repartitions = kept;
    }
}

impl TopologyParts {
    /// Has what is repartitioned behind one change of keys read one topic, right behind that change:
    /// filters and the like that were before the topic are behind it then
    /// (`InternalStreamsBuilder.maybeOptimizeRepartitionOperations`).
    pub(super) fn merge_repartition_topics(&mut self) {
        let mut moved = Vec::new();
        for spec in std::mem::take(&mut self.repartitions) {
            let parent = self.nodes[spec.first].parents.first();
            let change = parent.and_then(|parent| key_changer(&self.nodes, *parent));
            match change.filter(|_| spec.purpose != RepartitionFor::Itself) {
                Some(change) => moved.push((spec, change)),
                None => self.repartitions.push(spec),
            }
        }
        let others_take = self.taken_by_others(&moved);
        let mut shared: Vec<(usize, usize)> = Vec::new();
        for (spec, KeyChange { changer, between }) in moved {
            let first = shared.iter().find(|(other, _)| *other == changer);
            let source = first.map_or(spec.source, |(_, source)| *source);
            let sources = self.copartitioned.iter_mut().flat_map(|(_, sources)| sources);
            sources.filter(|node| **node == spec.source).for_each(|node| *node = source);
            let last = between.first().copied().unwrap_or(source);
            replace_parent(&mut self.nodes, spec.source, last);
            if let Some(head) = between.last() {
                let has_others = between.iter().any(|node| others_take.contains(node));
                self.nodes[*head].takes_null_keys |= has_others;
                self.nodes[*head].parents = vec![source];
            }
            if first.is_some() {
                (spec.first..=spec.source).for_each(|node| take_out(&mut self.nodes, node));
            } else {
                shared.push((changer, source));
                self.move_behind(&spec, changer);
                self.repartitions.push(spec);
            }
        }
    }

    /// The nodes to be moved that what stays takes records from: Kafka Streams loses those without a key
    /// there.
    fn taken_by_others(&self, moved: &[(RepartitionSpec, KeyChange)]) -> BTreeSet<usize> {
        let between = moved.iter().flat_map(|(_, change)| &change.between);
        let filters = moved.iter().map(|(spec, _)| &spec.first);
        let moved: BTreeSet<&usize> = between.chain(filters).collect();
        let stay = self.nodes.iter().enumerate().filter(|(node, _)| !moved.contains(node));
        stay.flat_map(|(_, spec)| spec.parents.iter().copied()).collect()
    }

    /// Has a repartitioning follow the change of keys, with the names that Kafka Streams then gives it.
    fn move_behind(&mut self, spec: &RepartitionSpec, changer: usize) {
        let names = RepartitionNames::of(spec.topic.clone());
        self.nodes[spec.first].parents = vec![changer];
        let nodes = self.nodes[spec.first..=spec.source].iter_mut();
        for (node, name) in nodes.zip([names.filter, names.sink, names.source]) {
            node.name = name;
            node.place = changer;
        }
    }
}

/// A change of keys above a node.
pub(crate) struct KeyChange {
    /// The node that changes them.
    changer: usize,
    /// What is between, the last one first: filters and the like.
    between: Vec<usize>,
}

/// What changes the keys of what `node` hands on, if nothing but filters and the like are between.
pub(crate) fn key_changer(nodes: &[NodeSpec], mut node: usize) -> Option<KeyChange> {
    let mut between = Vec::new();
    loop {
        match nodes[node].keys {
            Keys::Changes => return Some(KeyChange { changer: node, between }),
            Keys::Passes => {
                between.push(node);
                node = *nodes[node].parents.first()?;
            }
            Keys::Other => return None,
        }
    }
}

/// Takes a node out of the graph. Its number stays.
pub(super) fn take_out(nodes: &mut [NodeSpec], node: usize) {
    let node = &mut nodes[node];
    node.kind = NodeKind::TakenOut;
    node.parents.clear();
    node.stores.clear();
}

/// Has what is fed by one node fed by another.
fn replace_parent(nodes: &mut [NodeSpec], parent: usize, by: usize) {
    let parents = nodes.iter_mut().flat_map(|node| &mut node.parents);
    parents.filter(|node| **node == parent).for_each(|node| *node = by);
}
