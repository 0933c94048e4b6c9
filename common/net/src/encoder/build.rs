//! An encoder from a layout and a source of weights.

use knas_space::roberta_skip::{Kind as Family, Layout};
use tch::{Device, Kind, Tensor};

use super::{Embeddings, Encoder, Head, Layer, Settings};
use crate::NetError;
use crate::init::{Init, Initial};
use crate::layers::{Role, Tensors};
use crate::weights::WeightFile;

/// Where an encoder's weights come from.
#[derive(Clone, Copy)]
pub enum EncoderSource<'a> {
    /// Drawn. [`Init::Default`] stands for [`Init::Bert`].
    Random(Initial),
    /// Read, under the names that `transformers` gives them. A pre-trained
    /// encoder has no classifier, or only the first half of it: what is missing
    /// of the classifier is drawn.
    Pretrained {
        /// The weights.
        weights: &'a WeightFile,
        /// How the rest is drawn.
        initial: Initial,
    },
}

impl Encoder {
    /// The encoder of this layout with a classifier of `classes` outputs.
    ///
    /// Weights that are read are those of the layers that the layout keeps;
    /// weights that are drawn belong to the layers' places in the layout.
    ///
    /// # Errors
    /// When the device's memory does not suffice, or the file of weights lacks
    /// one or has it in another shape.
    pub fn new(
        layout: &Layout,
        settings: Settings,
        classes: i64,
        source: EncoderSource<'_>,
        options: (Kind, Device),
    ) -> Result<Self, NetError> {
        let mut build = Builder {
            family: layout.backbone().kind,
            source,
            options,
            tensors: Tensors::default(),
        };
        let embeddings = build.embeddings(layout)?;
        let numbers = layout.layers().iter().enumerate();
        let layers = numbers
            .map(|(place, number)| build.layer(layout, place + 1, *number))
            .collect::<Result<_, _>>()?;
        let head = build.head(layout.backbone().width as i64, classes)?;
        Ok(Self {
            layout: layout.clone(),
            settings,
            tensors: build.tensors,
            embeddings,
            layers,
            head,
        })
    }
}

struct Builder<'a> {
    family: Family,
    source: EncoderSource<'a>,
    options: (Kind, Device),
    tensors: Tensors,
}

/// Whether a file of weights may do without a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Encoder,
    Classifier,
}

impl Builder<'_> {
    fn embeddings(&mut self, layout: &Layout) -> Result<Embeddings, NetError> {
        let backbone = layout.backbone();
        let width = backbone.width as i64;
        let mut table = |name: &str, rows: usize| {
            let name = format!("embeddings.{name}_embeddings.weight");
            let shape = [rows as i64, width];
            self.parameter(Part::Encoder, Role::Embedding, &name, &name, &shape, width)
        };
        Ok(Embeddings {
            words: table("word", backbone.vocabulary)?,
            positions: table("position", backbone.positions)?,
            types: table("token_type", backbone.token_types)?,
            norm: self.norm("embeddings.LayerNorm", "embeddings", width)?,
        })
    }

    /// The layer at `node` of the layout, which is layer `number` of the
    /// backbone, both counted from 1.
    fn layer(&mut self, layout: &Layout, node: usize, number: usize) -> Result<Layer, NetError> {
        let backbone = layout.backbone();
        let (width, wide) = (backbone.width as i64, backbone.intermediate as i64);
        let name = |part: &str| format!("encoder.layer.{}.{part}", number - 1);
        let place = |part: &str| format!("layer.{node}.{part}");
        let mut linear =
            |part: &str, sizes| self.linear(Part::Encoder, &name(part), &place(part), sizes);
        let query = linear("attention.self.query", [width, width])?;
        let key = linear("attention.self.key", [width, width])?;
        let value = linear("attention.self.value", [width, width])?;
        let attention_output = linear("attention.output.dense", [width, width])?;
        let norm = "attention.output.LayerNorm";
        let attention_norm = self.norm(&name(norm), &place(norm), width)?;
        let mut linear =
            |part: &str, sizes| self.linear(Part::Encoder, &name(part), &place(part), sizes);
        let intermediate = linear("intermediate.dense", [width, wide])?;
        let output = linear("output.dense", [wide, width])?;
        let norm = "output.LayerNorm";
        Ok(Layer {
            query,
            key,
            value,
            attention_output,
            attention_norm,
            intermediate,
            output,
            output_norm: self.norm(&name(norm), &place(norm), width)?,
        })
    }

    fn head(&mut self, width: i64, classes: i64) -> Result<Head, NetError> {
        let names = match self.family {
            Family::Bert => ["pooler.dense", "classifier"],
            Family::Roberta => ["classifier.dense", "classifier.out_proj"],
        };
        let part = Part::Classifier;
        Ok(Head {
            dense: self.linear(part, names[0], "head.dense", [width, width])?,
            classifier: self.linear(part, names[1], "head.classifier", [width, classes])?,
        })
    }

    fn linear(
        &mut self,
        part: Part,
        name: &str,
        place: &str,
        [inputs, outputs]: [i64; 2],
    ) -> Result<usize, NetError> {
        let weight = format!("{name}.weight");
        let shape = [outputs, inputs];
        let weight = self.parameter(part, Role::LinearWeight, &weight, place, &shape, inputs)?;
        let [name, place] = [name, place].map(|of| format!("{of}.bias"));
        self.parameter(part, Role::LinearBias, &name, &place, &[outputs], inputs)?;
        Ok(weight)
    }

    fn norm(&mut self, name: &str, place: &str, width: i64) -> Result<usize, NetError> {
        let mut half = |half: &str, role| {
            let name = format!("{name}.{half}");
            self.parameter(Part::Encoder, role, &name, place, &[width], 1)
        };
        let weight = half("weight", Role::NormWeight)?;
        half("bias", Role::NormBias)?;
        Ok(weight)
    }

    /// Adds a parameter; `name` is that in the encoder, without the model's name
    /// in front, and `place` keys what is drawn.
    fn parameter(
        &mut self,
        part: Part,
        role: Role,
        name: &str,
        place: &str,
        shape: &[i64],
        fan_in: i64,
    ) -> Result<usize, NetError> {
        let full = match (self.family, name.split('.').next()) {
            (_, Some("classifier")) => name.to_owned(),
            (family, _) => format!("{}.{name}", family.name()),
        };
        let draw = |initial: Initial| {
            let init = match initial.init {
                Init::Default => Init::Bert,
                init => init,
            };
            Initial { init, ..initial }.draw(place, role, shape, fan_in)
        };
        let tensor = match self.source {
            EncoderSource::Random(initial) => draw(initial)?,
            EncoderSource::Pretrained { weights, initial } => {
                match (stored(weights, &full, name, shape)?, part) {
                    (Some(tensor), _) => tensor,
                    (None, Part::Classifier) => draw(initial)?,
                    (None, Part::Encoder) => weights.tensor(&full, shape)?, // says what is missing
                }
            }
        };
        self.tensors.add(full, role, &tensor, self.options)
    }
}

/// The tensor under its full name, under that of an encoder by itself, or under
/// the name that it had in the first releases of BERT.
fn stored(
    weights: &WeightFile,
    full: &str,
    short: &str,
    shape: &[i64],
) -> Result<Option<Tensor>, NetError> {
    for name in [full, short] {
        let early = name.replace("LayerNorm.weight", "LayerNorm.gamma");
        let early = early.replace("LayerNorm.bias", "LayerNorm.beta");
        for name in [name, &*early] {
            if let Some(tensor) = weights.optional(name, shape)? {
                return Ok(Some(tensor));
            }
        }
    }
    Ok(None)
}
