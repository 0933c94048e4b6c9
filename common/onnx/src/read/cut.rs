//! Nodes that cut values.

use knas_graph::{Op, Shape};

use super::check::Node;
use super::error::LowerError;
use super::fold::axis;
use super::functions::Source;
use super::tensor::DIMENSIONS;
use super::view::CHANNELS;
use super::walk::{Given, Image, Known, Walk};

/// What is left of an axis: its place, and where that begins and ends.
type Cut = (usize, usize, usize);

impl<'n> Walk<'n> {
    /// Some adjacent channels of maps, or maps without their first row and column.
    pub fn slice(&mut self, place: usize, node: &'n Node) -> Given {
        node.allows(&["starts", "ends", "axes"])?;
        let image = self.image(node, 0)?;
        let refused =
            || node.refuse("only channels, or a first row and column, are known to be cut");
        let parts = self.cuts(node, &image)?.ok_or_else(refused)?;
        let shape = self.functions.shape(image.function);
        let channels = image.view.axis(shape, CHANNELS);
        let mut positions = [1, 2].map(|source| image.view.axis(shape, source));
        positions.sort_unstable();
        match parts[..] {
            [] => Ok(Known::Image(image)),
            [(axis, start, end)] if Some(axis) == channels => {
                self.narrow(place, &image, start, end - start)
            }
            [(first, 1, _), (second, 1, _)] if [first, second].map(Some) == positions => {
                let (value, view) = self.settled(place, &image)?;
                let Some((channels, side @ 2..)) = self.draft.maps(value) else {
                    return Err(refused());
                };
                let shape = Shape::Maps {
                    channels,
                    side: side - 1,
                };
                let ends = parts.iter().all(|(_, _, end)| *end == side);
                let function = self.functions.source(Source::Cropped(value), shape, place);
                let view = view.resized(self.draft.graph.shape(value), shape);
                let view = view.filter(|_| ends).ok_or_else(refused)?;
                Ok(Known::Image(Image { function, view }))
            }
            _ => Err(refused()),
        }
    }

    /// What a slice leaves of the axes that it cuts, in order. None where it goes by other steps than 1, or cuts the images' axis.
    fn cuts(&self, node: &Node, image: &Image) -> Result<Option<Vec<Cut>>, LowerError> {
        let row = |place, name| {
            let setting = node.ints(name)?.map(<[i64]>::to_vec);
            Ok::<_, LowerError>(setting.or(self.wholes(node, place)))
        };
        let (Some(starts), Some(ends)) = (row(1, "starts")?, row(2, "ends")?) else {
            return Ok(None);
        };
        let axes = row(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self
            .wholes(node, 4)
            .unwrap_or_else(|| vec![1; starts.len()]);
        let lengths = [ends.len(), axes.len(), steps.len()];
        let equal = lengths.iter().all(|&length| length == starts.len());
        if !equal || starts.len() > DIMENSIONS || steps.iter().any(|&step| step != 1) {
            return Ok(None);
        }
        let sizes = image.view.sizes();
        let mut cuts = Vec::new();
        for ((&start, &end), &number) in starts.iter().zip(&ends).zip(&axes) {
            let Some(axis) = axis(number, image.view.rank()) else {
                return Ok(None);
            };
            let Some(place) = axis.checked_sub(1) else {
                // All images, however many.
                match start == 0 && end >= i64::from(i32::MAX) {
                    true => continue,
                    false => return Ok(None),
                }
            };
            let size = sizes[place];
            let bound = |number: i64| {
                let number = match number < 0 {
                    true => number.saturating_add(size as i64),
                    false => number,
                };
                number.clamp(0, size as i64) as usize
            };
            match (bound(start), bound(end)) {
                (0, end) if end == size => {}
                (start, end) if start < end => cuts.push((place, start, end)),
                _ => return Ok(None),
            }
        }
        cuts.sort_unstable();
        Ok(Some(cuts))
    }

    /// Some adjacent channels of maps.
    fn narrow(&mut self, place: usize, image: &Image, first: usize, channels: usize) -> Given {
        let (value, view) = self.settled(place, image)?;
        let op = Op::Narrow { first, channels };
        let narrow = self.draft.push(place, op, &[value])?;
        let shapes = [value, narrow].map(|value| self.draft.graph.shape(value));
        let view = view.resized(shapes[0], shapes[1]);
        let view = view.ok_or_else(|| {
            let message = "it cuts maps whose axes are mixed";
            self.draft.node(place).refuse(message)
        })?;
        Ok(self.give(place, narrow, view))
    }

    /// The channels of maps in several parts, by output.
    pub fn split(&mut self, place: usize, node: &'n Node) -> Result<Vec<Known>, LowerError> {
        node.allows(&["axis", "split", "num_outputs"])?;
        let image = self.image(node, 0)?;
        let refused = || node.refuse("only channels are known to be split");
        let shape = self.functions.shape(image.function);
        let number = node.int("axis")?.unwrap_or(0);
        let axis = axis(number, image.view.rank()).and_then(|axis| axis.checked_sub(1));
        let axis = axis.ok_or_else(refused)?;
        if image.view.axis(shape, CHANNELS) != Some(axis) {
            return Err(refused());
        }
        let (all, parts) = (image.view.sizes()[axis], node.outputs.len().max(1));
        let setting = node.ints("split")?.map(<[i64]>::to_vec);
        let sizes = match setting.or(self.wholes(node, 1)) {
            Some(sizes) => sizes
                .iter()
                .map(|&size| usize::try_from(size).ok())
                .collect(),
            // Equal ones, but for the last.
            None => {
                let size = all.div_ceil(parts);
                let starts = (0..parts).map(|part| part.saturating_mul(size));
                Some(
                    starts
                        .map(|start| size.min(all.saturating_sub(start)))
                        .collect(),
                )
            }
        };
        let sizes: Vec<usize> = sizes.ok_or_else(refused)?;
        if sizes.len() != node.outputs.len() {
            return Err(refused());
        }
        let mut start = 0usize;
        let mut given = Vec::with_capacity(sizes.len());
        for size in sizes {
            given.push(self.narrow(place, &image, start, size)?);
            start = start.saturating_add(size);
        }
        Ok(given)
    }
}
