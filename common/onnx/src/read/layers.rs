//! Nodes that hold parameters.

use knas_graph::{Grid, Op, Role, Shape};

use super::check::Node;
use super::error::LowerError;
use super::fold::Numbers;
use super::functions::Source;
use super::scalar::told;
use super::tensor::Constant;
use super::view::View;
use super::walk::{Given, Image, Walk};
use super::windows::Window;

impl<'n> Walk<'n> {
    /// A convolution.
    pub fn convolution(&mut self, place: usize, node: &'n Node) -> Given {
        node.allows(&[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "pads",
            "strides",
        ])?;
        let image = self.image(node, 0)?;
        let missing = || node.refuse("it has no weight");
        let weight = self.tensor(node, 1, "weight")?.ok_or_else(missing)?;
        let &[outputs, _, window, width] = &weight.shape[..] else {
            let message = format!(
                "its weight is {:?}, where images need 4 sizes",
                weight.shape
            );
            return Err(node.refuse(message));
        };
        if window != width {
            let message = format!("its window is {window}×{width}, and only square ones are known");
            return Err(node.refuse(message));
        }
        if let Some(kernel) = node.ints("kernel_shape")?
            && kernel
                .iter()
                .any(|&side| usize::try_from(side) != Ok(window))
        {
            return Err(node.refuse("its window is another than its weight's"));
        }
        let groups = usize::try_from(node.int("group")?.unwrap_or(1)).unwrap_or(0);
        let mut bias = self.tensor(node, 2, "bias")?;
        if bias.is_none() {
            bias = self.summand_after(node, outputs, 3);
        }
        let (input, grid) = self.padded(place, node, &image, window)?;
        let weight = self.draft.hold(Role::ConvWeight, weight);
        let bias = bias.map(|bias| self.draft.hold(Role::ConvBias, bias));
        let op = Op::Convolution {
            weight,
            bias,
            grid,
            groups,
        };
        let value = self.draft.push(place, op, &[input])?;
        Ok(self.give(place, value, View::of(self.draft.graph.shape(value))))
    }

    /// What a convolution reads, and where its windows lie: zeros around the maps are
    /// its own.
    fn padded(
        &mut self,
        place: usize,
        node: &'n Node,
        image: &Image,
        size: usize,
    ) -> Result<(knas_graph::Value, Grid), LowerError> {
        let shape = self.functions.shape(image.function);
        let Shape::Maps { side, .. } = shape else {
            return Err(node.refuse(format!("it reads maps, not {shape}")));
        };
        let window = Window::of(node, size, side)?;
        let grid = |padding| Grid {
            stride: window.stride,
            padding,
            dilation: window.dilation,
        };
        let plain = image.view == View::of(shape);
        match self.functions.source_of(image.function) {
            Source::Padded { of, before, after } if plain => {
                let whole = Window {
                    before: window.before + before,
                    after: window.after + after,
                    ..window
                };
                let side = side - before - after;
                if let Some(padding) = whole.symmetric(side) {
                    return Ok((of, grid(padding)));
                }
            }
            // What a row and a column less leave at every other position, zeros at the
            // end leave, too.
            Source::Cropped(of)
                if plain && side % 2 == 1 && (size, window.stride) == (1, 2) && !window.pads() =>
            {
                return Ok((self.draft.push(place, Op::Shift, &[of])?, grid(0)));
            }
            _ => {}
        }
        let input = self.maps(place, image)?;
        match window.symmetric(side) {
            Some(padding) => Ok((input, grid(padding))),
            None => Ok((window.zeros(place, &mut self.draft, input)?, grid(0))),
        }
    }

    /// The tensor that the only reader of a node adds to what that gives, one number for
    /// each channel; the reader then does nothing more.
    fn summand_after(&mut self, node: &Node, channels: usize, rank: usize) -> Option<Constant> {
        let (place, reader) = self.only_reader(node)?;
        let summand = self.factor(reader, "Add", channels, rank)?;
        self.absorbed.insert(place);
        Some(summand)
    }

