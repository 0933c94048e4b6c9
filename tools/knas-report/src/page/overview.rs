//! What there is to know first, and the winners.

use crate::axis::tidy;
use crate::candidates::Kind;
use crate::page::cost::{co2, duration, energy};
use crate::page::{Page, Section};
use crate::plot::{cell, fit};
use crate::search::Column;
use crate::svg::Escaped;

/// A sentence and the figures below the title.
pub fn overview(page: &Page<'_>) -> anyhow::Result<String> {
    let search = page.search;
    let count = search.ranked.len();
    let by = search.by.map(|place| &search.columns[place]);
    let mut sentence = format!(
        "{} candidate{}",
        number(count),
        if count == 1 { "" } else { "s" }
    );
    if let Some(by) = by {
        sentence += &format!(" ranked by <b>{}</b>", Escaped(&fit(&by.name, 80)));
    }
    let accuracy = search.accuracy();
    let mut figures = vec![candidates(page)];
    if let (Some(score), Some(truth)) = (search.by, accuracy) {
        let name = Escaped(&fit(&search.columns[truth].name, 80)).to_string();
        sentence += &format!(", held against <b>{name}</b>");
        let found = search.parts(score, truth)?;
        if let Some((rho, n)) = found.first().and_then(|all| Some((all.spearman?, all.n))) {
            let count = number(n as usize);
            let detail = match interval(rho, n) {
                Some((low, high)) => {
                    format!("95 % interval {low:.2} to {high:.2}, n = {count}")
                }
                None => format!("n = {count}"),
            };
            let rho = tidy(&format!("{rho:.2}"));
            figures.push(figure("Spearman’s ρ with accuracy", &rho, &tidy(&detail)));
        }
        figures.extend(selected(page, &search.columns[truth]));
    }
    figures.extend(cost(page));
    Ok(format!(
        "<p class=\"lede\">{sentence}.</p>\n<dl class=\"figures\">{}</dl>\n",
        figures.concat()
    ))
}

fn candidates(page: &Page<'_>) -> String {
    let failed = match page.search.failed.len() {
        0 => "none failed".to_owned(),
        failed => format!("<a href=\"#failures\">{} failed</a>", number(failed)),
    };
    figure("Candidates", &number(page.search.ranked.len()), &failed)
}

/// The accuracy of the best among those that the ranking puts first.
fn selected(page: &Page<'_>, truth: &Column) -> Option<String> {
    let first = truth.values.iter().take(page.winners.max(1));
    let best = first.flatten().copied().reduce(f64::max)?;
    let there = truth.known().into_iter().reduce(f64::max)?;
    let name = match page.winners {
        ..=1 => "Accuracy of the first".to_owned(),
        winners => format!("Best of the first {winners}"),
    };
    let detail = match there - best {
        0.0 => "the best there is".to_owned(),
        less => format!("{less:.2} below the best there is"),
    };
    Some(figure(&name, &format!("{best:.2} %"), &detail))
}

fn cost(page: &Page<'_>) -> Option<String> {
    let seconds: f64 = page.stages.iter().map(|stage| stage.seconds).sum();
    let joules: f64 = page.stages.iter().map(|stage| stage.joules).sum();
    (seconds > 0.0).then(|| {
        let detail = match joules {
            0.0 => "energy not recorded".to_owned(),
            joules => format!("{}, {}", energy(joules), co2(joules, page.grid_intensity)),
        };
        figure("Computing time", &duration(seconds), &detail)
    })
}

/// All three are HTML.
fn figure(name: &str, value: &str, detail: &str) -> String {
    format!("<div><dt>{name}</dt><dd><b>{value}</b><span>{detail}</span></dd></div>")
}

/// The 95 % interval of Spearman's ρ in closed form (Bonett & Wright 2000):
/// Fisher's z with the variance (1 + ρ²/2)/(n − 3).
fn interval(rho: f64, n: u64) -> Option<(f64, f64)> {
    if n < 10 || rho.abs() >= 1.0 {
        return None;
    }
    let reach = 1.959_964 * ((1.0 + rho * rho / 2.0) / (n as f64 - 3.0)).sqrt();
    Some(((rho.atanh() - reach).tanh(), (rho.atanh() + reach).tanh()))
}

/// A count with its thousands apart.
pub fn number(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The best candidates: their cells, and what is known of them.
pub fn winners(page: &Page<'_>) -> Option<Section> {
    let search = page.search;
    let shown = page.winners.min(search.ranked.len());
    if shown == 0 {
        return None;
    }
    let mut body = String::from("<div class=\"winners\">");
    for place in 0..shown {
        let candidate = &search.ranked[place];
        let rank = place + 1;
        let picture = match (&search.cells[place], &candidate.arch) {
            (Some(cell), _) => {
                cell::draw(cell, &format!("Cell of rank {rank}")).element("class=\"cell\"")
            }
            (None, Some(arch)) => format!("<p class=\"arch\">{}</p>", Escaped(&fit(arch, 400))),
            (None, None) => String::new(),
        };
        let facts: String = search
            .table_order()
            .into_iter()
            .filter(|&at| Some(at) == search.by || search.columns[at].kind != Kind::Score)
            .filter_map(|at| {
                let column = &search.columns[at];
                let value = column.values[place]?;
                Some(format!(
                    "<div><dt>{}</dt><dd>{}</dd></div>",
                    Escaped(&fit(&column.label(), 60)),
                    Escaped(&column.show(value))
                ))
            })
            .collect();
        body += &format!(
            "<figure><figcaption><b class=\"place\">{rank}</b> <button type=\"button\" class=\"pick\" \
             data-place=\"{place}\">{}</button></figcaption>{picture}<dl>{facts}</dl></figure>",
            Escaped(&fit(&candidate.id, 200))
        );
    }
    body += "</div>\n";
    if search.cells.iter().take(shown).any(Option::is_some) {
        body += "<p class=\"note\">A cell is read from left to right; a node adds up what \
                 comes in. Operations in grey are computed for nothing: their input is empty, \
                 or nothing uses their output.</p>\n";
    }
    Some(Section {
        id: "winners",
        heading: "Winners",
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // import numpy as np; r, n = 0.6, 300
    // np.tanh(np.arctanh(r) + np.array([-1, 1]) * 1.959964 * np.sqrt((1 + r*r/2) / (n - 3)))
    #[test]
    fn the_interval_is_bonett_and_wrights() {
        let (low, high) = interval(0.6, 300).unwrap();
        assert!((low - 0.515_070_0).abs() < 1e-6, "{low}");
        assert!((high - 0.673_263_2).abs() < 1e-6, "{high}");
        assert_eq!(interval(1.0, 300), None);
        assert_eq!(interval(0.5, 5), None);
    }

    #[test]
    fn thousands_stand_apart() {
        let shown = [0, 999, 1000, 15_625, 1_234_567].map(number);
        assert_eq!(shown, ["0", "999", "1,000", "15,625", "1,234,567"]);
    }
}
