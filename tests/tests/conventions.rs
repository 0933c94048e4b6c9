//! What every tool has in common.

use std::process::Command;

use knas_tests::{Tool, binary, program};

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

/// The tools that evaluate networks.
const EVALUATING: [&str; 5] = [
    "knas-score",
    "knas-finetune",
    "knas-export",
    "knas-predict",
    "knas-supernet",
];

/// The tools that read records from standard input.
const READERS: [&str; 8] = [
    "knas-score",
    "knas-rank",
    "knas-finetune",
    "knas-fit",
    "knas-eval",
    "knas-report",
    "knas-export",
    "knas-predict",
];

#[test]
fn help_is_short_or_long_and_names_the_version() {
    for tool in TOOLS {
        let short = Tool::new(tool).arg("-h").run().expect_code(0).stdout;
        let long = Tool::new(tool).arg("--help").run().expect_code(0).stdout;
        let height = short.lines().count();
        assert!(height <= 50, "{tool} -h has {height} lines:\n{short}");
        assert!(long.len() > short.len());
        assert!(long.contains(" | knas-"), "{tool} --help has no pipeline");
        let version = Tool::new(tool).arg("--version").run().expect_code(0).stdout;
        assert!(
            version.starts_with(&format!("{tool} {}", env!("CARGO_PKG_VERSION"))),
            "{version}"
        );
        let libtorch = EVALUATING.contains(&tool);
        assert_eq!(version.contains("libtorch 2.11.0"), libtorch, "{version}");
    }
}

/// Those that only read and write records are there at once; a program that is
/// linked to libtorch takes half a second to start.
#[cfg(target_os = "linux")]
#[test]
fn only_tools_that_evaluate_networks_are_linked_to_libtorch() {
    for tool in TOOLS {
        let mut readelf = Command::new("readelf");
        let output = readelf.arg("-d").arg(binary(tool)).output();
        let dynamic = output.expect("readelf comes with the linker").stdout;
        // The search path names libtorch's folder in every binary of the workspace.
        let dynamic = String::from_utf8_lossy(&dynamic).into_owned();
        let needed: Vec<&str> = dynamic.lines().filter(|l| l.contains("(NEEDED)")).collect();
        let links = |library: &str| needed.iter().any(|line| line.contains(library));
        assert!(links("libc.so"), "{tool}: {dynamic}");
        let libtorch = links("torch") || links("c10");
        assert_eq!(libtorch, EVALUATING.contains(&tool), "{tool}: {needed:?}");
    }
}

fn generate(tool: &str, what: &str) -> String {
    let run = Tool::new(tool).args(["--generate", what]).run();
    run.expect_code(0).stdout
}

/// The words of a manual page or a help, without how they are set.
fn plain(text: &str) -> String {
    text.replace("\\fB", "")
        .replace("\\fI", "")
        .replace("\\fR", "")
        .replace("\\-", "-")
}

/// Every option that the long help lists.
fn options(tool: &str) -> Vec<String> {
    let help = Tool::new(tool).arg("--help").run().expect_code(0).stdout;
    let lines = help.lines().map(str::trim_start);
    let headers = lines.filter(|line| line.starts_with('-'));
    let is_name = |word: &&str| {
        let plain = |c: char| c == '-' || c.is_ascii_lowercase();
        word.starts_with("--") && word.chars().all(plain)
    };
    let names = headers.filter_map(|line| {
        let name = line.split([' ', ',', '=', '[']).find(is_name);
        name.map(str::to_owned)
    });
    let mut names: Vec<String> = names.collect();
    names.dedup();
    assert!(names.len() > 10, "{tool}: {names:?}");
    names
}

#[test]
fn the_manual_describes_every_option() {
    for tool in TOOLS {
        let page = generate(tool, "man");
        let page = plain(&page);
        assert!(page.contains(&format!(".TH {tool} 1")), "{tool}");
        for section in [
            "OPTIONS",
            "EXAMPLES",
            "\"EXIT STATUS\"",
            "ENVIRONMENT",
            "FILES",
            "\"SEE ALSO\"",
        ] {
            assert!(
                page.contains(&format!(".SH {section}\n")),
                "{tool}: {section}"
            );
        }
        let entries: Vec<&str> = page.split("\n.TP\n").collect();
        for option in options(tool) {
            let named = |entry: &&&str| {
                let header = entry.lines().next().unwrap_or_default();
                header.split([' ', ',', '[']).any(|word| word == option)
            };
            let entry = entries.iter().find(named);
            let entry = entry.unwrap_or_else(|| panic!("{tool}: no {option}"));
            let described = entry.lines().nth(1).unwrap_or_default();
            assert!(described.len() > 3, "{tool} {option}: {entry}");
        }
    }
}

#[test]
fn completions_are_generated() {
    for tool in TOOLS {
        for shell in ["bash", "zsh", "fish"] {
            let script = generate(tool, &format!("complete-{shell}"));
            assert!(
                script.contains(tool) && script.contains("on-error"),
                "{tool} {shell}"
            );
        }
    }
}

#[test]
fn schemas_are_schemas() {
    for tool in TOOLS {
        let schema = Tool::new(tool).arg("--schema").run().expect_code(0).stdout;
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        assert!(jsonschema::validator_for(&schema).is_ok(), "{tool}");
    }
}

#[test]
fn wrong_usage_says_who_complains_and_ends_with_2() {
    for tool in TOOLS {
        let run = Tool::new(tool).arg("--no-such-flag").run().expect_code(2);
        assert!(
            run.stderr.starts_with(&format!("{tool}: error: ")),
            "{}",
            run.stderr
        );
        let run = Tool::new(tool)
            .args(["--resume"])
            .stdin("")
            .run()
            .expect_code(2);
        assert!(
            run.stderr.contains("--output") || run.stderr.contains("-o"),
            "{}",
            run.stderr
        );
    }
}

/// A terminal as standard input gets one line, not a tool that seems to hang.
#[test]
fn a_terminal_as_input_is_answered() {
    if program("script").is_none() {
        return;
    }
    for tool in READERS {
        let command = format!("{} 2>&1", binary(tool).display());
        let mut script = Command::new("script");
        script
            .args(["-qec", &command, "/dev/null"])
            .stdin(std::process::Stdio::null());
        let output = script.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{tool}: {said}");
        assert!(said.contains(tool), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{tool}: {said}");
    }
}
