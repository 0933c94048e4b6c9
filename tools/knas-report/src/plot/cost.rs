//! The search beside training every candidate.

use crate::plot::width_of;
use crate::svg::Svg;

/// A bar: its name, its length and what stands beside it.
pub struct Bar {
    /// What took it.
    pub name: String,
    /// How much.
    pub amount: f64,
    /// The amount as people read it.
    pub label: String,
}

/// Bars one below the other, the first in the colour of what matters.
pub fn draw(title: &str, bars: &[Bar]) -> Svg {
    let row = 46.0;
    let width = 356.0;
    let mut svg = Svg::new(width, row * bars.len() as f64, title);
    let labels = bars.iter().map(|bar| width_of(&bar.label));
    let room = width - labels.fold(0.0, f64::max) - 12.0;
    let most = bars.iter().map(|bar| bar.amount).fold(0.0, f64::max);
    for (at, bar) in bars.iter().enumerate() {
        let y = row * at as f64;
        svg.text("muted start", (0.0, y + 13.0), &bar.name);
        let length = match bar.amount / most {
            share if share.is_finite() => (share * room).max(1.0),
            _ => 1.0,
        };
        let class = if at == 0 { "bar strong" } else { "bar" };
        svg.rect(class, (0.0, y + 19.0), (length, 14.0), "");
        svg.text("start", (length + 8.0, y + 30.5), &bar.label);
    }
    svg
}
