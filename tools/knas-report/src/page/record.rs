//! What failed and why, and how everything was made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use knas_records::Failure;
use knas_records::provenance::Settings;
use maud::{Markup, html};

use crate::page::overview::number;
use crate::page::{Page, Section, facts};
use crate::plot::fit;
use crate::provenance;
use crate::svg::Escaped;

/// Candidates of one message that are named.
const NAMED: usize = 200;

/// Different messages that are told.
const MESSAGES: usize = 100;

/// Different settings that are told.
const SETTINGS: usize = 6;

/// Command lines of a stage that are told.
const COMMANDS: usize = 20;

/// Failed candidates by what their messages say; none where none failed.
pub fn failures(page: &Page<'_>) -> Option<Section> {
    let failed = &page.search.failed;
    if failed.is_empty() {
        return None;
    }
    let groups = grouped(failed);
    let all = page.search.candidates.iter();
    let shown = all.filter(|one| one.failure.is_some()).count();
    let total = page.search.candidates.len() + failed.len() - shown;
    let body = html! {
        p {
            (number(failed.len())) " of " (number(total)) " candidates failed"
            @if shown > 0 { "; " (number(shown)) " of them have scores and are shown all the same" }
            "."
        }
        (reasons(&groups, ["Stage", "Kind", "Message"]))
    };
    Some(Section {
        id: "failures",
        heading: "Failures",
        body,
    })
}

/// Scores that have no value, which is no failure; none where all have one.
pub fn undefined(page: &Page<'_>) -> Option<Section> {
    let undefined = &page.search.undefined;
    if undefined.is_empty() {
        return None;
    }
    let groups: Vec<Group<'_>> = undefined
        .iter()
        .map(|(name, reason, ids)| Group {
            cells: [name.clone(), String::new(), reason.clone()],
            ids: ids.iter().map(String::as_str).collect(),
        })
        .collect();
    let body = html! {
        p class="note" {
            "A score without a value for a network is mathematics and no failure: its candidate is ranked by \
             the other scores."
        }
        (reasons(&groups, ["Score", "", "Reason"]))
    };
    Some(Section {
        id: "undefined",
        heading: "Undefined scores",
        body,
    })
}

/// Candidates of which the same is said.
struct Group<'g> {
    cells: [String; 3],
    ids: Vec<&'g str>,
}

/// Failures of one stage, kind and message, the most frequent first; a
/// candidate's own id in its message makes no difference.
fn grouped(failed: &[(String, Failure)]) -> Vec<Group<'_>> {
    let mut groups = BTreeMap::<[String; 3], Vec<&str>>::new();
    for (id, failure) in failed {
        let message = match id.len() {
            // Of a short id any text may be full.
            ..3 => failure.message.clone(),
            _ => failure.message.replace(id.as_str(), "ID"),
        };
        let key = [failure.stage.clone(), failure.kind.clone(), message];
        groups.entry(key).or_default().push(id);
    }
    let groups = groups.into_iter().map(|(cells, ids)| Group { cells, ids });
    let mut groups: Vec<Group<'_>> = groups.collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.ids.len()));
    groups
}

fn reasons(groups: &[Group<'_>], heads: [&str; 3]) -> Markup {
    let heads: Vec<(usize, &str)> = heads
        .into_iter()
        .enumerate()
        .filter(|(_, head)| !head.is_empty())
        .collect();
    html! {
        div class="scroll" {
            table class="plain failures" {
                thead { tr {
                    th scope="col" { "Candidates" }
                    @for (_, head) in &heads { th scope="col" class="text" { (head) } }
                } }
                tbody {
                    @for group in groups.iter().take(MESSAGES) { tr {
                        td { (number(group.ids.len())) }
                        @for (at, _) in &heads {
                            td class="text" {
                                (Escaped(&fit(&group.cells[*at], 1000)))
                                @if *at == 2 { (ids(&group.ids)) }
                            }
                        }
                    } }
                }
            }
        }
        @if groups.len() > MESSAGES {
            p class="note" { "and " (number(groups.len() - MESSAGES)) " other messages" }
        }
    }
}

/// The candidates of a group, out of the way where they are many.
fn ids(ids: &[&str]) -> Markup {
    let named: Vec<String> = ids.iter().take(NAMED).map(|id| fit(id, 200)).collect();
    let more = match ids.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {} more", number(more)),
    };
    html! {
        details open[ids.len() <= 3] {
            summary { "which" }
            p class="ids" { (Escaped(&named.join(", "))) (more) }
        }
    }
}

