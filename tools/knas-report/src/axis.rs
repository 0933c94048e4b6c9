//! Axes: how values become places, and which places are labelled.

mod marks;

use serde_json::{Value, json};

use crate::plot::width_of;

/// From values to places between 0 (the low end) and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// In proportion.
    Linear,
    /// By the logarithm, for positive values that span decades.
    Log,
    /// By asinh(v/s), for values of both signs or negative ones that span
    /// decades: in proportion within ±s, by the logarithm beyond.
    Asinh(f64),
}

/// An axis over a range of values.
#[derive(Clone, Debug)]
pub struct Axis {
    kind: Kind,
    low: f64,
    high: f64,
    /// Place and label, from the low end.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// The axis that suits finite values; `percent` are accuracies, which are
    /// always shown in proportion. None without values.
    pub fn fit(values: &[f64], percent: bool) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (&low, &high) = (sorted.first()?, sorted.last()?);
        let kind = if percent { Kind::Linear } else { kind(&sorted) };
        Some(Self::new(kind, low, high))
    }

    /// An axis from `low` to `high`, and a little beyond.
    pub fn new(kind: Kind, low: f64, high: f64) -> Self {
        let (from, to) = (kind.bend(low), kind.bend(high));
        let room = match to - from {
            0.0 => from.abs().max(1.0) * 0.1,
            range => range * 0.03,
        };
        // Beyond the ends of numbers there are no marks.
        let least = if kind == Kind::Log {
            f64::MIN_POSITIVE
        } else {
            f64::MIN
        };
        let end = |at: f64| kind.unbend(at).clamp(least, f64::MAX);
        let (low, high) = (end(from - room), end(to + room));
        let mut axis = Self {
            kind,
            low,
            high,
            ticks: vec![],
        };
        let marks = match kind {
            Kind::Linear => marks::linear(low, high),
            Kind::Log => marks::log(low, high),
            Kind::Asinh(scale) => marks::asinh(low, high, scale),
        };
        axis.label(marks);
        axis
    }

    /// An axis of whole numbers, such as epochs.
    pub fn whole(low: f64, high: f64) -> Self {
        let mut axis = Self::new(Kind::Linear, low, high);
        axis.label(marks::whole(low, high));
        axis
    }

    /// Bends the values by their logarithm as far as they have one: those of
    /// both signs by asinh. None where all are 0.
    pub fn bent(values: &[f64]) -> Option<Self> {
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        let kind = match low > 0.0 {
            true => Kind::Log,
            false => {
                let mut sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
                sizes.retain(|size| *size > 0.0);
                sizes.sort_unstable_by(f64::total_cmp);
                Kind::Asinh(*sizes.get(sizes.len() / 10)?)
            }
        };
        Some(Self::new(kind, low, high))
    }

    fn label(&mut self, marks: Vec<(f64, String)>) {
        let marks = marks.into_iter();
        self.ticks = marks
            .map(|(mark, label)| (self.place(mark), label))
            .collect();
    }

    /// The place of a value; beyond 0 and 1 where it is beyond the axis.
    pub fn place(&self, value: f64) -> f64 {
        let (from, to) = (self.kind.bend(self.low), self.kind.bend(self.high));
        (self.kind.bend(value) - from) / (to - from)
    }

    /// The axis for the page's script, which bends values as [`Kind`] does.
    pub fn json(&self) -> Value {
        let (kind, scale) = match self.kind {
            Kind::Linear => ("linear", 1.0),
            Kind::Log => ("log", 1.0),
            Kind::Asinh(scale) => ("asinh", scale),
        };
        json!({ "kind": kind, "scale": scale, "low": self.low, "high": self.high,
                "ticks": self.ticks })
    }

    /// The ticks of which no label touches the one before it, on an axis of so
    /// many pixels.
    pub fn ticks_within(&self, pixels: f64) -> impl Iterator<Item = (f64, &str)> {
        let mut free = f64::NEG_INFINITY;
        self.ticks.iter().filter_map(move |(share, label)| {
            let (middle, half) = (share * pixels, width_of(label) / 2.0);
            let fits = middle - half >= free;
            if fits {
                free = middle + half + 6.0;
            }
            fits.then_some((*share, label.as_str()))
        })
    }

    /// Whether values are spread by their logarithm.
    pub fn is_bent(&self) -> bool {
        self.kind != Kind::Linear
    }
}

impl Kind {
    fn bend(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.log10(),
            Self::Asinh(scale) => (value / scale).asinh(),
        }
    }

    fn unbend(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => 10f64.powf(value),
            Self::Asinh(scale) => value.sinh() * scale,
        }
    }
}

/// In proportion, unless values span decades, or most of them would lie in
/// one spot.
fn kind(sorted: &[f64]) -> Kind {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    let decades = match (low > 0.0, high < 0.0) {
        (true, _) => at(0.95) / at(0.05) > 30.0,
        (_, true) => at(0.05) / at(0.95) > 30.0,
        _ => false,
    };
    // Of even values the middle is 0.8 of the range, of many normal ones 0.3.
    let middle = at(0.9) - at(0.1);
    let spot = middle > 0.0 && high - low > 12.0 * middle;
    if !decades && !spot {
        return Kind::Linear;
    }
    if low > 0.0 {
        return Kind::Log;
    }
    let mut sizes: Vec<f64> = sorted.iter().map(|value| value.abs()).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let share = if decades { 10 } else { 2 };
    match sizes[sizes.len() / share] {
        0.0 => Kind::Linear,
        scale => Kind::Asinh(scale),
    }
}

