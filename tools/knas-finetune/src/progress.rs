//! Time, as users are told about it.

use std::time::Duration;

/// How long this run's epochs of a candidate took.
#[derive(Default)]
pub struct Clock {
    epochs: u32,
    whole: Duration,
    /// The training part of the last one.
    pub training: Duration,
}

impl Clock {
    /// Counts an epoch.
    pub fn count(&mut self, whole: Duration, training: Duration) {
        self.epochs += 1;
        self.whole += whole;
        self.training = training;
    }

    /// How long one took on average.
    pub fn mean(&self) -> Duration {
        self.whole / self.epochs.max(1)
    }
}

/// A duration for people.
pub fn words(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_that_fit() {
        let said = |seconds| words(Duration::from_secs_f64(seconds));
        assert_eq!(said(0.4), "0 s");
        assert_eq!(said(61.0), "1 min 01 s");
        assert_eq!(said(7_260.0), "2 h 01 min");
    }
}
