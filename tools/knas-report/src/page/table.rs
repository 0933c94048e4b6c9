//! The ranking as a table. Its first rows are here; the script has them all.

use crate::page::overview::number;
use crate::page::{Page, Section};
use crate::plot::cell::{LETTERS, code};
use crate::plot::fit;
use crate::search::Search;
use crate::svg::Escaped;

/// Rows of a page of the table.
pub const ROWS: usize = 25;

/// The table; none where every candidate failed.
pub fn ranking(page: &Page<'_>) -> Option<Section> {
    let search = page.search;
    if search.ranked.is_empty() {
        return None;
    }
    let order = search.table_order();
    let cells = search.cells.iter().any(Option::is_some);
    let head: String = order
        .iter()
        .map(|&place| {
            let column = &search.columns[place];
            let unit = if column.is_percent() { ", %" } else { "" };
            heading(
                &format!("data-column=\"{place}\""),
                &format!("{}{unit}", fit(&column.name, 40)),
                "",
            )
        })
        .collect();
    let rows: String = (0..search.ranked.len().min(ROWS))
        .map(|place| row(search, place, &order, cells))
        .collect();
    let body = format!(
        "<div class=\"controls\" hidden><label>Filter <input id=\"filter\" type=\"search\" size=\"32\" \
         autocomplete=\"off\" spellcheck=\"false\" placeholder=\"part of an id, or params&lt;1M\" \
         aria-describedby=\"filter-help\"></label>\
         <span id=\"filter-help\" class=\"muted\">Words are looked for in id and arch; NAME&lt;VALUE and \
         NAME&gt;VALUE compare.</span>\
         <button type=\"button\" id=\"clear\" hidden>Clear selection</button></div>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Ranking\">\
         <table id=\"ranking-table\"><thead><tr>{}{}{}{head}</tr></thead><tbody>{rows}</tbody></table></div>\n\
         <div class=\"pager\"><button type=\"button\" id=\"previous\" hidden>Previous</button>\
         <output id=\"shown\">{} of {}</output>\
         <button type=\"button\" id=\"next\" hidden>Next</button></div>\n{}",
        heading("data-column=\"rank\"", "Rank", " aria-sort=\"ascending\""),
        heading("data-column=\"id\" class=\"text\"", "Candidate", ""),
        if cells {
            "<th scope=\"col\" class=\"text\">Cell</th>"
        } else {
            ""
        },
        number(search.ranked.len().min(ROWS)),
        number(search.ranked.len()),
        if cells { legend() } else { String::new() },
    );
    Some(Section {
        id: "ranking",
        heading: "Ranking",
        body,
    })
}

fn heading(attributes: &str, name: &str, sorted: &str) -> String {
    format!(
        "<th scope=\"col\" {attributes}{sorted}><button type=\"button\" class=\"sort\">{}</button></th>",
        Escaped(name)
    )
}

fn row(search: &Search, place: usize, order: &[usize], cells: bool) -> String {
    let chips = match (&search.cells[place], cells) {
        (_, false) => String::new(),
        (None, true) => "<td></td>".into(),
        (Some(cell), true) => {
            let chips = code(cell).map(|digit| {
                let op = usize::from(digit % 5);
                format!("<i class=\"op{op}\">{}</i>", LETTERS[op])
            });
            let [a, b, c, d, e, f] = chips;
            format!(
                "<td class=\"text\"><span class=\"chips\" role=\"img\" aria-label=\"{}\"><span>{a}</span>\
                 <span>{b}{c}</span><span>{d}{e}{f}</span></span></td>",
                Escaped(&cell.to_string())
            )
        }
    };
    let numbers: String = order
        .iter()
        .map(|&column| {
            let column = &search.columns[column];
            let value = column.values[place].map(|value| column.show(value));
            format!("<td>{}</td>", Escaped(&value.unwrap_or_default()))
        })
        .collect();
    format!(
        "<tr><td>{}</td><th scope=\"row\" class=\"text\">{}</th>{chips}{numbers}</tr>",
        place + 1,
        Escaped(&fit(&search.ranked[place].id, 80))
    )
}

fn legend() -> String {
    let ops = [
        (3, "3×3 convolution"),
        (2, "1×1 convolution"),
        (4, "3×3 average pool"),
        (1, "skip"),
        (0, "none"),
    ];
    let ops: String = ops
        .iter()
        .map(|(op, name)| {
            let letter = LETTERS[*op];
            format!(
                "<span><span class=\"chips\"><i class=\"op{op}\">{letter}</i></span> {name}</span> "
            )
        })
        .collect();
    format!(
        "<p class=\"note legend\">{ops}<br>A cell’s groups are what comes into its nodes 1, 2 and 3, \
         each from the nodes before it.</p>\n"
    )
}