/// A proper minus sign.
pub fn tidy(text: &str) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn labels_are_round_numbers() {
        let axis = |low, high| Axis::new(Kind::Linear, low, high);
        assert_eq!(
            labels(&axis(0.0, 1.0)),
            ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(labels(&axis(10.0, 94.4)), ["20", "40", "60", "80"]);
        assert_eq!(
            labels(&axis(-1.1, 0.3)),
            ["−1.0", "−0.8", "−0.6", "−0.4", "−0.2", "0", "0.2"]
        );
        assert_eq!(
            labels(&axis(73_306.0, 1_531_546.0)),
            ["0.2 M", "0.4 M", "0.6 M", "0.8 M", "1 M", "1.2 M", "1.4 M"]
        );
        assert_eq!(labels(&axis(7e7, 2.4e8)), ["100 M", "150 M", "200 M"]);
    }

    #[test]
    fn decades_are_labelled_by_their_powers() {
        let axis = |low, high| Axis::new(Kind::Log, low, high);
        assert_eq!(labels(&axis(0.02, 300.0)), ["0.1", "1", "10", "100"]);
        assert_eq!(
            labels(&axis(1e-9, 1e3)),
            ["10⁻⁸", "10⁻⁶", "10⁻⁴", "0.01", "1", "100"]
        );
        assert_eq!(labels(&axis(3.0, 40.0)), ["5", "10", "20"]);
        let axis = Axis::new(Kind::Asinh(10.0), -1e5, -2.0);
        assert_eq!(
            labels(&axis),
            ["−10⁵", "−10000", "−1000", "−100", "−10", "0"]
        );
    }

    #[test]
    fn values_that_span_decades_are_bent() {
        let even: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(Axis::fit(&even, false).unwrap().kind, Kind::Linear);
        let decades: Vec<f64> = even.iter().map(|x| (x / 8.0).exp()).collect();
        assert_eq!(Axis::fit(&decades, false).unwrap().kind, Kind::Log);
        assert_eq!(Axis::fit(&decades, true).unwrap().kind, Kind::Linear);
        let negative: Vec<f64> = decades.iter().map(|x| -x).collect();
        let axis = Axis::fit(&negative, false).unwrap();
        assert!(axis.is_bent() && axis.place(-1.0) > axis.place(-100.0));
        assert!(Axis::fit(&[], false).is_none());
    }

    #[test]
    fn a_few_epochs_are_whole_numbers() {
        let axis = |last| Axis::whole(1.0, last);
        assert_eq!(labels(&axis(1.0)), ["1"]);
        assert_eq!(labels(&axis(4.0)), ["1", "2", "3", "4"]);
        assert_eq!(labels(&axis(12.0)), ["2", "4", "6", "8", "10", "12"]);
    }

    #[test]
    fn any_values_can_be_bent() {
        assert_eq!(Axis::bent(&[1.0, 2.0]).unwrap().kind, Kind::Log);
        assert_eq!(
            Axis::bent(&[-4.0, 0.0, 2.0]).unwrap().kind,
            Kind::Asinh(2.0)
        );
        assert!(Axis::bent(&[0.0]).is_none());
        for size in [1e300, 1e-300, -1e300, -1e-300] {
            let axis = Axis::bent(&[size]).unwrap();
            assert!(axis.ticks.len() < 21, "{axis:?}");
        }
    }

    #[test]
    fn labels_do_not_touch() {
        let axis = Axis::new(Kind::Linear, 73_306.0, 1_531_546.0);
        let shown: Vec<_> = axis.ticks_within(180.0).map(|(_, label)| label).collect();
        assert_eq!(shown, ["0.2 M", "0.6 M", "1 M", "1.4 M"]);
    }

    #[test]
    fn one_value_has_an_axis() {
        for value in [0.0, -3.0, 1e300, 1e-300] {
            let axis = Axis::fit(&[value, value], false).unwrap();
            assert!((axis.place(value) - 0.5).abs() < 1e-6, "{axis:?}");
        }
    }

    proptest! {
        #[test]
        fn every_value_has_a_place_and_larger_ones_lie_further(
            values in prop::collection::vec(-1e12f64..1e12, 1..60),
            positive in any::<bool>(),
        ) {
            let values: Vec<f64> = values
                .into_iter()
                .map(|value| if positive { value.abs().sqrt() + 1e-9 } else { value })
                .collect();
            let axis = Axis::fit(&values, false).unwrap();
            prop_assert!(axis.ticks.len() <= 21, "{:?}", axis);
            for (at, _) in &axis.ticks {
                prop_assert!((-1e-9..=1.0 + 1e-9).contains(at), "{:?}", axis);
            }
            for pair in values.windows(2) {
                let (a, b) = (axis.place(pair[0]), axis.place(pair[1]));
                prop_assert!((0.0..=1.0).contains(&a));
                prop_assert!(pair[0] >= pair[1] || a <= b);
            }
        }
    }
}
