//! What one can do with the page: sort, filter, choose, save; with a mouse and
//! with a keyboard.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Search;
use crate::browser::{Browser, DESKTOP};

/// The cells of a column of the ranking, as far as they are shown.
pub fn column(browser: &mut Browser, name: &str) -> Vec<String> {
    let cells = browser.eval(&format!(
        "(() => {{ const table = document.getElementById('ranking-table'); \
         const at = [...table.tHead.rows[0].cells].findIndex(head => head.innerText === {name:?}); \
         return [...table.tBodies[0].rows].map(row => row.cells[at].innerText); }})()"
    ));
    let text = |cell: &Value| cell.as_str().expect("text").to_owned();
    cells.as_array().expect("cells").iter().map(text).collect()
}

fn numbers(browser: &mut Browser, name: &str) -> Vec<f64> {
    let cells = column(browser, name);
    let number = |cell: &String| cell.replace('−', "-").replace(',', "").parse();
    cells
        .iter()
        .map(number)
        .collect::<Result<_, _>>()
        .expect("numbers")
}

/// The button in the head of a column.
fn sort_by(browser: &mut Browser, name: &str) -> String {
    let place = browser.eval(&format!(
        "[...document.querySelectorAll('#ranking-table thead th')].findIndex(head => head.innerText === {name:?}) + 1"
    ));
    format!("#ranking-table thead th:nth-child({place}) .sort")
}

#[test]
fn the_table_sorts_with_the_mouse_and_with_the_keyboard() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(300).page(), DESKTOP);
    assert_eq!(
        numbers(&mut browser, "Rank"),
        (1..=25).map(f64::from).collect::<Vec<_>>()
    );
    let mgm = numbers(&mut browser, "mgm");
    assert!(mgm.is_sorted_by(|a, b| a >= b), "{mgm:?}");

    let head = sort_by(&mut browser, "acc, %");
    browser.click(&head);
    let accuracies = numbers(&mut browser, "acc, %");
    assert!(accuracies.is_sorted_by(|a, b| a >= b), "{accuracies:?}");
    let sorted = browser.eval("document.querySelector('th[aria-sort]').innerText + ' ' + document.querySelector('th[aria-sort]').ariaSort");
    assert_eq!(sorted, "acc, % descending");

    browser.eval(&format!("document.querySelector({head:?}).focus()"));
    browser.key("Enter");
    let accuracies = numbers(&mut browser, "acc, %");
    assert!(accuracies.is_sorted(), "{accuracies:?}");

    // What is not known comes last, however the rest is sorted.
    let head = sort_by(&mut browser, "valid_accuracy, %");
    browser.click(&head);
    assert_eq!(
        column(&mut browser, "valid_accuracy, %")[..6],
        ["86.00", "84.00", "82.00", "80.00", "78.00", ""]
    );
    browser.click(&head);
    assert_eq!(
        column(&mut browser, "valid_accuracy, %")[..6],
        ["78.00", "80.00", "82.00", "84.00", "86.00", ""]
    );
    assert!(browser.complaints().is_empty());
}

#[test]
fn the_table_filters_and_turns_its_pages() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(300).page(), DESKTOP);
    assert_eq!(browser.text("#shown"), "1 to 25 of 294");
    browser.click("#next");
    assert_eq!(browser.text("#shown"), "26 to 50 of 294");
    assert_eq!(column(&mut browser, "Rank")[0], "26");

    let mut filter = |text: &str| {
        type_filter(&mut browser, text);
        (
            column(&mut browser, "Candidate"),
            numbers(&mut browser, "acc, %"),
            browser.text("#shown"),
        )
    };
    let with_blanks = filter("acc > 90  && \"params\" < 1.2 M");
    let (_, accuracies, shown) = filter("acc>90 params<1.2M");
    assert_eq!(with_blanks.2, shown);
    assert!(
        shown.starts_with("1 to ") && accuracies.iter().all(|accuracy| *accuracy >= 90.0),
        "{shown}"
    );
    let (ids, _, _) = filter("nb201-1");
    assert!(
        !ids.is_empty() && ids.iter().all(|id| id.starts_with("nb201-1")),
        "{ids:?}"
    );
    let (ids, _, shown) = filter("nothing-of-this-kind");
    assert_eq!((ids.len(), shown.as_str()), (0, "None fits the filter."));
    let (_, _, shown) = filter("");
    assert_eq!(shown, "1 to 25 of 294");
}

fn type_filter(browser: &mut Browser, text: &str) {
    browser.eval(&format!(
        "(() => {{ const filter = document.getElementById('filter'); filter.value = {text:?}; \
         filter.dispatchEvent(new Event('input')); }})()"
    ));
}

#[test]
fn the_filter_names_what_it_does_not_know() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(60).page(), DESKTOP);
    let mut says = |text: &str| {
        type_filter(&mut browser, text);
        browser.text("#filter-says")
    };
    assert_eq!(
        says("parms < 1M"),
        "There is no “parms”: did you mean params?"
    );
    assert_eq!(
        says("accuracy > 80"),
        "There is no “accuracy”: did you mean valid_accuracy?"
    );
    assert!(says("zzzzzzzz > 1").starts_with("There is no “zzzzzzzz”: fields are rank, mgm, "));
    assert!(says("params < many").contains("no comparison with a number"));
    assert_eq!(says("params < 1M"), "");
}

/// The points of the plot, those that fit the filter and the others.
const POINTS: &str = "['.points:not(.others)', '.points.others'].map(name => \
    [...document.querySelectorAll('#points ' + name)].map(path => path.getAttribute('d').split('M').length - 1)\
    .reduce((a, b) => a + b, 0))";

