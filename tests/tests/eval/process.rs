//! The run: threads, schema, all of the benchmark.

use super::*;

#[test]
fn threads_and_the_order_of_the_input_change_nothing() {
    let folder = scratch();
    let truth = truth(&folder);
    let cells = cells();
    let mut reversed: Vec<&str> = cells.lines().collect();
    reversed.reverse();
    for more in [
        &["-k", "3"][..],
        &["--protocol", "pool=9,k=3,fine=ep12,reps=50"],
    ] {
        let run = |jobs: &str, input: &str| {
            let args = ["--truth", &truth, "--format", "ndjson", "-j", jobs];
            eval(&[&args[..], more].concat(), input)
                .expect_code(0)
                .stdout
        };
        let one = run("1", &cells);
        assert_eq!(one, run("2", &cells));
        assert_eq!(one, run("1", &reversed.join("\n")));
        let other = eval(
            &[
                &["--truth", &truth, "--format", "ndjson", "--seed", "1"],
                more,
            ]
            .concat(),
            &cells,
        );
        assert_ne!(one, other.expect_code(0).stdout);
    }
}

#[test]
fn output_is_as_the_schema_says() {
    let folder = scratch();
    let truth = truth(&folder);
    let schema = eval(&["--schema"], "").expect_code(0).stdout;
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a JSON Schema");
    for more in [&[][..], &["--protocol", "pool=9,k=3,fine=ep12,reps=5"]] {
        let args = [
            &["--truth", &truth, "--format", "ndjson", "--resamples", "10"],
            more,
        ]
        .concat();
        for line in eval(&args, &cells()).expect_code(0).records() {
            let errors: Vec<String> = validator
                .iter_errors(&line)
                .map(|e| e.to_string())
                .collect();
            assert!(errors.is_empty(), "{line}: {errors:?}");
        }
    }
    assert!(!validator.is_valid(&json!({"kind": "judgement", "truth": "acc"})));
}

#[test]
fn the_whole_space_takes_seconds() {
    let folder = scratch();
    let (mut records, mut table) = (String::new(), String::from("index,acc\n"));
    for k in 0u64..15_625 {
        let mixed = k * 7919 % 15_625;
        let _ = writeln!(
            records,
            "{{\"id\":\"nb201-{k}\",\"params\":{},\"macs\":{},\"scores\":{{\"mgm\":{},\"zen\":{mixed}}}}}",
            k / 100,
            k / 50 + mixed % 100,
            k + mixed / 2
        );
        let _ = writeln!(table, "{k},{}", k / 3);
    }
    let path = write(&folder, "truth.csv", &table);
    let lines = eval(&["--truth", &path, "--format", "ndjson"], &records)
        .expect_code(0)
        .records();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["resamples"], 1000);
}
