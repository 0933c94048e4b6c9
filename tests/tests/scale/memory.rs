//! Memory that the system limits (`ulimit -v`): a candidate that it does not
//! suffice for fails alone, and no value depends on it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

use knas_tests::{Tool, binary, scratch};

/// Kilobytes from hardly enough for the program to more than enough.
const LIMITS: [u64; 6] = [450_000, 560_000, 700_000, 1_000_000, 1_900_000, 4_000_000];

/// A score of every kind of pass.
const PROXIES: &str = "mgm,snip,gram-entropy,az,meco";

/// Runs knas-score on the records in `cells`, with at most so many kilobytes.
fn score(folder: &Path, kilobytes: u64, flags: &str) -> Output {
    let program = format!(
        "ulimit -v {kilobytes}; exec {} -q --data noise --cells 1 {flags} cells",
        binary("knas-score").display()
    );
    let mut command = Command::new("bash");
    command.args(["-c", &program]).current_dir(folder);
    command.output().unwrap()
}

/// The records of a run, which has ended as every run has to: with all of them,
/// failed ones included, or, with none, with a message.
fn records(output: &Output, count: usize, about: &str) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let about = format!("{about}: {:?}\n{said}", output.status);
    assert_eq!(output.status.signal(), None, "{about}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if output.status.code() == Some(2) {
        assert!(said.contains("knas-score: error: "), "{about}");
        return Vec::new();
    }
    assert_eq!(lines.len(), count, "{about}");
    let failed = lines.iter().any(|line| has_failed(line));
    assert_eq!(output.status.code(), Some(i32::from(failed)), "{about}");
    lines
}

fn has_failed(line: &str) -> bool {
    line.contains("\"error\":{\"stage\":\"score\"")
}

fn cell(id: &str, op: &str) -> String {
    let arch = format!("|{op}~0|+|{op}~0|{op}~1|+|{op}~0|{op}~1|{op}~2|");
    format!("{{\"id\":\"{id}\",\"space\":\"nb201\",\"arch\":\"{arch}\"}}\n")
}

#[test]
fn limits_decide_which_candidates_fail_and_never_what_others_score() {
    let folder = scratch();
    let sampled = Tool::new("knas-sample").args(["-n", "2", "--seed", "3"]);
    let text = sampled.run().expect_code(0).stdout + &cell("large", "nor_conv_3x3");
    fs::write(folder.path().join("cells"), &text).unwrap();
    let score = |kilobytes, jobs: u32| {
        let flags = format!("-n 64 --proxy {PROXIES} -j {jobs}");
        let output = score(folder.path(), kilobytes, &flags);
        records(&output, 3, &format!("{kilobytes} -j {jobs}"))
    };
    let expected = Tool::new("knas-score")
        .args("-q --data noise --cells 1 -n 64 -j 2 --proxy".split(' '))
        .arg(PROXIES)
        .stdin(text)
        .run()
        .expect_code(0)
        .stdout;
    let expected: Vec<&str> = expected.lines().collect();
    let (mut succeeded, mut short) = (0, false);
    for kilobytes in LIMITS {
        for jobs in [1, 3] {
            let lines = score(kilobytes, jobs);
            short |= lines.is_empty();
            for (line, expected) in lines.iter().zip(&expected) {
                match has_failed(line) {
                    true => short = true,
                    false => assert_eq!(line, expected, "{kilobytes} -j {jobs}"),
                }
                succeeded += u32::from(!has_failed(line));
            }
        }
    }
    assert!(short, "no limit was felt");
    assert!(succeeded >= 6, "hardly anything succeeded");
}

/// Where the system refuses memory, a candidate fails and the run goes on.
#[test]
fn a_candidate_that_memory_does_not_suffice_for_fails_alone() {
    let folder = scratch();
    let small = |id| cell(id, "skip_connect");
    let text = small("small") + &cell("large", "nor_conv_3x3") + &small("again");
    fs::write(folder.path().join("cells"), text).unwrap();
    // Large weights, and large maps.
    for flags in ["-j 1 -n 1 --channels 256", "-j 1 -n 256 --proxy snip"] {
        // What the program itself takes differs from machine to machine.
        let alone = (700_000..3_000_000).step_by(300_000).any(|kilobytes| {
            let output = score(folder.path(), kilobytes, flags);
            let lines = records(&output, 3, &format!("{kilobytes} {flags}"));
            let failed: Vec<bool> = lines.iter().map(|line| has_failed(line)).collect();
            failed == [false, true, false]
        });
        assert!(alone, "{flags}: no size at which only the large one fails");
    }
}
