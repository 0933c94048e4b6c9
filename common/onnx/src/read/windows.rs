//! Where windows lie, and what is pooled in them.

use knas_graph::{Op, Shape, Value};

use super::check::Node;
use super::draft::Draft;
use super::error::LowerError;
use super::fold::{Numbers, axes, axis};
use super::functions::Source;
use super::view::{CHANNELS, View};
use super::walk::{Given, Image, Known, Walk};

/// The largest window, step or padding.
const LARGEST: usize = 1 << 12;

/// Windows of one side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub size: usize,
    pub stride: usize,
    pub dilation: usize,
    /// Positions that are not there before the first.
    pub before: usize,
    /// Positions that are not there after the last.
    pub after: usize,
}

impl Window {
    /// The windows of a node over maps of this side.
    pub fn of(node: &Node, size: usize, side: usize) -> Result<Self, LowerError> {
        let square = |name: &str| match node.ints(name)? {
            None => Ok(1),
            Some(&[first, second]) if first == second => whole(node, name, first),
            Some(found) => Err(node.refuse(format!(
                "its {name} are {found:?}, and only two of a kind are known"
            ))),
        };
        let mut window = Self {
            size,
            stride: square("strides")?,
            dilation: square("dilations")?,
            before: 0,
            after: 0,
        };
        if window.size == 0 || window.stride == 0 || window.dilation == 0 || side > LARGEST {
            return Err(node.refuse("a window, a step or a side is out of range"));
        }
        (window.before, window.after) = match node.text("auto_pad")?.unwrap_or("NOTSET") {
            "NOTSET" => match node.ints("pads")? {
                None => (0, 0),
                Some(&[top, left, bottom, right]) if top == left && bottom == right => {
                    (whole(node, "pads", top)?, whole(node, "pads", bottom)?)
                }
                Some(found) => {
                    return Err(node.refuse(format!(
                        "its pads are {found:?}, and height and width are only known to be \
                         padded alike"
                    )));
                }
            },
            "VALID" => (0, 0),
            same @ ("SAME_UPPER" | "SAME_LOWER") => {
                let windows = side.div_ceil(window.stride).max(1);
                let all = (windows - 1) * window.stride + window.reach();
                let missing = all.saturating_sub(side);
                let less = missing / 2;
                match same {
                    "SAME_UPPER" => (less, missing - less),
                    _ => (missing - less, less),
                }
            }
            other => return Err(node.refuse(format!("its padding {other:?} is not known"))),
        };
        Ok(window)
    }

    /// How far one reaches.
    pub fn reach(&self) -> usize {
        (self.size - 1) * self.dilation + 1
    }

    /// Whether there is any padding.
    pub fn pads(&self) -> bool {
        self.before + self.after > 0
    }

    fn windows(&self, side: usize, after: usize) -> Option<usize> {
        let room = (side + self.before + after).checked_sub(self.reach())?;
        Some(room / self.stride + 1)
    }

    /// The padding on each side that leaves the same windows, where there is one: what
    /// lies after the last window does not matter.
    pub fn symmetric(&self, side: usize) -> Option<usize> {
        let windows = self.windows(side, self.after);
        (windows == self.windows(side, self.before)).then_some(self.before)
    }

    /// With as many more positions at the end as a last window that begins within the
    /// maps needs.
    fn rounded_up(self, side: usize) -> Self {
        let Some(room) = (side + self.before + self.after).checked_sub(self.reach()) else {
            return self;
        };
        let last = room.div_ceil(self.stride) * self.stride;
        match last < side + self.before {
            true => Self {
                after: self.after + (last - room),
                ..self
            },
            false => self,
        }
    }

    /// Whether there is one window alone, which holds a whole side.
    fn holds(&self, side: usize) -> bool {
        let alone = self.windows(side, self.after) == Some(1);
        alone && self.dilation == 1 && self.size >= side + self.before
    }

    /// A value with zeros in place of the padding.
    pub fn zeros(
        &self,
        place: usize,
        draft: &mut Draft<'_>,
        value: Value,
    ) -> Result<Value, LowerError> {
        let &Self { before, after, .. } = self;
        draft.push(place, Op::Pad { before, after }, &[value])
    }
}

fn whole(node: &Node, name: &str, number: i64) -> Result<usize, LowerError> {
    let found = usize::try_from(number)
        .ok()
        .filter(|&number| number <= LARGEST);
    found.ok_or_else(|| node.refuse(format!("{number} is out of range for its {name}")))
}

