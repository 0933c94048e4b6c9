//! The manual page of a tool, from its flags and its long help.
//!
//! What stands behind the flags in `--help` gets sections of its own: its
//! examples, which are not filled, and its exit codes. The rest is the same
//! for all tools and stands here.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

/// The tools, which refer to one another.
const TOOLS: [&str; 10] = [
    "knas-sample",
    "knas-score",
    "knas-rank",
    "knas-finetune",
    "knas-fit",
    "knas-eval",
    "knas-report",
    "knas-export",
    "knas-predict",
    "knas-supernet",
];

/// What every tool takes from the environment, and what only those do that open
/// data sets.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("NO_COLOR", "Set: no colour in messages and tables."),
    (
        "CLICOLOR_FORCE",
        "Set, and not 0: colour even where there is no terminal.",
    ),
    ("TERM", "dumb: progress is not shown."),
];
const ENVIRONMENT_OF_DATA: [(&str, &str); 3] = [
    (
        "KNAS_CIFAR10",
        "The folder of CIFAR-10's official binary files, where they are not in the cache.",
    ),
    (
        "XDG_CACHE_HOME",
        "The folder that holds the cache knas; otherwise .cache in HOME.",
    ),
    (
        "CUDA_VISIBLE_DEVICES",
        "The GPUs that --gpu counts, as for every program with CUDA.",
    ),
];

const FILES: [(&str, &str); 1] = [(
    "FILE.part",
    "What -o FILE has so far. It is renamed to FILE when the run is complete; \
     after one that was cut off, --resume goes on from it.",
)];
const FILES_OF_DATA: [(&str, &str); 1] = [(
    "~/.cache/knas",
    "Data sets and models that scripts/fetch-data.sh has fetched.",
)];

/// Writes the page for `command`.
///
/// # Errors
/// Those of the writer.
pub fn write(command: Command, out: &mut dyn io::Write) -> io::Result<()> {
    // The page describes every flag, those too that the short help leaves out.
    let mut command = command.mut_args(|arg| arg.hide_short_help(false));
    command.build();
    let opens_data = command.get_arguments().any(|arg| arg.get_id() == "data");
    let after = command.get_after_long_help().map(ToString::to_string);
    let name = command.get_name().to_owned();
    let man = Man::new(command);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;

    let mut page = Roff::new();
    ending(&mut page, &after.unwrap_or_default());
    let of_data = |common: &'static [_], more: &'static [_]| {
        let more = if opens_data { more } else { &[] };
        common.iter().chain(more)
    };
    list(
        &mut page,
        "ENVIRONMENT",
        of_data(&ENVIRONMENT, &ENVIRONMENT_OF_DATA),
    );
    list(&mut page, "FILES", of_data(&FILES, &FILES_OF_DATA));
    page.control("SH", ["SEE ALSO"]);
    let others = TOOLS.iter().filter(|tool| **tool != name);
    let others: Vec<String> = others.map(|tool| format!("{tool}(1)")).collect();
    page.text([roman(others.join(", "))]);
    page.to_writer(out)
}

fn list<'a>(page: &mut Roff, heading: &str, entries: impl Iterator<Item = &'a (&'a str, &'a str)>) {
    page.control("SH", [heading]);
    for (name, meaning) in entries {
        page.control("TP", []);
        page.text([bold(*name)]);
        page.text([roman(*meaning)]);
    }
}

/// Paragraphs, of which one begins with `Exit: ` and lists codes, and the rest
/// are notes and examples: indented lines stay as they are.
fn ending(page: &mut Roff, text: &str) {
    let (exits, rest): (Vec<&str>, Vec<&str>) = text
        .split("\n\n")
        .partition(|part| part.starts_with("Exit: "));
    let mut heading = "";
    for paragraph in rest {
        // `Examples:` is a heading; what else there is are notes.
        let (section, paragraph) = match paragraph.strip_prefix("Examples:\n") {
            Some(examples) => ("EXAMPLES", examples),
            None if heading == "EXAMPLES" && paragraph.starts_with(' ') => ("EXAMPLES", paragraph),
            None => ("NOTES", paragraph),
        };
        if section != heading {
            page.control("SH", [section]);
            heading = section;
        }
        page.control("PP", []);
        lines(page, paragraph);
    }
    page.control("SH", ["EXIT STATUS"]);
    for codes in exits {
        let codes = codes.trim_start_matches("Exit: ").replace('\n', " ");
        for entry in codes.trim_end_matches('.').split("; ") {
            let (code, meaning) = entry.split_once(' ').unwrap_or((entry, ""));
            page.control("TP", []);
            page.text([bold(code)]);
            page.text([roman(meaning)]);
        }
    }
}

/// Indented lines as they are, others filled.
fn lines(page: &mut Roff, paragraph: &str) {
    let mut filled = true;
    for line in paragraph.lines() {
        if filled == line.starts_with(' ') {
            filled = !filled;
            page.control(if filled { "fi" } else { "nf" }, []);
        }
        page.text([Inline::Roman(line.to_owned())]);
    }
    if !filled {
        page.control("fi", []);
    }
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn every_section_is_there_and_every_option_described() {
        let command = Command::new("knas-rank")
            .about("Rank")
            .arg(Arg::new("data").long("data").help("The data").hide_short_help(true))
            .after_long_help(
                "Examples:\n  one | two\n      what it does\n\n  three\n\nNames: these.\n\nExit: 0 good; 1 bad.",
            );
        let mut page = Vec::new();
        write(command, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        let at = |text: &str| {
            page.find(text)
                .unwrap_or_else(|| panic!("no {text} in {page}"))
        };
        assert!(at("The data") < at(".SH EXAMPLES"));
        assert!(at(".SH EXAMPLES") < at(".nf\n  one | two\n"));
        assert!(at("  three\n") < at(".SH NOTES"));
        assert!(at(".SH NOTES") < at(".SH \"EXIT STATUS\""));
        assert!(at("KNAS_CIFAR10") < at("FILE.part"));
        assert!(!page.contains("knas\\-rank(1)"));
    }
}
