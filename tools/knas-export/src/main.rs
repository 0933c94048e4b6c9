//! Writes networks as other software reads them.

mod cli;
mod dot;
mod files;
mod network;
mod python;
mod run;

use std::process::ExitCode;

use knas_records::Tool;

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-export",
        schema: knas_records::schema::record,
    };
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run::run)
}
