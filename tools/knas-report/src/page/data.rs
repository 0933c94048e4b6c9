//! What the page's script needs, as JSON.

use serde_json::{Value, json};

use crate::axis::{Axis, Kind as Scale};
use crate::candidates::Kind;
use crate::page::Page;
use crate::page::table::ROWS;
use crate::plot::cell::{LETTERS, NAMES, code};
use crate::plot::fit;
use crate::search::{Column, PARTS, Search};
use crate::svg::visible;

/// The data, written so that no text in it can end the element it stands in.
///
/// # Errors
/// Numbers that cannot be compared.
pub fn json(page: &Page<'_>) -> anyhow::Result<String> {
    let search = page.search;
    let columns: anyhow::Result<Vec<Value>> = search
        .columns
        .iter()
        .map(|column| self::column(search, column))
        .collect();
    let text = |text: &str, most| -> String { fit(text, most).chars().map(visible).collect() };
    let ids: Vec<String> = search.ranked.iter().map(|one| text(&one.id, 200)).collect();
    // A cell says in 6 digits what its notation says in a hundred characters.
    let cells: Vec<Option<String>> = search
        .cells
        .iter()
        .map(|cell| {
            cell.as_ref()
                .map(|cell| code(cell).iter().map(ToString::to_string).collect())
        })
        .collect();
    let other = |(one, cell): (&crate::candidates::Candidate, &Option<_>)| match cell {
        Some(_) => None,
        None => one.arch.as_ref().map(|arch| text(arch, 400)),
    };
    let archs: Vec<Option<String>> = search.ranked.iter().zip(&search.cells).map(other).collect();
    let data = json!({
        "ids": ids,
        "cells": cells,
        "archs": if archs.iter().any(Option::is_some) { json!(archs) } else { Value::Null },
        "columns": columns?,
        "order": search.table_order(),
        "axes": search.first_axes(),
        "by": search.by,
        "winners": page.winners,
        "rows": ROWS,
        "ops": { "names": NAMES, "letters": LETTERS, "official": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"] },
        "agreement": search.agreement.iter().map(|row| row.iter().map(|rho| rho.map(rounded)).collect::<Vec<_>>()).collect::<Vec<_>>(),
    });
    Ok(escaped(&data.to_string()))
}

fn column(search: &Search, column: &Column) -> anyhow::Result<Value> {
    let kind = match column.kind {
        Kind::Score => "score",
        Kind::Count => "count",
        Kind::Trained | Kind::Truth => "percent",
    };
    let clean = |text: String| -> String { fit(&text, 80).chars().map(visible).collect() };
    let mut value = json!({
        "name": clean(column.name.clone()),
        "label": clean(column.label()),
        "kind": kind,
        "values": column.values.iter().map(|value| value.map(rounded)).collect::<Vec<_>>(),
        "axis": column.axis.json(),
    });
    if column.is_percent() {
        value["parts"] = Value::Array(parts(search, column)?);
    }
    Ok(value)
}

/// For the best half and the best tenth by this accuracy: from which value on,
/// the axis, and Spearman's ρ of every column.
fn parts(search: &Search, column: &Column) -> anyhow::Result<Vec<Value>> {
    let mut known = column.known();
    known.sort_unstable_by(|a, b| b.total_cmp(a));
    let place = search
        .columns
        .iter()
        .position(|other| std::ptr::eq(other, column));
    let found: anyhow::Result<Vec<_>> = (0..search.columns.len())
        .map(|score| place.map_or(Ok(vec![]), |truth| search.parts(score, truth)))
        .collect();
    let found = found?;
    let mut parts = Vec::new();
    for (at, part) in PARTS.iter().enumerate().skip(1) {
        let count = (known.len() as u64).div_ceil(*part).max(1) as usize;
        let (low, high) = (known[count - 1], known[0]);
        let rho: Vec<Option<f64>> = found
            .iter()
            .map(|all| all.get(at).and_then(|part| part.spearman).map(rounded))
            .collect();
        let axis = Axis::new(Scale::Linear, low, high).json();
        parts.push(json!({ "from": low, "axis": axis, "rho": rho }));
    }
    Ok(parts)
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
