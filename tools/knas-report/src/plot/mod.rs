//! The plots: each a picture of its own, for the page and for files.

pub mod cell;
pub mod confusion;
pub mod cost;
pub mod curves;
pub mod heat;
pub mod histogram;
pub mod scatter;

use crate::axis::Axis;
use crate::svg::Svg;

/// How a plot is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Width and height in pixels; none for those that suit the page.
    pub size: Option<(f64, f64)>,
    /// Whether it has a title of its own.
    pub titled: bool,
}

/// As on the page.
pub const PAGE: Look = Look {
    size: None,
    titled: true,
};

/// On the page, where nothing but the window changes the size: its labels can
/// be read on a phone, too.
pub const SMALL: Look = Look {
    size: Some((480.0, 320.0)),
    titled: true,
};

/// The part of a picture in which values lie.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Left, in pixels of the picture.
    pub left: f64,
    /// Top.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Frame {
    /// The place of a share of the width, from the left.
    pub fn x(&self, share: f64) -> f64 {
        self.left + share * self.width
    }

    /// The place of a share of the height, from the bottom.
    pub fn y(&self, share: f64) -> f64 {
        self.top + (1.0 - share) * self.height
    }

    /// Labels along the bottom, with its name to the right below them.
    pub fn bottom_axis(&self, svg: &mut Svg, axis: &Axis, name: &str) {
        let foot = self.y(0.0);
        svg.line("axis", (self.left, foot), (self.x(1.0), foot));
        for (share, label) in axis.ticks_within(self.width) {
            let x = self.x(share);
            svg.line("axis", (x, foot), (x, foot + 4.0));
            svg.text("muted middle", (x, foot + 17.0), label);
        }
        svg.text("end", (self.x(1.0), foot + 35.0), name);
    }

    /// Labels along the left with lines across, with its name above them.
    pub fn left_axis(&self, svg: &mut Svg, axis: &Axis, name: &str) {
        for (share, label) in &axis.ticks {
            let y = self.y(*share);
            svg.line("grid", (self.left, y), (self.x(1.0), y));
            svg.text("muted end", (self.left - 8.0, y + 4.0), label);
        }
        svg.text("start", (self.left - 40.0, self.top - 12.0), name);
    }
}

/// The width of a text of 12 pixels, near enough to leave room for it.
pub fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * 6.6
}

/// A text that fits into a label: its beginning, where it is longer.
pub fn fit(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}
