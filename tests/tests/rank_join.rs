//! knas-rank and the scores that other programs have computed.

use std::fs;

use knas_tests::{Outcome, Tool, scratch};
use serde_json::json;

const CELLS: &str = r#"{"id":"b","scores":{"mgm":2,"zen":10}}
{"id":"d","scores":{"mgm":9e0,"zen":-1}}
{"id":"c","scores":{"mgm":2,"zen":30}}
{"id":"a","scores":{"mgm":-4,"zen":20}}
"#;

fn ids(outcome: &Outcome) -> Vec<String> {
    let text = |id: &serde_json::Value| id.as_str().unwrap_or_default().to_owned();
    outcome.column("id").iter().map(text).collect()
}

#[test]
fn scores_computed_elsewhere_join_by_id_or_architecture() {
    let folder = scratch();
    let table = folder.path().join("mine.csv");
    let join = |text: &str, args: &[&str]| {
        fs::write(&table, text).unwrap();
        let named = format!("{}{}", table.display(), args[0]);
        let run = Tool::new("knas-rank").args(["--join", &named]);
        run.args(&args[1..]).stdin(CELLS).run()
    };
    let mine = "id,mine,other\na,3,1\nb,1,2\nc,2,\nd,4,3\n";
    let ranked = join(mine, &["", "--by", "mine"]).expect_code(0);
    assert_eq!(ids(&ranked), ["d", "a", "c", "b"]);
    assert_eq!(ranked.column("scores")[1]["mine"], json!(3.0));
    assert_eq!(ranked.column("scores")[1]["mgm"], json!(-4));
    // What a cell leaves open is a score that is missing.
    let other = join(mine, &[":other", "--by", "other"]).expect_code(1);
    let other = other.expect_stderr("c: missing");
    assert_eq!(ids(&other)[..3], ["d", "b", "a"]);
    assert!(other.column("scores")[0].get("mine").is_none());
    // Which of two scores of one name ranks is not for the tool to choose.
    let _ = join("id,mgm\na,3\n", &["", "--by", "mgm"])
        .expect_code(2)
        .expect_stderr("a has a score \"mgm\" of its own");
    let _ = join("id,mine\nx,3\n", &["", "--by", "zen"])
        .expect_code(2)
        .expect_stderr("it is about none of these candidates");
    let _ = join(mine, &[":none", "--by", "none"]).expect_code(2);
    let cells = [0, 4000].map(|index| {
        let args = ["--range".to_owned(), format!("{index}..{}", index + 1)];
        Tool::new("knas-sample").args(args).run().expect_code(0)
    });
    let archs = cells.each_ref().map(|cell| cell.column("arch")[0].clone());
    let text = format!("arch,mine\n{},1\n{},2\n", archs[0], archs[1]);
    fs::write(&table, text).unwrap();
    let by_arch = Tool::new("knas-rank")
        .args(["--by", "mine", "--join"])
        .arg(&table)
        .stdin(cells.map(|cell| cell.stdout).concat())
        .run()
        .expect_code(0);
    assert_eq!(by_arch.column("arch")[0], archs[1]);
}
