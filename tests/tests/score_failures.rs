//! knas-score, given what is wrong: every failure says what is the matter, has
//! the right exit code, and costs no other record.

use std::fs;
use std::path::Path;

use knas_tests::{Outcome, Tool, scratch};

const SMALL: [&str; 6] = ["--channels", "4", "--cells", "1", "--samples", "6"];
const CONV: &str = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|";

fn record(id: &str, arch: &str) -> String {
    format!("{{\"id\":\"{id}\",\"space\":\"nb201\",\"arch\":\"{arch}\"}}\n")
}

fn score(args: &[&str], input: &str) -> Outcome {
    Tool::new("knas-score")
        .args(SMALL)
        .args(args)
        .stdin(input)
        .run()
}

fn on_noise(args: &[&str], input: &str) -> Outcome {
    score(&[&["--data", "noise"], args].concat(), input)
}

#[test]
fn bad_records_are_named_and_cost_no_other() {
    let good = record("good", CONV);
    let input = [
        &good,
        "this is not JSON\n",
        "{\"id\":\"dark\",\"space\":\"nb202\",\"arch\":\"\"}\n",
        &record("torn", "|nor_conv_3x3~0|+|none~0|"),
        "{\"id\":\"bare\"}\n",
        &good.replace("good", "last"),
    ]
    .concat();
    let run = on_noise(&[], &input).expect_code(1);
    let run = run
        .expect_stderr("stdin:2: not a JSON object")
        .expect_stderr(": this is not JSON\n")
        .expect_stderr("stdin:3: dark: unknown_space: ")
        .expect_stderr("stdin:4: torn: bad_arch: ")
        .expect_stderr("stdin:5: bare: bad_record: there is no \"space\"");
    let records = run.records();
    assert_eq!(records.len(), 5);
    assert_eq!(records[0]["scores"], records[4]["scores"]);
    for (record, kind) in records[1..4]
        .iter()
        .zip(["unknown_space", "bad_arch", "bad_record"])
    {
        assert_eq!(record["error"]["stage"], "score");
        assert_eq!(record["error"]["kind"], kind);
        assert!(record.get("score").is_none());
    }
}

#[test]
fn on_error_skips_or_ends() {
    let input = record("a", CONV) + &record("b", "|x|") + &record("c", CONV);
    let run = on_noise(&["--on-error", "skip"], &input).expect_code(1);
    assert_eq!(run.column("id"), ["a", "c"]);
    let run = on_noise(&["--on-error", "fail", "-j", "1"], &input).expect_code(2);
    assert_eq!(run.column("id"), ["a"]);
}

#[test]
fn failed_candidates_are_passed_on_as_they_are() {
    let input =
        "{\"id\":\"x\",\"error\":{\"stage\":\"sample\",\"kind\":\"k\",\"message\":\"m\"}}\n";
    let run = on_noise(&[], input)
        .expect_code(0)
        .expect_stderr("1 candidates had failed before");
    assert_eq!(run.stdout, input);
}

