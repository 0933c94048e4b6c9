//! Tells how far a score can be trusted.

mod active;
mod candidates;
mod cli;
mod protocol;
mod report;
mod run;
mod sheets;

use std::process::ExitCode;

use knas_records::Tool;

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-eval",
        schema: report::schema,
    };
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run::run)
}