impl<'n> Walk<'n> {
    /// The largest or the mean of each window.
    pub fn pool(&mut self, place: usize, node: &'n Node) -> Given {
        let known = [
            "auto_pad",
            "ceil_mode",
            "count_include_pad",
            "dilations",
            "kernel_shape",
            "pads",
            "storage_order",
            "strides",
        ];
        node.allows(&known)?;
        let largest = node.operator == "MaxPool";
        let image = self.image(node, 0)?;
        let shape = self.functions.shape(image.function);
        let (Shape::Maps { side, .. }, true) = (shape, image.view == View::of(shape)) else {
            return Err(node.refuse(format!("it reads maps, not {shape}")));
        };
        let size = match node.ints("kernel_shape")? {
            Some(&[first, second]) if first == second => whole(node, "kernel_shape", first)?,
            found => {
                let message = format!("its window is {found:?}, and only square ones are known");
                return Err(node.refuse(message));
            }
        };
        let mut window = Window::of(node, size, side)?;
        let (mut source, mut side) = (None, side);
        if let Source::Padded { of, before, after } = self.functions.source_of(image.function)
            && largest
            && self.draft.is_positive(of)
        {
            window.before += before;
            window.after += after;
            side -= before + after;
            source = Some(of);
        }
        let padded = window;
        if node.int("ceil_mode")?.unwrap_or(0) != 0 {
            window = window.rounded_up(side);
        }
        let counts = node.int("count_include_pad")?.unwrap_or(0) != 0 && window.pads();
        if !largest && (window.holds(side) && !counts || self.remarks.whole.contains(&place)) {
            self.remarks.whole.insert(place);
            return self.means_of(place, &image);
        }
        if window.dilation != 1 {
            return Err(node.refuse("pooling with dilation is not known"));
        }
        let value = match source {
            Some(value) => value,
            None => self.maps(place, &image)?,
        };
        // Zeros are as good as nothing where nothing is below them, and where they count.
        let zeros = match largest {
            true => self.draft.is_positive(value),
            false => counts && window.after == padded.after,
        };
        let (value, padding) = match window.symmetric(side).filter(|_| largest || !counts) {
            Some(padding) => (value, padding),
            None if zeros => (window.zeros(place, &mut self.draft, value)?, 0),
            None => {
                let Window { before, after, .. } = window;
                let message =
                    format!("its padding of {before} before and {after} after is not known");
                return Err(node.refuse(message));
            }
        };
        let (window, stride) = (window.size, window.stride);
        let op = match largest {
            true => Op::MaxPool {
                window,
                stride,
                padding,
            },
            false => Op::AveragePool {
                window,
                stride,
                padding,
            },
        };
        let pooled = self.draft.push(place, op, &[value])?;
        Ok(self.give(place, pooled, View::of(self.draft.graph.shape(pooled))))
    }

    /// Means over height and width.
    pub fn means(&mut self, place: usize, node: &'n Node) -> Given {
        node.allows(&["axes", "keepdims", "noop_with_empty_axes"])?;
        let image = self.image(node, 0)?;
        if node.operator == "GlobalAveragePool" {
            return self.means_of(place, &image);
        }
        let (shape, rank) = (self.functions.shape(image.function), image.view.rank());
        let told = axes(node, self.wholes(node, 1))?.unwrap_or_default();
        let told = told.iter().map(|&number| axis(number, rank));
        let mut told: Vec<usize> = told.collect::<Option<_>>().unwrap_or_default();
        told.sort_unstable();
        let channels = image.view.axis(shape, CHANNELS);
        let positions = (1..rank).filter(|&axis| channels != Some(axis - 1));
        if channels.is_none() || rank != 4 || !positions.eq(told.iter().copied()) {
            return Err(node.refuse("means are only known over height and width"));
        }
        let Known::Image(mut means) = self.means_of(place, &image)? else {
            return Err(node.refuse("it gives no image"));
        };
        if node.int("keepdims")?.unwrap_or(1) == 0 {
            means.view.axes.retain(|axis| !axis.is_empty());
            if means.view.axes.is_empty() {
                means.view.axes.push(Vec::new()); // one channel
            }
        }
        Ok(Known::Image(means))
    }

    /// Means over all positions of maps, as maps of one position or as a vector.
    fn means_of(&mut self, place: usize, image: &Image) -> Given {
        let (value, view) = self.settled(place, image)?;
        let node = self.draft.node(place);
        let Some((channels, _)) = self.draft.maps(value) else {
            return Err(node.refuse("it reads no maps"));
        };
        let shape = Shape::Maps { channels, side: 1 };
        let view = view.resized(self.draft.graph.shape(value), shape);
        let view = view.ok_or_else(|| node.refuse("the axes of its maps are mixed"))?;
        let function = self.functions.source(Source::Means(value), shape, place);
        Ok(Known::Image(Image { function, view }))
    }

