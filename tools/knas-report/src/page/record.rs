//! What failed and why, and what the scores depend on.

use std::collections::{BTreeMap, BTreeSet};

use knas_records::provenance::Settings;
use serde_json::Value;

use crate::page::overview::number;
use crate::page::{Page, Section};
use crate::plot::fit;
use crate::svg::Escaped;

/// Candidates of one kind of failure that are listed.
const LISTED: usize = 200;

/// Different settings that are told apart.
const MOST_SETTINGS: usize = 100;

/// Different settings that are listed.
const SETTINGS: usize = 4;

/// Failed candidates, by stage and kind; none where none failed.
pub fn failures(page: &Page<'_>) -> Option<Section> {
    let failed = &page.search.failed;
    if failed.is_empty() {
        return None;
    }
    let mut kinds: BTreeMap<(&str, &str), Vec<(&str, &str)>> = BTreeMap::new();
    for (id, failure) in failed {
        let kind = (failure.stage.as_str(), failure.kind.as_str());
        kinds.entry(kind).or_default().push((id, &failure.message));
    }
    let total = failed.len() + page.search.ranked.len();
    let mut body = format!(
        "<p>{} of {} candidates have no rank.</p>\n",
        number(failed.len()),
        number(total)
    );
    for ((stage, kind), candidates) in kinds {
        let heading = format!(
            "<b>{}</b> in {}",
            Escaped(&fit(kind, 60)),
            Escaped(&fit(stage, 60))
        );
        body += &listing(&heading, &candidates);
    }
    Some(Section {
        id: "failures",
        heading: "Failures",
        body,
    })
}

/// Candidates without a value of a score, by score; none where all are defined.
pub fn undefined(page: &Page<'_>) -> Option<Section> {
    let mut scores: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (id, name, reason) in &page.search.undefined {
        scores.entry(name).or_default().push((id, reason));
    }
    if scores.is_empty() {
        return None;
    }
    let mut body = "<p>These scores have no value for these networks: that is mathematics, and \
                    other scores rank them.</p>\n"
        .to_owned();
    for (name, candidates) in scores {
        let heading = format!("<b>{}</b>", Escaped(&fit(name, 60)));
        body += &listing(&heading, &candidates);
    }
    Some(Section {
        id: "undefined",
        heading: "Undefined scores",
        body,
    })
}

/// Candidates with a text about each, under a heading that opens them.
fn listing(heading: &str, candidates: &[(&str, &str)]) -> String {
    let open = if candidates.len() <= 8 { " open" } else { "" };
    let rows: String = candidates
        .iter()
        .take(LISTED)
        .map(|(id, message)| {
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"text\">{}</td></tr>",
                Escaped(&fit(id, 200)),
                Escaped(&fit(message, 1000))
            )
        })
        .collect();
    let more = match candidates.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!("<p class=\"note\">and {} more</p>", number(more)),
    };
    format!(
        "<details{open}><summary>{heading}: {}</summary><table class=\"plain failures\">\
         <tbody>{rows}</tbody></table>{more}</details>\n",
        number(candidates.len())
    )
}

/// What the scores depend on, and how the page is to be read.
pub fn settings(page: &Page<'_>) -> Option<Section> {
    let mut known: Vec<Group<'_>> = Vec::new();
    for one in &page.search.ranked {
        for (name, settings) in &one.scored {
            let place = known.iter().position(|group| *group.settings == **settings);
            match place {
                Some(place) => known[place].take(name, &one.id),
                None if known.len() < MOST_SETTINGS => {
                    known.push(Group::new(settings, name, &one.id));
                }
                None => {}
            }
        }
    }
    let mut body = String::new();
    if let Some(warning) = &page.search.warning {
        body += &format!(
            "<p class=\"warning\">{}.</p>\n",
            Escaped(&fit(warning, 400))
        );
    }
    for group in known.iter().take(SETTINGS) {
        body += &setting(group);
    }
    body += "<p class=\"note\">Larger scores are better. Spearman’s ρ compares two orders: 1 where they \
             are the same, 0 where one says nothing about the other, −1 where they are reversed; ties \
             have their average rank. Its interval is Bonett and Wright’s (2000). Only candidates that \
             have both values count.</p>\n";
    Some(Section {
        id: "settings",
        heading: "How it was made",
        body,
    })
}

/// Scores that rest on the same.
struct Group<'p> {
    settings: &'p Settings,
    names: BTreeSet<&'p str>,
    candidates: BTreeSet<&'p str>,
}

impl<'p> Group<'p> {
    fn new(settings: &'p Settings, name: &'p str, id: &'p str) -> Self {
        Self {
            settings,
            names: BTreeSet::from([name]),
            candidates: BTreeSet::from([id]),
        }
    }

    fn take(&mut self, name: &'p str, id: &'p str) {
        self.names.insert(name);
        self.candidates.insert(id);
    }

    /// A field as it is read; what a list or an object holds, one by one.
    fn text(&self, name: &str) -> String {
        let one = |value: &Value| match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let text = match self.settings.get(name) {
            None => String::new(),
            Some(Value::Array(values)) => values.iter().map(one).collect::<Vec<_>>().join(", "),
            Some(Value::Object(sizes)) => {
                let sizes = sizes
                    .iter()
                    .map(|(name, size)| format!("{} {name}", one(size)));
                sizes.collect::<Vec<_>>().join(", ")
            }
            Some(value) => one(value),
        };
        fit(&text, 120)
    }
}

fn setting(group: &Group<'_>) -> String {
    let names: Vec<&str> = group.names.iter().copied().collect();
    let facts = [
        ("Scores", fit(&names.join(", "), 120)),
        ("Candidates", number(group.candidates.len())),
        ("Data", group.text("data")),
        ("SHA-256 of the data", group.text("data_sha256")),
        ("Samples", group.text("samples")),
        ("Inputs instead of samples", group.text("inputs")),
        ("Seeds", group.text("seeds")),
        ("Network", group.text("network")),
        ("Norm", group.text("norm")),
        ("Initialisation", group.text("init")),
        ("Number type", group.text("dtype")),
        (
            "Made by",
            format!(
                "{}, libtorch {}",
                group.text("tool"),
                group.text("libtorch")
            ),
        ),
    ];
    let facts: String = facts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            format!(
                "<div><dt>{name}</dt><dd>{}</dd></div>",
                Escaped(&fit(value, 160))
            )
        })
        .collect();
    format!("<dl class=\"facts\">{facts}</dl>\n")
}
