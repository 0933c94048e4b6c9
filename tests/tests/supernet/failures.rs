//! What cannot be searched.

use std::fs;

use crate::Bench;

#[test]
fn what_cannot_be_is_said() {
    let bench = Bench::set_up();
    for (args, said) in [
        (
            &["--space", "resnet"][..],
            "no network of all architectures of resnet",
        ),
        (&["--data", "rte:nowhere"], "made of texts"),
        (
            &["--method", "darts", "--divergence", "1"],
            "--divergence is for",
        ),
        (
            &["--resume", "-o", "out"],
            "--resume needs --checkpoint-dir",
        ),
        (
            &["--method", "te-nas", "--checkpoint-dir", "net"],
            "trains nothing",
        ),
        (&["--method", "te-nas", "--by", "mgn"], "mgm"),
        (&["--method", "dart"], "darts"),
        (&["--channels", "0"], "channels"),
    ] {
        let run = bench.supernet(args).run().expect_code(2);
        assert!(run.stderr.contains(said), "{args:?}: {}", run.stderr);
        assert!(run.stderr.starts_with("knas-supernet: "), "{}", run.stderr);
        assert!(run.stdout.is_empty());
    }
}

#[test]
fn a_rate_at_which_it_diverges_is_an_error() {
    let bench = Bench::set_up();
    let run = bench
        .supernet(&["--lr", "1e38", "--epochs", "5"])
        .run()
        .expect_code(2);
    assert!(run.stderr.contains("diverged"), "{}", run.stderr);
    let run = bench
        .supernet(&["--theta-lr", "1e308", "--warm-up", "0", "--method", "darts"])
        .run();
    let run = run.expect_code(2);
    assert!(run.stderr.contains("diverged"), "{}", run.stderr);
}

#[test]
fn a_network_of_another_search_is_not_gone_on_with() {
    let bench = Bench::set_up();
    let kept = |args: &[&str]| bench.supernet(args).args(["--checkpoint-dir", "net"]).run();
    let _ = kept(&[]).expect_code(0);
    let run = kept(&[]).expect_code(2);
    assert!(
        run.stderr.contains("exists: --resume goes on"),
        "{}",
        run.stderr
    );
    for (args, said) in [
        (
            &["--lr", "0.1"][..],
            "search.hyper.lr: 0.025 there, 0.1 here",
        ),
        (&["--channels", "3"], "channels"),
        (&["--method", "darts"], "method"),
    ] {
        let run = kept(&[args, &["--resume"]].concat()).expect_code(2);
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    let path = bench.path().join("net/supernet.safetensors");
    let whole = fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"hello".as_slice()] {
        fs::write(&path, damaged).unwrap();
        let run = kept(&["--resume"]).expect_code(2);
        assert!(
            run.stderr.contains("supernet.safetensors"),
            "{}",
            run.stderr
        );
    }
}
