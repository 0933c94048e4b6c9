//! Results as rows and columns.

use knas_records::Output;
use knas_records::sheet::{Format, Sheet, short};

use crate::candidates::BASELINES;
use crate::report::{AtK, Judgement, Part, Search, Statistic};

/// Writes a heading, where the format has such a thing.
///
/// # Errors
/// Those of the output.
pub fn write_heading(text: &str, format: Format, output: &mut Output) -> anyhow::Result<()> {
    match format {
        Format::Table => output.write_text(&format!("{text}\n\n"))?,
        Format::Markdown => output.write_text(&format!("**{text}**\n\n"))?,
        Format::Latex => output.write_text(&format!("% {text}\n"))?,
        Format::Ndjson | Format::Csv | Format::Tsv => {}
    }
    Ok(())
}

/// Order within all, the best half and the best tenth, for people.
pub fn agreement_sheet(judgements: &[&Judgement]) -> Sheet {
    let mut sheet = Sheet::new();
    sheet.text("score");
    sheet.number("n");
    for part in ["", " best 1/2", " best 1/10"] {
        sheet.number(format!("Spearman{part}"));
        sheet.number(format!("Kendall{part}"));
    }
    for judgement in judgements {
        let mut row = vec![judgement.score.clone(), judgement.all.n.to_string()];
        for part in judgement.parts() {
            let of = |pick: fn(&Part) -> Option<Statistic>| {
                part.and_then(pick).map_or_else(String::new, with_interval)
            };
            row.push(of(|part| part.spearman));
            row.push(of(|part| part.kendall));
        }
        sheet.row(row);
    }
    sheet
}

/// What selections are worth, for people.
pub fn selection_sheet(judgements: &[&Judgement], k: &[u32]) -> Sheet {
    let mut sheet = Sheet::new();
    sheet.text("score");
    sheet.number("top-1");
    for k in k {
        sheet.number(format!("regret@{k}"));
        sheet.number(format!("precision@{k}"));
    }
    for baseline in BASELINES {
        sheet.number(format!("beats {baseline}"));
    }
    let seeds = judgements
        .iter()
        .any(|judgement| judgement.between_seeds.is_some());
    if seeds {
        sheet.number("between seeds");
    }
    for judgement in judgements {
        let share = |share: Option<f64>| {
            share.map_or_else(String::new, |share| format!("{:.1} %", 100.0 * share))
        };
        let mut row = vec![judgement.score.clone()];
        row.push(
            judgement
                .top
                .as_ref()
                .map_or_else(String::new, |top| short(top.value)),
        );
        for k in k {
            let at = judgement.at_k(*k);
            row.push(at.map_or_else(String::new, |at| short(at.regret)));
            row.push(share(at.map(|at| at.precision)));
        }
        row.extend(BASELINES.map(|baseline| share(judgement.share(baseline))));
        if seeds {
            row.push(judgement.between_seeds.map_or_else(String::new, decimals));
        }
        sheet.row(row);
    }
    sheet
}

/// Everything in one row per score, for programs.
pub fn full_sheet(judgements: &[&Judgement], k: &[u32]) -> Sheet {
    let mut sheet = Sheet::new();
    sheet.text("truth");
    sheet.text("score");
    for part in ["", "half_", "tenth_"] {
        sheet.number(format!("{part}n"));
        for name in ["spearman", "kendall"] {
            for end in ["", "_lo", "_hi"] {
                sheet.number(format!("{part}{name}{end}"));
            }
        }
    }
    sheet.text("top_id");
    sheet.number("top_value");
    for k in k {
        sheet.number(format!("regret_at_{k}"));
        sheet.number(format!("precision_at_{k}"));
    }
    for baseline in BASELINES {
        sheet.number(format!("beats_{baseline}"));
    }
    sheet.number("between_seeds");
    for judgement in judgements {
        let mut row = vec![judgement.truth.clone(), judgement.score.clone()];
        for part in judgement.parts() {
            row.push(part.map_or_else(String::new, |part| part.n.to_string()));
            for statistic in [
                part.and_then(|part| part.spearman),
                part.and_then(|part| part.kendall),
            ] {
                row.push(exact(statistic.map(|statistic| statistic.value)));
                row.push(exact(statistic.and_then(|statistic| statistic.lo)));
                row.push(exact(statistic.and_then(|statistic| statistic.hi)));
            }
        }
        row.push(
            judgement
                .top
                .as_ref()
                .map_or_else(String::new, |top| top.id.clone()),
        );
        row.push(exact(judgement.top.as_ref().map(|top| top.value)));
        for k in k {
            let at = judgement.at_k(*k);
            row.push(exact(at.map(|at| at.regret)));
            row.push(exact(at.map(|at| at.precision)));
        }
        row.extend(BASELINES.map(|baseline| exact(judgement.share(baseline))));
        row.push(exact(judgement.between_seeds));
        sheet.row(row);
    }
    sheet
}

