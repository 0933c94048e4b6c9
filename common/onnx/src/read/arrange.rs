//! Nodes that turn, flatten and join values.

use knas_graph::{Op, Shape, Value};

use super::check::Node;
use super::error::LowerError;
use super::fold::{Numbers, axes, axis};
use super::tensor::DIMENSIONS;
use super::view::{CHANNELS, View};
use super::walk::{Given, Image, Known, Walk};
use super::wholes::{Whole, Wholes};

impl<'n> Walk<'n> {
    /// The value of the graph that an image is, and how it lies over that.
    pub fn settled(&mut self, place: usize, image: &Image) -> Result<(Value, View), LowerError> {
        let shape = self.functions.shape(image.function);
        if image.view.rank() == 2 && !matches!(shape, Shape::Maps { side: 2.., .. }) {
            let value = self.vector(place, image)?;
            return Ok((value, View::of(self.draft.graph.shape(value))));
        }
        if !image.view.is_whole(shape) {
            let message = "it reads maps whose channels and positions are mixed";
            return Err(self.draft.node(place).refuse(message));
        }
        let value = self.functions.settle(image.function, true, &mut self.draft);
        match value {
            Some(value) => Ok((value, image.view.clone())),
            None => Err(self.functions.refuse(image.function, &self.draft)),
        }
    }

    /// Maps whose axes are channels, height and width, in this order.
    pub fn maps(&mut self, place: usize, image: &Image) -> Result<Value, LowerError> {
        let (value, view) = self.settled(place, image)?;
        match view == View::of(self.draft.graph.shape(value)) && view.rank() == 4 {
            true => Ok(value),
            false => {
                let message = "it reads something else than number, channels, height and width";
                Err(self.draft.node(place).refuse(message))
            }
        }
    }

    /// A vector.
    pub fn vector(&mut self, place: usize, image: &Image) -> Result<Value, LowerError> {
        match self.flattened(place, image)? {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(self
                .draft
                .node(place)
                .refuse("it reads maps as a vector position by position")),
        }
    }

    /// A vector; where that holds the channels of one position after the other in the
    /// file, and the positions of one channel after the other in the graph, the channels
    /// and the side of the maps that it was.
    pub fn flattened(
        &mut self,
        place: usize,
        image: &Image,
    ) -> Result<(Value, Option<[usize; 2]>), LowerError> {
        let node = self.draft.node(place);
        let shape = self.functions.shape(image.function);
        let Some(parts) = image.view.single() else {
            return Err(node.refuse(format!("it reads {shape}, where a vector is needed")));
        };
        let lies = |view: View| view.axes.iter().flatten().eq(parts);
        let turned = match (lies(View::of(shape)), shape) {
            (true, _) => None,
            (false, Shape::Maps { channels, side }) if lies(View::channels_last(shape)) => {
                Some([channels, side])
            }
            _ => {
                let message = "it reads a vector whose channels and positions are mixed";
                return Err(node.refuse(message));
            }
        };
        let settled = self
            .functions
            .settle(image.function, false, &mut self.draft);
        let Some(value) = settled else {
            return Err(self.functions.refuse(image.function, &self.draft));
        };
        let op = match self.draft.maps(value) {
            None => return Ok((value, None)),
            Some((_, 1)) => Op::GlobalPool,
            Some(_) => Op::Flatten,
        };
        let flat = match self.flat.get(&value) {
            Some(&flat) => flat,
            None => self.draft.push(place, op, &[value])?,
        };
        self.flat.insert(value, flat);
        Ok((flat, turned))
    }

    /// Another view of an image, or its channels in another order.
    pub fn arrange(&mut self, place: usize, node: &'n Node) -> Given {
        let mut image = self.image(node, 0)?;
        let told = self.told(node, 1).and_then(Numbers::wholes);
        let view = match &*node.operator {
            "Transpose" => match node.ints("perm")? {
                Some(order) => {
                    let order: Option<Vec<usize>> = order
                        .iter()
                        .map(|&axis| usize::try_from(axis).ok())
                        .collect();
                    order.and_then(|order| image.view.transposed(&order))
                }
                None => None,
            },
            "Flatten" => match node.int("axis")?.unwrap_or(1) {
                1 => image.view.reshaped(&[image.view.sizes().iter().product()]),
                _ => None,
            },
            "Reshape" => self.reshape(node, &image.view, told)?,
            _ => thinned(node, &image.view, told.and_then(|told| told.known()))?,
        };
        match view {
            Some(view) => {
                let shape = self.functions.shape(image.function);
                if let Some(groups) = view.shuffled(shape) {
                    image.view = View::of(shape);
                    let maps = self.maps(place, &image)?;
                    let op = Op::Shuffle { groups };
                    let shuffled = self.draft.push(place, op, &[maps])?;
                    return Ok(self.give(place, shuffled, image.view));
                }
                image.view = view;
                Ok(Known::Image(image))
            }
            None => {
                let sizes = image.view.sizes();
                let message = format!("it cannot be done to {sizes:?} numbers of an image");
                Err(node.refuse(message))
            }
        }
    }

