//! BERT and RoBERTa with a classifier, as a [`Layout`] connects their layers
//! (Devlin et al. 2019, Liu et al. 2019).
//!
//! Embeddings of words, positions and token types; post-norm layers of
//! self-attention and a GELU feed-forward half; a classifier on the first token.
//! This is what `transformers` calls `BertForSequenceClassification` and
//! `RobertaForSequenceClassification`, whose names of parameters are used here.

use knas_graph::{Activation, Graph, GraphError, Mark, Named, Op, Part, Shape, Value};

use super::{Combination, Kind, Layout, Settings, Task};

/// The padding token's number in RoBERTa; positions are counted from the next.
const ROBERTA_PADDING: usize = 1;

/// The encoder of this layout and its classifier.
///
/// # Errors
/// Never, for layouts and settings that can be.
pub fn lower(layout: &Layout, settings: &Settings, task: Task) -> Result<Graph, GraphError> {
    let length = task.tokens;
    let mut lowering = Lowering {
        graph: Graph::new(Shape::Text { length }),
        layout,
        settings,
    };
    let (embedded, mask) = lowering.embed()?;
    let mut outputs = vec![embedded];
    for (place, number) in layout.layers().iter().enumerate() {
        let node = place + 1;
        let input = lowering.combined(&outputs, node)?;
        let output = lowering.layer(input, mask, node, *number)?;
        lowering.graph.mark(Mark::Block { input, output });
        outputs.push(output);
    }
    let last = lowering.combined(&outputs, layout.head())?;
    lowering.classify(last, task.classes)?;
    let mut graph = lowering.graph;
    let family = layout.backbone().kind;
    graph.alias(|name| aliases(name, family));
    Ok(graph)
}

/// Other names of a parameter: that in an encoder by itself, without the model's
/// name in front, and those that both had in the first releases of BERT.
fn aliases(name: &str, family: Kind) -> Vec<String> {
    let short = name.strip_prefix(family.name());
    let short = short.and_then(|rest| rest.strip_prefix('.'));
    let early = |name: &str| {
        let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
        name.replace("LayerNorm.bias", "LayerNorm.beta")
    };
    let mut names = vec![early(name)];
    names.extend(
        short
            .into_iter()
            .flat_map(|short| [short.to_owned(), early(short)]),
    );
    names.retain(|other| other != name);
    names.dedup();
    names
}

struct Lowering<'a> {
    graph: Graph,
    layout: &'a Layout,
    settings: &'a Settings,
}

