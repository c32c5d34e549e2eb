//! State under generated names, which is refused unless the program takes such names over.

use super::graph::Graph;
use super::names::{is_made_up, repartition_topic};

/// State or an internal topic without a name of its own.
#[derive(Clone)]
pub(super) struct Unnamed {
    /// The node whose name it gets, if that is given one later.
    node: Option<usize>,
    problem: String,
}

impl Graph {
    /// Notes that the state of `name` has a generated name. `what` is the call with one of its own.
    pub(crate) fn refuse_unnamed(&mut self, name: &str, what: &str) {
        self.refuse(None, &format!("state of '{name}'"), what);
    }

    /// As [`refuse_unnamed`](Self::refuse_unnamed), unless `node` is given a name later.
    pub(crate) fn refuse_unless_named(&mut self, node: usize, what: &str) {
        let name = self.nodes[node].name.clone();
        self.refuse(Some(node), &format!("state of '{name}'"), what);
    }

    /// Notes that a repartition topic is called after the generated name `base`, unless `node` is given a
    /// name later that the topic takes over.
    pub(crate) fn refuse_unnamed_topic(&mut self, node: Option<usize>, base: &str, what: &str) {
        self.refuse(node, &format!("topic '{}'", repartition_topic(base)), what);
    }

    /// Whether a node has the name that the DSL made up for it, and not one like it that it was given.
    pub(crate) fn has_generated_name(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        !node.is_named && is_made_up(&node.name)
    }

    fn refuse(&mut self, node: Option<usize>, whose: &str, what: &str) {
        let problem = format!(
            "the {whose} has no name of its own: the one that is generated changes when operators before it come or go, and what it held is then lost; write `{what}` (a program that takes over the topics of one in Java that named nothing says `builder.take_over_generated_names()`)"
        );
        self.unnamed.push(Unnamed { node, problem });
    }

    /// Takes back what was noted of a node that now has a name.
    pub(super) fn is_named_now(&mut self, node: usize) {
        self.unnamed.retain(|unnamed| unnamed.node != Some(node));
    }

    /// What is wrong with state that has no name of its own, unless the program may have such.
    pub(super) fn unnamed_problems(&self) -> Vec<String> {
        match self.takes_generated_names {
            true => Vec::new(),
            false => self.unnamed.iter().map(|unnamed| unnamed.problem.clone()).collect(),
        }
    }
}
