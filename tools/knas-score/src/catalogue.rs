//! Which scores there are, and which were asked for.

use anyhow::{Result, bail};
use knas_net::Norm;
use knas_proxy::{PROXIES, Proxy};

/// The names of all scores and groups.
pub fn names() -> Vec<&'static str> {
    let scores = PROXIES.iter().map(|proxy| proxy.info().name);
    let groups = PROXIES.iter().flat_map(|proxy| proxy.info().groups);
    let mut names: Vec<&str> = scores.chain(["all"]).collect();
    for group in groups {
        if !names.contains(group) {
            names.push(group);
        }
    }
    names
}

/// What can be listed: one score, or all in one of two formats.
pub fn listings() -> Vec<&'static str> {
    let scores = PROXIES.iter().map(|proxy| proxy.info().name);
    ["table", "ndjson"].into_iter().chain(scores).collect()
}

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
        assert_eq!(
            said("naswot", true),
            "\"naswot\" is for images, and --data is texts (see --list-proxies)"
        );
        assert!(said("text", false).contains("is for texts"));
        let all = |texts| choose(&["all".to_owned()], texts).unwrap();
        for proxy in PROXIES.iter().filter(|proxy| !proxy.info().measured) {
            let name = proxy.info().name;
            let held = |texts: bool| all(texts).iter().any(|p| p.info().name == name);
            assert!(held(true) || held(false), "{name}");
            assert_eq!(held(true), proxy.info().scope.holds(true), "{name}");
        }
        // What differs from run to run is asked for by its name.
        assert!(
            !all(false)
                .iter()
                .any(|proxy| proxy.info().name == "latency")
        );
        assert!(names(&["costs"]).contains(&"latency"));
    }

    #[test]
    fn tools_that_only_rank_complete_the_same_names() {
        for proxy in PROXIES {
            let name = proxy.info().name;
            assert!(knas_records::schema::RANKED_BY.contains(&name), "{name}");
        }
    }
}
