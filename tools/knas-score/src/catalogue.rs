//! Which scores there are, and which were asked for.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use knas_net::Norm;
use knas_proxy::{Info, PROXIES, Proxy};
use serde_json::json;

use crate::cli::ListFormat;

/// The scores that names and groups stand for, each once, in that order. Of a
/// group, those that are defined for networks that read texts, or else look at
/// images.
pub fn choose(names: &[String], texts: bool) -> Result<Vec<&'static dyn Proxy>> {
    let mut chosen: Vec<&'static dyn Proxy> = Vec::new();
    for name in names {
        let found = match knas_proxy::by_name(name) {
            Some(proxy) => vec![proxy],
            None => knas_proxy::group(name),
        };
        if found.is_empty() {
            bail!("there is no score \"{name}\" (--list-proxies lists them)");
        }
        let here = |proxy: &&dyn Proxy| proxy.info().scope.holds(texts);
        let found: Vec<_> = found.into_iter().filter(here).collect();
        if found.is_empty() {
            let (known, given) = match texts {
                true => ("images", "texts"),
                false => ("texts", "images"),
            };
            bail!("\"{name}\" is for {known}, and --data is {given} (see --list-proxies)");
        }
        for proxy in found {
            if !chosen
                .iter()
                .any(|other| other.info().name == proxy.info().name)
            {
                chosen.push(proxy);
            }
        }
    }
    Ok(chosen)
}

/// All scores, as text.
pub fn list(format: ListFormat) -> String {
    let mut text = String::new();
    for proxy in PROXIES {
        let info = proxy.info();
        match format {
            ListFormat::Ndjson => text += &format!("{}\n", record(info)),
            ListFormat::Table => entry(&mut text, info),
        }
    }
    text
}

fn record(info: &Info) -> serde_json::Value {
    json!({
        "name": info.name,
        "summary": info.summary,
        "direction": "larger is better",
        "negated": info.negated,
        "norm": info.norm.map(norm_name),
        "init": info.init.map(|init| init.name()),
        "inputs": info.inputs,
        "dtype": info.dtype,
        "for": info.scope.name(),
        "labels": info.labels,
        "passes": info.passes,
        "groups": info.groups,
        "source": info.source,
    })
}

fn entry(text: &mut String, info: &Info) {
    let norm = info.norm.map_or("-", norm_name);
    let init = info.init.map_or("-", |init| init.name());
    let labels = if info.labels { "labels" } else { "no labels" };
    let sign = if info.negated { ", negated" } else { "" };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:<20} {}", info.name, info.summary);
    let _ = writeln!(
        text,
        "{:<20} for {}, norm {norm}, init {init}, inputs {}, {labels}{sign}, passes {}; groups {}",
        "",
        info.scope.name(),
        info.inputs,
        info.passes,
        info.groups.join(" ")
    );
    let _ = writeln!(text, "{:<20} {}", "", info.source);
}

/// The name that flags and records use.
pub fn norm_name(norm: Norm) -> &'static str {
    match norm {
        Norm::Sample => "sample",
        Norm::Batch => "batch",
        Norm::Train => "train",
        Norm::Eval => "eval",
        Norm::Off => "off",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[&str]) -> Vec<&'static str> {
        let of: Vec<String> = of.iter().map(|&n| n.to_owned()).collect();
        choose(&of, false)
            .unwrap()
            .iter()
            .map(|p| p.info().name)
            .collect()
    }

    #[test]
    fn names_and_groups_are_chosen_once_and_in_order() {
        assert_eq!(names(&["macs", "cheap", "mgm"])[..2], ["macs", "params"]);
        let said = |name: &str, texts| choose(&[name.to_owned()], texts).unwrap_err().to_string();
        assert!(said("mgn", false).contains("\"mgn\""));
        assert_eq!(
            said("naswot", true),
            "\"naswot\" is for images, and --data is texts (see --list-proxies)"
        );
        assert!(said("text", false).contains("is for texts"));
        let all = |texts| choose(&["all".to_owned()], texts).unwrap();
        for proxy in PROXIES {
            let name = proxy.info().name;
            let held = |texts: bool| all(texts).iter().any(|p| p.info().name == name);
            assert!(held(true) || held(false), "{name}");
            assert_eq!(held(true), proxy.info().scope.holds(true), "{name}");
        }
    }

    #[test]
    fn every_score_is_listed() {
        let records = list(ListFormat::Ndjson);
        assert_eq!(records.lines().count(), PROXIES.len());
        for (line, proxy) in records.lines().zip(PROXIES) {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(record["name"], proxy.info().name);
        }
        assert!(list(ListFormat::Table).contains("mgm-released"));
    }
}
