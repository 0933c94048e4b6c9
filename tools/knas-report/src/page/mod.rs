//! The page: one HTML file that loads nothing.
//!
//! | section | module |
//! |---|---|
//! | title and figures | [`overview`] |
//! | score against accuracy, accuracy against size, agreement, distributions | [`plots`] |
//! | winners | [`winners`] |
//! | how well every score ranks | [`scores`] |
//! | ranking | [`table`] |
//! | training: curves, validation and test, confusion, settings | [`trained`] |
//! | time, energy, CO₂ | [`cost`] |
//! | failures, and how it was made | [`record`] |
//!
//! Everything is there without the script, which adds choice: other axes,
//! sorting, filtering, selection. What the script needs comes as JSON
//! ([`data`]), which it never turns into HTML.

mod cost;
mod data;
mod overview;
pub mod plots;
mod record;
mod scores;
mod table;
pub mod trained;
mod winners;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use sha2::{Digest, Sha256};

use crate::cost::{Stage, Training};
use crate::scores::Table;
use crate::search::Search;
use crate::svg::Escaped;
use crate::theme;
use crate::training::Measure;

pub use cost::picture as cost_picture;

/// The script, in the order of its parts.
const SCRIPT: [&str; 10] = [
    include_str!("../assets/data.js"),
    include_str!("../assets/stats.js"),
    include_str!("../assets/filter.js"),
    include_str!("../assets/detail.js"),
    include_str!("../assets/scatter.js"),
    include_str!("../assets/pointer.js"),
    include_str!("../assets/table.js"),
    include_str!("../assets/download.js"),
    include_str!("../assets/address.js"),
    include_str!("../assets/main.js"),
];

/// Everything that the page shows.
pub struct Page<'p> {
    /// Its title.
    pub title: &'p str,
    /// The candidates.
    pub search: &'p Search,
    /// How many of the best are drawn and marked.
    pub winners: usize,
    /// How well every score orders them.
    pub tables: &'p [Table],
    /// Training curves.
    pub measures: &'p [Measure],
    /// What the stages took.
    pub stages: &'p [Stage],
    /// What training would have taken.
    pub training: Option<&'p Training>,
    /// CO2 of electricity, in g/kWh.
    pub grid_intensity: f64,
}

impl Page<'_> {
    /// The page as HTML.
    ///
    /// # Errors
    /// Numbers that cannot be compared.
    pub fn html(&self) -> anyhow::Result<String> {
        let sections: Vec<Section> = [
            plots::scatter(self),
            winners::winners(self),
            scores::scores(self),
            table::ranking(self),
            plots::accuracy_and_size(self)?,
            plots::agreement(self),
            plots::distributions(self),
            trained::training(self),
            cost::cost(self),
            record::failures(self),
            record::undefined(self),
            record::made(self),
        ]
        .into_iter()
        .flatten()
        .collect();

        let script = format!("(() => {{\n'use strict';\n{}}})();\n", SCRIPT.concat());
        // Were anything in the page ever taken for a script, it would not run:
        // only this one may.
        let hash = STANDARD.encode(Sha256::digest(&script));
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; \
             img-src data:; base-uri 'none'; form-action 'none'"
        );
        let made_by = concat!("knas-report ", env!("CARGO_PKG_VERSION"));
        let title = Escaped(self.title);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="generator" content=(made_by);
                    link rel="icon" href="data:,";
                    title { (title) }
                    style { (PreEscaped(theme::page())) }
                }
                body {
                    a class="skip" href="#main" { "Skip to the results" }
                    header {
                        div class="top" {
                            h1 { (title) }
                            button id="theme" type="button" hidden { "Dark" }
                        }
                        (overview::overview(self))
                        nav aria-label="Sections" {
                            @for Section { id, heading, .. } in &sections {
                                a href={ "#" (id) } { (heading) } " "
                            }
                        }
                    }
                    main id="main" { @for section in &sections { (section) "\n" } }
                    footer { "Made by " (made_by) "." }
                    script type="application/json" id="data" { (PreEscaped(data::json(self))) }
                    script { (PreEscaped(script)) }
                }
            }
        };
        Ok(page.into_string() + "\n")
    }
}

/// A part of the page with a heading.
pub struct Section {
    /// What links name it by.
    id: &'static str,
    heading: &'static str,
    body: Markup,
}

impl Render for Section {
    fn render(&self) -> Markup {
        let heading = format!("{}-heading", self.id);
        html! {
            section id=(self.id) aria-labelledby=(heading) {
                h2 id=(heading) { (self.heading) } "\n"
                (self.body)
            }
        }
    }
}

/// What is wider than its window scrolls within it, with the keyboard, too.
fn scrolling(name: &str, inner: &Markup) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(Escaped(name)) { (inner) }
    }
}

/// Names and values beside each other.
fn facts(entries: &[(String, String)]) -> Markup {
    let capital = |name: &str| {
        let mut letters = name.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    };
    html! {
        dl class="facts" {
            @for (name, value) in entries {
                div { dt { (Escaped(&capital(name))) } dd { (Escaped(value)) } }
            }
        }
    }
}

/// So many columns for so many pictures, at most `most`, that no picture is
/// alone in its row where that can be.
fn columns(pictures: usize, most: usize) -> usize {
    let alone = |columns: &usize| pictures > 1 && pictures % columns == 1;
    let some = (most.div_ceil(2)..=most)
        .rev()
        .filter(|columns| *columns > 1);
    let full = some
        .clone()
        .find(|columns| pictures.is_multiple_of(*columns));
    let best = full.or_else(|| some.clone().find(|columns| !alone(columns)));
    match pictures <= most {
        true => pictures.max(1),
        false => best.unwrap_or(most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_picture_is_alone_in_its_row() {
        // Curves are six at most; more columns than 60 nobody shows.
        for (most, all) in [(3, 6), (5, 60)] {
            for pictures in 2..=all {
                let columns = columns(pictures, most);
                assert!((1..=most).contains(&columns));
                assert_ne!(pictures % columns, 1 % columns, "{pictures} in {columns}");
            }
        }
        assert_eq!([1, 5, 9].map(|pictures| columns(pictures, 5)), [1, 5, 3]);
    }
}
