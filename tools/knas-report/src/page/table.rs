//! The ranking as a table. Its first rows are here; the script has them all.

use knas_space::nb201::Cell;
use maud::{Markup, html};

use crate::page::overview::number;
use crate::page::{Page, Section, scrolling};
use crate::plot::cell::{LETTERS, code};
use crate::plot::fit;
use crate::search::Search;
use crate::svg::Escaped;

/// Rows of a page of the table.
pub const ROWS: usize = 25;

/// The table; none where there is no candidate to show.
pub fn ranking(page: &Page<'_>) -> Option<Section> {
    let search = page.search;
    if search.candidates.is_empty() {
        return None;
    }
    let order = search.table_order();
    let cells = search.cells.iter().any(Option::is_some);
    let rows = search.candidates.len().min(ROWS);
    let table = html! {
        table id="ranking-table" class="fixed" {
            thead { tr {
                th scope="col" data-column="id" class="text" { (sort("Candidate")) }
                th scope="col" data-column="rank" aria-sort="ascending" { (sort("Rank")) }
                @if cells { th scope="col" class="text" { "Cell" } }
                @for &place in &order {
                    @let column = &search.columns[place];
                    @let unit = if column.is_percent() { ", %" } else { "" };
                    th scope="col" data-column=(place) { (sort(&(fit(&column.name, 40) + unit))) }
                }
            } }
            tbody { @for place in 0..rows { (row(search, place, &order, cells)) } }
        }
    };
    let body = html! {
        div class="controls" hidden {
            label {
                "Filter "
                input id="filter" type="search" size="34" autocomplete="off" spellcheck="false"
                    placeholder="part of an id, or params < 1M" aria-describedby="filter-help";
            }
            button type="button" id="clear" hidden { "Clear" }
            button type="button" id="save-table" { "Save CSV" }
            span id="filter-help" class="muted" {
                "Words are looked for in id and arch; NAME < VALUE and the like compare. Acts on the plots, too."
            }
            output id="filter-says" class="says" {}
        }
        (scrolling("Ranking", &table))
        div class="pager" {
            button type="button" id="previous" hidden { "Previous" }
            output id="shown" { (number(rows)) " of " (number(search.candidates.len())) }
            button type="button" id="next" hidden { "Next" }
        }
        @if cells { (legend()) }
    };
    Some(Section {
        id: "ranking",
        heading: "Ranking",
        body,
    })
}

fn sort(name: &str) -> Markup {
    html! { button type="button" class="sort" { (Escaped(name)) } }
}

fn row(search: &Search, place: usize, order: &[usize], cells: bool) -> Markup {
    html! {
        tr {
            th scope="row" class="text" { (Escaped(&fit(&search.candidates[place].id, 80))) }
            td { @if place < search.ranked { (place + 1) } @else { "–" } }
            @if cells { td class="text" { @if let Some(cell) = &search.cells[place] { (chips(cell)) } } }
            @for &at in order {
                @let column = &search.columns[at];
                @match column.values[place] {
                    Some(value) => td { (Escaped(&column.show(value))) },
                    None if column.undefined.contains(&place) => td class="muted" { "undefined" },
                    None => td {},
                }
            }
        }
    }
}

/// A cell as six coloured letters.
fn chips(cell: &Cell) -> Markup {
    let ops = code(cell).map(|digit| usize::from(digit % 5));
    html! {
        span class="chips" role="img" aria-label=(cell) {
            @for group in [&ops[..1], &ops[1..3], &ops[3..]] {
                span { @for op in group { (letter(*op)) } }
            }
        }
    }
}

fn letter(op: usize) -> Markup {
    html! { i class={ "op" (op) } { (LETTERS[op]) } }
}

fn legend() -> Markup {
    let ops = [
        (3, "3×3 convolution"),
        (2, "1×1 convolution"),
        (4, "3×3 average pool"),
        (1, "skip"),
        (0, "none"),
    ];
    html! {
        p class="note legend" {
            @for (op, name) in ops {
                span { span class="chips" { (letter(op)) } " " (name) } " "
            }
            br;
            "A cell’s groups are what comes into its nodes 1, 2 and 3, each from the nodes before it."
        }
    }
}
