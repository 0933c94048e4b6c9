//! One number of every candidate.

use knas_records::sheet::{millions, short};

use crate::axis::{Axis, tidy};
use crate::candidates::{Candidate, Kind};

/// One number of every candidate that is shown.
#[derive(Debug)]
pub struct Column {
    /// What it says.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// One for each candidate; accuracies in percent.
    pub values: Vec<Option<f64>>,
    /// Standard deviations over seeds; empty where no candidate has one.
    pub deviations: Vec<Option<f64>>,
    /// Places of the candidates for which it is undefined.
    pub undefined: Vec<usize>,
    /// How it is drawn.
    pub axis: Axis,
}

impl Column {
    /// The column that has this place among those of the records; none where
    /// no candidate has a value.
    pub fn new(kind: Kind, name: String, place: usize, candidates: &[Candidate]) -> Option<Self> {
        let of = |numbers: &[(usize, f64)]| {
            let number = numbers.iter().find(|(column, _)| *column == place);
            number.map(|(_, value)| *value)
        };
        let mut values: Vec<Option<f64>> = candidates.iter().map(|one| of(&one.numbers)).collect();
        let percent = matches!(kind, Kind::Trained | Kind::Truth);
        if percent && values.iter().flatten().all(|&value| value <= 1.0) {
            for value in values.iter_mut().flatten() {
                *value *= 100.0; // fractions
            }
        }
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        let axis = Axis::fit(&known, percent)?;
        let mut deviations: Vec<Option<f64>> =
            candidates.iter().map(|one| of(&one.deviations)).collect();
        if deviations.iter().all(Option::is_none) {
            deviations.clear();
        }
        let is_undefined = |one: &Candidate| one.undefined.iter().any(|(at, _)| *at == place);
        let undefined = (0..candidates.len()).filter(|&at| is_undefined(&candidates[at]));
        Some(Self {
            kind,
            name,
            undefined: undefined.collect(),
            values,
            deviations,
            axis,
        })
    }

    /// Whether its values are accuracies in percent.
    pub fn is_percent(&self) -> bool {
        matches!(self.kind, Kind::Trained | Kind::Truth)
    }

    /// Its name with its unit.
    pub fn label(&self) -> String {
        match self.kind {
            Kind::Score => match self.name.strip_prefix('-').unwrap_or(&self.name) {
                "latency" => format!("{}, ms", self.name),
                "memory" => format!("{}, bytes", self.name),
                _ => self.name.clone(),
            },
            Kind::Count if self.name == "macs" => "multiply-accumulates".into(),
            Kind::Count => "parameters".into(),
            Kind::Trained => format!("{}, %", self.name.replace('_', " ")),
            Kind::Truth => format!("{}, %", self.name),
        }
    }

    /// A value as people read it.
    pub fn show(&self, value: f64) -> String {
        match self.kind {
            Kind::Count => millions(value),
            Kind::Score => tidy(&short(value)),
            Kind::Trained | Kind::Truth => format!("{value:.2}"),
        }
    }

    /// The value of a candidate as people read it, with its deviation over
    /// seeds; none where it has none.
    pub fn show_at(&self, place: usize) -> Option<String> {
        let value = self.show(self.values[place]?);
        match self.deviation(place) {
            Some(deviation) => Some(format!("{value} ± {}", two_digits(deviation))),
            None => Some(value),
        }
    }

    /// The standard deviation of a candidate's value over seeds.
    pub fn deviation(&self, place: usize) -> Option<f64> {
        self.deviations.get(place).copied().flatten()
    }

    /// The finite values that there are.
    pub fn known(&self) -> Vec<f64> {
        self.values.iter().flatten().copied().collect()
    }
}

/// A deviation, of which two significant digits say enough.
fn two_digits(value: f64) -> String {
    format!("{value:.1e}")
        .parse::<f64>()
        .map_or_else(|_| String::new(), |value| tidy(&short(value)))
}
