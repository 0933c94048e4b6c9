//! Time, energy, CO2, and training instead.

use maud::{Markup, html};

use crate::cost::{Basis, Stage, Training};
use crate::page::overview::number;
use crate::page::{Page, Section, scrolling};
use crate::plot::cost::{Bar, draw};
use crate::plot::fit;
use crate::svg::{Escaped, Svg};

/// Joules of a kilowatt-hour.
const KILOWATT_HOUR: f64 = 3.6e6;

/// What the stages took, and what training would have; always there, so that
/// a page without figures says how to have them.
pub fn cost(page: &Page<'_>) -> Option<Section> {
    let body = html! {
        @if page.stages.is_empty() {
            p class="note" {
                "The records do not say what they took: run knas-score and knas-finetune with "
                code { "--meta" } "."
            }
        } @else {
            (stages(page))
            @if let Some(training) = page.training { (instead(page, training)) }
        }
    };
    Some(Section {
        id: "cost",
        heading: "Time and energy",
        body,
    })
}

fn stages(page: &Page<'_>) -> Markup {
    let mut sources = page.stages.iter().flat_map(|stage| &stage.sources);
    let estimated = sources.any(|source| source.contains("estimate"));
    let head = |name: &str| html! { th scope="col" { (name) } };
    let text = |name: &str| html! { th scope="col" class="text" { (name) } };
    let table = html! {
        table class="plain fixed" {
            thead { tr {
                (text("Stage")) (head("Candidates")) (head("Time")) (head("Per candidate"))
                (head("Energy")) (head("CO₂")) (text("Source of energy")) (text("Device"))
            } }
            tbody { @for stage in page.stages { (row(stage, page.grid_intensity)) } }
        }
    };
    html! {
        (scrolling("Time and energy by stage", &table))
        p class="note" {
            "Times are those of the candidates, added up: with several at once, less time passes."
            @if estimated {
                " Where the source is " i { "estimate" } ", energy is processor time times 12 W for a busy core."
            }
            " CO₂ at " (format!("{:.0}", page.grid_intensity)) " g for a kilowatt-hour"
            @if page.grid_intensity == crate::cli::WORLD_INTENSITY {
                ", the world’s average in 2024 (IEA, " cite { "Electricity 2025" } ")"
            }
            "."
        }
    }
}

fn row(stage: &Stage, intensity: f64) -> Markup {
    let known = |text: String| match stage.with_joules {
        0 => "not recorded".to_owned(),
        _ => text,
    };
    let partly = (1..stage.candidates).contains(&stage.with_joules);
    html! {
        tr {
            th scope="row" { (Escaped(&fit(&stage.name, 40))) }
            td { (number(stage.candidates)) }
            td { (duration(stage.seconds)) }
            td { (duration(stage.seconds / stage.candidates as f64)) }
            td {
                (known(energy(stage.joules)))
                @if partly { " of " (number(stage.with_joules)) }
            }
            td { (known(co2(stage.joules, intensity))) }
            td class="text" { (Escaped(&fit(&stage.sources.join(", "), 60))) }
            td class="text" { (Escaped(&fit(&stage.devices.join(", "), 60))) }
        }
    }
}

fn instead(page: &Page<'_>, training: &Training) -> Markup {
    let (picture, times) = picture(page, training);
    let basis = match &training.basis {
        Basis::Trained { candidates, epochs } => {
            let epochs = epochs.map_or_else(String::new, |epochs| format!(" for {epochs} epochs"));
            format!(
                "by what the {} trained here{epochs} took, in proportion to multiply-accumulates",
                number(*candidates)
            )
        }
        Basis::Scored { epochs, images } => format!(
            "for {epochs} epochs of {} images, if an image took what it took in scoring: a rough \
             figure, and too high where several scores needed passes of their own",
            number(*images as usize)
        ),
    };
    html! {
        h3 { "What training would have cost" }
        div class="beside" {
            (scrolling("Search and training", &picture.element("")))
            p {
                "Training all " (number(training.candidates)) " candidates would take "
                b { (duration(training.seconds)) }
                @if let Some(joules) = training.joules {
                    " and " (energy(joules)) " (" (co2(joules, page.grid_intensity)) ")"
                }
                ", " b { (times) } " what this search took; " (basis) "."
            }
        }
    }
}

