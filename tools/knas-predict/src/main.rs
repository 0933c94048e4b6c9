//! Says of images and texts what class a trained network takes them for.

mod cli;
mod model;
mod reader;
mod run;

use std::process::ExitCode;

use knas_records::Tool;

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-predict",
        schema: knas_records::schema::prediction,
    };
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run::run)
}