    /// The tensor with which a node does `operator` to an image, one number for each
    /// channel, as a vector.
    fn factor(
        &self,
        node: &Node,
        operator: &str,
        channels: usize,
        rank: usize,
    ) -> Option<Constant> {
        if node.operator != operator || !node.attributes.is_empty() || node.inputs.len() != 2 {
            return None;
        }
        let constant = [0, 1]
            .into_iter()
            .find_map(|input| match self.told(node, input)? {
                Numbers::Constant(constant) => Some(constant),
                Numbers::Wholes(_) => None,
            })?;
        // C × 1 × 1 of maps, perhaps with sizes of 1 before them; C of vectors.
        let lone: Vec<usize> = (0..constant.shape.len())
            .filter(|&a| constant.shape[a] != 1)
            .collect();
        let from_end = |axis: usize| constant.shape.len() - axis;
        let lies = match lone[..] {
            [axis] => from_end(axis) == rank,
            [] => channels == 1,
            _ => false,
        };
        let fits = lies && constant.is_floats() && constant.len() == channels;
        fits.then(|| constant.reshaped(vec![channels]))?
    }

    /// A batch norm, and what scales and moves its channels after it.
    pub fn batch_norm(&mut self, place: usize, node: &'n Node) -> Given {
        let known = [
            "epsilon",
            "momentum",
            "training_mode",
            "spatial",
            "is_test",
            "consumed_inputs",
        ];
        node.allows(&known)?;
        if node.int("spatial")?.unwrap_or(1) != 1 {
            return Err(node.refuse("a norm of each position (spatial 0) is not known"));
        }
        let image = self.image(node, 0)?;
        let input = self.maps(place, &image)?;
        let channels = self.width(input);
        let mut tensors = Vec::with_capacity(4);
        for (input, what) in ["weight", "bias", "mean", "variance"]
            .into_iter()
            .enumerate()
        {
            let tensor = self.tensor(node, input + 1, what)?;
            let tensor = tensor.filter(|tensor| tensor.shape == [channels]);
            tensors.push(tensor.ok_or_else(|| {
                node.refuse(format!("its {what} is no tensor of {channels} numbers"))
            })?);
        }
        let Ok([weight, bias, mean, variance]) = <[Constant; 4]>::try_from(tensors) else {
            return Err(node.refuse("it has not four tensors"));
        };
        let [weight, bias] = self.scaled_after(node, [weight, bias], channels);
        let weight = self.draft.hold(Role::NormWeight, weight);
        let bias = self.draft.hold(Role::NormBias, bias);
        let running = self.draft.track([mean, variance]);
        let epsilon = told(node.float("epsilon")?.unwrap_or(1e-5));
        let op = Op::BatchNorm {
            weight,
            bias,
            running,
            epsilon,
        };
        let value = self.draft.push(place, op, &[input])?;
        Ok(self.give(place, value, View::of(self.draft.graph.shape(value))))
    }

    /// Weight and bias of a norm that does what follows it, too: older exporters leave
    /// both to a product and a sum.
    fn scaled_after(&mut self, node: &Node, own: [Constant; 2], channels: usize) -> [Constant; 2] {
        let mut pair = own;
        let mut last = node;
        for operator in ["Mul", "Add"] {
            let Some((place, reader)) = self.only_reader(last) else {
                break;
            };
            let Some(factor) = self.factor(reader, operator, channels, 3) else {
                continue;
            };
            let origin = factor.origin;
            let numbers = factor.numbers();
            let with = |constant: &Constant, function: fn(f32, f32) -> f32| {
                let own = constant.numbers().into_iter().zip(&numbers);
                let made = own.map(|(own, number)| function(own, *number)).collect();
                Constant {
                    origin: origin.or(constant.origin),
                    ..Constant::made(vec![channels], made)
                }
            };
            pair = match operator {
                "Mul" => pair.map(|constant| with(&constant, |own, factor| own * factor)),
                _ => {
                    let [weight, bias] = pair;
                    let bias = with(&bias, |own, summand| own + summand);
                    [weight, bias]
                }
            };
            self.absorbed.insert(place);
            last = reader;
        }
        pair
    }

