//! Searches with shared weights, and writes the architectures that they find.

mod cli;
mod epochs;
mod found;
mod plan;
mod rounds;
mod run;
mod train;

use std::process::ExitCode;

use knas_records::Tool;

fn main() -> ExitCode {
    let tool = Tool {
        name: "knas-supernet",
        schema: knas_records::schema::record,
    };
    let run = |args: cli::Args, context: &knas_records::Context| {
        if args.threads > 1 {
            knas_records::again::with_sleeping_threads();
        }
        run::run(args, context)
    };
    knas_records::tool::main(&tool, |args: &cli::Args| &args.common, run)
}
