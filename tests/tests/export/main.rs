//! knas-export, run as a user runs it.

mod failures;
mod models;
mod proof;

use std::path::Path;

use knas_tests::Tool;
use serde_json::json;

/// A cell with every operation, of which one reaches nothing.
const CELL: &str = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+\
                    |skip_connect~0|nor_conv_3x3~1|none~2|";

/// A cell whose output does not depend on its input.
const CUT: &str = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|";

/// BERT's layers with links, their inputs averaged, and one left out.
const BERT: &str = "bert-l4-d8-h2-i16-v60-p40-t2:1|2|4~0|head~1:mean";

/// RoBERTa's layers with links, their inputs summed, and one left out.
const ROBERTA: &str = "roberta-l4-d8-h2-i16-v60-p40-t1:1|3~0|4|head~0:sum";

/// A record.
fn record(id: &str, space: &str, arch: &str) -> String {
    format!("{}\n", json!({"id": id, "space": space, "arch": arch}))
}

/// knas-export in this folder, on these records.
fn export(folder: &Path, args: &[&str], input: &str) -> Tool {
    Tool::new("knas-export")
        .args(args)
        .current_dir(folder)
        .stdin(input)
}
