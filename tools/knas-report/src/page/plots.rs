//! Plots on the page.

use knas_stats::SMALLEST_PART;
use maud::{Markup, html};

use crate::candidates::Kind;
use crate::column::Column;
use crate::page::{Page, Section, columns, scrolling};
use crate::plot::{self, Look, cell, fit, heat, histogram, scatter as points};
use crate::svg::{Escaped, Svg};

/// How values lie on an axis, and what the choice is called.
const SCALES: [(&str, &str); 4] = [
    ("fitted", "as fits"),
    ("linear", "in proportion"),
    ("bent", "logarithmic"),
    ("rank", "ranks"),
];

/// A score against accuracy, with what the script needs to change it.
pub fn scatter(page: &Page<'_>) -> Option<Section> {
    let search = page.search;
    let (x, y) = search.first_axes()?;
    let (across, up) = (&search.columns[x], &search.columns[y]);
    let picture = points::draw(across, up, page.winners, &[], plot::PAGE);
    let template = search.cells.iter().flatten().next();
    let body = html! {
        (controls(page, x, y))
        div class="explore" {
            div class="plot" id="scatter" {
                (picture.element("id=\"points\""))
                div id="tip" class="tip" hidden {}
            }
            aside id="detail" class="detail" aria-label="Selected candidate" {}
        }
        @if let Some(cell) = template {
            template id="cell-template" { (cell::draw(cell, "Cell").element("class=\"cell\"")) }
        }
        p class="note" {
            @if page.winners > 0 { "Rings are the first by rank. " }
            @if !(across.deviations.is_empty() && up.deviations.is_empty()) {
                "Lines through points are one standard deviation over seeds to either side. "
            }
            span class="scripted" hidden {
                "Point at a candidate to read it, click to select it, drag across several to filter for them. \
                 With a keyboard: the arrow keys go from one to the next, Enter selects, Escape clears. \
                 On the Pareto front no other candidate is better in both; of parameters and \
                 multiply-accumulates few are better."
            }
        }
        p id="spoken" class="unseen" aria-live="polite" {}
    };
    Some(Section {
        id: "accuracy",
        heading: match up.is_percent() {
            true => "Score against accuracy",
            false => "One number against another",
        },
        body,
    })
}

fn controls(page: &Page<'_>, x: usize, y: usize) -> Markup {
    let select = |id: &str, label: &str, chosen: usize| {
        html! {
            label {
                (label) " "
                select id=(id) {
                    @for (place, column) in page.search.columns.iter().enumerate() {
                        option value=(place) selected[place == chosen] { (Escaped(&fit(&column.label(), 60))) }
                    }
                }
            }
        }
    };
    let scale = |id: &str, label: &str| {
        html! {
            select id=(id) aria-label=(label) {
                @for (value, name) in SCALES { option value=(value) { (name) } }
            }
        }
    };
    html! {
        div class="controls" hidden {
            span class="pair" { (select("x", "Across", x)) (scale("x-scale", "Scale across")) }
            span class="pair" { (select("y", "Up", y)) (scale("y-scale", "Scale up")) }
            label {
                "Candidates "
                select id="part" {
                    option value="1" { "all" }
                    option value="2" { "best half" }
                    option value="10" { "best tenth" }
                }
            }
            label { input id="front" type="checkbox"; " Pareto front" }
            label id="bars-label" { input id="bars" type="checkbox" checked; " deviations" }
            button type="button" id="save-plot" { "Save SVG" }
            output id="rho" {}
        }
    }
}

/// Accuracy against parameters, and the candidates that are best for their
/// size.
pub fn accuracy_and_size(page: &Page<'_>) -> anyhow::Result<Option<Section>> {
    let Some(picture) = size(page, plot::SMALL)? else {
        return Ok(None);
    };
    let body = html! {
        p class="note" {
            "The line joins the Pareto front: no other candidate has fewer parameters and is as accurate. "
            span class="scripted" hidden {
                "For other numbers choose the axes and the front "
                a href="#accuracy" { "above" } "."
            }
        }
        (scrolling("Accuracy and size", &picture.element("class=\"wide\"")))
    };
    Ok(Some(Section {
        id: "size",
        heading: "Accuracy and size",
        body,
    }))
}

/// The picture of accuracy against parameters; none where one of them is not
/// known.
///
/// # Errors
/// Values that cannot be compared.
pub fn size(page: &Page<'_>, look: Look) -> anyhow::Result<Option<Svg>> {
    let search = page.search;
    let mut counts = search.of_kind(Kind::Count);
    let params = counts.find(|&place| search.columns[place].name == "params");
    let Some((x, y)) = params.zip(search.accuracy()) else {
        return Ok(None);
    };
    let (x, y) = (&search.columns[x], &search.columns[y]);
    let front = points::front(x, y)?;
    // One or two are no front.
    let enough = y.values.iter().flatten().count() as u64 >= SMALLEST_PART;
    Ok(enough.then(|| points::draw(x, y, page.winners, &front, look)))
}

/// The map of agreement.
pub fn agreement(page: &Page<'_>) -> Option<Section> {
    let picture = heat::draw(page.search)?;
    let body = html! {
        p class="note" {
            "Spearman’s ρ of every two, names on the diagonal: read a name’s row to its left, and its column \
             below it."
        }
        (scrolling("Map of agreement", &picture.element(&format!("class=\"heat\" style=\"--natural:{:.0}px\"", picture.width))))
    };
    Some(Section {
        id: "agreement",
        heading: "Agreement",
        body,
    })
}

/// Distributions of scores, counts and accuracies.
pub fn distributions(page: &Page<'_>) -> Option<Section> {
    // A few values are better read in the table than drawn as bars.
    let all = (page.search.candidates.len() as u64) < SMALLEST_PART;
    let enough =
        |column: &Column| all || column.values.iter().flatten().count() as u64 >= SMALLEST_PART;
    let shown = page.search.columns.iter().enumerate();
    let shown: Vec<(usize, &Column)> = shown.filter(|(_, column)| enough(column)).collect();
    if shown.is_empty() {
        return None;
    }
    let body = html! {
        p class="note" {
            "How many candidates have which value; short lines mark the first by rank."
            span class="scripted" hidden { " Dark bars are those that fit the filter." }
            @if !page.search.failed.is_empty() {
                " Candidates without a value are not among them; "
                a href="#failures" { "what failed is listed below" } "."
            }
        }
        div class="multiples" style=(format!("--columns:{}", columns(shown.len(), 5))) {
            @for (place, column) in shown {
                (histogram::draw(column, page.winners, plot::PAGE)
                    .element(&format!("class=\"histogram\" data-column=\"{place}\"")))
            }
        }
    };
    Some(Section {
        id: "distributions",
        heading: "Distributions",
        body,
    })
}
