//! How the values of one number are distributed.

use crate::column::Column;
use crate::plot::{Frame, Look, fit};
use crate::svg::Svg;

/// Bars of a picture.
const BARS: usize = 32;

/// Width and height on the page.
const SIZE: (f64, f64) = (250.0, 148.0);

/// Where the bars lie, for the page's script, which draws others over them.
pub fn geometry() -> serde_json::Value {
    let frame = frame(SIZE, true);
    serde_json::json!({ "left": frame.left, "foot": frame.y(0.0), "width": frame.width,
        "height": frame.height, "bars": BARS })
}

fn frame((width, height): (f64, f64), titled: bool) -> Frame {
    let top = if titled { 28.0 } else { 8.0 };
    // Without a title the name stands below, as an axis has it.
    let below = if titled { 38.0 } else { 56.0 };
    Frame {
        left: 6.0,
        top,
        width: width - 12.0,
        height: (height - top - below).max(20.0),
    }
}

/// The picture; short lines below mark the first `winners` candidates.
pub fn draw(column: &Column, winners: usize, look: Look) -> Svg {
    let known = column.known();
    let (width, height) = look.size.unwrap_or(SIZE);
    let mut svg = Svg::new(width, height, format!("Distribution of {}", column.label()));
    let frame = frame((width, height), look.titled);
    let name = fit(&column.label(), (frame.width / 9.0) as usize);
    let bent = if column.axis.is_bent() {
        "log scale"
    } else {
        ""
    };
    if look.titled {
        svg.text("strong start", (frame.left, 13.0), &name);
        svg.text("muted small end", (frame.x(1.0), 13.0), bent);
    } else {
        svg.text("end", (frame.x(1.0), frame.y(0.0) + 44.0), &name);
    }

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
