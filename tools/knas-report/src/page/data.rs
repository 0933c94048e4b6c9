//! What the page's script needs, as JSON.

use serde_json::{Value, json};

use crate::axis::Axis;
use crate::candidates::{Candidate, Kind};
use crate::column::Column;
use crate::page::Page;
use crate::page::table::ROWS;
use crate::plot::cell::{LETTERS, NAMES, code};
use crate::plot::scatter::MOST_BARS;
use crate::plot::{fit, histogram};
use crate::svg::visible;
use crate::theme;

/// The data, written so that no text in it can end the element it stands in.
pub fn json(page: &Page<'_>) -> String {
    let search = page.search;
    let columns: Vec<Value> = search.columns.iter().map(column).collect();
    let text = |text: &str, most| -> String { fit(text, most).chars().map(visible).collect() };
    let ids = search.candidates.iter();
    let ids: Vec<String> = ids.map(|one| text(&one.id, 200)).collect();
    // A cell says in 6 digits what its notation says in a hundred characters.
    let cells: Vec<Option<String>> = search
        .cells
        .iter()
        .map(|cell| {
            cell.as_ref()
                .map(|cell| code(cell).iter().map(ToString::to_string).collect())
        })
        .collect();
    let other = |(one, cell): (&Candidate, &Option<_>)| match cell {
        Some(_) => None,
        None => one.arch.as_ref().map(|arch| text(arch, 400)),
    };
    let archs = search.candidates.iter().zip(&search.cells).map(other);
    let archs: Vec<Option<String>> = archs.collect();
    let data = json!({
        "ids": ids,
        "ranked": search.ranked,
        "cells": cells,
        "archs": if archs.iter().any(Option::is_some) { json!(archs) } else { Value::Null },
        "columns": columns,
        "order": search.table_order(),
        "axes": search.first_axes(),
        "winners": page.winners,
        "rows": ROWS,
        "bars": MOST_BARS,
        "histogram": histogram::geometry(),
        "ops": { "names": NAMES, "letters": LETTERS, "official": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"] },
        "style": theme::file(),
    });
    escaped(&data.to_string())
}

fn column(column: &Column) -> Value {
    let kind = match column.kind {
        Kind::Score => "score",
        Kind::Count => "count",
        Kind::Trained | Kind::Truth => "percent",
    };
    let clean = |text: String| -> String { fit(&text, 80).chars().map(visible).collect() };
    let numbers = |values: &[Option<f64>]| -> Vec<Option<f64>> {
        values.iter().map(|value| value.map(rounded)).collect()
    };
    let known = column.known();
    let low = known.iter().copied().fold(f64::INFINITY, f64::min);
    let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let linear = Axis::new(crate::axis::Kind::Linear, low, high);
    let bent = Axis::bent(&known);
    let mut value = json!({
        "name": clean(column.name.clone()),
        "label": clean(column.label()),
        "kind": kind,
        "values": numbers(&column.values),
        "axes": {
            "fitted": column.axis.json(),
            "linear": linear.json(),
            "bent": bent.as_ref().unwrap_or(&linear).json(),
        },
    });
    if !column.deviations.is_empty() {
        value["deviations"] = json!(numbers(&column.deviations));
    }
    if !column.undefined.is_empty() {
        value["undefined"] = json!(column.undefined);
    }
    value
}

/// Seven significant digits, more than any plot or table shows.
fn rounded(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}

/// JSON that holds neither `</script>` nor `<!--`, and no line end that older
/// scripts do not allow.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_element() {
        let hostile = json!({ "</script><!--": "<b>&\u{2028}" }).to_string();
        let text = escaped(&hostile);
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        let same: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(same, serde_json::from_str::<Value>(&hostile).unwrap());
    }

    #[test]
    fn seven_digits_are_kept() {
        let shown = [1_531_546.0, 0.123_456_789, -1e-300, 0.0].map(rounded);
        assert_eq!(shown, [1_531_546.0, 0.123_456_8, -1e-300, 0.0]);
    }
}
