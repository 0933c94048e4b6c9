//! How far scores agree with each other and with accuracy.

use crate::plot::{fit, width_of};
use crate::search::Search;
use crate::svg::Svg;
use crate::theme::step;

/// Side of a cell.
const CELL: f64 = 40.0;

/// Columns in the order of the map: accuracies, then scores and counts by
/// their agreement with the first accuracy, or as they come without one.
pub fn order(search: &Search) -> Vec<usize> {
    let mut order: Vec<usize> = (0..search.columns.len()).collect();
    let truth = search.accuracy();
    order.sort_by(|&a, &b| {
        let key = |place: usize| {
            let with_truth = truth.and_then(|truth| search.agreement[truth][place]);
            match search.columns[place].is_percent() {
                true => f64::INFINITY,
                false => with_truth.unwrap_or(f64::NEG_INFINITY),
            }
        };
        key(b).total_cmp(&key(a))
    });
    order.retain(|&place| search.agreement[place][place].is_some());
    order
}

/// The lower half of the matrix, with names on the diagonal; none where there
/// are not two columns to compare.
pub fn draw(search: &Search) -> Option<Svg> {
    let order = order(search);
    if order.len() < 2 {
        return None;
    }
    let name = |place: usize| fit(&search.columns[place].name, 28);
    let side = CELL * order.len() as f64;
    let reach = order
        .iter()
        .enumerate()
        .map(|(row, &place)| CELL * (row as f64 + 1.0) + 8.0 + width_of(&name(place)));
    let width = reach.fold(side, f64::max) + 4.0;
    let mut svg = Svg::new(
        width,
        side,
        format!(
            "Spearman's rank correlation between {} columns",
            order.len()
        ),
    );
    for (row, &a) in order.iter().enumerate() {
        let y = CELL * row as f64;
        for (column, &b) in order.iter().enumerate().take(row) {
            let x = CELL * column as f64;
            let pair = format!("{} and {}", search.columns[a].name, search.columns[b].name);
            let Some(rho) = search.agreement[a][b] else {
                svg.text(
                    "muted small middle",
                    (x + CELL / 2.0, y + CELL / 2.0 + 4.0),
                    "–",
                );
                continue;
            };
            let step = step(rho);
            let hint = format!("{pair}: {}", show(rho));
            svg.rect(&format!("h{step}"), (x, y), (CELL - 1.0, CELL - 1.0), &hint);
            svg.text(
                &format!("t{step} small middle"),
                (x + CELL / 2.0, y + CELL / 2.0 + 4.0),
                &show(rho),
            );
        }
        svg.text(
            "start",
            (CELL * row as f64 + 6.0, y + CELL / 2.0 + 4.0),
            &name(a),
        );
    }
    Some(svg)
}

/// A correlation with two decimals and without its zero: `.81`, `−.05`.
pub fn show(rho: f64) -> String {
    let text = format!("{:.2}", rho.abs());
    let text = text.strip_prefix('0').unwrap_or(&text);
    match text {
        ".00" => "0".into(),
        _ if rho < 0.0 => format!("−{text}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_short() {
        let shown = [1.0, 0.814, 0.0049, -0.0049, -0.058, -1.0].map(show);
        assert_eq!(shown, ["1.00", ".81", "0", "0", "−.06", "−1.00"]);
    }
}
