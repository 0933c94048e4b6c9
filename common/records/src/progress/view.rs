//! The line itself.

use std::time::Duration;

/// What the line tells.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// How many there are in all, where that is known.
    pub(super) total: Option<u64>,
    /// How many were read.
    pub(super) read: u64,
    /// How many are done, kept ones among them.
    pub(super) done: u64,
    /// How many were there from an earlier run.
    pub(super) kept: u64,
    /// What one in work is at.
    pub(super) note: String,
}

impl View {
    /// Whether nothing is in work here.
    pub(super) fn is_idle(&self) -> bool {
        self.read <= self.done
    }

    /// The line after so much time, in at most `width` characters: what matters
    /// least is left out first.
    pub(super) fn line(&self, elapsed: Duration, width: usize) -> String {
        let count = match self.total {
            Some(total) => format!("{}/{total}", self.done),
            None => format!("{} {}", self.done, self.what),
        };
        let each = (self.done - self.kept > 0)
            .then(|| elapsed.as_secs_f64() / (self.done - self.kept) as f64);
        let left = match (self.total, each) {
            (Some(total), Some(each)) => {
                let seconds = each * total.saturating_sub(self.done) as f64;
                format!("{} left", clock(seconds))
            }
            _ => clock(elapsed.as_secs_f64()),
        };
        let rate = each.map(rate).unwrap_or_default();
        let name = format!("{}:", self.name);
        // From the most to the least important; shown in their own order.
        let mut parts = [&name, &count, &self.note, &rate, &left].map(|part| Some(part.as_str()));
        let length = |parts: &[Option<&str>]| {
            let lengths = parts.iter().flatten().filter(|part| !part.is_empty());
            lengths.map(|part| part.chars().count() + 2).sum::<usize>()
        };
        for least in [3, 0, 2, 4, 1] {
            if length(&parts) <= width + 2 {
                break;
            }
            parts[least] = None;
        }
        let free = (width + 2).saturating_sub(length(&parts));
        let gauge = self.total.filter(|total| *total > 0 && free >= 14);
        let gauge = gauge.map(|total| gauge_of(self.done, total, (free - 2).min(30)));
        let [name, count, note, rate, left] = parts;
        let shown = [name, gauge.as_deref(), count, note, rate, left];
        let shown: Vec<&str> = shown
            .into_iter()
            .flatten()
            .filter(|p| !p.is_empty())
            .collect();
        shown.join("  ")
    }
}

/// `━━━━────`: how much of `total` is done.
fn gauge_of(done: u64, total: u64, width: usize) -> String {
    let full = (done.min(total) as f64 / total as f64 * width as f64) as usize;
    "━".repeat(full) + &"─".repeat(width - full)
}

/// Candidates in a second, or in the unit of time in which there are some.
fn rate(seconds_each: f64) -> String {
    match 1.0 / seconds_each.max(1e-9) {
        per_second if per_second >= 10.0 => format!("{per_second:.0}/s"),
        per_second if per_second >= 1.0 => format!("{per_second:.1}/s"),
        per_second if per_second * 60.0 >= 1.0 => format!("{:.1}/min", per_second * 60.0),
        per_second => format!("{:.1}/h", per_second * 3600.0),
    }
}

/// Minutes and seconds, or hours, minutes and seconds.
fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View {
            name: "knas-finetune",
            what: "candidates",
            total: Some(40),
            read: 12,
            done: 10,
            kept: 0,
            note: "epoch 3/12".to_owned(),
        }
    }

    #[test]
    fn the_line_fits_and_drops_what_matters_least() {
        let line = |width| view().line(Duration::from_secs(20), width);
        assert_eq!(
            line(79),
            "knas-finetune:  ━━━━━━───────────────────  10/40  epoch 3/12  30.0/min  1:00 left"
                .replace("━━━━━━───────────────────", &gauge_of(10, 40, 23))
        );
        assert_eq!(
            line(59),
            "knas-finetune:  10/40  epoch 3/12  30.0/min  1:00 left"
        );
        assert_eq!(line(40), "10/40  epoch 3/12  1:00 left");
        assert_eq!(line(19), "10/40  1:00 left");
        assert_eq!(line(6), "10/40");
        for width in 0..200 {
            assert!(
                line(width).chars().count() <= width,
                "{width}: {}",
                line(width)
            );
        }
    }

    #[test]
    fn without_a_total_there_is_the_time_so_far() {
        let view = View {
            total: None,
            note: String::new(),
            ..view()
        };
        let line = view.line(Duration::from_secs(4000), 79);
        assert_eq!(line, "knas-finetune:  10 candidates  9.0/h  1:06:40");
    }

    #[test]
    fn kept_candidates_tell_nothing_about_the_rate() {
        let view = View {
            kept: 10,
            note: String::new(),
            ..view()
        };
        assert_eq!(
            view.line(Duration::from_secs(4), 30),
            "knas-finetune:  10/40  0:04"
        );
    }

    #[test]
    fn who_waits_is_idle() {
        let mut view = view();
        assert!(!view.is_idle());
        view.done = 12;
        assert!(view.is_idle());
    }
}