/// What searches reach.
pub fn search_sheet(searches: &[&Search], format: Format) -> Sheet {
    let mut sheet = Sheet::new();
    let for_people = format.is_for_people();
    if !for_people {
        sheet.text("truth");
    }
    sheet.text("coarse");
    if !for_people {
        for name in ["n", "pool", "k", "fine", "reps"] {
            sheet.number(name);
        }
    }
    for name in ["mean", "standard_error", "lo", "hi"] {
        sheet.number(if for_people {
            name.replace('_', " ")
        } else {
            name.to_owned()
        });
    }
    for search in searches {
        let numbers = [
            Some(search.mean),
            search.standard_error,
            search.lo,
            search.hi,
        ];
        let mut row = Vec::new();
        if for_people {
            row.push(search.coarse.clone());
            let digits = if search.mean.abs() < 2.0 { 4 } else { 2 }; // shares, percent
            row.extend(numbers.map(|number| match number {
                Some(number) => format!("{number:.digits$}"),
                None => String::new(),
            }));
        } else {
            row.extend([search.truth.clone(), search.coarse.clone()]);
            row.push(search.n.map_or_else(String::new, |n| n.to_string()));
            row.extend([search.pool, search.k].map(|count| count.to_string()));
            row.extend([search.fine.clone(), search.reps.to_string()]);
            row.extend(numbers.map(exact));
        }
        sheet.row(row);
    }
    sheet
}

impl Judgement {
    fn parts(&self) -> [Option<&Part>; 3] {
        [
            Some(&self.all),
            self.best_half.as_ref(),
            self.best_tenth.as_ref(),
        ]
    }

    fn at_k(&self, k: u32) -> Option<&AtK> {
        self.at_k.iter().find(|at| at.k == k)
    }

    fn share(&self, baseline: &str) -> Option<f64> {
        self.beats
            .iter()
            .find(|beats| beats.baseline == baseline)
            .map(|beats| beats.share)
    }
}

fn exact(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn with_interval(statistic: Statistic) -> String {
    let value = decimals(statistic.value);
    match (statistic.lo, statistic.hi) {
        (Some(lo), Some(hi)) => format!("{value} [{}, {}]", decimals(lo), decimals(hi)),
        _ => value,
    }
}

/// Three decimals, the way correlations are written: `.591`, `-.050`, `1.000`.
fn decimals(value: f64) -> String {
    let text = format!("{value:.3}");
    match text.strip_prefix("-0.").or(text.strip_prefix("0.")) {
        Some("000") => ".000".to_owned(),
        Some(digits) if value < 0.0 => format!("-.{digits}"),
        Some(digits) => format!(".{digits}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_written_without_a_zero() {
        let shown = [
            (0.5912, ".591"),
            (-0.05, "-.050"),
            (1.0, "1.000"),
            (-1.0, "-1.000"),
            (-0.0001, ".000"),
        ];
        for (value, text) in shown {
            assert_eq!(decimals(value), text);
        }
        let statistic = Statistic {
            value: 0.5,
            lo: Some(0.25),
            hi: Some(0.75),
        };
        assert_eq!(with_interval(statistic), ".500 [.250, .750]");
    }
}
