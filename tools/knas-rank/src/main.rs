//! Puts candidates in order, best first.

mod best;
mod budget;
mod cli;
mod comparable;
mod expression;
mod failed;
mod format;
mod join;
mod run;
mod waiting;

use std::process::ExitCode;

use knas_records::Tool;

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-rank",
        schema: knas_records::schema::record,
    };
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run::run)
}
