//! A measure over the epochs of training, one line for each candidate.

use crate::axis::Axis;
use crate::plot::{Frame, Look, fit};
use crate::svg::{Px, Svg};
use crate::training::Measure;

/// Candidates that have a colour and a name; further ones are grey.
pub const NAMED: usize = 8;

/// Space between two names.
const LINE: f64 = 15.0;

/// The picture; none where there is no point.
pub fn draw(measure: &Measure, look: Look) -> Option<Svg> {
    let points = || measure.curves.iter().flat_map(|curve| &curve.points);
    let values: Vec<f64> = points().map(|(_, value)| *value).collect();
    let last = points().map(|(epoch, _)| *epoch).fold(1.0, f64::max);
    let first = points().map(|(epoch, _)| *epoch).fold(last, f64::min);
    let y = Axis::fit(&values, true)?;
    let x = Axis::whole(first, last);

    let (width, height) = look.size.unwrap_or((356.0, 270.0));
    let mut svg = Svg::new(width, height, format!("{} by epoch", measure.name));
    let frame = Frame {
        left: 44.0,
        top: 32.0,
        width: (width - 156.0).max(60.0),
        height: (height - 78.0).max(40.0),
    };
    frame.left_axis(&mut svg, &y, measure.name);
    frame.bottom_axis(&mut svg, &x, "epoch");
    let place = |(epoch, value): (f64, f64)| (frame.x(x.place(epoch)), frame.y(y.place(value)));

    let mut ends = Vec::new();
    // The best on top.
    for (at, curve) in measure.curves.iter().enumerate().rev() {
        let class = match at {
            ..NAMED => format!("s{at}"),
            _ => "other".into(),
        };
        let mut data = String::new();
        for (place, command) in curve
            .points
            .iter()
            .map(|point| place(*point))
            .zip("ML".chars().chain(std::iter::repeat('L')))
        {
            data += &format!("{command}{} {}", Px(place.0), Px(place.1));
        }
        svg.path(&format!("curve {class}"), &data);
        if let (..NAMED, Some(end)) = (at, curve.points.last()) {
            let end = place(*end);
            svg.circle(&format!("dot {class}"), end, 4.0);
            ends.push((at, end));
        }
    }

    // Names stand beside the ends of their lines, as near as there is room.
    ends.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let wanted: Vec<f64> = ends.iter().map(|(_, end)| end.1).collect();
    let heights = spread(&wanted, frame.top, frame.y(0.0));
    for ((at, end), height) in ends.iter().zip(heights) {
        let left = frame.x(1.0) + 14.0;
        svg.line("axis", (end.0 + 5.0, end.1), (left - 3.0, height));
        svg.line(
            &format!("curve s{at}"),
            (left, height),
            (left + 8.0, height),
        );
        let name = fit(&measure.curves[*at].id, 14);
        svg.text("small start", (left + 13.0, height + 4.0), &name);
    }
    let more = measure.curves.len().saturating_sub(NAMED);
    if more > 0 {
        let foot = (frame.x(1.0) + 27.0, frame.y(0.0) + 17.0);
        svg.text("muted small start", foot, &format!("and {more} more, grey"));
    }
    Some(svg)
}

/// Heights at least [`LINE`] apart, near those that are wanted (which are in
/// order), between `top` and `bottom` as far as there is room.
fn spread(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut heights = wanted.to_vec();
    let mut least = top;
    for height in &mut heights {
        *height = height.max(least);
        least = *height + LINE;
    }
    let mut most = bottom;
    for height in heights.iter_mut().rev() {
        *height = height.min(most);
        most = *height - LINE;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_lie_on_each_other() {
        assert_eq!(spread(&[50.0, 52.0, 90.0], 0.0, 100.0), [50.0, 65.0, 90.0]);
        assert_eq!(spread(&[95.0, 96.0, 97.0], 0.0, 100.0), [70.0, 85.0, 100.0]);
        assert_eq!(spread(&[-5.0], 0.0, 100.0), [0.0]);
    }
}
