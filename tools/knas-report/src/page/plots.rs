//! Plots on the page.

use crate::page::{Page, Section};
use crate::plot::{cell, curves, fit, heat, histogram, scatter as points};
use crate::search::{Column, FEWEST};
use crate::svg::Escaped;

/// A score against accuracy, with what the script needs to change it.
pub fn scatter(page: &Page<'_>) -> anyhow::Result<Option<Section>> {
    let search = page.search;
    let Some((x, y)) = search.first_axes() else {
        return Ok(None);
    };
    let picture = points::draw(&search.columns[x], &search.columns[y], page.winners);
    let options = |chosen: usize| -> String {
        let option = |place: usize| {
            let selected = if place == chosen { " selected" } else { "" };
            let name = fit(&search.columns[place].label(), 60);
            format!(
                "<option value=\"{place}\"{selected}>{}</option>",
                Escaped(&name)
            )
        };
        (0..search.columns.len()).map(option).collect()
    };
    let template = search
        .cells
        .iter()
        .flatten()
        .next()
        .map_or_else(String::new, |one| {
            let picture = cell::draw(one, "Cell").element("class=\"cell\"");
            format!("<template id=\"cell-template\">{picture}</template>")
        });
    let heading = match search.columns[y].is_percent() {
        true => "Score against accuracy",
        false => "One number against another",
    };
    let body = format!(
        "<div class=\"controls\" hidden>\
         <label>Across <select id=\"x\">{}</select></label>\
         <label>Up <select id=\"y\">{}</select></label>\
         <label>Candidates <select id=\"part\"><option value=\"0\">all</option>\
         <option value=\"1\">best half</option><option value=\"2\">best tenth</option></select></label>\
         <output id=\"rho\"></output></div>\n\
         <div class=\"explore\"><div class=\"plot\" id=\"scatter\">{}<div id=\"tip\" class=\"tip\" hidden></div></div>\n\
         <aside id=\"detail\" class=\"detail\" aria-label=\"Selected candidate\"></aside></div>\n{template}\
         <p class=\"note\">Rings are the first by rank. <span class=\"scripted\" hidden>Point at a candidate to \
         read it, click to select it, drag across several to keep them in the table. With a keyboard: the \
         arrow keys go from one to the next, Enter selects, Escape clears.</span></p>\n\
         <p id=\"spoken\" class=\"unseen\" aria-live=\"polite\"></p>\n",
        options(x),
        options(y),
        picture.element("id=\"points\""),
    );
    Ok(Some(Section {
        id: "accuracy",
        heading,
        body,
    }))
}

/// The map of agreement.
pub fn agreement(page: &Page<'_>) -> Option<Section> {
    let picture = heat::draw(page.search)?;
    let body = format!(
        "<p class=\"note\">Spearman’s ρ of every two, names on the diagonal: read a name’s row to its left, \
         and its column below it.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Map of agreement\">{}</div>\n",
        picture.element("class=\"heat\"")
    );
    Some(Section {
        id: "agreement",
        heading: "Agreement",
        body,
    })
}

/// Distributions of scores, counts and accuracies.
pub fn distributions(page: &Page<'_>) -> Option<Section> {
    let columns = &page.search.columns;
    if columns.is_empty() {
        return None;
    }
    // A few values are better read in the table than drawn as bars.
    let enough = |column: &&Column| {
        let all = page.search.ranked.len() < FEWEST;
        all || column.values.iter().flatten().count() >= FEWEST
    };
    let pictures: String = columns
        .iter()
        .filter(enough)
        .map(|column| histogram::draw(column, page.winners).element(""))
        .collect();
    let failed = match page.search.failed.len() {
        0 => "",
        _ => {
            " Failed candidates are not among them; <a href=\"#failures\">they are listed below</a>."
        }
    };
    let body = format!(
        "<p class=\"note\">How many candidates have which value; short lines mark the first by rank.{failed}</p>\n\
         <div class=\"multiples\">{pictures}</div>\n"
    );
    Some(Section {
        id: "distributions",
        heading: "Distributions",
        body,
    })
}

/// Training curves, where there is a log.
pub fn training(page: &Page<'_>) -> Option<Section> {
    let pictures: String = page
        .measures
        .iter()
        .filter_map(curves::draw)
        .map(|picture| {
            format!(
                "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">{}</div>",
                Escaped(&picture.title),
                picture.element("")
            )
        })
        .collect();
    (!pictures.is_empty()).then(|| Section {
        id: "training",
        heading: "Training",
        body: format!("<div class=\"curves\">{pictures}</div>\n"),
    })
}
