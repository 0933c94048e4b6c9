//! Texts that try to be more than text.

use serde_json::json;

use crate::Search;
use crate::browser::{Browser, DESKTOP};

/// Each would set `window.hit` if it were ever taken for HTML or script.
const HOSTILE: [&str; 6] = [
    "<img src=x onerror='window.hit=1'>",
    "</script><script>window.hit=2</script>",
    "\"><svg onload=window.hit=3>",
    "'-(window.hit=4)-'",
    "<!--<script>${window.hit=5}</script>",
    "a\u{202e}b\u{0}\u{2028}c &lt;b&gt;",
];

/// A search in which every text that comes from records is hostile.
fn search() -> Search {
    let search = Search::of(1);
    let mut records = String::new();
    let mut truth = String::from("id,\"acc <img src=x onerror='window.hit=6'>\"\n");
    for at in 0..30 {
        let text = HOSTILE[at % HOSTILE.len()];
        let id = format!("{at} {text}");
        let mut record = json!({ "id": id, "space": text, "arch": text, "params": at,
            "scores": { text: at * at % 7, "mgm": at }, "score": at, "score_by": "mgm",
            "scored": { "data": text, "data_sha256": [text], "samples": 50, "seeds": [text], "norm": text,
                "init": text, "dtype": text, "network": { text: 5 }, "tool": text, "libtorch": text },
            "meta": { text: { "device": text, "host": text, "milliseconds": 5, "joules": 1, "joules_source": text } } });
        if at % 5 == 0 {
            record["error"] =
                json!({ "stage": text, "kind": text, "message": format!("because {text}") });
        }
        records += &format!("{record}\n");
        let quoted = id.replace('"', "\"\"");
        truth += &format!("\"{quoted}\",{}\n", 50 + at);
    }
    search.write("hostile.ndjson", &records);
    search.write("hostile.csv", &truth);
    let log = format!(
        "{}\n",
        json!({ "id": format!("1 {}", HOSTILE[1]), "epoch": 1, "train_loss": 2 })
    );
    search.write("hostile-log.ndjson", &log);
    search
}

const ARGS: [&str; 9] = [
    "hostile.ndjson",
    "--truth",
    "hostile.csv",
    "--log",
    "hostile-log.ndjson",
    "--title",
    "</title><script>window.hit=7</script>",
    "-o",
    "report.html",
];

#[test]
fn texts_from_records_are_text_in_the_browser() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let search = search();
    let _ = search.report(&ARGS).expect_code(0);
    browser.open(&search.path("report.html"), DESKTOP);
    // Everything that the script makes of them, too.
    browser.eval("document.getElementById('points').focus()");
    for _ in 0..20 {
        browser.key("ArrowRight");
        browser.key("Enter");
    }
    browser.eval("document.querySelectorAll('.sort').forEach(button => button.click())");
    browser.eval("document.querySelectorAll('.pick').forEach(button => button.click())");
    browser.settle();

    assert_eq!(browser.eval("typeof window.hit"), "undefined");
    assert_eq!(browser.eval("document.images.length"), 0);
    let scripts = browser.eval("document.scripts.length");
    assert_eq!(scripts, 2, "the data and the script");
    let handlers = browser.eval("[...document.querySelectorAll('*')].filter(one => one.getAttributeNames().some(name => name.startsWith('on'))).length");
    assert_eq!(handlers, 0);
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");

    // They are seen as they were written.
    assert_eq!(
        browser.eval("document.title"),
        "</title><script>window.hit=7</script>"
    );
    let body = browser.eval("document.body.textContent");
    let body = body.as_str().unwrap();
    for text in &HOSTILE[..5] {
        assert!(body.contains(&format!("because {text}")), "{text}");
    }
    assert!(
        body.contains("because a\u{fffd}b\u{fffd}"),
        "what turns or ends text is made visible"
    );
}

#[test]
fn texts_from_records_are_text_in_files() {
    let search = search();
    let mut args: Vec<&str> = ARGS[..7].to_vec();
    args.extend(["--svg", "plots"]);
    let _ = search.report(&args).expect_code(0);
    for entry in std::fs::read_dir(search.path("plots")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        assert!(name.chars().all(allowed), "{name}");
        let svg = std::fs::read_to_string(&path).unwrap();
        for tag in ["<img", "<script", "<svg onload"] {
            assert!(!svg.contains(tag), "{name} has {tag}");
        }
    }
}
