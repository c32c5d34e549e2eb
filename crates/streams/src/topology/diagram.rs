//! The topology as a picture: Mermaid and Graphviz.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::TopologyParts;
use super::graph::{NodeKind, SinkTopic};

/// What both notations draw.
struct Drawing {
    topics: BTreeSet<String>,
    /// From and to, as the notation's ids; topics are `t…`, stores `s…`, nodes `n…`.
    edges: Vec<(String, String)>,
}

fn draw(topology: &TopologyParts) -> Drawing {
    let mut topics = BTreeSet::new();
    let mut edges = Vec::new();
    for (number, node) in topology.nodes.iter().enumerate() {
        let this = format!("n{number}");
        match &node.kind {
            NodeKind::Source { topics: read, .. } => {
                for topic in read {
                    topics.insert(topic.name.clone());
                    edges.push((topic_id(&topic.name), this.clone()));
                }
            }
            NodeKind::Sink { topic, .. } => {
                let name = match topic {
                    SinkTopic::Topic(topic) => topic.name.clone(),
                    SinkTopic::Extracted => "topic chosen per record".to_owned(),
                };
                edges.push((this.clone(), topic_id(&name)));
                topics.insert(name);
            }
            NodeKind::Processor { .. } => {}
        }
        edges.extend(node.stores.iter().map(|store| (this.clone(), format!("s{store}"))));
        edges.extend(topology.children[number].iter().map(|c| (this.clone(), format!("n{c}"))));
    }
    Drawing { topics, edges }
}

fn topic_id(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("t_{}", name.chars().map(plain).collect::<String>())
}

pub(super) fn mermaid(topology: &TopologyParts) -> String {
    let Drawing { topics, edges } = draw(topology);
    let mut out = String::from("flowchart TD\n");
    for topic in topics {
        let _ = writeln!(out, "  {}[/\"{topic}\"/]", topic_id(&topic));
    }
    for sub in &topology.sub_topologies {
        let _ = writeln!(out, "  subgraph sub_topology_{0} [Sub-topology {0}]", sub.id);
        for node in &sub.nodes {
            let _ = writeln!(out, "    n{node}[\"{}\"]", topology.nodes[*node].name);
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
    for topic in topics {
        let _ = writeln!(out, "  {} [shape=parallelogram, label=\"{topic}\"];", topic_id(&topic));
    }
    for sub in &topology.sub_topologies {
        let _ = writeln!(out, "  subgraph cluster_{0} {{\n    label=\"Sub-topology {0}\";", sub.id);
        for node in &sub.nodes {
            let name = &topology.nodes[*node].name;
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