/// The command lines, what the scores depend on, and how the page is to be
/// read.
pub fn made(page: &Page<'_>) -> Option<Section> {
    let body = html! {
        (commands(page))
        (settings(page))
        p class="note" {
            "Larger scores are better. Spearman’s ρ compares two orders: 1 where they are the same, 0 where one \
             says nothing about the other, −1 where they are reversed; ties have their average rank. Only \
             candidates that have both values count, and fewer than 10 say nothing."
        }
    };
    Some(Section {
        id: "made",
        heading: "How it was made",
        body,
    })
}

fn commands(page: &Page<'_>) -> Markup {
    let stages = page.stages.iter();
    let stages: Vec<_> = stages.filter(|stage| !stage.commands.is_empty()).collect();
    html! {
        @if !stages.is_empty() {
            h3 { "Command lines" }
            ul class="commands" {
                @for stage in stages {
                    @for (command, count) in stage.commands.iter().take(COMMANDS) {
                        li {
                            code { (Escaped(&fit(command, 2000))) }
                            " " span class="muted" { (number(*count)) " candidates" }
                        }
                    }
                    @if stage.commands.len() > COMMANDS {
                        li { "and " (number(stage.commands.len() - COMMANDS)) " more of this stage" }
                    }
                }
            }
        }
    }
}

/// Scores that rest on the same.
struct Rest<'p> {
    settings: &'p Arc<Settings>,
    columns: BTreeSet<usize>,
    candidates: usize,
}

fn settings(page: &Page<'_>) -> Markup {
    let rests = rests(page);
    let names = |rest: &Rest<'_>| {
        let columns = rest.columns.iter();
        let names = columns.map(|&at| page.search.names[at].as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let told = |rest: &Rest<'_>| -> Vec<(String, String)> {
        let mut told = vec![
            ("scores".to_owned(), fit(&names(rest), 240)),
            ("candidates".to_owned(), number(rest.candidates)),
        ];
        let facts = provenance::facts(rest.settings).into_iter();
        told.extend(facts.map(|(name, value)| (fit(&name, 60), fit(&value, 240))));
        told
    };
    html! {
        @if let Some(warning) = &page.search.warning {
            p class="warning" { (Escaped(&fit(warning, 400))) "." }
        }
        @if !rests.is_empty() { h3 { "Settings of scoring" } }
        @for rest in rests.iter().take(SETTINGS) { (facts(&told(rest))) }
        @if rests.len() > SETTINGS {
            p class="note" { "and " (number(rests.len() - SETTINGS)) " other settings" }
        }
    }
}

fn rests<'p>(page: &'p Page<'_>) -> Vec<Rest<'p>> {
    let mut rests: Vec<Rest<'_>> = Vec::new();
    for candidate in &page.search.candidates {
        let mut seen = BTreeSet::new();
        for (column, settings) in &candidate.scored {
            let same =
                |rest: &Rest<'_>| Arc::ptr_eq(rest.settings, settings) || rest.settings == settings;
            let place = rests.iter().position(same).unwrap_or_else(|| {
                rests.push(Rest {
                    settings,
                    columns: BTreeSet::new(),
                    candidates: 0,
                });
                rests.len() - 1
            });
            rests[place].columns.insert(*column);
            rests[place].candidates += usize::from(seen.insert(place));
        }
    }
    rests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_is_told_once() {
        let failure = |id: &str, message: &str| {
            let failure = Failure::new("score", "timeout", message);
            (id.to_owned(), failure)
        };
        let failed = [
            failure("cell-1", "it has no path"),
            failure("cell-2", "cell-2 took more than 5 s"),
            failure("cell-3", "cell-3 took more than 5 s"),
        ];
        let groups = grouped(&failed);
        let told: Vec<_> = groups
            .iter()
            .map(|group| (group.cells[2].as_str(), group.ids.len()))
            .collect();
        assert_eq!(told, [("ID took more than 5 s", 2), ("it has no path", 1)]);
    }
}
