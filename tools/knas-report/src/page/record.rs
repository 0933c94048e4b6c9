//! What failed and why, and what the scores depend on.

use std::collections::BTreeMap;

use knas_records::schema::Scored;

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
        body += &format!(
            "<details{open}><summary><b>{}</b> in {}: {}</summary><table class=\"plain failures\">\
             <tbody>{rows}</tbody></table>{more}</details>\n",
            Escaped(&fit(kind, 60)),
            Escaped(&fit(stage, 60)),
            number(candidates.len())
        );
    }
    Some(Section {
        id: "failures",
        heading: "Failures",
        body,
    })
}

/// What the scores depend on, and how the page is to be read.
pub fn settings(page: &Page<'_>) -> Option<Section> {
    let mut known: Vec<(&Scored, usize)> = Vec::new();
    for scored in page
        .search
        .ranked
        .iter()
        .filter_map(|one| one.scored.as_ref())
    {
        match known.iter().position(|(other, _)| *other == scored) {
            Some(place) => known[place].1 += 1,
            None if known.len() < MOST_SETTINGS => known.push((scored, 1)),
            None => {}
        }
    }
    let mut body = String::new();
    if known.len() > 1 {
        body += &format!(
            "<p class=\"warning\">The candidates were scored with {} different data, seeds or \
             settings: their scores may not be comparable.</p>\n",
            known.len()
        );
    }
    for (scored, count) in known.iter().take(SETTINGS) {
        body += &setting(scored, *count);
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

fn setting(scored: &Scored, count: usize) -> String {
    let list = |values: Vec<String>| fit(&values.join(", "), 120);
    let seeds = scored.seeds.iter().map(|seed| match seed {
        knas_records::schema::Integer::Number(seed) => seed.to_string(),
        knas_records::schema::Integer::Digits(seed) => seed.clone(),
    });
    let network = scored
        .network
        .iter()
        .map(|(name, size)| format!("{size} {name}"));
    let facts = [
        ("Candidates", number(count)),
        ("Data", scored.data.clone()),
        ("SHA-256 of the data", list(scored.data_sha256.clone())),
        ("Samples", scored.samples.to_string()),
        ("Seeds", list(seeds.collect())),
        ("Network", list(network.collect())),
        ("Norm", scored.norm.clone()),
        ("Initialisation", scored.init.clone()),
        ("Number type", scored.dtype.clone()),
        (
            "Made by",
            format!("{}, libtorch {}", scored.tool, scored.libtorch),
        ),
    ];
    let facts: String = facts
        .iter()
        .map(|(name, value)| {
            format!(
                "<div><dt>{name}</dt><dd>{}</dd></div>",
                Escaped(&fit(value, 160))
            )
        })
        .collect();
    format!("<dl class=\"facts\">{facts}</dl>\n")
}
