//! knas-sample: candidates from a search space, one record per line.

mod cli;
mod files;
mod filter;
mod listing;
mod mutants;
mod run;
mod select;

use std::process::ExitCode;

use knas_records::{Tool, schema};

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-sample",
        schema: schema::record,
    };
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run::run)
}
