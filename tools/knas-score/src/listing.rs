//! `--list-proxies`: what scores there are, and how well they rank.

use anyhow::{Context as _, Result};
use knas_proxy::{Info, PROXIES};
use knas_records::Output;
use knas_records::sheet::{Format, Sheet};
use serde_json::json;

use crate::catalogue::norm_name;

/// The page with the rank correlations that were measured.
const MEASURED: &str = include_str!("../../../scripts/bench.md");

/// Writes all scores as a `table` or as `ndjson`, or tells all of one.
pub fn write(listing: &str, out: &mut Output) -> Result<()> {
    match listing {
        "table" => table().write(Format::Table, out)?,
        "ndjson" => {
            for proxy in PROXIES {
                out.write_text(&format!("{}\n", record(proxy.info())))?;
            }
        }
        name => {
            let proxy = knas_proxy::by_name(name).with_context(|| format!("no score {name}"))?;
            out.write_text(&entry(proxy.info()))?;
        }
    }
    Ok(())
}

/// Spearman with the accuracies of NAS-Bench-201 on CIFAR-10, CIFAR-100 and
/// ImageNet16-120, over 1,000 cells.
fn measured(name: &str) -> Option<[&'static str; 3]> {
    let (_, table) = MEASURED.split_once("| score | measured | published |")?;
    let start = format!("| `{name}` | ");
    let row = table.lines().find_map(|line| line.strip_prefix(&start))?;
    let (values, _) = row.split_once(" |")?;
    let mut values = values.split(' ');
    Some([values.next()?, values.next()?, values.next()?])
}

fn table() -> Sheet {
    let mut sheet = Sheet::new();
    sheet.text("score");
    sheet.number("rho C10");
    sheet.number("C100");
    sheet.number("IN16");
    sheet.text("passes");
    sheet.text("for");
    sheet.text("what it is");
    for proxy in PROXIES {
        let info = proxy.info();
        let mut row = vec![info.name.to_owned()];
        row.extend(measured(info.name).unwrap_or_default().map(str::to_owned));
        row.extend([info.passes, info.scope.name(), info.summary].map(str::to_owned));
        sheet.row(row);
    }
    sheet
}

fn record(info: &Info) -> serde_json::Value {
    json!({
        "name": info.name,
        "summary": info.summary,
        "direction": match info.cost {
            true => "smaller is better",
            false => "larger is better",
        },
        "measured": info.measured,
        "negated": info.negated,
        "norm": info.norm.map(norm_name),
        "init": info.init.map(|init| init.name()),
        "inputs": info.inputs,
        "for": info.scope.name(),
        "labels": info.labels,
        "passes": info.passes,
        "groups": info.groups,
        "source": info.source,
        "arxiv": info.arxiv().collect::<Vec<_>>(),
        "spearman": measured(info.name).map(|values| {
            let number = |text: &str| text.parse::<f64>().ok();
            json!({
                "cifar10": number(values[0]),
                "cifar100": number(values[1]),
                "imagenet16-120": number(values[2]),
            })
        }),
    })
}

fn entry(info: &Info) -> String {
    let ranks = match measured(info.name) {
        Some([c10, c100, in16]) => format!(
            "rho {c10} on CIFAR-10, {c100} on CIFAR-100, {in16} on ImageNet16-120 (1,000 cells of NAS-Bench-201)"
        ),
        None if info.cost => "not meant to: it is a cost".to_owned(),
        None => "not measured".to_owned(),
    };
    let value = match info.measured {
        true => "measured: it differs from run to run and between machines",
        false => "computed: the same again, to the bit",
    };
    let sign = match (info.negated, info.cost) {
        (_, true) => "smaller is better: it ranks by its negative, as --by -NAME does",
        (true, _) => "larger is better: the published quantity times -1",
        (false, _) => "larger is better",
    };
    let lines = [
        ("what it is", info.summary),
        ("source", info.source),
        ("ranks", &ranks),
        ("sign", sign),
        ("value", value),
        ("for", info.scope.name()),
        ("inputs", info.inputs),
        (
            "labels",
            if info.labels {
                "matter"
            } else {
                "do not matter"
            },
        ),
        ("norm", info.norm.map_or("-", norm_name)),
        ("weights", info.init.map_or("-", |init| init.name())),
        ("passes", info.passes),
        ("groups", &info.groups.join(" ")),
    ];
    let lines = lines.map(|(name, value)| format!("  {name:<12}{value}\n"));
    format!("{}\n{}", info.name, lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_found_for_every_score_of_images() {
        let missing = PROXIES.iter().map(|proxy| proxy.info());
        let missing: Vec<&str> = missing
            .filter(|info| info.scope.holds(false) && measured(info.name).is_none())
            .map(|info| info.name)
            .collect();
        assert_eq!(missing[..2], ["memory", "latency"]);
        assert!(missing.len() <= 3, "{missing:?}");
        assert_eq!(measured("mgm"), Some(["0.659", "0.655", "0.602"]));
        let papers: Vec<&str> = PROXIES.iter().flat_map(|p| p.info().arxiv()).collect();
        assert!(papers.len() > 20 && papers[0] == "2111.13293", "{papers:?}");
        for number in papers {
            let (month, paper) = number.split_once('.').unwrap();
            assert!(
                [month, paper].iter().all(|n| n.parse::<u32>().is_ok()),
                "{number}"
            );
        }
        let told = |name: &str| entry(knas_proxy::by_name(name).unwrap().info());
        assert!(told("mgm-released").contains("rho 0.073"));
        assert!(told("mgm-released").contains("computed: the same again"));
        assert!(told("latency").contains("measured: it differs from run to run"));
        assert!(told("memory").contains("smaller is better"));
    }
}
