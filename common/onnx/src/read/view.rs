//! How a value of the file lies over a value of the graph.
//!
//! Exporters turn, flatten and fold values that a graph has as channels, height and
//! width, or as a vector. Every axis of the file's value, but for the first, which
//! counts images, is a product of parts of those.

use knas_graph::Shape;

use super::tensor::DIMENSIONS;

/// A part of a channel axis, a height, a width or a vector's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// 0 for channels or a vector's length, 1 for height, 2 for width.
    pub source: usize,
    /// How many places it has.
    pub size: usize,
    /// How far apart they are in their source.
    pub stride: usize,
}

/// Channels, or a vector's length.
pub(crate) const CHANNELS: usize = 0;

/// The axes of a value but for the first, each with its parts from the slowest to the
/// fastest; those of one place are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub axes: Vec<Vec<Part>>,
}

impl View {
    /// A value as the graph has it.
    pub fn of(shape: Shape) -> Self {
        let sizes = match shape {
            Shape::Maps { channels, side } => vec![channels, side, side],
            Shape::Vector { width } => vec![width],
            // No image comes to such.
            Shape::Text { .. } | Shape::Integers { .. } | Shape::Tokens { .. } => Vec::new(),
        };
        let whole = |(source, size)| Part {
            source,
            size,
            stride: 1,
        };
        let axis = |part: Part| if part.size == 1 { vec![] } else { vec![part] };
        let axes = sizes.into_iter().enumerate().map(whole).map(axis).collect();
        Self { axes }
    }

    /// Maps whose channels are the last axis.
    pub fn channels_last(shape: Shape) -> Self {
        let mut view = Self::of(shape);
        view.axes.rotate_left(1);
        view
    }

    /// How maps of another shape lie that lie as these do over maps of shape `from`; none
    /// where channels are neither first nor last.
    pub fn resized(&self, from: Shape, to: Shape) -> Option<Self> {
        if *self == Self::of(from) {
            return Some(Self::of(to));
        }
        (*self == Self::channels_last(from)).then(|| Self::channels_last(to))
    }

    /// Whether it has all parts of a value of this shape, each as a whole.
    pub fn is_whole(&self, shape: Shape) -> bool {
        let parts = |view: &Self| {
            let mut parts: Vec<Part> = view.axes.iter().flatten().copied().collect();
            parts.sort_unstable_by_key(|part| part.source);
            parts
        };
        parts(self) == parts(&Self::of(shape))
    }

    /// How many axes it has, the first among them.
    pub fn rank(&self) -> usize {
        self.axes.len() + 1
    }

    /// Into how many groups the channels of maps fall that are one of each in turn; the
    /// maps lie plainly but for that.
    pub fn shuffled(&self, shape: Shape) -> Option<usize> {
        let Shape::Maps { channels, .. } = shape else {
            return None;
        };
        let (channel, rest) = self.axes.split_first()?;
        let &[first, second] = &channel[..] else {
            return None;
        };
        let part = |size, stride| Part {
            source: CHANNELS,
            size,
            stride,
        };
        let turned = (first, second) == (part(first.size, 1), part(second.size, first.size));
        let whole = first.size * second.size == channels;
        let lies = turned && whole && *rest == View::of(shape).axes[1..];
        lies.then_some(second.size)
    }

    /// The size of each axis but the first.
    pub fn sizes(&self) -> Vec<usize> {
        let size = |axis: &Vec<Part>| axis.iter().map(|part| part.size).product();
        self.axes.iter().map(size).collect()
    }

    /// The place among `axes` of a source that is an axis of its own; that of the
    /// graph where one place alone does not tell.
    pub fn axis(&self, shape: Shape, source: usize) -> Option<usize> {
        let plain = Self::of(shape);
        if self.axes.len() == plain.axes.len() && *self == plain {
            return Some(source);
        }
        let wanted = plain.axes.get(source)?;
        let mut places = self.axes.iter().enumerate();
        let found = places.find(|(_, axis)| !axis.is_empty() && *axis == wanted);
        found.map(|(place, _)| place)
    }

    /// With its axes in another order, the first in its place.
    pub fn transposed(&self, order: &[usize]) -> Option<Self> {
        let mut seen = order.to_vec();
        seen.sort_unstable();
        if order.first() != Some(&0) || !seen.iter().copied().eq(0..self.rank()) {
            return None;
        }
        let axes = order[1..].iter().map(|&place| self.axes[place - 1].clone());
        Some(Self {
            axes: axes.collect(),
        })
    }

