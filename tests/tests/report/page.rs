//! How the page looks: nothing goes wrong, nothing is asked for, everything
//! can be read.

use crate::browser::{Browser, DESKTOP, PHONE, View};
use crate::{Search, artefact};

/// Every text whose contrast with what lies under it is below 4.5 (WCAG 2.1,
/// 1.4.3), as `text (colour on colour: contrast)`. In a picture, what lies
/// under a text is the rectangle drawn before it, or else the paper.
const CONTRAST: &str = r"(() => {
  const parse = colour => (/rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)/.exec(colour) ?? []).slice(1)
    .map(part => part === undefined ? 1 : Number(part));
  const luminance = rgb => rgb.slice(0, 3).map(channel => channel / 255)
    .map(share => share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4)
    .reduce((sum, share, at) => sum + share * [0.2126, 0.7152, 0.0722][at], 0);
  const under = element => {
    const previous = element.previousElementSibling;
    if (element.tagName === 'text' && /\bt\d+\b/.test(element.getAttribute('class'))) {
      return getComputedStyle(previous).fill;
    }
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parse(colour)[3] > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || /^(SCRIPT|STYLE|TEMPLATE|title)$/.test(element.tagName)) continue;
    if (!element.checkVisibility() || element.matches(':disabled')) continue;
    texts += 1;
    const style = getComputedStyle(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const below = under(element);
    const [a, b] = [colour, below].map(one => luminance(parse(one)) + 0.05);
    const contrast = Math.max(a, b) / Math.min(a, b);
    if (!(contrast >= 4.5)) found.push(`${walk.currentNode.data} (${colour} on ${below}: ${contrast})`);
  }
  return { texts, found };
})()";

/// A wide window, and a narrow one: between them nothing else changes.
const WIDE: View = View {
    width: 1400,
    ..DESKTOP
};
const NARROW: View = View {
    width: 420,
    ..PHONE
};

/// Labels of the winners' cells and of axes that reach beyond their picture,
/// or beyond the window where nothing scrolls.
const CUT: &str = r"(() => [...document.querySelectorAll('svg text')].filter(text => {
  if (!text.textContent || !text.checkVisibility()) return false;
  const box = text.getBoundingClientRect();
  const picture = text.ownerSVGElement.getBoundingClientRect();
  return box.left < picture.left - 1 || box.right > picture.right + 1
    || (!text.closest('.scroll') && (box.left < 0 || box.right > innerWidth));
}).map(text => text.textContent))()";

/// Grids of which the last row has one picture and the rows above it more.
const ORPHANS: &str = r"(() => ['.figures', '.winners', '.multiples', '.curves'].filter(name => {
  const grid = document.querySelector(name);
  if (!grid) return false;
  const tops = [...grid.children].map(one => Math.round(one.getBoundingClientRect().top));
  const last = tops.filter(top => top === tops.at(-1)).length;
  return last === 1 && tops.length > 1 && tops.filter(top => top === tops[0]).length > 1;
}))()";

const VIEWS: [(&str, View); 4] = [
    ("wide-light", WIDE),
    ("wide-dark", View { dark: true, ..WIDE }),
    ("narrow-light", NARROW),
    (
        "narrow-dark",
        View {
            dark: true,
            ..NARROW
        },
    ),
];

#[test]
fn the_page_opens_without_complaint_asks_for_nothing_and_can_be_read() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let page = Search::of(300);
    let file = page.page();
    for (name, view) in VIEWS {
        browser.open(&file, view);
        // All that can be unfolded or pointed at is looked at, too.
        browser.eval("document.querySelectorAll('details').forEach(one => { one.open = true; })");
        browser.eval("document.getElementById('points').focus()");
        browser.key("ArrowRight");
        browser.settle();
        browser.screenshot(&artefact(&format!("{name}.png")));

        let wide = browser.eval("document.documentElement.scrollWidth - innerWidth");
        assert_eq!(wide, 0, "{name} is wider than its window");
        assert_eq!(browser.eval(CUT), serde_json::json!([]), "{name}");
        if !view.phone {
            assert_eq!(browser.eval(ORPHANS), serde_json::json!([]), "{name}");
        }
        let contrast = browser.eval(CONTRAST);
        assert!(contrast["texts"].as_u64() > Some(500), "{name}: {contrast}");
        assert_eq!(contrast["found"], serde_json::json!([]), "{name}");
        let complaints = browser.complaints();
        assert!(complaints.is_empty(), "{name}: {complaints:?}");
        let requests = browser.requests();
        assert_eq!(requests, [format!("file://{}", file.display())], "{name}");
    }
}

