//! Colours, light and dark, and the style sheets that use them.
//!
//! Hues are those of Okabe & Ito's palette, which people with any of the usual
//! colour vision deficiencies can tell apart; nothing is said by colour alone.

use std::fmt::Write as _;

/// Style of the plots, on the page and in files.
const PLOT: &str = include_str!("assets/plot.css");

/// Style of the page around them.
const PAGE: &str = include_str!("assets/page.css");

/// Name, and value on light and on dark paper.
const COLOURS: [(&str, &str, &str); 29] = [
    ("paper", "#fdfdfb", "#151514"),
    ("raised", "#f4f4f0", "#1f1f1d"),
    ("ink", "#1a1a18", "#ecebe6"),
    ("muted", "#5a5a55", "#aeada6"),
    ("rule", "#cfcfc9", "#45443f"),
    ("grid", "#e8e8e3", "#2a2927"),
    ("mark", "#0072b2", "#5fb3e6"),
    ("soft", "#7ba3c4", "#4a7896"),
    ("accent", "#b84600", "#ff9d4d"),
    ("wash", "#fbeee3", "#3a2817"),
    ("op-conv3", "#0b5c93", "#7cc3ef"),
    ("op-conv3-ink", "#ffffff", "#000000"),
    ("op-conv1", "#cde2f2", "#25465e"),
    ("op-conv1-ink", "#10222f", "#e6f2fb"),
    ("op-pool", "#f5d7b5", "#5e4224"),
    ("op-pool-ink", "#33200a", "#fdeede"),
    ("edge-conv3", "#0b5c93", "#7cc3ef"),
    ("edge-conv1", "#4f93c4", "#4f93c4"),
    ("edge-pool", "#d06a1c", "#e0883d"),
    ("edge-skip", "#1a1a18", "#ecebe6"),
    ("edge-dead", "#b5b5ae", "#5d5c57"),
    ("series-0", "#0072b2", "#5fb3e6"),
    ("series-1", "#d55e00", "#ff9d4d"),
    ("series-2", "#008763", "#35c49a"),
    ("series-3", "#b5508c", "#e59ac4"),
    ("series-4", "#8f7300", "#e0c341"),
    ("series-5", "#3f9bd0", "#a9d8f5"),
    ("series-6", "#1a1a18", "#ecebe6"),
    ("series-7", "#85857e", "#93928b"),
];

/// Steps of the scale of agreement on either side of 0.
pub const STEPS: i32 = 10;

/// No agreement, full agreement, full disagreement; on light and dark paper.
const AGREEMENT: [[&str; 3]; 2] = [
    ["#f2f1ec", "#0b5c93", "#a84300"],
    ["#2a2927", "#7cc3ef", "#ff9d4d"],
];

/// The page's style sheet.
pub fn page() -> String {
    let light = variables(|(_, light, _)| light, 0);
    let dark = variables(|(_, _, dark)| dark, 1);
    format!(
        ":root{{color-scheme:light;{light}}}\n\
         :root[data-theme=dark]{{color-scheme:dark;{dark}}}\n\
         @media (prefers-color-scheme:dark){{:root:not([data-theme=light])\
         {{color-scheme:dark;{dark}}}}}\n{}{PLOT}{PAGE}",
        steps(|step| (format!("var(--h{step})"), format!("var(--t{step})")))
    )
}

/// The style sheet of a plot that is a file of its own, for paper. Many
/// programs that read SVG know no variables, so colours stand in their places.
pub fn file() -> String {
    let mut style = steps(|step| agreement(0, step)) + PLOT;
    style = style.replace("var(--paper)", "#ffffff");
    for (name, light, _) in COLOURS {
        style = style.replace(&format!("var(--{name})"), light);
    }
    style
}

/// The class of a correlation's cell in the map of agreement: `h` and the step
/// from 0 (−1) to 20 (1).
pub fn step(rho: f64) -> i32 {
    (rho.clamp(-1.0, 1.0) * f64::from(STEPS)).round() as i32 + STEPS
}

