//! One number against another: a score against accuracy.

use crate::plot::Frame;
use crate::search::Column;
use crate::svg::{Px, Svg};

/// Candidates that share a path. Within one, points that lie on each other are
/// painted once; several make dense places darker.
const LAYERS: usize = 8;

/// From here on points are many, and drawn smaller.
const MANY: usize = 2000;

/// The picture; the first `winners` candidates have a ring and their rank.
pub fn draw(x: &Column, y: &Column, winners: usize) -> Svg {
    let (width, height) = (720.0, 440.0);
    let title = format!("{} against {}", y.label(), x.label());
    let mut svg = Svg::new(width, height, title);
    let frame = Frame {
        left: 48.0,
        top: 32.0,
        width: width - 64.0,
        height: height - 76.0,
    };
    frame.left_axis(&mut svg, &y.axis, &y.label());
    frame.bottom_axis(&mut svg, &x.axis, &x.label());

    let place = |at: usize| {
        let (a, b) = (x.values[at]?, y.values[at]?);
        Some((frame.x(x.axis.place(a)), frame.y(y.axis.place(b))))
    };
    let places: Vec<(f64, f64)> = (0..x.values.len()).filter_map(place).collect();
    let (class, size) = match places.len() {
        ..MANY => ("points few", 6.0),
        _ => ("points", 3.0),
    };
    svg.group(format_args!("stroke-width=\"{size}\""));
    for layer in 0..LAYERS {
        let points = places.iter().skip(layer).step_by(LAYERS);
        let data: String = points
            .map(|(x, y)| format!("M{} {}h0", Px(*x), Px(*y)))
            .collect();
        if !data.is_empty() {
            svg.path(class, &data);
        }
    }
    svg.end();
    // The best on top.
    for at in (0..winners.min(x.values.len())).rev() {
        if let Some((x, y)) = place(at) {
            svg.circle("ring", (x, y), 6.0);
            svg.text(
                "rank small start",
                (x + 8.0, y - 6.0),
                &(at + 1).to_string(),
            );
        }
    }
    svg
}
