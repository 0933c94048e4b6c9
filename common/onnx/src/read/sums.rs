//! Nodes that do something to single numbers, of one value or several.

use knas_graph::{Op, Shape, Value};

use super::check::Node;
use super::error::LowerError;
use super::fold::Numbers;
use super::functions::{Operand, Source};
use super::scalar::Apply;
use super::view::{CHANNELS, View};
use super::walk::{Given, Image, Known, Walk};

impl<'n> Walk<'n> {
    /// A node that looks at single numbers.
    pub fn elementwise(&mut self, place: usize, node: &'n Node, apply: Apply) -> Given {
        let mut operands = [Operand::Number(f64::NAN); 2];
        let mut images: Vec<Image> = Vec::new();
        for (input, operand) in operands.iter_mut().enumerate().take(apply.operands()) {
            *operand = match self.read(node, input) {
                Some(Known::Image(image)) => {
                    images.push(image.clone());
                    Operand::Function(image.function)
                }
                Some(Known::Numbers(Numbers::Constant(constant))) => match constant.single() {
                    Some(number) => Operand::Number(number),
                    None => return self.by_channel(node, apply),
                },
                _ => return Err(node.refuse("it reads whole numbers that depend on the image")),
            };
        }
        if self.is_preparation(&images, apply) {
            return self.prepared(&images);
        }
        let same = |image: &Image| {
            let root = |image: &Image| self.functions.root(image.function);
            root(image) == root(&images[0]) && image.view == images[0].view
        };
        if !images.iter().all(same) {
            return match (apply, &images[..]) {
                (Apply::Add, [_, _]) => self.sum(place, node),
                (Apply::Multiply, [a, b]) => self.scale(place, node, [a, b]),
                _ => Err(node.refuse("two values of an image are only known to be added")),
            };
        }
        let Some(view) = images.first().map(|image| image.view.clone()) else {
            return Err(node.refuse("it reads no image"));
        };
        let function = self.functions.step(apply, operands, &self.draft, place)?;
        // An activation stands where its last node does, though it may yet be a part of
        // another one.
        _ = self
            .functions
            .settle(function, view.rank() > 2, &mut self.draft);
        Ok(Known::Image(Image { function, view }))
    }

    /// Whether images are prepared by this before any layer reads them.
    fn is_preparation(&self, images: &[Image], apply: Apply) -> bool {
        let [image] = images else { return false };
        let source = self.functions.source_of(image.function);
        let shown = matches!(source, Source::Value(value) if value == self.draft.graph.input());
        let moves = matches!(
            apply,
            Apply::Add | Apply::Subtract | Apply::Multiply | Apply::Divide
        );
        shown && moves
    }

    fn prepared(&mut self, images: &[Image]) -> Given {
        self.remarks.prepares = true;
        Ok(Known::Image(images[0].clone()))
    }

    /// A sum or a product with a number for each channel.
    fn by_channel(&mut self, node: &'n Node, apply: Apply) -> Given {
        let images = [0, 1].map(|input| self.image(node, input).ok());
        let images: Vec<Image> = images.into_iter().flatten().collect();
        match self.is_preparation(&images, apply) {
            true => self.prepared(&images),
            false => Err(node.refuse(
                "a tensor of the file is added or multiplied, which is only known after a batch \
                 norm, or to prepare images",
            )),
        }
    }

    /// The sum of images of one shape.
    pub fn sum(&mut self, place: usize, node: &'n Node) -> Given {
        let mut values: Vec<Value> = Vec::with_capacity(node.inputs.len());
        let mut first: Option<(Shape, View)> = None;
        for input in 0..node.inputs.len() {
            let image = self.image(node, input)?;
            let (value, view) = self.settled(place, &image)?;
            let shape = self.draft.graph.shape(value);
            // Other shapes are refused with the sum.
            let (own, lies) = first.get_or_insert_with(|| (shape, view.clone()));
            if *own == shape && *lies != view {
                return Err(node.refuse("it adds values whose axes are in another order"));
            }
            values.push(value);
        }
        let Some((_, view)) = first else {
            return Err(node.refuse("it adds nothing"));
        };
        let sum = match values[..] {
            [one] => one,
            _ => self.draft.push(place, Op::Add, &values)?,
        };
        Ok(self.give(place, sum, view))
    }

    /// Maps times a number for each of their channels.
    fn scale(&mut self, place: usize, node: &'n Node, images: [&Image; 2]) -> Given {
        let mut sides = Vec::with_capacity(2);
        for image in images {
            let (value, view) = self.settled(place, image)?;
            sides.push((value, view, self.draft.maps(value)));
        }
        // Maps of one position are the factors, or a vector of as many numbers.
        let is_factor = |at: usize| !matches!(sides[at].2, Some((_, 2..)));
        let [maps, factors] = if is_factor(1) { [0, 1] } else { [1, 0] };
        let axis = |at: usize| {
            let (value, view, _) = &sides[at];
            let shape = self.draft.graph.shape(*value);
            (view.rank(), view.axis(shape, CHANNELS))
        };
        if !is_factor(factors) || axis(maps) != axis(factors) {
            return Err(node.refuse("maps are only known to be multiplied by a number a channel"));
        }
        let read = [sides[maps].0, sides[factors].0];
        let scaled = self.draft.push(place, Op::Scale, &read)?;
        let view = sides.swap_remove(maps).1;
        Ok(self.give(place, scaled, view))
    }

    /// Channels of maps, or the length of a vector.
    pub fn width(&self, value: Value) -> usize {
        match self.draft.graph.shape(value) {
            Shape::Maps { channels, .. } => channels,
            Shape::Vector { width } => width,
            _ => 0,
        }
    }

    /// That a node reads a tensor of the file at a place.
    pub fn tensor(
        &self,
        node: &Node,
        place: usize,
        what: &str,
    ) -> Result<Option<super::tensor::Constant>, LowerError> {
        match self.read(node, place) {
            None => Ok(None),
            Some(Known::Numbers(Numbers::Constant(constant))) if constant.is_floats() => {
                Ok(Some(constant.clone()))
            }
            Some(_) => Err(node.refuse(format!(
                "its {what} is no tensor of the file in single, double or half precision"
            ))),
        }
    }
}