fn variables(
    choose: impl Fn((&'static str, &'static str, &'static str)) -> &'static str,
    paper: usize,
) -> String {
    let mut text = String::new();
    for colour in COLOURS {
        // Writing to a String cannot fail.
        let _ = write!(text, "--{}:{};", colour.0, choose(colour));
    }
    for step in 0..=2 * STEPS {
        let (fill, ink) = agreement(paper, step);
        let _ = write!(text, "--h{step}:{fill};--t{step}:{ink};");
    }
    text
}

fn steps(colours: impl Fn(i32) -> (String, String)) -> String {
    let mut style = String::new();
    for step in 0..=2 * STEPS {
        let (fill, ink) = colours(step);
        let _ = writeln!(
            style,
            ".h{step}{{fill:{fill}}} svg .t{step},.t{step}{{fill:{ink}}}"
        );
    }
    style
}

/// Fill and text of a step of the scale of agreement.
fn agreement(paper: usize, step: i32) -> (String, String) {
    let [none, full, reverse] = AGREEMENT[paper].map(channels);
    let share = f64::from(step - STEPS) / f64::from(STEPS);
    let end = if share < 0.0 { reverse } else { full };
    let mixed: [f64; 3] = std::array::from_fn(|i| none[i] + (end[i] - none[i]) * share.abs());
    // One of black and white has a contrast of at least 4.58 with any colour.
    let ink = if luminance(mixed) > 0.179 {
        "#000000"
    } else {
        "#ffffff"
    };
    let [red, green, blue] = mixed.map(|channel| channel.round() as u8);
    (format!("#{red:02x}{green:02x}{blue:02x}"), ink.to_owned())
}

/// Red, green and blue, 0 to 255, of `#rrggbb`.
fn channels(colour: &str) -> [f64; 3] {
    std::array::from_fn(|i| {
        let digits = colour.get(1 + 2 * i..3 + 2 * i).unwrap_or_default();
        f64::from(u8::from_str_radix(digits, 16).unwrap_or_default())
    })
}

/// Relative luminance as WCAG 2 defines it, 0 to 1.
fn luminance(channels: [f64; 3]) -> f64 {
    let [red, green, blue] = channels.map(|channel| {
        let share = channel / 255.0;
        match share <= 0.03928 {
            true => share / 12.92,
            false => ((share + 0.055) / 1.055).powf(2.4),
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(a: &str, b: &str) -> f64 {
        let [a, b] = [a, b].map(|colour| luminance(channels(colour)) + 0.05);
        a.max(b) / a.min(b)
    }

    fn colour(name: &str, paper: usize) -> &'static str {
        let found = COLOURS.iter().find(|colour| colour.0 == name).unwrap();
        [found.1, found.2][paper]
    }

    // https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio: white on black is 21
    #[test]
    fn contrast_is_as_defined() {
        assert_eq!(contrast("#ffffff", "#000000"), 21.0);
        assert!((contrast("#777777", "#ffffff") - 4.478).abs() < 1e-3);
    }

    #[test]
    fn every_text_can_be_read_on_what_lies_under_it() {
        for paper in [0, 1] {
            for (text, under) in [
                ("ink", "paper"),
                ("ink", "raised"),
                ("ink", "wash"),
                ("muted", "paper"),
                ("muted", "raised"),
                ("muted", "wash"),
                ("mark", "paper"),
                ("mark", "raised"),
                ("accent", "paper"),
                ("accent", "wash"),
                ("op-conv3-ink", "op-conv3"),
                ("op-conv1-ink", "op-conv1"),
                ("op-pool-ink", "op-pool"),
            ] {
                let found = contrast(colour(text, paper), colour(under, paper));
                assert!(
                    found >= 4.5,
                    "{text} on {under} of paper {paper}: {found:.2}"
                );
            }
            for step in 0..=2 * STEPS {
                let (fill, ink) = agreement(paper, step);
                assert!(contrast(&fill, &ink) >= 4.5, "{step}: {ink} on {fill}");
            }
        }
    }

    #[test]
    fn every_mark_can_be_seen_on_the_paper() {
        for paper in [0, 1] {
            let marks = COLOURS.iter().map(|colour| colour.0).filter(|name| {
                name.starts_with("series-")
                    || ["mark", "accent", "edge-conv3", "edge-conv1", "edge-pool"].contains(name)
            });
            for mark in marks {
                let found = contrast(colour(mark, paper), colour("paper", paper));
                assert!(found >= 3.0, "{mark} on paper {paper}: {found:.2}");
            }
        }
    }

    #[test]
    fn files_name_their_colours() {
        let style = file();
        assert!(!style.contains("var("), "{style}");
        assert_eq!(
            (step(-1.0), step(0.0), step(0.96), step(1.0)),
            (0, 10, 20, 20)
        );
    }
}