    fn reshape(
        &self,
        node: &Node,
        view: &View,
        told: Option<Wholes>,
    ) -> Result<Option<View>, LowerError> {
        let setting = node.ints("shape")?;
        let setting = setting.map(|sizes| sizes.iter().copied().map(Whole::Known).collect());
        let Some(asked) = setting.or(told.map(|told| told.numbers)) else {
            return Err(node.refuse("its shape is not known"));
        };
        if node.int("allowzero")?.unwrap_or(0) != 0 && asked.contains(&Whole::Known(0)) {
            return Err(node.refuse("a shape of 0 numbers is not known"));
        }
        let Some((&first, rest)) = asked.split_first() else {
            return Ok(None);
        };
        let rest = Wholes::row(rest.to_vec()).known();
        let Some(rest) = rest else { return Ok(None) };
        let sizes = view.resolved(&rest);
        let batch = match first {
            Whole::Batch | Whole::Known(0) => true,
            // What is left for the images' number, once nothing else is open.
            Whole::Known(-1) => !rest.contains(&-1),
            Whole::Known(number) => {
                let own = self.network.sizes.first().copied().flatten();
                own.is_some_and(|own| own as i64 == number)
            }
            Whole::Unknown => false,
        };
        Ok(sizes
            .filter(|_| batch)
            .and_then(|sizes| view.reshaped(&sizes)))
    }

    /// The shape of an image, of which the number of images is open.
    pub fn shape(&self, node: &Node) -> Given {
        node.allows(&["start", "end"])?;
        let image = self.image(node, 0)?;
        let sizes = image.view.sizes().into_iter();
        let sizes = sizes.map(|size| Whole::Known(size as i64));
        let mut wholes = Wholes::row([Whole::Batch].into_iter().chain(sizes).collect());
        let rank = wholes.numbers.len() as i64;
        let bound = |number: i64| {
            let number = if number < 0 {
                number.saturating_add(rank)
            } else {
                number
            };
            number.clamp(0, rank) as usize
        };
        let start = bound(node.int("start")?.unwrap_or(0));
        let end = bound(node.int("end")?.unwrap_or(rank));
        if (start, end) == (0, wholes.numbers.len()) {
            wholes.shape_of = node.inputs.first().copied().flatten();
        } else {
            let part = wholes.numbers.get(start..end).unwrap_or_default();
            wholes.numbers = part.to_vec();
        }
        Ok(Known::Numbers(Numbers::Wholes(wholes)))
    }

    /// Zeros in the shape of an image.
    pub fn zeros(&mut self, place: usize, node: &'n Node) -> Given {
        let of = self.told(node, 0).and_then(Numbers::wholes);
        let of = of.and_then(|wholes| wholes.shape_of);
        let value = node.tensor("value")?;
        let zero = value.is_none_or(|value| value.single() == Some(0.0));
        let of = of.filter(|_| zero).and_then(|of| self.known_image(of));
        let Some(image) = of else {
            return Err(node.refuse("it makes numbers of a shape that is not an image's, or not 0"));
        };
        let (value, view) = self.settled(place, &image)?;
        let zeros = self.draft.push(place, Op::Zeros, &[value])?;
        Ok(self.give(place, zeros, view))
    }

    /// Maps with the channels of several, one after another.
    pub fn concatenate(&mut self, place: usize, node: &'n Node) -> Given {
        node.allows(&["axis"])?;
        let refused = || node.refuse("only channels are known to be joined");
        let mut values = Vec::with_capacity(node.inputs.len());
        let mut views = Vec::with_capacity(node.inputs.len());
        for input in 0..node.inputs.len() {
            let image = self.image(node, input)?;
            let (value, view) = self.settled(place, &image)?;
            let number = node.int("axis")?.unwrap_or(1);
            let axis = axis(number, view.rank()).and_then(|axis| axis.checked_sub(1));
            let shape = self.draft.graph.shape(value);
            let channels = view.axis(shape, CHANNELS);
            views.push(view.resized(
                shape,
                Shape::Maps {
                    channels: 2,
                    side: 2,
                },
            ));
            if axis.is_none() || axis != channels || views.last() != views.first() {
                return Err(refused());
            }
            values.push(value);
        }
        let (Some(Some(view)), Some(&first)) = (views.first(), values.first()) else {
            return Err(refused());
        };
        let joined = match values.len() {
            1 => first,
            _ => self.draft.push(place, Op::Concatenate, &values)?,
        };
        let shape = self.draft.graph.shape(joined);
        let view = view.resized(
            Shape::Maps {
                channels: 2,
                side: 2,
            },
            shape,
        );
        let view = view.ok_or_else(refused)?;
        Ok(self.give(place, joined, view))
    }

    fn known_image(&self, value: usize) -> Option<Image> {
        match self.known(value) {
            Some(Known::Image(image)) => Some(image.clone()),
            _ => None,
        }
    }
}

/// With axes of one place more or fewer.
fn thinned(node: &Node, view: &View, told: Option<Vec<i64>>) -> Result<Option<View>, LowerError> {
    let told = axes(node, told)?;
    let mut axes = view.axes.clone();
    if node.operator == "Squeeze" {
        let gone: Vec<usize> = match told {
            Some(told) => {
                let places = told.iter().map(|&number| axis(number, view.rank()));
                match places.collect::<Option<Vec<_>>>() {
                    Some(places) => places,
                    None => return Ok(None),
                }
            }
            None => (1..view.rank())
                .filter(|&axis| view.axes[axis - 1].is_empty())
                .collect(),
        };
        if gone
            .iter()
            .any(|&axis| axis == 0 || !view.axes[axis - 1].is_empty())
        {
            return Ok(None);
        }
        let mut places = 0..view.rank();
        axes.retain(|_| {
            places
                .next()
                .is_some_and(|place| !gone.contains(&(place + 1)))
        });
        return Ok(Some(View { axes }));
    }
    let mut told = told.unwrap_or_default();
    let rank = view.rank() + told.len();
    if rank > DIMENSIONS {
        return Ok(None);
    }
    for number in &mut told {
        match axis(*number, rank) {
            Some(place @ 1..) => *number = place as i64,
            _ => return Ok(None),
        }
    }
    told.sort_unstable();
    for place in told {
        let place = place as usize - 1;
        if place > axes.len() {
            return Ok(None);
        }
        axes.insert(place, Vec::new());
    }
    Ok(Some(View { axes }))
}
