//! Shows a search on one page.

mod agreement;
mod axis;
mod candidates;
mod cli;
mod column;
mod cost;
mod files;
mod page;
mod plot;
mod provenance;
mod run;
mod scores;
mod search;
mod svg;
mod theme;
mod training;

use std::process::ExitCode;

use knas_records::Tool;

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-report",
        schema: knas_records::schema::record,
    };
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run::run)
}
