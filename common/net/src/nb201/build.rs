//! A network from a cell, a size and a source of weights.

use knas_space::nb201::{Cell as Arch, Form, Op, Skeleton, Sum, Term};
use tch::{Device, Kind, Tensor};

use super::{Block, Cell, ConvNorm, Network, Operation, Reduction, Step};
use crate::NetError;
use crate::init::Initial;
use crate::layers::{Convolution, Normalisation, Pooling, Role, Running, Tensors};
use crate::weights::WeightFile;

/// Where a network's weights come from.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// Drawn.
    Random(Initial),
    /// Read from a file, under their official names.
    File(&'a WeightFile),
    /// Read, but for the classifier, which is drawn.
    Body(&'a WeightFile, Initial),
}

impl Source<'_> {
    /// Where the parameter of that name comes from.
    fn of(self, name: &str) -> Self {
        match self {
            Self::Body(_, initial) if name.starts_with(CLASSIFIER) => Self::Random(initial),
            Self::Body(file, _) => Self::File(file),
            other => other,
        }
    }
}

/// How the names of the classifier's parameters begin.
const CLASSIFIER: &str = "classifier.";

impl Network {
    /// The network around `cell`, of this size, on this device.
    ///
    /// # Errors
    /// When the device's memory does not suffice, or the file of weights lacks
    /// one or has it in another shape.
    pub fn new(
        cell: &Arch,
        skeleton: Skeleton,
        source: Source<'_>,
        options: (Kind, Device),
    ) -> Result<Self, NetError> {
        let form = Form::of(cell);
        let mut build = Builder::new(source, options);
        let (channels, side) = (skeleton.channels() as i64, skeleton.side() as i64);
        let stem = build.conv_norm(["stem.0", "stem.1"], "stem", [3, channels], 3, 1)?;

        let mut blocks = Vec::new();
        for stage in 0..3 {
            let (channels, side) = (channels << stage, side >> stage);
            if stage > 0 {
                let name = format!("cells.{}", blocks.len());
                blocks.push(Block::Reduction(build.reduction(&name, channels)?));
            }
            for _ in 0..skeleton.cells() {
                let name = format!("cells.{}", blocks.len());
                blocks.push(Block::Cell(build.cell(&name, &form, channels, side)?));
            }
        }

        let features = channels * 4;
        let last_norm = build.norm("lastact.0", "lastact", features)?;
        let classes = skeleton.classes() as i64;
        let weight = (Role::LinearWeight, "classifier.weight");
        let classifier = build.parameter(weight, "classifier", &[classes, features], features)?;
        let bias = (Role::LinearBias, "classifier.bias");
        build.parameter(bias, "classifier.bias", &[classes], features)?;
        Ok(Self {
            skeleton,
            tensors: build.tensors,
            stem,
            blocks,
            last_norm,
            classifier,
        })
    }
}

pub(super) struct Builder<'a> {
    source: Source<'a>,
    options: (Kind, Device),
    pub tensors: Tensors,
}

impl<'a> Builder<'a> {
    pub fn new(source: Source<'a>, options: (Kind, Device)) -> Self {
        Self {
            source,
            options,
            tensors: Tensors::default(),
        }
    }

    /// Adds a parameter; `place` keys its initial values, `name` finds it in files.
    fn parameter(
        &mut self,
        (role, name): (Role, &str),
        place: &str,
        shape: &[i64],
        fan_in: i64,
    ) -> Result<usize, NetError> {
        let tensor = match self.source.of(name) {
            Source::Random(initial) => initial.draw(place, role, shape, fan_in)?,
            Source::File(file) | Source::Body(file, _) => file.tensor(name, shape)?,
        };
        self.tensors
            .add(name.to_owned(), role, &tensor, self.options)
    }

    fn convolution(
        &mut self,
        name: &str,
        place: &str,
        [inputs, outputs]: [i64; 2],
        kernel: i64,
        stride: i64,
    ) -> Result<Convolution, NetError> {
        let name = format!("{name}.weight");
        let shape = [outputs, inputs, kernel, kernel];
        let fan_in = inputs * kernel * kernel;
        let weight = self.parameter((Role::ConvWeight, &name), place, &shape, fan_in)?;
        Ok(Convolution {
            weight,
            stride,
            padding: kernel / 2,
        })
    }

