//! What every tool makes of the odd files that people have.

mod images;
mod models;
mod nothing;
mod records;
mod tables;

use std::fs;
use std::path::Path;

use knas_tests::Tool;

/// Three cells, each with a score and what training reached.
pub fn cells() -> String {
    let run = Tool::new("knas-sample").args(["-n", "3"]).run();
    let lines = run.expect_code(0).stdout;
    let trained = |(place, line): (usize, &str)| {
        let fields = format!(
            ",\"score\":{place},\"score_by\":\"mgm\",\"scores\":{{\"mgm\":{place}}},\
             \"finetune\":{{\"test_accuracy\":0.{place}}}}}\n"
        );
        line.strip_suffix('}').unwrap().to_owned() + &fields
    };
    lines.lines().enumerate().map(trained).collect()
}

/// knas-score on the smallest networks.
pub fn score(args: &[&str]) -> Tool {
    Tool::new("knas-score")
        .args(["-j", "1", "-n", "4", "--cells", "1", "--channels", "4"])
        .args(args)
}

/// A file in `folder`, and its name.
pub fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}
