//! What one can do with the plots: point, drag, walk, choose other axes.

use crate::Search;
use crate::browser::{Browser, DESKTOP};
use crate::use_of::{choose, column};

/// The place in the window of the candidate of rank 1.
fn first_ring(browser: &mut Browser) -> (f64, f64) {
    let (left, top) = browser.scroll_to("#points");
    let ring = browser.eval("(() => { const ring = [...document.querySelectorAll('.overlay .ring')].at(-1); return [Number(ring.getAttribute('cx')), Number(ring.getAttribute('cy'))]; })()");
    let at = |axis: usize| ring[axis].as_f64().expect("a number");
    (left + at(0), top + at(1))
}

#[test]
fn a_point_tells_about_itself_and_can_be_selected() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(300).page(), DESKTOP);
    let best = column(&mut browser, "Candidate")[0].clone();
    let place = first_ring(&mut browser);
    assert_eq!(browser.eval("document.getElementById('tip').hidden"), true);
    browser.mouse("Moved", place);
    browser.settle();
    let tip = browser.text("#tip");
    let accuracy = column(&mut browser, "acc, %")[0].clone();
    assert!(
        tip.starts_with(&best)
            && tip.contains("rank 1")
            && tip.contains(&format!("acc, %: {accuracy}")),
        "{tip}"
    );
    browser.mouse("Pressed", place);
    browser.mouse("Released", place);
    assert_eq!(browser.text("tr.selected th"), best);
    browser.mouse("Moved", (place.0, place.1 + 2000.0));
    browser.settle();
    assert_eq!(browser.eval("document.getElementById('tip').hidden"), true);

    // A name anywhere on the page selects, too.
    let second = browser.text(".winners figure:nth-child(2) .pick");
    browser.click(".winners figure:nth-child(2) .pick");
    assert_eq!(browser.text("#detail h3"), second);
    assert_eq!(browser.text("#detail p"), "rank 2 of 294");
}

#[test]
fn dragging_keeps_candidates_in_the_table() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(300).page(), DESKTOP);
    let (x, y) = first_ring(&mut browser);
    browser.mouse("Moved", (x - 120.0, y - 20.0));
    browser.mouse("Pressed", (x - 120.0, y - 20.0));
    browser.mouse("Moved", (x - 20.0, y + 40.0));
    browser.mouse("Moved", (x + 12.0, y + 90.0));
    browser.mouse("Released", (x + 12.0, y + 90.0));
    let shown = browser.text("#shown");
    assert!(
        shown.ends_with(" that fit the filter") && !shown.contains("294"),
        "{shown}"
    );
    assert_eq!(column(&mut browser, "Rank")[0], "1");
    // What was dragged across is a filter that can be read and changed.
    let filter = browser.eval("document.getElementById('filter').value");
    let filter = filter.as_str().expect("text");
    assert!(
        filter.starts_with("mgm >= ") && filter.contains("acc <= "),
        "{filter}"
    );
    browser.click("#clear");
    assert_eq!(browser.text("#shown"), "1 to 25 of 294");
}

#[test]
fn the_plot_can_be_walked_with_the_keyboard() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(300).page(), DESKTOP);
    browser.eval("document.getElementById('points').focus()");
    let value = |browser: &mut Browser| {
        let spoken = browser.text("#spoken");
        let mgm = spoken
            .split("mgm: ")
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        mgm.and_then(|mgm| mgm.parse::<f64>().ok())
            .expect("a value is spoken")
    };
    browser.key("End");
    let last = value(&mut browser);
    browser.key("Home");
    let first = value(&mut browser);
    browser.key("ArrowRight");
    let next = value(&mut browser);
    assert!(first <= next && next < last, "{first} {next} {last}");
    browser.key("Enter");
    let chosen = browser.text("#detail h3");
    assert!(
        browser
            .text("#spoken")
            .starts_with(&format!("{chosen}, rank "))
    );
    browser.key("Escape");
    assert_eq!(browser.text("#detail p"), "rank 1 of 294");
}

#[test]
fn other_axes_can_be_chosen() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(300).page(), DESKTOP);
    let mut choose = |id: &str, label: &str| {
        choose(&mut browser, id, label);
        (
            browser.text("#rho"),
            browser.eval("document.getElementById('points').ariaLabel"),
        )
    };
    let (rho, _) = choose("part", "best half");
    assert!(rho.ends_with("n = 147"), "{rho}");
    let (rho, label) = choose("x", "naswot");
    assert!(rho.ends_with("n = 147"), "{rho}");
    assert_eq!(label, "acc, % against naswot, 294 candidates");
    let (_, _) = choose("part", "all");
    // ntk-cond is −1 ÷ mgm, so both order alike.
    let _ = choose("x", "ntk-cond");
    let (rho, _) = choose("y", "mgm");
    assert_eq!(rho, "Spearman’s ρ 1.00, n = 294");
    for scale in ["ranks", "in proportion", "logarithmic"] {
        let _ = choose("x-scale", scale);
        let (rho, _) = choose("y-scale", scale);
        assert_eq!(rho, "Spearman’s ρ 1.00, n = 294");
    }
    assert!(browser.complaints().is_empty());
}

#[test]
fn all_of_the_benchmark_fits_on_the_page() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let page = Search::of(15_625);
    browser.open(&page.page(), DESKTOP);
    browser.screenshot(&crate::artefact("all-cells.png"));
    for work in [
        "document.getElementById('y').dispatchEvent(new Event('change'))",
        "document.querySelectorAll('.sort')[1].click()",
        "const f = document.getElementById('filter'); f.value = 'nor_conv_3x3~0'; f.dispatchEvent(new Event('input'))",
    ] {
        browser.eval(work);
    }
    let (left, top) = browser.scroll_to("#points");
    for step in 0..20 {
        browser.mouse(
            "Moved",
            (left + 100.0 + 20.0 * f64::from(step), top + 150.0),
        );
        browser.settle();
    }
    assert!(browser.complaints().is_empty());
}
