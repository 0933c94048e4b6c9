//! Which values of an axis are labelled, and how.

use crate::axis::tidy;

/// Labels that an axis aims at.
const TICKS: f64 = 5.0;

/// Multiples of 1, 2 or 5 times a power of ten.
pub fn linear(low: f64, high: f64) -> Vec<(f64, String)> {
    let rough = (high - low) / TICKS;
    multiples(step(rough), low, high)
}

/// Whole numbers, such as epochs and ranks.
pub fn whole(low: f64, high: f64) -> Vec<(f64, String)> {
    multiples(step((high - low) / TICKS).max(1.0), low, high)
}

/// The multiple of 1, 2 or 5 times a power of ten that is nearest.
fn step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    power
        * match rough / power {
            ..1.5 => 1.0,
            ..3.5 => 2.0,
            ..7.5 => 5.0,
            _ => 10.0,
        }
}

fn multiples(step: f64, low: f64, high: f64) -> Vec<(f64, String)> {
    let digits = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last.min(first + 20))
        .map(|count| {
            let mark = count as f64 * step;
            (mark, linear_label(mark, digits, low.abs().max(high.abs())))
        })
        .collect()
}

/// All labels of an axis in one form, by its largest value.
fn linear_label(mark: f64, digits: usize, largest: f64) -> String {
    let (unit, name) = match largest {
        size if size < 1e5 => (1.0, ""),
        size if size < 1e6 => (1e3, " k"),
        size if size < 1e9 => (1e6, " M"),
        size if size < 1e12 => (1e9, " G"),
        _ => return tidy(&format!("{mark:.1e}")),
    };
    if mark == 0.0 {
        return "0".into();
    }
    if unit == 1.0 {
        return tidy(&format!("{mark:.digits$}"));
    }
    let text = format!("{:.2}", mark / unit);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    tidy(&format!("{text}{name}"))
}

/// Powers of ten, every second or third where there are many; 1, 2 and 5
/// times those where there are few.
pub fn log(low: f64, high: f64) -> Vec<(f64, String)> {
    let (first, last) = (low.log10().ceil() as i32, high.log10().floor() as i32);
    let times: &[f64] = match last - first {
        ..1 => &[1.0, 2.0, 5.0],
        1 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let every = ((last - first) as f64 / (TICKS + 1.0)).ceil().max(1.0) as i32;
    let mut marks = Vec::new();
    for power in (first - 1..=last).filter(|power| power.rem_euclid(every) == 0) {
        for times in times {
            let mark = times * 10f64.powi(power);
            if (low..=high).contains(&mark) {
                marks.push((mark, power_label(*times, power)));
            }
        }
    }
    if marks.len() < 2 {
        return linear(low, high);
    }
    marks
}

/// 0, and powers of ten of both signs from the scale's size on.
pub fn asinh(low: f64, high: f64, scale: f64) -> Vec<(f64, String)> {
    let mut marks = Vec::new();
    let smallest = scale.log10().round() as i32;
    let largest = low.abs().max(high.abs()).log10().floor() as i32;
    let sides = if low < -scale && high > scale {
        2.0
    } else {
        1.0
    };
    let every = (f64::from(largest - smallest + 1) * sides / (TICKS + 1.0)).ceil();
    for power in (smallest..=largest).step_by(every.max(1.0) as usize) {
        for sign in [-1.0, 1.0] {
            let mark = sign * 10f64.powi(power);
            if (low..=high).contains(&mark) {
                marks.push((mark, power_label(sign, power)));
            }
        }
    }
    if (low..=high).contains(&0.0) {
        marks.push((0.0, "0".into()));
    }
    marks.sort_by(|a, b| a.0.total_cmp(&b.0));
    marks
}

fn power_label(times: f64, power: i32) -> String {
    if (-3..=4).contains(&power) {
        let digits = (-power).max(0) as usize;
        return tidy(&format!("{:.digits$}", times * 10f64.powi(power)));
    }
    let raised: String = power.to_string().chars().map(superscript).collect();
    match times {
        1.0 => format!("10{raised}"),
        -1.0 => format!("−10{raised}"),
        _ => tidy(&format!("{times}·10{raised}")),
    }
}

fn superscript(digit: char) -> char {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    match digit.to_digit(10) {
        Some(digit) => DIGITS[digit as usize],
        None => '⁻',
    }
}
