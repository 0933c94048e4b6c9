//! Scores candidates without training them.

mod candidate;
mod catalogue;
mod cli;
mod images;
mod isolated;
mod known;
mod listing;
mod plan;
mod provenance;
mod run;
mod scorer;
mod shown;
mod weights;

use std::process::ExitCode;

use knas_records::Tool;

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-score",
        schema: knas_records::schema::record,
    };
    knas_records::again::with_few_addresses();
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run::run)
}
