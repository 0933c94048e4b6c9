//! Curves as rows.

use knas_records::sheet::{Format, Sheet, short};

use super::Curve;

/// Trainings that a table for people shows, with the last one.
const SHOWN: [u64; 7] = [1, 5, 10, 20, 40, 60, 80];

/// One row a strategy for people, one row a point for programs.
pub fn sheet(curves: &[&Curve], format: Format) -> Sheet {
    match format.is_for_people() {
        true => table(curves),
        false => points(curves),
    }
}

fn table(curves: &[&Curve]) -> Sheet {
    let budget = curves.first().map_or(0, |curve| curve.budget);
    let mut shown: Vec<u64> = SHOWN.into_iter().filter(|&at| at < budget).collect();
    shown.push(budget);
    let mut sheet = Sheet::new();
    sheet.text("search");
    for at in &shown {
        sheet.number(format!("after {at}"));
    }
    sheet.number("best after");
    for curve in curves {
        let mut row = vec![curve.strategy.clone()];
        for at in &shown {
            let point = curve.points.iter().find(|point| point.trainings == *at);
            row.push(point.map_or_else(String::new, |point| short(point.mean)));
        }
        row.push(
            curve
                .found_best
                .map_or_else(String::new, |at| at.to_string()),
        );
        sheet.row(row);
    }
    sheet
}

fn points(curves: &[&Curve]) -> Sheet {
    let mut sheet = Sheet::new();
    for name in [
        "truth", "strategy", "fine", "model", "acquire", "features", "first",
    ] {
        sheet.text(name);
    }
    for name in ["init", "batch", "pool"] {
        sheet.number(name);
    }
    for name in ["trainings", "mean", "lo", "hi", "regret", "fine_regret"] {
        sheet.number(name);
    }
    let optional = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for curve in curves {
        for point in &curve.points {
            sheet.row(vec![
                curve.truth.clone(),
                curve.strategy.clone(),
                curve.fine.clone(),
                curve.model.clone(),
                curve.acquire.clone(),
                curve.features.join("+"),
                curve.first.clone().unwrap_or_default(),
                curve.init.to_string(),
                curve.batch.to_string(),
                curve.pool.to_string(),
                point.trainings.to_string(),
                point.mean.to_string(),
                optional(point.lo),
                optional(point.hi),
                point.regret.to_string(),
                point.fine_regret.to_string(),
            ]);
        }
    }
    sheet
}
