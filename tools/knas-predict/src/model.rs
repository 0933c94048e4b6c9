//! A trained network, and what it takes its inputs for.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use knas_graph::{Graph, Op};
use knas_net::{Network, Norm, Source};
use knas_records::schema::{Guess, Label};
use knas_records::{Context, Record};
use knas_study::{Card, is_weights};
use tch::{Device, Kind, Tensor};

/// A trained network.
pub struct Model {
    /// What it tells of itself.
    pub card: Card,
    /// The file of its weights.
    pub weights: PathBuf,
    network: Network,
}

impl Model {
    /// The network of a file of weights, or of the record in a file.
    ///
    /// # Errors
    /// When there is none, or the weights do not fit.
    pub fn open(path: &Path, context: &Context) -> Result<Self> {
        let path = match is_weights(path) {
            true => path.to_owned(),
            false => named(path, context)?,
        };
        let (card, weights) = Card::open(&path)?;
        let live = card.network.lower()?.live;
        card.check(&live, &path)?;
        let network = Network::new(live, Source::File(&weights), (Kind::Float, Device::Cpu));
        Ok(Self {
            weights: path,
            network: network?,
            card,
        })
    }

    /// What it consists of.
    pub fn graph(&self) -> &Graph {
        self.network.graph()
    }

    /// Of each input in a batch, the probability of every class.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn probabilities(&self, batch: &Tensor) -> Result<Vec<Vec<f64>>> {
        let _guard = tch::no_grad_guard();
        let logits = self.network.forward(batch, Norm::Eval)?;
        let all = logits.f_softmax(-1, Kind::Double)?;
        let classes = all.size2()?.1 as usize;
        let mut numbers = vec![0f64; all.numel()];
        all.f_contiguous()?.f_copy_data(&mut numbers, all.numel())?;
        Ok(numbers
            .chunks(classes.max(1))
            .map(<[f64]>::to_vec)
            .collect())
    }

    /// The most probable classes, the first one of equal ones first; none where a
    /// probability is not finite.
    pub fn top(&self, probabilities: &[f64], most: usize) -> Option<Vec<Guess>> {
        if probabilities.iter().any(|p| !p.is_finite()) {
            return None;
        }
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        let guess = |class: usize| Guess {
            class: match self.card.class_names.get(class) {
                Some(name) => Label::Name(name.clone()),
                None => Label::Number(class as u64),
            },
            probability: (probabilities[class] * 1e6).round() / 1e6,
        };
        Some(order.into_iter().take(most).map(guess).collect())
    }

    /// The rows of the table that looks up what `of` gives.
    pub fn rows(&self, of: Op) -> Option<usize> {
        let graph = self.graph();
        let reads = |place: usize| graph.nodes()[place].op == of;
        graph.nodes().iter().find_map(|node| match node.op {
            Op::Embedding { table } if node.inputs.iter().any(|v| reads(v.place())) => {
                graph.parameters()[table].shape.first().copied()
            }
            _ => None,
        })
    }
}

/// The weights that the one record in a file names.
fn named(path: &Path, context: &Context) -> Result<PathBuf> {
    let about = || format!("--model {}", path.display());
    let mut input = context.input(&[path.to_owned()]).with_context(about)?;
    let mut found: Option<Record<'static>> = None;
    while let Some(line) = input.next_line()? {
        let record = line.record().with_context(|| line.place().to_string())?;
        if found.is_some() {
            bail!(
                "{} has several records: take one, such as with knas-rank -k 1",
                about()
            );
        }
        found = Some(record.into_owned());
    }
    let checkpoint = match &found {
        Some(record) => record.get::<String>("finetune.checkpoint")?,
        None => None,
    };
    match checkpoint {
        Some(checkpoint) => Ok(checkpoint.into()),
        None => bail!(
            "{} has no record with finetune.checkpoint: knas-finetune --checkpoint-dir keeps models",
            about()
        ),
    }
}
