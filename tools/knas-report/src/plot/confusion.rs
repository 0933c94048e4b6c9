//! Which classes a trained network takes for which.

use serde_json::{Map, Value};

use crate::plot::{fit, width_of};
use crate::svg::Svg;

/// Side of a cell with its count in it.
const CELL: f64 = 30.0;

/// From so many classes on cells are small and hold no counts.
const MANY: usize = 24;

/// Steps of the scale.
const STEPS: f64 = 10.0;

/// Rows are the true classes, columns what was said.
#[derive(Debug, PartialEq)]
pub struct Confusion {
    /// Their names.
    pub classes: Vec<String>,
    /// How many examples.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// What training says of itself; none where it does not say this, or says
    /// what does not fit together.
    pub fn of(training: &Map<String, Value>) -> Option<Self> {
        let counts: Vec<Vec<u64>> =
            serde_json::from_value(training.get("confusion")?.clone()).ok()?;
        let square = counts.iter().all(|row| row.len() == counts.len());
        if counts.is_empty() || !square {
            return None;
        }
        let named: Option<Vec<String>> = training
            .get("classes")
            .and_then(|names| serde_json::from_value(names.clone()).ok());
        let numbered = || (0..counts.len()).map(|class| class.to_string()).collect();
        Some(Self {
            classes: named
                .filter(|names| names.len() == counts.len())
                .unwrap_or_else(numbered),
            counts,
        })
    }

    /// Each class with the share of it that was recognised, the worst first;
    /// those without an example are left out.
    pub fn recognised(&self) -> Vec<(&str, f64)> {
        let share = |class: usize| {
            let all: u64 = self.counts[class].iter().sum();
            (all > 0).then(|| self.counts[class][class] as f64 / all as f64)
        };
        let classes = (0..self.classes.len())
            .filter_map(|class| Some((self.classes[class].as_str(), share(class)?)));
        let mut classes: Vec<(&str, f64)> = classes.collect();
        classes.sort_by(|a, b| a.1.total_cmp(&b.1));
        classes
    }
}

/// The matrix, each row as shares of its class.
pub fn draw(confusion: &Confusion, title: &str) -> Svg {
    let classes = confusion.classes.len();
    let small = classes >= MANY;
    let cell = if small { 340.0 / classes as f64 } else { CELL };
    let name = |class: usize| fit(&confusion.classes[class], 14);
    let widest = (0..classes).map(|class| width_of(&name(class)));
    let left = if small {
        8.0
    } else {
        widest.fold(0.0, f64::max) + 8.0
    };
    let side = cell * classes as f64;
    let top = if small { 20.0 } else { left + 4.0 };
    let mut svg = Svg::new(left + side + 2.0, top + side + 2.0, title);
    for (row, counts) in confusion.counts.iter().enumerate() {
        let all = counts.iter().sum::<u64>().max(1) as f64;
        let y = top + cell * row as f64;
        if !small {
            svg.text("small end", (left - 6.0, y + cell / 2.0 + 4.0), &name(row));
        }
        for (column, &count) in counts.iter().enumerate() {
            let x = left + cell * column as f64;
            let share = count as f64 / all;
            let step = (share * STEPS).round() as i32 + 10;
            let hint = format!(
                "{} taken for {}: {count}",
                confusion.classes[row], confusion.classes[column]
            );
            let gap = if small { 0.0 } else { 1.0 };
            let size = (cell - gap, cell - gap);
            svg.rect(&format!("h{step}"), (x, y), size, &hint);
            if !small && count > 0 {
                let at = (x + cell / 2.0, y + cell / 2.0 + 4.0);
                svg.text(&format!("t{step} small middle"), at, &short(count));
            }
        }
    }
    for column in (0..classes).filter(|_| !small) {
        let x = left + cell * (column as f64 + 0.5) + 4.0;
        svg.group(format_args!(
            "transform=\"translate({x:.1} {:.1}) rotate(-90)\"",
            top - 6.0
        ));
        svg.text("small start", (0.0, 0.0), &name(column));
        svg.end();
    }
    if small {
        let across = format!("true classes down, what was said across, {classes} each");
        svg.text("muted small start", (left, 13.0), &across);
    }
    svg
}

/// A count in three characters.
fn short(count: u64) -> String {
    match count {
        ..1000 => count.to_string(),
        1000..10_000 => format!("{:.1}k", count as f64 / 1e3),
        _ => format!("{}k", count / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Confusion> {
        Confusion::of(serde_json::from_str::<Value>(text).unwrap().as_object()?)
    }

    #[test]
    fn what_does_not_fit_together_is_no_matrix() {
        let found = of(r#"{"classes":["cat","dog"],"confusion":[[8,2],[1,3]]}"#).unwrap();
        assert_eq!(found.recognised(), [("dog", 0.75), ("cat", 0.8)]);
        let found = of(r#"{"classes":["cat"],"confusion":[[8,2],[0,0]]}"#).unwrap();
        assert_eq!(found.classes, ["0", "1"]);
        assert_eq!(found.recognised(), [("0", 0.8)]);
        for wrong in [
            r#"{"confusion":[[1,2]]}"#,
            r#"{"confusion":[[-1]]}"#,
            r#"{"confusion":[]}"#,
            r#"{"classes":["cat"]}"#,
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_count_has_its_cell() {
        for classes in [2, 100] {
            let confusion = Confusion {
                classes: (0..classes).map(|class| class.to_string()).collect(),
                counts: vec![vec![1; classes]; classes],
            };
            let picture = draw(&confusion, "Confusion").file("", None, true);
            assert_eq!(
                picture.matches("<rect class=\"h").count(),
                classes * classes
            );
        }
    }
}
