//! A model of ONNX as a graph and its tensors.
//!
//! | module | what it holds |
//! |---|---|
//! | `wire` | bytes as messages |
//! | `external` | numbers that are in another file |
//! | `tensor` | tensors whose numbers are known |
//! | `check` | nodes in order, and their settings |
//! | `fold`, `wholes` | what a node gives that reads no image |
//! | `walk` | the nodes, one after the other |
//! | `layers`, `windows`, `sums`, `arrange`, `cut` | the nodes by what they do |
//! | `view` | how a value of the file lies over one of the graph |
//! | `functions`, `scalar` | what is done to single numbers |
//! | `draft`, `finish` | the graph under way, and when it is whole |
//! | `blocks`, `names` | where blocks are, and what layers are called |
//! | `error` | why a model cannot be read |

mod arrange;
mod blocks;
mod check;
mod cut;
mod draft;
mod error;
mod external;
mod finish;
mod fold;
mod functions;
mod layers;
mod names;
mod scalar;
mod sums;
mod tensor;
mod view;
mod walk;
mod wholes;
mod windows;
mod wire;

use std::io::Write as _;
use std::path::Path;

use knas_graph::{Graph, Op, Shape};
use prost::bytes::Bytes;

use self::check::Network;
pub use self::error::{LowerError, NodeError, ReadError, TensorFault};
use self::external::Folder;
use self::finish::{Finished, finish};
use self::fold::Numbers;
use self::tensor::Constant;
use self::walk::{Remarks, Walk};

/// The most bytes that are read of a model's file, and of all other files that it
/// names: no message may be larger.
const LARGEST: u64 = i32::MAX as u64;

/// The sides that are tried where a file leaves them open: those of common data.
const SIDES: [usize; 6] = [224, 32, 64, 299, 384, 28];

/// A network for images that was read from a file.
#[derive(Debug)]
pub struct Model {
    network: Network,
    /// By value, what does not depend on the image.
    constants: Vec<Option<Numbers>>,
    remarks: Remarks,
    side: Option<usize>,
    usual_side: usize,
    classes: usize,
    tensors: Vec<(String, Constant)>,
    notes: Vec<String>,
    sha256: String,
}

