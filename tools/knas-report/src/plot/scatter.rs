//! One number against another: a score against accuracy.

use knas_stats::{StatsError, pareto_fronts};

use crate::candidates::Kind;
use crate::column::Column;
use crate::plot::{Frame, Look};
use crate::svg::{Px, Svg};

/// Candidates that share a path. Within one, points that lie on each other are
/// painted once; several make dense places darker.
const LAYERS: usize = 8;

/// From here on points are many, and drawn smaller.
const MANY: usize = 2000;

/// Up to here each point has its deviation over seeds beside it.
pub const MOST_BARS: usize = 500;

/// The picture; the first `winners` candidates have a ring and their rank, and
/// a line joins the candidates of the `front`.
pub fn draw(x: &Column, y: &Column, winners: usize, front: &[usize], look: Look) -> Svg {
    let (width, height) = look.size.unwrap_or((720.0, 440.0));
    let title = format!("{} against {}", y.label(), x.label());
    let mut svg = Svg::new(width, height, title);
    let frame = Frame {
        left: 48.0,
        top: 32.0,
        width: (width - 64.0).max(60.0),
        height: (height - 76.0).max(40.0),
    };
    frame.left_axis(&mut svg, &y.axis, &y.label());
    frame.bottom_axis(&mut svg, &x.axis, &x.label());

    let place = |at: usize| {
        let (a, b) = (x.values[at]?, y.values[at]?);
        Some((frame.x(x.axis.place(a)), frame.y(y.axis.place(b))))
    };
    let known: Vec<usize> = (0..x.values.len())
        .filter(|&at| place(at).is_some())
        .collect();
    if known.len() <= MOST_BARS {
        svg.path("deviation", &deviations(&frame, x, y, &known));
    }
    let (class, size) = match known.len() {
        ..MANY => ("points few", 6.0),
        _ => ("points", 3.0),
    };
    svg.group(format_args!("stroke-width=\"{size}\""));
    for layer in 0..LAYERS {
        let points = known.iter().skip(layer).step_by(LAYERS);
        let data: String = points
            .filter_map(|&at| place(at))
            .map(|(x, y)| format!("M{} {}h0", Px(x), Px(y)))
            .collect();
        if !data.is_empty() {
            svg.path(class, &data);
        }
    }
    svg.end();
    let steps: String = front
        .iter()
        .filter_map(|&at| place(at))
        .zip("ML".chars().chain(std::iter::repeat('L')))
        .map(|((x, y), command)| format!("{command}{} {}", Px(x), Px(y)))
        .collect();
    if !steps.is_empty() {
        svg.path("front", &steps);
    }
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

/// A line of one deviation to either side of each value, as far as the frame
/// reaches.
fn deviations(frame: &Frame, x: &Column, y: &Column, known: &[usize]) -> String {
    let ends = |column: &Column, at: usize| {
        let (value, deviation) = (column.values[at]?, column.deviation(at)?);
        let share = |value: f64| match column.axis.place(value) {
            share if share.is_finite() => share.clamp(0.0, 1.0),
            _ => 0.0, // a logarithm of what is not positive
        };
        Some((share(value - deviation), share(value + deviation)))
    };
    let middle = |column: &Column, at: usize| Some(column.axis.place(column.values[at]?));
    let mut data = String::new();
    for &at in known {
        if let (Some((from, to)), Some(up)) = (ends(x, at), middle(y, at)) {
            let (from, to) = (frame.x(from), frame.x(to));
            data += &format!("M{} {}H{}", Px(from), Px(frame.y(up)), Px(to));
        }
        if let (Some((from, to)), Some(across)) = (ends(y, at), middle(x, at)) {
            let (from, to) = (frame.y(from), frame.y(to));
            data += &format!("M{} {}V{}", Px(frame.x(across)), Px(from), Px(to));
        }
    }
    data
}

/// The candidates that no other beats in both columns, from left to right.
/// Large values are better, but of counts small ones.
///
/// # Errors
/// Values that are not finite.
pub fn front(x: &Column, y: &Column) -> Result<Vec<usize>, StatsError> {
    let worth = |column: &Column, at: usize| {
        let sign = if column.kind == Kind::Count {
            -1.0
        } else {
            1.0
        };
        Some(sign * column.values[at]?)
    };
    let both = |at: usize| Some((at, worth(x, at)?, worth(y, at)?));
    let known: Vec<(usize, f64, f64)> = (0..x.values.len()).filter_map(both).collect();
    let columns = [
        known.iter().map(|one| one.1).collect(),
        known.iter().map(|one| one.2).collect(),
    ];
    let fronts = pareto_fronts(&columns)?;
    let first = known.iter().zip(fronts).filter(|(_, front)| *front == 1);
    let mut front: Vec<usize> = first.map(|(one, _)| one.0).collect();
    let value = |at: &usize| x.values[*at].unwrap_or_default();
    front.sort_by(|a, b| value(a).total_cmp(&value(b)).then(a.cmp(b)));
    Ok(front)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::{Candidate, Candidates};
    use crate::search::Search;

    #[test]
    fn the_front_is_small_and_accurate() {
        let mut all = Candidates::default();
        let (params, acc) = (
            all.column(Kind::Count, "params"),
            all.column(Kind::Truth, "acc"),
        );
        for (id, size, accuracy) in [("a", 3.0, 90.0), ("b", 1.0, 80.0), ("c", 2.0, 70.0)] {
            all.all.push(Candidate {
                id: id.into(),
                numbers: vec![(params, size), (acc, accuracy)],
                ..Candidate::default()
            });
        }
        let search = Search::new(all, None).unwrap();
        let [x, y] = &search.columns[..] else {
            panic!("two columns")
        };
        assert_eq!(front(x, y).unwrap(), [1, 0]);
    }
}