    /// The largest of all positions.
    pub fn largest(&mut self, place: usize, node: &'n Node) -> Given {
        let image = self.image(node, 0)?;
        let value = self.maps(place, &image)?;
        let window = self.draft.maps(value).map_or(0, |(_, side)| side);
        let op = Op::MaxPool {
            window,
            stride: 1,
            padding: 0,
        };
        let pooled = self.draft.push(place, op, &[value])?;
        Ok(self.give(place, pooled, View::of(self.draft.graph.shape(pooled))))
    }

    /// Zeros around maps.
    pub fn pad(&mut self, place: usize, node: &'n Node) -> Given {
        node.allows(&["mode", "pads", "value", "paddings"])?;
        let image = self.image(node, 0)?;
        let shape = self.functions.shape(image.function);
        let refused = |why: &str| node.refuse(why.to_owned());
        if node.text("mode")?.unwrap_or("constant") != "constant" {
            return Err(refused("only zeros are known around maps"));
        }
        let number = match self.told(node, 2) {
            Some(Numbers::Constant(constant)) => constant.single(),
            _ => node.float("value")?.map(f64::from),
        };
        let setting = node.ints("pads")?.map(<[i64]>::to_vec);
        let pads = setting.or(self.wholes(node, 1));
        let pads = pads.ok_or_else(|| refused("its pads are not known"))?;
        let rank = image.view.rank();
        let told = self
            .wholes(node, 3)
            .unwrap_or_else(|| (0..rank as i64).collect());
        if pads.len() != 2 * told.len() || told.len() > rank {
            return Err(refused("its pads are not two for each axis"));
        }
        if pads.iter().all(|&pad| pad == 0) {
            return Ok(Known::Image(image));
        }
        if number.unwrap_or(0.0) != 0.0 {
            return Err(refused("only zeros are known around maps"));
        }
        let mut by_axis = vec![(0, 0); rank];
        for (place, &number) in told.iter().enumerate() {
            let axis = axis(number, rank).ok_or_else(|| refused("it has no such axis"))?;
            by_axis[axis] = (pads[place], pads[place + told.len()]);
        }
        let (value, view) = self.settled_or_cropped(place, &image)?;
        let channels = view.axis(shape, CHANNELS);
        let mut positions = (1..rank).filter(|&axis| channels != Some(axis - 1));
        let (Some(first), Some(second), None) =
            (positions.next(), positions.next(), positions.next())
        else {
            return Err(refused("only height and width are known to be padded"));
        };
        let pads = by_axis[first];
        let others = channels.map_or(0, |channels| channels + 1);
        if by_axis[second] != pads || by_axis[0] != (0, 0) || by_axis[others] != (0, 0) {
            return Err(refused(
                "only height and width are known to be padded, and alike",
            ));
        }
        let (before, after) = (whole(node, "pads", pads.0)?, whole(node, "pads", pads.1)?);
        if let Source::Cropped(of) = self.functions.source_of(image.function) {
            if (before, after) != (0, 1) {
                return Err(self.functions.refuse(image.function, &self.draft));
            }
            let shifted = self.draft.push(place, Op::Shift, &[of])?;
            let view = view.resized(shape, self.draft.graph.shape(shifted));
            let view = view.ok_or_else(|| refused("the axes of its maps are mixed"))?;
            return Ok(self.give(place, shifted, view));
        }
        let (Some(of), Shape::Maps { channels, side }) = (value, shape) else {
            return Err(refused("it reads no maps"));
        };
        let padded = Shape::Maps {
            channels,
            side: side + before + after,
        };
        let view = view.resized(shape, padded);
        let view = view.ok_or_else(|| refused("the axes of its maps are mixed"))?;
        let source = Source::Padded { of, before, after };
        let function = self.functions.source(source, padded, place);
        Ok(Known::Image(Image { function, view }))
    }

    /// As [`settled`](Self::settled), but no value of maps that lack a row and a column.
    fn settled_or_cropped(
        &mut self,
        place: usize,
        image: &Image,
    ) -> Result<(Option<Value>, View), LowerError> {
        if matches!(self.functions.source_of(image.function), Source::Cropped(_)) {
            return Ok((None, image.view.clone()));
        }
        let (value, view) = self.settled(place, image)?;
        Ok((Some(value), view))
    }
}