impl Model {
    /// Reads a file. Tensors may be in other files in its folder or below it.
    ///
    /// # Errors
    /// When it cannot be read, is no model of ONNX, or none of a network for images.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let bytes = knas_files::capped_regular(path, LARGEST)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        Self::of(bytes.into(), Some(folder.unwrap_or(Path::new("."))))
    }

    /// Reads bytes, which hold all tensors.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        Self::of(Bytes::copy_from_slice(bytes), None)
    }

    fn of(bytes: Bytes, path: Option<&Path>) -> Result<Self, ReadError> {
        let mut folder = Folder::new(path, LARGEST);
        let hashed = folder.hash.write_all(&bytes);
        hashed.map_err(knas_files::ReadError::Io)?;
        let network = check::check(wire::decode(bytes)?, &mut folder)?;
        let (_, sha256) = folder.hash.finish();
        let constants = walk::constants(&network)?;
        let side = side(&network)?;
        let mut model = Self {
            network,
            constants,
            remarks: Remarks::default(),
            side,
            usual_side: 0,
            classes: 0,
            tensors: Vec::new(),
            notes: Vec::new(),
            sha256,
        };
        let mut first = None;
        let tried = match &side {
            Some(side) => std::slice::from_ref(side),
            None => &SIDES[..],
        };
        for &side in tried {
            match model.walked(side, None) {
                Ok((finished, remarks)) => {
                    model.remarks = remarks;
                    model.usual_side = side;
                    return Ok(model.with(finished));
                }
                Err(error) => _ = first.get_or_insert(error),
            }
        }
        Err(first.unwrap_or(LowerError::Nothing).into())
    }

    /// The graph of this model at some side, and what is to be told of it.
    fn walked(
        &self,
        side: usize,
        classes: Option<usize>,
    ) -> Result<(Finished, Remarks), LowerError> {
        if side == 0 || classes == Some(0) {
            return Err(LowerError::Nothing);
        }
        let channels = self.channels();
        let image = Shape::Maps { channels, side };
        let mut walk = Walk::new(&self.network, &self.constants, image, self.remarks.clone());
        let output = walk.all()?;
        let finished = finish(&walk.draft, output, classes)?;
        Ok((finished, walk.remarks))
    }

    /// With what is known once it was walked over.
    fn with(mut self, finished: Finished) -> Self {
        let Finished { graph, tensors } = finished;
        if let Some(Shape::Vector { width }) = graph.nodes().last().map(|node| node.shape) {
            self.classes = width;
        }
        self.tensors = tensors;
        self.notes = notes(&graph, &self.remarks, &self.network.others);
        self
    }

    /// The side of the images that the file tells; none where it leaves that open.
    #[must_use]
    pub fn side(&self) -> Option<usize> {
        self.side
    }

    /// The side of the images that it is counted for: that of the file, or else the
    /// first of common sides that goes with its layers.
    #[must_use]
    pub fn usual_side(&self) -> usize {
        self.usual_side
    }

    /// SHA-256 of the file, in hexadecimal, followed by what was read of the files
    /// that it names: that of the file where it has all tensors.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The channels of its images: three where the file leaves that open.
    #[must_use]
    pub fn channels(&self) -> usize {
        let axis = if self.network.is_channels_last() {
            3
        } else {
            1
        };
        self.network.sizes.get(axis).copied().flatten().unwrap_or(3)
    }

    /// The classes that it tells apart.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The network for images of this side and so many classes. For another number of
    /// classes than the file's, the last linear map, or the 1×1 convolution before the
    /// pooling, has as many rows; the file then has no tensors for it.
    ///
    /// # Errors
    /// When its layers do not go with such images, or there is no such last layer.
    pub fn lower(&self, side: usize, classes: usize) -> Result<Graph, LowerError> {
        let (finished, _) = self.walked(side, Some(classes))?;
        Ok(finished.graph)
    }

    /// Every tensor of the network of the file's own classes, with its sizes, in single
    /// precision: by the names of the graph's parameters, and `LAYER.running_mean` and
    /// `LAYER.running_var` of batch norms.
    pub fn tensors(&self) -> impl Iterator<Item = (String, Vec<usize>, Vec<f32>)> + '_ {
        self.tensors.iter().map(|(name, constant)| {
            let shape = constant.shape.clone();
            (name.clone(), shape, constant.numbers())
        })
    }

    /// What whoever uses the network should know of how it was read, a sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// The side of the images that a file tells.
fn side(network: &Network) -> Result<Option<usize>, ReadError> {
    let first = if network.is_channels_last() { 1 } else { 2 };
    match [first, first + 1].map(|axis| network.sizes.get(axis).copied().flatten()) {
        [Some(height), Some(width)] if height != width => Err(ReadError::Model(format!(
            "the model reads images of {height} × {width} pixels, and only square ones are known"
        ))),
        [height, width] => Ok(height.or(width)),
    }
}

fn notes(graph: &Graph, remarks: &Remarks, others: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    let any = |is: fn(&Op) -> bool| graph.nodes().iter().any(|node| is(&node.op));
    let biased = any(|op| matches!(op, Op::Convolution { bias: Some(_), .. }));
    if biased && !any(|op| matches!(op, Op::BatchNorm { .. })) {
        notes.push(
            "It has no batch norms, and its convolutions have biases. If the network has batch \
             norms, its exporter has folded them into the convolutions, and scores at \
             initialisation are those of another network; PyTorch keeps them with \
             torch.onnx.export(model.train(), ..., \
             training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)."
                .to_owned(),
        );
    }
    if remarks.prepares {
        notes.push(
            "It prepares images itself, by numbers that it adds to them or multiplies them by; \
             this is left out, for it is shown images that are prepared."
                .to_owned(),
        );
    }
    if let Some(operator) = &remarks.softmax {
        notes.push(format!(
            "The {operator} at its end is left out: logits are what it gives."
        ));
    }
    if !others.is_empty() {
        let names: Vec<String> = others
            .iter()
            .take(8)
            .map(|name| error::excerpt(name))
            .collect();
        notes.push(format!(
            "It gives more than one value; these are left out: {}.",
            names.join(", ")
        ));
    }
    notes
}