    /// In other axes of these sizes, which hold the same parts in the same order.
    pub fn reshaped(&self, sizes: &[usize]) -> Option<Self> {
        let mut parts = self.axes.iter().flatten().copied();
        let mut rest: Option<Part> = None;
        let mut axes = Vec::with_capacity(sizes.len());
        for &size in sizes {
            let (mut axis, mut needed) = (Vec::new(), size);
            while needed > 1 {
                let part = rest.take().or_else(|| parts.next())?;
                if needed.is_multiple_of(part.size) {
                    join(&mut axis, part);
                    needed /= part.size;
                } else if part.size.is_multiple_of(needed) {
                    let inner = part.size / needed;
                    let stride = part.stride * inner;
                    join(
                        &mut axis,
                        Part {
                            size: needed,
                            stride,
                            ..part
                        },
                    );
                    rest = Some(Part {
                        size: inner,
                        ..part
                    });
                    needed = 1;
                } else {
                    return None;
                }
            }
            axes.push(axis);
        }
        let whole = rest.is_none() && parts.next().is_none() && !sizes.contains(&0);
        whole.then_some(Self { axes })
    }

    /// The sizes of the shape that a node asks for, which has one open size (−1) at
    /// most, and 0 for a size that stays.
    pub fn resolved(&self, asked: &[i64]) -> Option<Vec<usize>> {
        if asked.len() >= DIMENSIONS {
            return None;
        }
        let own = self.sizes();
        let size = |(place, &size): (usize, &i64)| match size {
            -1 => Some(None),
            0 => own.get(place).copied().map(Some),
            size => usize::try_from(size).ok().map(Some),
        };
        let sizes: Vec<Option<usize>> =
            asked.iter().enumerate().map(size).collect::<Option<_>>()?;
        let mut known = sizes.iter().flatten();
        let known = known.try_fold(1usize, |all, &size| all.checked_mul(size))?;
        let all: usize = own.iter().product();
        match sizes.iter().filter(|size| size.is_none()).count() {
            0 => {}
            1 if known > 0 && all.is_multiple_of(known) => {}
            _ => return None,
        }
        Some(
            sizes
                .into_iter()
                .map(|size| size.unwrap_or(all / known))
                .collect(),
        )
    }

    /// The parts of its only axis that has any; none where there are several.
    pub fn single(&self) -> Option<&[Part]> {
        let mut full = self.axes.iter().filter(|axis| !axis.is_empty());
        match (full.next(), full.next()) {
            (Some(axis), None) => Some(axis),
            (None, None) => Some(&[]),
            _ => None,
        }
    }
}

/// Appends a part to an axis; one that goes on where the last one ends is one with it.
fn join(axis: &mut Vec<Part>, part: Part) {
    match axis.last_mut() {
        Some(last) if last.source == part.source && last.stride == part.stride * part.size => {
            last.size *= part.size;
            last.stride = part.stride;
        }
        _ => axis.push(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: Shape = Shape::Maps {
        channels: 6,
        side: 4,
    };

    #[test]
    fn maps_are_flattened_and_come_back() {
        let view = View::of(MAPS);
        let sizes = view.resolved(&[-1]).unwrap();
        assert_eq!(sizes, [96]);
        let flat = view.reshaped(&sizes).unwrap();
        assert_eq!(flat.single().unwrap().len(), 3);
        assert_eq!(flat.reshaped(&[6, 4, 4]), Some(view.clone()));
        let last = view.transposed(&[0, 2, 3, 1]).unwrap();
        assert_eq!(last, View::channels_last(MAPS));
        assert_eq!(last.axis(MAPS, CHANNELS), Some(2));
        assert_eq!(last.transposed(&[0, 3, 1, 2]), Some(view));
    }

    /// The channels of ShuffleNet: apart, turned, and together.
    #[test]
    fn a_shuffle_leaves_two_parts_in_the_channels() {
        let view = View::of(MAPS);
        let apart = view.reshaped(&[2, 3, 4, 4]).unwrap();
        let turned = apart.transposed(&[0, 2, 1, 3, 4]).unwrap();
        let shuffled = turned.reshaped(&[6, 4, 4]).unwrap();
        let part = |size, stride| Part {
            source: CHANNELS,
            size,
            stride,
        };
        assert_eq!(shuffled.axes[0], [part(3, 1), part(2, 3)]);
        assert_eq!(shuffled.shuffled(MAPS), Some(2));
        assert_eq!(view.shuffled(MAPS), None);
        assert_eq!(apart.reshaped(&[6, 4, 4]), Some(view));
    }

    #[test]
    fn what_does_not_fit_is_no_view() {
        let view = View::of(MAPS);
        for sizes in [&[4, 6, 4][..], &[6, 4], &[6, 4, 4, 2], &[0, 96], &[5, 7]] {
            assert_eq!(view.reshaped(sizes), None, "{sizes:?}");
        }
        for asked in [&[-1, -1][..], &[-1, 7], &[-2, 8], &[-1, 0, 0, 0]] {
            let sizes = view.resolved(asked);
            assert_eq!(
                sizes.and_then(|sizes| view.reshaped(&sizes)),
                None,
                "{asked:?}"
            );
        }
        assert_eq!(view.transposed(&[1, 0, 2, 3]), None);
        assert_eq!(view.transposed(&[0, 1, 2]), None);
    }
}