/// The search beside training, in a picture, and how many times it training is.
pub fn picture(page: &Page<'_>, training: &Training) -> (Svg, String) {
    let seconds: f64 = page.stages.iter().map(|stage| stage.seconds).sum();
    let joules: f64 = page.stages.iter().map(|stage| stage.joules).sum();
    let label = |seconds, joules: Option<f64>| match joules.filter(|joules| *joules > 0.0) {
        Some(joules) => format!("{} · {}", duration(seconds), energy(joules)),
        None => duration(seconds),
    };
    let stages = page.stages.iter().map(|stage| stage.name.as_str());
    let stages: Vec<&str> = stages.collect();
    let bars = [
        Bar {
            name: format!("this search ({})", fit(&stages.join(", "), 40)),
            amount: seconds,
            label: label(seconds, Some(joules)),
        },
        Bar {
            name: format!("training all {} candidates", number(training.candidates)),
            amount: training.seconds,
            label: label(training.seconds, training.joules),
        },
    ];
    let times = match training.seconds / seconds {
        times if times < 10.0 => format!("{times:.1} times"),
        times => format!("{} times", number(times.round() as usize)),
    };
    (
        draw(
            "Computing time of the search and of training every candidate",
            &bars,
        ),
        times,
    )
}

/// A time as people say it.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    let minutes = (seconds / 60.0).round() as u64;
    match seconds {
        ..0.9995 => format!("{:.0} ms", seconds * 1000.0),
        ..9.95 => format!("{seconds:.1} s"),
        ..119.5 => format!("{whole} s"),
        ..3599.5 => format!("{} min {:02} s", whole / 60, whole % 60),
        ..172_770.0 => format!("{} h {:02} min", minutes / 60, minutes % 60),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}

/// Energy in the unit that suits it.
pub fn energy(joules: f64) -> String {
    match joules / 3600.0 {
        hours if hours < 0.1 => format!("{} J", digits(joules)),
        hours if hours < 1000.0 => format!("{} Wh", digits(hours)),
        hours => format!("{} kWh", digits(hours / 1000.0)),
    }
}

/// CO₂ of so much energy, at so many grams for a kilowatt-hour.
pub fn co2(joules: f64, intensity: f64) -> String {
    match joules / KILOWATT_HOUR * intensity {
        grams if grams < 0.1 => format!("{} mg CO₂", digits(grams * 1000.0)),
        grams if grams < 1000.0 => format!("{} g CO₂", digits(grams)),
        grams => format!("{} kg CO₂", digits(grams / 1000.0)),
    }
}

/// Three significant digits, or all of a larger whole number.
fn digits(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        ..1.0 => format!("{value:.2}"),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => number(value.round() as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_people_say_them() {
        let shown = [0.25, 1.26, 59.4, 119.6, 3659.0, 7200.0, 90_000.0, 2e6].map(duration);
        let expected = [
            "250 ms",
            "1.3 s",
            "59 s",
            "2 min 00 s",
            "1 h 01 min",
            "2 h 00 min",
            "25 h 00 min",
            "23.1 days",
        ];
        assert_eq!(shown, expected);
    }

    // 3.6 MJ are 1 kWh, and 445 g at 445 g/kWh
    #[test]
    fn energy_and_co2_have_the_unit_that_suits_them() {
        let shown = [12.0, 3600.0, 450_000.0, 3.6e6, 3.6e8].map(energy);
        assert_eq!(
            shown,
            ["12.0 J", "1.00 Wh", "125 Wh", "1.00 kWh", "100 kWh"]
        );
        let shown = [360.0, 3600.0, 3.6e6, 3.6e8].map(|joules| co2(joules, 445.0));
        assert_eq!(
            shown,
            ["44.5 mg CO₂", "0.45 g CO₂", "445 g CO₂", "44.5 kg CO₂"]
        );
    }
}
