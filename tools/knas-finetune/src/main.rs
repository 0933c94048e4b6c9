//! Trains candidates, and passes them on with what training reached.

mod candidate;
mod cli;
mod evaluate;
mod halving;
mod log;
mod outcome;
mod plan;
mod progress;
mod run;
mod sink;

use std::process::ExitCode;

use knas_records::Tool;

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-finetune",
        schema: knas_records::schema::record,
    };
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run::run)
}