    /// A norm over adjacent channels, of which as many come before as after.
    pub fn local_norm(&mut self, place: usize, node: &'n Node) -> Given {
        node.allows(&["alpha", "beta", "bias", "size"])?;
        let image = self.image(node, 0)?;
        let size = node
            .int("size")?
            .and_then(|size| usize::try_from(size).ok());
        let Some(size) = size.filter(|size| size % 2 == 1) else {
            return Err(node.refuse("only an odd number of adjacent channels is known"));
        };
        let number = |name: &str, usual: f32| {
            let number = node.float(name)?;
            Ok::<_, LowerError>(told(number.unwrap_or(usual)))
        };
        let op = Op::LocalNorm {
            reach: size / 2,
            alpha: number("alpha", 1e-4)?,
            beta: number("beta", 0.75)?,
            offset: number("bias", 1.0)?,
        };
        let maps = self.maps(place, &image)?;
        let value = self.draft.push(place, op, &[maps])?;
        Ok(self.give(place, value, image.view))
    }

    /// A linear map of a vector.
    pub fn gemm(&mut self, place: usize, node: &'n Node) -> Given {
        node.allows(&["alpha", "beta", "transA", "transB", "broadcast"])?;
        let is = |name: &str, usual: f32| {
            Ok::<_, LowerError>(node.float(name)?.unwrap_or(usual) == usual)
        };
        if !is("alpha", 1.0)? || !is("beta", 1.0)? || node.int("transA")?.unwrap_or(0) != 0 {
            return Err(node.refuse("only a linear map of what it reads first is known"));
        }
        let turned = node.int("transB")?.unwrap_or(0) != 0;
        let weight = self.matrix(node, !turned)?;
        let bias = self.tensor(node, 2, "bias")?;
        self.linear(place, node, weight, bias)
    }

    /// A product with a matrix, and the sum after it.
    pub fn product(&mut self, place: usize, node: &'n Node) -> Given {
        node.allows(&[])?;
        let weight = self.matrix(node, true)?;
        self.linear(place, node, weight, None)
    }

    /// The matrix that a node reads second, out × in; `turn` where the file has it in ×
    /// out.
    fn matrix(&self, node: &Node, turn: bool) -> Result<Constant, LowerError> {
        let matrix = self.tensor(node, 1, "weight")?;
        let matrix = matrix.filter(|matrix| matrix.shape.len() == 2);
        let matrix = match turn {
            true => matrix.and_then(|matrix| matrix.transposed(&[1, 0])),
            false => matrix,
        };
        matrix.ok_or_else(|| node.refuse("what it reads second is no matrix of the file"))
    }

    fn linear(
        &mut self,
        place: usize,
        node: &'n Node,
        weight: Constant,
        bias: Option<Constant>,
    ) -> Given {
        let image = self.image(node, 0)?;
        let (input, turned) = self.flattened(place, &image)?;
        let outputs = weight.shape[0];
        let weight = match turned {
            Some(maps) => by_channel(&weight, maps)
                .ok_or_else(|| node.refuse(format!("its weight is {:?}", weight.shape)))?,
            None => weight,
        };
        let bias = match bias {
            Some(bias) => match bias.len() == outputs {
                true => bias.reshaped(vec![outputs]),
                false => return Err(node.refuse("its bias is not one number an output")),
            },
            None => self.summand_after(node, outputs, 1),
        };
        let weight = self.draft.hold(Role::LinearWeight, weight);
        let bias = bias.map(|bias| self.draft.hold(Role::LinearBias, bias));
        let op = Op::Linear { weight, bias };
        let value = self.draft.push(place, op, &[input])?;
        Ok(self.give(place, value, View::of(Shape::Vector { width: outputs })))
    }
}

/// A matrix whose columns go from position to position, and at each from channel to
/// channel, with columns that go from channel to channel.
fn by_channel(matrix: &Constant, [channels, side]: [usize; 2]) -> Option<Constant> {
    let rows = matrix.shape[0];
    let apart = matrix.reshaped(vec![rows, side, side, channels])?;
    let turned = apart.transposed(&[0, 3, 1, 2])?;
    turned.reshaped(vec![rows, channels * side * side])
}