#[test]
fn the_filter_acts_on_the_plots() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(300).page(), DESKTOP);
    assert_eq!(browser.eval(POINTS), serde_json::json!([294, 0]));
    type_filter(&mut browser, "acc > 90");
    let shown = browser.text("#shown");
    let fits: u64 = shown
        .split_whitespace()
        .nth(4)
        .and_then(|count| count.parse().ok())
        .expect("a count");
    assert_eq!(browser.eval(POINTS), serde_json::json!([fits, 294 - fits]));
    assert!(browser.text("#rho").ends_with(&format!("n = {fits}")));
    let bars = browser.eval("document.querySelectorAll('.histogram .part .bar').length");
    assert!(bars.as_u64() > Some(5), "{bars}");
    type_filter(&mut browser, "");
    assert_eq!(browser.eval(POINTS), serde_json::json!([294, 0]));
    assert!(browser.complaints().is_empty());
}

pub fn choose(browser: &mut Browser, id: &str, label: &str) {
    browser.eval(&format!(
        "(() => {{ const select = document.getElementById({id:?}); \
         select.value = [...select.options].find(option => option.text === {label:?}).value; \
         select.dispatchEvent(new Event('change', {{ bubbles: true }})); }})()"
    ));
}

#[test]
fn what_is_chosen_stands_in_the_address() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let search = Search::of(300);
    browser.open(&search.page(), DESKTOP);
    choose(&mut browser, "x", "naswot");
    choose(&mut browser, "x-scale", "ranks");
    type_filter(&mut browser, "params < 1M");
    let head = sort_by(&mut browser, "acc, %");
    browser.click(&head);
    browser.click(".winners figure:nth-child(2) .pick");
    browser.eval("new Promise(done => setTimeout(done, 500))");
    let address = browser.eval("location.hash");
    let address = address.as_str().expect("an address").to_owned();
    let shown = (
        browser.text("#shown"),
        browser.text("#detail h3"),
        browser.text("#rho"),
    );

    // As whoever gets the address sees it.
    let page = search.path(&format!("report.html{address}"));
    browser.open(std::path::Path::new("/dev/null"), DESKTOP);
    browser.open(&page, DESKTOP);
    let again = (
        browser.text("#shown"),
        browser.text("#detail h3"),
        browser.text("#rho"),
    );
    assert_eq!(again, shown, "{address}");
    let accuracies = numbers(&mut browser, "acc, %");
    assert!(accuracies.is_sorted_by(|a, b| a >= b), "{accuracies:?}");
    assert_eq!(
        browser.eval("document.getElementById('x-scale').value"),
        "rank"
    );
    assert!(browser.complaints().is_empty());
}

#[test]
fn the_table_and_the_plot_can_be_saved() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let search = Search::of(60);
    browser.open(&search.page(), DESKTOP);
    let target = knas_tests::scratch();
    browser.save_into(target.path());
    type_filter(&mut browser, "acc > 80");
    browser.click("#save-table");
    browser.click("#save-plot");
    let mut saved = |name: &str| {
        let file = target.path().join(name);
        let start = Instant::now();
        loop {
            match std::fs::read_to_string(&file) {
                Ok(text) if !text.is_empty() => return text,
                _ => assert!(start.elapsed() < Duration::from_secs(60), "{name}"),
            }
            browser.settle();
        }
    };
    let csv = saved("ranking.csv");
    let mut lines = csv.lines();
    let head = lines.next().expect("a head");
    assert!(head.starts_with("id,rank,arch,mgm,acc,"), "{head}");
    let accuracies: Vec<f64> = lines
        .map(|line| line.split(',').nth(4).and_then(|cell| cell.parse().ok()))
        .collect::<Option<_>>()
        .expect("accuracies");
    assert!(accuracies.len() > 5 && accuracies.iter().all(|accuracy| *accuracy > 80.0));
    let svg = saved("plot.svg");
    assert!(svg.contains("xmlns=\"http://www.w3.org/2000/svg\"") && !svg.contains("var("));
    assert!(browser.complaints().is_empty());
}

#[test]
fn several_truths_are_switched_between() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(300).page(), DESKTOP);
    let rho = |browser: &mut Browser| browser.text(".judged:not([hidden]) tbody td");
    let first = rho(&mut browser);
    choose(&mut browser, "truth", "other");
    assert_ne!(rho(&mut browser), first);
    assert_eq!(
        browser.eval("document.getElementById('points').ariaLabel"),
        "other, % against mgm, 294 candidates"
    );
}

#[test]
fn the_pareto_front_is_of_any_two_numbers() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(300).page(), DESKTOP);
    choose(&mut browser, "x", "parameters");
    browser.click("#front");
    // Few parameters and a high accuracy are better: the front climbs.
    let front = browser.eval(
        "document.querySelector('#points .front').getAttribute('d').slice(1).split('L').map(at => at.split(' ').map(Number))",
    );
    let front: Vec<(f64, f64)> = serde_json::from_value(front).expect("places");
    let literal = browser.eval(
        "(() => { const { columns } = JSON.parse(document.getElementById('data').textContent); \
         const [size, acc] = ['params', 'acc'].map(name => columns.find(one => one.name === name).values); \
         const beats = (a, b) => size[a] <= size[b] && acc[a] >= acc[b] && (size[a] < size[b] || acc[a] > acc[b]); \
         return size.filter((_, b) => !size.some((_, a) => beats(a, b))).length; })()",
    );
    assert_eq!(literal, front.len());
    assert!(
        front.is_sorted_by(|a, b| a.0 <= b.0 && a.1 >= b.1),
        "{front:?}"
    );
}