impl Lowering<'_> {
    /// The embeddings, and the mask.
    fn embed(&mut self) -> Result<(Value, Value), GraphError> {
        let backbone = self.layout.backbone();
        let family = backbone.kind;
        let mut table = |name: &str, rows| {
            let key = format!("embeddings.{name}_embeddings.weight");
            let name = format!("{}.embeddings.{name}_embeddings", family.name());
            let named = Named {
                name: &name,
                key: &key,
                part: Part::Embeddings,
            };
            self.graph.table(named, rows, backbone.width)
        };
        let words = table("word", backbone.vocabulary);
        let positions = table("position", backbone.positions);
        let types = table("token_type", backbone.token_types);

        let graph = &mut self.graph;
        let text = graph.input();
        let mask = graph.push(Op::TokenMask, &[text])?;
        let padding = match family {
            Kind::Bert => None,
            Kind::Roberta => Some(ROBERTA_PADDING),
        };
        let places = graph.push(Op::Positions { padding }, &[mask])?;
        let ids = graph.push(Op::TokenIds, &[text])?;
        let words = graph.push(Op::Embedding { table: words }, &[ids])?;
        let of_types = graph.push(Op::TokenTypes, &[text])?;
        let types = graph.push(Op::Embedding { table: types }, &[of_types])?;
        let positions = graph.push(Op::Embedding { table: positions }, &[places])?;
        let sum = graph.push(Op::Add, &[words, types, positions])?;
        let norm = Named {
            name: &format!("{}.embeddings.LayerNorm", family.name()),
            key: "embeddings",
            part: Part::Embeddings,
        };
        let normal = graph.layer_norm(sum, norm, self.settings.norm_epsilon)?;
        Ok((self.drop(normal)?, mask))
    }

    /// What a node takes: its inputs' outputs, combined.
    fn combined(&mut self, outputs: &[Value], node: usize) -> Result<Value, GraphError> {
        let inputs: Vec<Value> = self
            .layout
            .inputs(node)
            .map(|input| outputs[input])
            .collect();
        if let [only] = inputs[..] {
            return Ok(only);
        }
        let sum = self.graph.push(Op::Add, &inputs)?;
        match self.layout.combination() {
            Combination::Mean => self.graph.push(Op::Divide(inputs.len()), &[sum]),
            Combination::Sum => Ok(sum),
        }
    }

    /// The layer at `node` of the layout, which is layer `number` of the
    /// backbone, both counted from 1. Weights that are read are those of the
    /// backbone's layer; weights that are drawn belong to the node.
    fn layer(
        &mut self,
        input: Value,
        mask: Value,
        node: usize,
        number: usize,
    ) -> Result<Value, GraphError> {
        let backbone = *self.layout.backbone();
        let at = At {
            name: format!("{}.encoder.layer.{}", backbone.kind.name(), number - 1),
            key: format!("layer.{node}"),
        };
        let width = backbone.width;
        let query = self.linear(&at, "attention.self.query", Part::Attention, input, width)?;
        let key = self.linear(&at, "attention.self.key", Part::Attention, input, width)?;
        let value = self.linear(&at, "attention.self.value", Part::Attention, input, width)?;
        let attention = Op::Attention {
            heads: backbone.heads,
            dropout: self.settings.attention_dropout,
        };
        let context = self.graph.push(attention, &[query, key, value, mask])?;
        let part = Part::Attention;
        let mixed = self.linear(&at, "attention.output.dense", part, context, width)?;
        let attended = self.residual(&at, "attention.output.LayerNorm", mixed, input)?;

        let part = Part::FeedForward;
        let wide = self.linear(
            &at,
            "intermediate.dense",
            part,
            attended,
            backbone.intermediate,
        )?;
        let active = self.graph.push(Op::Activation(Activation::Gelu), &[wide])?;
        let narrow = self.linear(&at, "output.dense", part, active, width)?;
        self.residual(&at, "output.LayerNorm", narrow, attended)
    }

    /// Dropout of what a half of a layer gives, its input added, layer norm.
    fn residual(
        &mut self,
        at: &At,
        norm: &str,
        output: Value,
        input: Value,
    ) -> Result<Value, GraphError> {
        let dropped = self.drop(output)?;
        let sum = self.graph.push(Op::Add, &[dropped, input])?;
        let [name, key] = at.part(norm);
        let named = Named {
            name: &name,
            key: &key,
            part: Part::Body,
        };
        self.graph
            .layer_norm(sum, named, self.settings.norm_epsilon)
    }

    fn linear(
        &mut self,
        at: &At,
        layer: &str,
        part: Part,
        input: Value,
        outputs: usize,
    ) -> Result<Value, GraphError> {
        let [name, key] = at.part(layer);
        let named = Named {
            name: &name,
            key: &key,
            part,
        };
        self.graph.linear(input, named, outputs)
    }

    fn drop(&mut self, input: Value) -> Result<Value, GraphError> {
        let rate = self.settings.hidden_dropout;
        self.graph.push(Op::Dropout { rate }, &[input])
    }

    /// From the first token's vector: tanh stands between two linear maps.
    fn classify(&mut self, tokens: Value, classes: usize) -> Result<(), GraphError> {
        let backbone = self.layout.backbone();
        let graph = &mut self.graph;
        let dropout = Op::Dropout {
            rate: self.settings.classifier_dropout,
        };
        let first = graph.push(Op::FirstToken, &[tokens])?;
        let (first, names) = match backbone.kind {
            // Its pooler has no dropout before it.
            Kind::Bert => (first, ["bert.pooler.dense", "classifier"]),
            Kind::Roberta => {
                let names = ["classifier.dense", "classifier.out_proj"];
                (graph.push(dropout, &[first])?, names)
            }
        };
        let head = |name, key| Named {
            name,
            key,
            part: Part::Classifier,
        };
        let dense = graph.linear(first, head(names[0], "head.dense"), backbone.width)?;
        let pooled = graph.push(Op::Activation(Activation::Tanh), &[dense])?;
        let pooled = graph.push(dropout, &[pooled])?;
        graph.linear(pooled, head(names[1], "head.classifier"), classes)?;
        Ok(())
    }
}

/// A layer's official name, and the key of its first weights.
struct At {
    name: String,
    key: String,
}

impl At {
    /// Both, of a part of it.
    fn part(&self, part: &str) -> [String; 2] {
        [&self.name, &self.key].map(|of| format!("{of}.{part}"))
    }
}
