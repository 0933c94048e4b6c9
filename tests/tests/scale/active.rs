//! `scripts/active.sh`, with a training that takes no time: accuracy follows the
//! parameters.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use knas_tests::{Tool, scratch};
use serde_json::Value;

use crate::{expect, path, said, script};

/// Trains as knas-finetune would: the last argument's records go to the file
/// after `-o`. Where there is a file `stop` it is interrupted, and a candidate
/// whose id is in `hopeless` fails and is left out.
const TRAIN: &str = r#"#!/bin/sh
[ ! -e stop ] || exit 130
for word; do
    [ "$before" != -o ] || output=$word
    before=$word
done
code=0
while read -r line; do
    id=$(printf '%s' "$line" | sed 's/^{"id":"\([^"]*\)".*/\1/')
    if grep -q -x "$id" hopeless 2>/dev/null; then code=1; continue; fi
    params=$(printf '%s' "$line" | sed 's/.*"params":\([0-9]*\).*/\1/')
    printf '%s,"finetune":{"valid_accuracy":0.%07d,"epochs":2,"stopped":"epochs"}}\n' "${line%\}}" "$params"
done <"$word" >"$output.new"
mv "$output.new" "$output"
exit $code
"#;

/// A folder with 120 scored candidates, the smallest of which come first by
/// `small`; two lack what the others have.
fn prepare(folder: &Path) {
    let sample = Tool::new("knas-sample").args(["-n", "120", "--unique=network"]);
    let mut lines = String::new();
    for (place, mut record) in sample
        .run()
        .expect_code(0)
        .records()
        .into_iter()
        .enumerate()
    {
        let params = record["params"].as_f64().unwrap();
        record["scores"] = serde_json::json!({"small": -params});
        match place {
            40 => record["arch"] = "|none~0|".into(),
            41 => record["scores"] = serde_json::json!({"other": 1}),
            _ => {}
        }
        lines += &format!("{record}\n");
    }
    fs::write(folder.join("scored"), lines).unwrap();
    let tools = folder.join("tools");
    fs::create_dir(&tools).unwrap();
    let train = tools.join("knas-finetune");
    fs::write(&train, TRAIN).unwrap();
    fs::set_permissions(train, fs::Permissions::from_mode(0o755)).unwrap();
}

fn active(folder: &Path, options: &[&str]) -> Command {
    let mut command = script("active.sh", folder);
    let tools = std::iter::once(folder.join("tools"));
    let paths = env::join_paths(tools.chain(env::split_paths(&path()))).unwrap();
    command.env("PATH", paths).args(["-o", "trained"]);
    command.args(["--by", "small"]).args(options).arg("scored");
    command
}

fn trained(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("trained")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn params(records: &[Value]) -> f64 {
    let sum: f64 = records.iter().map(|r| r["params"].as_f64().unwrap()).sum();
    sum / records.len() as f64
}

/// The first ones are the worst. What comes later is better only if the fit is
/// followed, which candidates that it cannot tell anything about are no reason
/// not to do.
#[test]
fn what_the_fit_proposes_is_trained() {
    let folder = scratch();
    prepare(folder.path());
    expect(&mut active(folder.path(), &["--budget", "20"]), 0);
    let found = trained(folder.path());
    let ids: HashSet<&str> = found.iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!((found.len(), ids.len()), (20, 20));
    assert!(params(&found[15..]) > 3.0 * params(&found[..5]));

    // A larger budget goes on, and an interrupted search ends alike.
    let short = fs::read_to_string(folder.path().join("trained")).unwrap();
    expect(&mut active(folder.path(), &["--budget", "30"]), 0);
    let long = fs::read_to_string(folder.path().join("trained")).unwrap();
    assert!(long.starts_with(&short) && long.lines().count() == 30);
    let other = scratch();
    prepare(other.path());
    let stop = other.path().join("stop");
    fs::write(&stop, "").unwrap();
    expect(&mut active(other.path(), &["--budget", "30"]), 130);
    fs::remove_file(stop).unwrap();
    expect(&mut active(other.path(), &["--budget", "30"]), 0);
    let again = fs::read_to_string(other.path().join("trained")).unwrap();
    assert_eq!(again, long);
}

/// Candidates that always fail are tried once, and count.
#[test]
fn what_cannot_be_trained_ends_no_search_and_begins_none_again() {
    let folder = scratch();
    prepare(folder.path());
    let all = fs::read_to_string(folder.path().join("scored")).unwrap();
    let ids = all.lines().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["id"].as_str().unwrap().to_owned() + "\n"
    });
    fs::write(folder.path().join("hopeless"), ids.collect::<String>()).unwrap();
    expect(&mut active(folder.path(), &["--budget", "12"]), 0);
    assert_eq!(trained(folder.path()), Vec::<Value>::new());
}

#[test]
fn a_wrong_flag_spends_no_budget() {
    let folder = scratch();
    prepare(folder.path());
    for (wrong, text) in [
        (["--model", "tree"], "tree"),
        (["--features", "paths"], "paths"),
    ] {
        let output = expect(&mut active(folder.path(), &wrong), 2);
        assert!(said(&output).contains(text), "{}", said(&output));
    }
    let scored = folder.path().join("scored");
    let text = fs::read_to_string(&scored).unwrap();
    fs::write(&scored, text.replace("{\"id\":", "{\"x\":1,\"id\":")).unwrap();
    let output = expect(&mut active(folder.path(), &[]), 2);
    assert!(
        said(&output).contains("do not begin with"),
        "{}",
        said(&output)
    );
    assert!(!folder.path().join("trained").exists());
}
