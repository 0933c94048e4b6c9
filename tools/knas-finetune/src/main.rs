//! Trains candidates, and passes them on with what training reached.

mod candidate;
mod cli;
mod evaluate;
mod flags;
mod halving;
mod job;
mod log;
mod news;
mod outcome;
mod plan;
mod progress;
mod recipes;
mod refit;
mod run;
mod sink;
mod subject;

use std::process::ExitCode;

use knas_records::Tool;

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-finetune",
        schema: knas_records::schema::record,
    };
    knas_records::again::with_few_addresses();
    let run = |args: cli::Args, context: &knas_records::Context| {
        if args.threads > 1 {
            knas_records::again::with_sleeping_threads();
        }
        run::run(args, context)
    };
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run)
}
