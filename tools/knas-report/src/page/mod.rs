//! The page: one HTML file that loads nothing.
//!
//! | section | module |
//! |---|---|
//! | title, figures, winners | [`overview`] |
//! | score against accuracy, agreement, distributions, training curves | [`plots`] |
//! | ranking | [`table`] |
//! | time, energy, CO₂ | [`cost`] |
//! | failures, undefined scores, and what the scores depend on | [`record`] |
//!
//! Everything is there without the script, which adds choice: other axes,
//! sorting, filtering, selection. What the script needs comes as JSON
//! ([`data`]), which it never turns into HTML.

mod cost;
mod data;
mod overview;
mod plots;
mod record;
mod table;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::cost::{Stage, Training};
use crate::search::Search;
use crate::svg::Escaped;
use crate::theme;
use crate::training::Measure;

pub use cost::picture as cost_picture;

/// The script, in the order of its parts.
const SCRIPT: [&str; 5] = [
    include_str!("../assets/data.js"),
    include_str!("../assets/detail.js"),
    include_str!("../assets/scatter.js"),
    include_str!("../assets/table.js"),
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
            overview::winners(self),
            plots::scatter(self)?,
            table::ranking(self),
            plots::agreement(self),
            plots::distributions(self),
            plots::training(self),
            cost::cost(self),
            record::failures(self),
            record::undefined(self),
            record::settings(self),
        ]
        .into_iter()
        .flatten()
        .collect();
        let links: String = sections
            .iter()
            .map(|section| format!("<a href=\"#{}\">{}</a>", section.id, section.heading))
            .collect();
        let main: String = sections.iter().map(Section::html).collect();

        let script = format!("(() => {{\n'use strict';\n{}}})();\n", SCRIPT.concat());
        // Were anything in the page ever taken for a script, it would not run:
        // only this one may.
        let hash = STANDARD.encode(Sha256::digest(&script));
        Ok(format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'; script-src 'sha256-{hash}'; img-src data:; \
             base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"generator\" content=\"knas-report {version}\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n\
             <style>\n{style}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#main\">Skip to the results</a>\n\
             <header>\n<div class=\"top\"><h1>{title}</h1>\
             <button id=\"theme\" type=\"button\" hidden>Dark</button></div>\n{overview}\
             <nav aria-label=\"Sections\">{links}</nav>\n</header>\n<main id=\"main\">\n{main}</main>\n\
             <footer>Made by knas-report {version}.</footer>\n\
             <script type=\"application/json\" id=\"data\">{data}</script>\n\
             <script>{script}</script>\n</body>\n</html>\n",
            version = env!("CARGO_PKG_VERSION"),
            title = Escaped(self.title),
            style = theme::page(),
            overview = overview::overview(self)?,
            data = data::json(self)?,
        ))
    }
}

/// A part of the page with a heading.
struct Section {
    id: &'static str,
    heading: &'static str,
    /// HTML.
    body: String,
}

impl Section {
    fn html(&self) -> String {
        let Self { id, heading, body } = self;
        format!(
            "<section id=\"{id}\" aria-labelledby=\"{id}-heading\">\
             <h2 id=\"{id}-heading\">{heading}</h2>\n{body}</section>\n"
        )
    }
}