#[test]
fn the_test_of_contrast_finds_what_cannot_be_read() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let folder = knas_tests::scratch();
    let file = folder.path().join("pale.html");
    std::fs::write(&file, "<p style='color:#777'>pale</p><p>plain</p>").unwrap();
    browser.open(&file, DESKTOP);
    let contrast = browser.eval(CONTRAST);
    assert_eq!(contrast["texts"], 2);
    assert_eq!(
        contrast["found"].as_array().map(Vec::len),
        Some(1),
        "{contrast}"
    );
}

#[test]
fn there_is_one_ranking_everywhere() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let search = Search::of(60);
    let args = "records.ndjson --truth truth.csv --by naswot -o report.html";
    let args: Vec<&str> = args.split(' ').collect();
    let _ = search.report(&args).expect_code(0);
    browser.open(&search.path("report.html"), DESKTOP);
    assert!(browser.text(".lede").contains("ranked by naswot"));
    let first = browser.text("#ranking-table tbody th");
    assert_eq!(browser.text(".winners .pick"), first);
    assert_eq!(browser.text("#detail h3"), first);
    let largest = browser.eval(
        "(() => { const data = JSON.parse(document.getElementById('data').textContent); \
         const { values } = data.columns.find(column => column.name === 'naswot'); \
         return data.ids[values.indexOf(Math.max(...values))]; })()",
    );
    assert_eq!(largest.as_str(), Some(first.as_str()));
    let ring = browser.eval("[...document.querySelectorAll('.overlay .rank')].at(-1).textContent");
    assert_eq!(ring, "1");
}

#[test]
fn the_first_column_of_the_ranking_stays_in_place() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&Search::of(60).page(), NARROW);
    let left = "document.querySelector('#ranking-table tbody th').getBoundingClientRect().left";
    let before = browser.eval(left);
    browser.eval("document.querySelector('#ranking .scroll').scrollLeft = 200");
    browser.settle();
    assert_eq!(browser.eval(left), before);
}

#[test]
fn the_theme_follows_the_system_until_it_is_chosen() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let page = Search::of(20);
    let paper = "getComputedStyle(document.body).backgroundColor";
    browser.open(&page.page(), DESKTOP);
    let light = browser.eval(paper);
    assert_eq!(browser.text("#theme"), "Dark");
    browser.click("#theme");
    let dark = browser.eval(paper);
    assert_ne!(light, dark);
    assert_eq!(browser.text("#theme"), "Light");
    browser.open(
        &page.path("report.html"),
        View {
            dark: true,
            ..DESKTOP
        },
    );
    assert_eq!(browser.eval(paper), dark);
    browser.click("#theme");
    assert_eq!(browser.eval(paper), light);
}

#[test]
fn everything_is_there_without_the_script() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let page = Search::of(120);
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        serde_json::json!({ "value": true }),
    );
    browser.load(&page.page(), DESKTOP);
    // Both tables of scores, one below the other.
    let judged =
        "[...document.querySelectorAll('.judged')].filter(one => one.checkVisibility()).length";
    assert_eq!(browser.eval(judged), 2);
    assert_eq!(
        browser.eval("document.querySelectorAll('#ranking-table tbody tr').length"),
        25
    );
    let points = "[...document.querySelectorAll('#points .points')].map(path => path.getAttribute('d').split('M').length - 1).reduce((a, b) => a + b)";
    assert_eq!(browser.eval(points), 118);
    let hidden = "[...document.querySelectorAll('.controls, #theme, .pager button')].every(one => !one.checkVisibility())";
    assert_eq!(browser.eval(hidden), true);
}
