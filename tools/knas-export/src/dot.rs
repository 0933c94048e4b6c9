//! A graph for Graphviz.

use std::fmt::{Result, Write};

use knas_graph::{Graph, Parameter};

/// A node a box, with its layer and the shape of what it gives.
pub fn write(graph: &Graph, name: &str, out: &mut String) -> Result {
    writeln!(out, "digraph {} {{", quoted(name))?;
    writeln!(out, "  node [shape=box, fontname=\"sans-serif\"];")?;
    for (place, node) in graph.nodes().iter().enumerate() {
        let weight = node.op.weight().and_then(|p| graph.parameters().get(p));
        let layer = weight.map(|Parameter { name, .. }| name.trim_end_matches(".weight"));
        let lines = [Some(node.op.name()), layer];
        let lines: Vec<&str> = lines.into_iter().flatten().collect();
        let label = format!("{}\n{}", lines.join("\n"), node.shape);
        writeln!(out, "  n{place} [label={}];", quoted(&label))?;
        for input in &node.inputs {
            writeln!(out, "  n{} -> n{place};", input.place())?;
        }
    }
    writeln!(out, "}}")
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\n', "\\n"))
}