/// What follows from the classifier's bias alone is a score; what does not is
/// an error that names the score, and the defined ones stay.
#[test]
fn a_cell_that_is_cut_off_has_the_scores_that_are_defined() {
    let none = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
    let run = on_noise(&["--proxy", "mgm"], &record("cut", none)).expect_code(0);
    assert!(run.records()[0]["score"].as_f64().unwrap() > 0.0);
    let run = on_noise(&["--proxy", "mgm-log,mgm"], &record("cut", none)).expect_code(1);
    let cut = &run.records()[0];
    assert_eq!(cut["error"]["kind"], "undefined");
    assert!(
        cut["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("mgm-log is undefined: ")
    );
    assert!(cut["scores"]["mgm"].as_f64().unwrap() > 0.0);
    assert!(cut.get("score").is_none());
}

/// Overwrites 4 bytes of a tensor in a safetensors file with a NaN.
fn poison(file: &Path, tensor: &str) {
    let mut bytes = fs::read(file).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let table: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let start = 8 + header + table[tensor]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[start..start + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(file, bytes).unwrap();
}

#[test]
fn nan_in_weights_is_a_failure_and_never_a_number() {
    let folder = scratch();
    let dump = folder.path().to_str().unwrap();
    let input = record("a", CONV) + &record("b", CONV) + &record("c", CONV);
    let sound = on_noise(&["--dump", dump], &input).expect_code(0).records();
    poison(&folder.path().join("b.safetensors"), "stem.0.weight");
    let run = on_noise(&["--weights", dump], &input).expect_code(1);
    let run = run.expect_stderr("b: non_finite: mgm is NaN");
    assert!(!run.stdout.contains("null"));
    let records = run.records();
    assert_eq!(records[0]["scores"], sound[0]["scores"]);
    assert_eq!(records[1]["error"]["kind"], "non_finite");
    assert_eq!(records[2]["scores"], sound[2]["scores"]);
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let folder = scratch();
    let dump = folder.path().to_str().unwrap();
    let input = record("a", CONV);
    let _ = on_noise(&["--dump", dump], &input).expect_code(0);
    let wide = ["--weights", dump, "--channels", "8"];
    let run = Tool::new("knas-score").args(["--data", "noise", "--cells", "1", "-n", "2"]);
    let _ = run
        .args(wide)
        .stdin(input.as_str())
        .run()
        .expect_code(1)
        .expect_stderr("a.safetensors: tensor \"stem.0.weight\" is [4, 3, 3, 3], not [8, 3, 3, 3]");
    let bytes = fs::read(folder.path().join("a.safetensors")).unwrap();
    fs::write(
        folder.path().join("a.safetensors"),
        &bytes[..bytes.len() / 2],
    )
    .unwrap();
    let _ = on_noise(&["--weights", dump], &input)
        .expect_code(1)
        .expect_stderr("a.safetensors: not a safetensors file");
    let _ = on_noise(&["--weights", dump], &record("missing", CONV))
        .expect_code(1)
        .expect_stderr("missing.safetensors: No such file");
    let _ = on_noise(&["--weights", "/nonexistent"], &input)
        .expect_code(2)
        .expect_stderr("--weights /nonexistent");
}

#[test]
fn ids_do_not_become_paths_elsewhere() {
    let folder = scratch();
    let inside = folder.path().join("dump");
    let run = on_noise(
        &["--dump", inside.to_str().unwrap()],
        &record("../escaped", CONV),
    );
    let run = run
        .expect_code(1)
        .expect_stderr("the id cannot name a file");
    assert_eq!(run.records()[0]["error"]["kind"], "bad_id");
    assert!(!folder.path().join("escaped.safetensors").exists());
}

#[test]
fn data_that_is_missing_or_torn_is_named() {
    let folder = scratch();
    let path = folder.path().to_str().unwrap();
    let input = record("a", CONV);
    for (name, said) in [("cifar10", "data_batch_1.bin"), ("cifar100", "train.bin")] {
        let data = format!("{name}:{path}");
        let run = score(&["--data", &data], &input)
            .expect_code(2)
            .expect_stderr(said);
        assert_eq!(run.stdout, "");
    }
    let _ = score(&["--data", "folder:/nonexistent"], &input)
        .expect_code(2)
        .expect_stderr("/nonexistent");
    let _ = score(&["--data", "imagenet"], &input)
        .expect_code(2)
        .expect_stderr("imagenet");
    for batch in [
        "data_batch_1",
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
        "test_batch",
    ] {
        fs::write(
            folder.path().join(format!("{batch}.bin")),
            vec![1; 3073 * 4],
        )
        .unwrap();
    }
    let data = format!("cifar10:{path}");
    let _ = score(&["--data", &data], &input).expect_code(0);
    fs::write(
        folder.path().join("data_batch_3.bin"),
        vec![1; 3073 * 4 - 1],
    )
    .unwrap();
    let _ = score(&["--data", &data], &input)
        .expect_code(2)
        .expect_stderr("data_batch_3.bin");
}

#[test]
fn an_image_that_is_none_is_named() {
    let folder = scratch();
    for class in ["cat", "dog"] {
        fs::create_dir(folder.path().join(class)).unwrap();
        fs::write(folder.path().join(class).join("1.png"), "not an image").unwrap();
    }
    let data = format!("folder:{}", folder.path().display());
    let args = [
        "--data",
        &data,
        "-n",
        "2",
        "--channels",
        "4",
        "--cells",
        "1",
    ];
    let run = Tool::new("knas-score")
        .args(args)
        .stdin(record("a", CONV))
        .run();
    let _ = run.expect_code(2).expect_stderr("1.png");
}

#[test]
fn a_gpu_that_is_not_there_is_explained() {
    for flags in [["--gpu", "0"], ["--device", "cuda:0"]] {
        // Where there is a GPU, this hides it.
        let run = Tool::new("knas-score")
            .args(SMALL)
            .args(["--data", "noise"])
            .args(flags);
        let run = run
            .env("CUDA_VISIBLE_DEVICES", "")
            .stdin(record("a", CONV))
            .run();
        let run = run.expect_code(2).expect_stderr("CUDA");
        assert!(
            run.stderr.contains("setup.sh --cuda") || run.stderr.contains("driver"),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout, "");
    }
    let _ = on_noise(&["--device", "tpu"], "")
        .expect_code(2)
        .expect_stderr("cuda:N");
}

#[test]
fn wrong_flags_end_before_anything_is_read() {
    for (args, said) in [
        (&["--proxy", "mgn"][..], "a similar value exists: 'mgm'"),
        (&["--samples", "0"], "0"),
        (&["--channels", "0"], "channels"),
        (&["--seeds", "0"], "--seeds"),
        (&["--resume"], "--output"),
        (
            &["--seed", "18446744073709551615", "--seeds", "2"],
            "no room",
        ),
        (&["/nonexistent.ndjson"], "/nonexistent.ndjson"),
    ] {
        let _ = on_noise(args, &record("a", CONV))
            .expect_code(2)
            .expect_stderr(said);
    }
}
