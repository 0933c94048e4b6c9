//! Learns from a few trained candidates what the others would reach.

mod cli;
mod labels;
mod run;

use std::process::ExitCode;

use knas_records::Tool;

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-fit",
        schema: knas_records::schema::record,
    };
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run::run)
}
