//! How well every score ranks, as a table for each accuracy.

use knas_stats::Part;
use maud::{Markup, html};

use crate::page::cost::duration;
use crate::page::overview::number;
use crate::page::{Page, Section, scrolling};
use crate::plot::fit;
use crate::plot::heat::show;
use crate::scores::{Row, Table};
use crate::svg::Escaped;

/// All tables; the script leaves the one that is chosen.
pub fn scores(page: &Page<'_>) -> Option<Section> {
    let first = page.tables.first()?;
    let judged = first.truth.is_some();
    let k = page.winners.max(1);
    let body = html! {
        (switch(page))
        @for table in page.tables {
            div class="judged" data-truth=[table.truth] {
                @if let Some(truth) = table.truth.filter(|_| page.tables.len() > 1) {
                    h3 { "Against " (Escaped(&fit(&page.search.columns[truth].name, 80))) }
                }
                (scrolling("How well every score ranks", &self::table(page, table, k)))
            }
        }
        p class="note" {
            @if judged {
                "ρ and τ compare the order by score with the order by accuracy, over all candidates that \
                 have both, and over the best tenth of them by accuracy. Top 1 is the accuracy of the first \
                 by score; precision@" (k) " the share of the " (k) " best by score that are among the " (k)
                " best by accuracy; regret@" (k) " the best accuracy there is, less the best of the " (k)
                " best by score: what a perfect fine step would still miss. The interval of ρ holds 95 %, \
                 in closed form (Bonett and Wright, 2000); "
                code { "knas-eval" } " resamples. "
            }
            "Time is that of scoring one candidate, together with the other scores that were asked for at once."
        }
    };
    Some(Section {
        id: "scores",
        heading: "Scores",
        body,
    })
}

/// Where there are several accuracies: which one scores are held against, for
/// this table and for the plot.
fn switch(page: &Page<'_>) -> Markup {
    let truths: Vec<usize> = page.tables.iter().filter_map(|table| table.truth).collect();
    html! {
        @if truths.len() > 1 {
            div class="controls" hidden {
                label {
                    "Held against "
                    select id="truth" {
                        @for truth in truths {
                            option value=(truth) { (Escaped(&fit(&page.search.columns[truth].name, 60))) }
                        }
                    }
                }
            }
        }
    }
}

fn table(page: &Page<'_>, table: &Table, k: usize) -> Markup {
    let rows = &table.rows;
    let any = |has: fn(&Row) -> bool| rows.iter().any(has);
    let (seeds, cost) = (
        any(|row| row.between_seeds.is_some()),
        any(|row| row.cost.is_some()),
    );
    let judged = table.truth.is_some();
    let tenth = any(|row| {
        row.judgement
            .as_ref()
            .is_some_and(|one| one.best_tenth.is_some())
    });
    let head = |name: &str| html! { th scope="col" { (name) } };
    html! {
        table class="plain fixed" {
            thead { tr {
                th scope="col" class="text" { "Score" }
                @if judged {
                    (head("Spearman’s ρ")) (head("95 % interval")) (head("Kendall’s τ"))
                    @if tenth { (head("ρ, best tenth")) }
                    (head("Top 1, %")) (head(&format!("Precision@{k}"))) (head(&format!("Regret@{k}, %")))
                }
                @if seeds { (head("ρ between seeds")) }
                @if cost { (head("Time")) }
                (head("n"))
            } }
            tbody { @for row in rows { tr {
                th scope="row" { (Escaped(&fit(&page.search.columns[row.column].label(), 40))) }
                @if judged { (judgement(row, tenth)) }
                @if seeds { td { (correlation(row.between_seeds)) } }
                @if cost { td { (self::cost(row)) } }
                td { (number(row.n)) }
            } } }
        }
    }
}

fn judgement(row: &Row, tenth: bool) -> Markup {
    let found = row.judgement.as_ref();
    let part = |part: Option<&Part>| part.and_then(|part| Some(part.spearman?.value));
    let kendall = found.and_then(|found| Some(found.all.kendall?.value));
    let interval = row.interval.map_or_else(String::new, |range| {
        format!("{} to {}", show(range.lo), show(range.hi))
    });
    let at_k = found.and_then(|found| found.at_k.first());
    html! {
        td { b { (correlation(row.spearman())) } }
        td { (interval) }
        td { (correlation(kendall)) }
        @if tenth { td { (correlation(part(found.and_then(|found| found.best_tenth.as_ref())))) } }
        td { (row.top.map_or_else(String::new, |top| format!("{top:.2}"))) }
        td { (at_k.map_or_else(String::new, |at| format!("{:.0} %", 100.0 * at.precision))) }
        td { (at_k.map_or_else(String::new, |at| format!("{:.2}", at.regret))) }
    }
}

fn correlation(value: Option<f64>) -> String {
    value.map_or_else(String::new, show)
}

fn cost(row: &Row) -> Markup {
    html! {
        @if let Some(cost) = row.cost {
            (duration(cost.milliseconds / 1000.0))
            @match cost.others {
                0 => {},
                1 => span class="muted" { " with 1 other" },
                others => span class="muted" { " with " (number(others)) " others" },
            }
        }
    }
}