    pub fn norm(
        &mut self,
        name: &str,
        place: &str,
        channels: i64,
    ) -> Result<Normalisation, NetError> {
        let weight = self.parameter(
            (Role::NormWeight, &format!("{name}.weight")),
            place,
            &[channels],
            1,
        )?;
        self.parameter(
            (Role::NormBias, &format!("{name}.bias")),
            place,
            &[channels],
            1,
        )?;
        let (kind, device) = self.options;
        let statistics = |what: &str, fresh: f64| {
            let stored = match self.source {
                Source::File(file) | Source::Body(file, _) => {
                    file.optional(&format!("{name}.{what}"), &[channels])?
                }
                Source::Random(_) => None,
            };
            let tensor = match stored {
                Some(tensor) => tensor.f_to_device(device)?.f_to_kind(kind)?,
                None => Tensor::f_full([channels], fresh, self.options)?,
            };
            Ok::<_, NetError>(tensor)
        };
        let mean = statistics("running_mean", 0.0)?;
        let variance = statistics("running_var", 1.0)?;
        self.tensors.running.push(Running {
            name: name.to_owned(),
            mean,
            variance,
        });
        Ok(Normalisation {
            weight,
            running: self.tensors.running.len() - 1,
        })
    }

    fn conv_norm(
        &mut self,
        [convolution, norm]: [&str; 2],
        place: &str,
        channels: [i64; 2],
        kernel: i64,
        stride: i64,
    ) -> Result<ConvNorm, NetError> {
        Ok(ConvNorm {
            convolution: self.convolution(convolution, place, channels, kernel, stride)?,
            norm: self.norm(norm, place, channels[1])?,
        })
    }

    /// To `channels`, from half as many.
    fn reduction(&mut self, name: &str, channels: i64) -> Result<Reduction, NetError> {
        let inputs = channels / 2;
        let mut part = |part: &str, channels, stride| {
            let path = format!("{name}.{part}");
            let names = [format!("{path}.op.1"), format!("{path}.op.2")];
            self.conv_norm([&names[0], &names[1]], &path, channels, 3, stride)
        };
        let first = part("conv_a", [inputs, channels], 2)?;
        let second = part("conv_b", [channels, channels], 1)?;
        let path = format!("{name}.downsample");
        let official = format!("{path}.1");
        let shortcut = self.convolution(&official, &path, [inputs, channels], 1, 1)?;
        Ok(Reduction {
            first,
            second,
            shortcut,
        })
    }

    pub fn cell(
        &mut self,
        name: &str,
        form: &Form,
        channels: i64,
        side: i64,
    ) -> Result<Cell, NetError> {
        let mut sums = Vec::new();
        let mut steps = Vec::new();
        for op in &form.ops {
            let operation = match op.kind.kernel() {
                None => Operation::Pooling,
                Some(kernel) => {
                    let path = format!("{name}.layers.{}.op", op.edge);
                    let names = [format!("{path}.1"), format!("{path}.2")];
                    // Same expression, same weights, whatever the cell around it.
                    let place = format!("{name}.{}#{}", op.key.function, op.key.occurrence);
                    let (names, channels) = ([&*names[0], &*names[1]], [channels; 2]);
                    Operation::Convolution(self.conv_norm(
                        names,
                        &place,
                        channels,
                        kernel as i64,
                        1,
                    )?)
                }
            };
            steps.push(Step {
                sum: sum(&mut sums, &op.input),
                operation,
            });
        }
        let output = sum(&mut sums, &form.output);
        let pooling = match form.ops.iter().any(|op| op.kind == Op::AvgPool3x3) {
            true => Some(Pooling::new(channels, side, self.options)?),
            false => None,
        };
        Ok(Cell {
            sums,
            steps,
            output,
            pooling,
        })
    }
}

/// The place of a sum among the distinct ones.
fn sum(sums: &mut Vec<Vec<usize>>, terms: &Sum) -> usize {
    let place = |term: &Term| match term {
        Term::Input => 0,
        Term::Op(step) => step + 1,
    };
    let terms: Vec<usize> = terms.iter().map(place).collect();
    sums.iter()
        .position(|sum| *sum == terms)
        .unwrap_or_else(|| {
            sums.push(terms);
            sums.len() - 1
        })
}
