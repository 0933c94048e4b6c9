//! How the values of one number are distributed.

use crate::plot::{Frame, fit};
use crate::search::Column;
use crate::svg::Svg;

/// Bars of a picture.
const BARS: usize = 32;

/// The picture; short lines below mark the first `winners` candidates.
pub fn draw(column: &Column, winners: usize) -> Svg {
    let known = column.known();
    let mut svg = Svg::new(250.0, 148.0, format!("Distribution of {}", column.label()));
    let frame = Frame {
        left: 6.0,
        top: 28.0,
        width: 238.0,
        height: 82.0,
    };
    svg.text(
        "strong start",
        (frame.left, 13.0),
        &fit(&column.label(), 24),
    );
    let bent = if column.axis.is_bent() {
        "log scale"
    } else {
        ""
    };
    svg.text("muted small end", (frame.x(1.0), 13.0), bent);

    let mut counts = [0usize; BARS];
    let bar = |value: f64| ((column.axis.place(value) * BARS as f64) as usize).min(BARS - 1);
    for &value in &known {
        counts[bar(value)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let width = frame.width / BARS as f64;
    for (bar, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = (frame.height * count as f64 / most as f64).max(1.0);
        let at = (frame.left + bar as f64 * width, frame.y(0.0) - height);
        let of = format!("{count} of {}", known.len());
        svg.rect("bar", at, (width - 1.0, height), &of);
    }

    let foot = frame.y(0.0);
    svg.line("axis", (frame.left, foot), (frame.x(1.0), foot));
    for value in column.values.iter().take(winners).flatten() {
        let x = frame.x(column.axis.place(*value));
        svg.line("tick", (x, foot + 2.0), (x, foot + 9.0));
    }
    for (share, label) in column.axis.ticks_within(frame.width) {
        let x = frame.x(share);
        svg.line("axis", (x, foot), (x, foot + 12.0));
        // Labels at the ends stay inside.
        let class = match share {
            ..0.06 => "muted small start",
            0.94.. => "muted small end",
            _ => "muted small middle",
        };
        svg.text(class, (x, foot + 25.0), label);
    }
    svg
}
