//! The topology as a picture: Mermaid and Graphviz.

use std::fmt::Write;

use super::TopologyParts;
use super::graph::{NodeKind, SinkTopic};

/// What both notations draw.
#[derive(Default)]
struct Drawing {
    /// In the order in which they are met.
    topics: Vec<String>,
    /// From and to, as the notation's ids; topics are `t…`, stores `s…`, nodes `n…`.
    edges: Vec<(String, String)>,
}

impl Drawing {
    /// The id of a topic: a number, since names that differ may look the same to a notation.
    fn topic(&mut self, name: &str) -> String {
        let known = self.topics.iter().position(|topic| topic == name);
        let number = known.unwrap_or_else(|| {
            self.topics.push(name.to_owned());
            self.topics.len() - 1
        });
        format!("t{number}")
    }
}

fn draw(topology: &TopologyParts) -> Drawing {
    let mut drawing = Drawing::default();
    for (number, node) in topology.nodes.iter().enumerate() {
        let this = format!("n{number}");
        match &node.kind {
            NodeKind::Source { topics: read, .. } => {
                for topic in read {
                    let topic = drawing.topic(&topic.name);
                    drawing.edges.push((topic, this.clone()));
                }
            }
            NodeKind::Sink { topic, .. } => {
                let topic = drawing.topic(match topic {
                    SinkTopic::Topic(topic) => &topic.name,
                    SinkTopic::Extracted => "topic chosen per record",
                });
                drawing.edges.push((this.clone(), topic));
            }
            NodeKind::Processor { .. } | NodeKind::TakenOut => {}
        }
        let edges = &mut drawing.edges;
        edges.extend(node.stores.iter().map(|store| (this.clone(), format!("s{store}"))));
        edges.extend(topology.children[number].iter().map(|c| (this.clone(), format!("n{c}"))));
    }
    drawing
}

/// A label between quotes, for Mermaid.
fn in_mermaid(name: &str) -> String {
    name.replace('"', "#quot;")
}

/// A label between quotes, for Graphviz.
fn in_graphviz(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

pub(super) fn mermaid(topology: &TopologyParts) -> String {
    let Drawing { topics, edges } = draw(topology);
    let mut out = String::from("flowchart TD\n");
    for (number, topic) in topics.iter().enumerate() {
        let _ = writeln!(out, "  t{number}[/\"{topic}\"/]");
    }
    for sub in &topology.sub_topologies {
        let _ = writeln!(out, "  subgraph sub_topology_{0} [Sub-topology {0}]", sub.id);
        for node in &sub.nodes {
            let _ = writeln!(out, "    n{node}[\"{}\"]", in_mermaid(&topology.nodes[*node].name));
        }
        for store in &sub.stores {
            let _ = writeln!(out, "    s{store}[(\"{}\")]", topology.stores[*store].name);
        }
        out.push_str("  end\n");
    }
    for (from, to) in edges {
        let arrow = if to.starts_with('s') { "<-->" } else { "-->" };
        let _ = writeln!(out, "  {from} {arrow} {to}");
    }
    out
}

pub(super) fn graphviz(topology: &TopologyParts) -> String {
    let Drawing { topics, edges } = draw(topology);
    let mut out = String::from("digraph topology {\n  rankdir=TB;\n");
    for (number, topic) in topics.iter().enumerate() {
        let _ = writeln!(out, "  t{number} [shape=parallelogram, label=\"{topic}\"];");
    }
    for sub in &topology.sub_topologies {
        let _ = writeln!(out, "  subgraph cluster_{0} {{\n    label=\"Sub-topology {0}\";", sub.id);
        for node in &sub.nodes {
            let name = in_graphviz(&topology.nodes[*node].name);
            let _ = writeln!(out, "    n{node} [shape=box, label=\"{name}\"];");
        }
        for store in &sub.stores {
            let name = &topology.stores[*store].name;
            let _ = writeln!(out, "    s{store} [shape=cylinder, label=\"{name}\"];");
        }
        out.push_str("  }\n");
    }
    for (from, to) in edges {
        let style = if to.starts_with('s') { " [dir=both]" } else { "" };
        let _ = writeln!(out, "  {from} -> {to}{style};");
    }
    out.push_str("}\n");
    out
}
