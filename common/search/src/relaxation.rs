//! What options weigh.

use knas_stats::random::Stream;
use serde::{Deserialize, Serialize};

use crate::dirichlet::{concentration, pathwise};
use crate::{SearchError, Table, Theta};

/// How the weights of options come from the numbers θ that are learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relaxation {
    /// softmax(θ) (Liu et al. 2019).
    Softmax,
    /// A draw of Dir(elu(θ) + 1) (Chen et al. 2021).
    Dirichlet,
    /// One option weighs 1, each as likely: nothing is learnt of them (Guo et al. 2020).
    Path,
}

impl Relaxation {
    /// The weights of the options that can be chosen; those of the others are 0.
    #[must_use]
    pub fn draw(self, theta: &Theta, random: &mut Stream) -> Table {
        let rows = theta.values.iter().zip(&theta.allowed);
        let weights = |(values, allowed): (&Vec<f64>, &Vec<bool>)| {
            let kept = kept(values, allowed);
            let weights = match self {
                Self::Softmax => softmax(&kept),
                Self::Dirichlet => random.dirichlet(&concentrations(&kept)),
                Self::Path => {
                    let chosen = random.below(kept.len().max(1) as u64) as usize;
                    let weight = |place| if place == chosen { 1.0 } else { 0.0 };
                    (0..kept.len()).map(weight).collect()
                }
            };
            spread(&weights, allowed)
        };
        rows.map(weights).collect()
    }

    /// How what follows from weights that were drawn changes with θ, where it changes by
    /// `slopes` with the weights; 0 for options that cannot be chosen.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn pull(self, theta: &Theta, drawn: &Table, slopes: &Table) -> Result<Table, SearchError> {
        let mut pulled = Vec::with_capacity(drawn.len());
        for (choice, allowed) in theta.allowed.iter().enumerate() {
            let of = |table: &Table| kept(&table[choice], allowed);
            let (values, drawn, slopes) = (of(&theta.values), of(drawn), of(slopes));
            let row = match self {
                Self::Softmax => {
                    let mean: f64 = drawn.iter().zip(&slopes).map(|(w, s)| w * s).sum();
                    drawn
                        .iter()
                        .zip(&slopes)
                        .map(|(w, s)| w * (s - mean))
                        .collect()
                }
                Self::Dirichlet => {
                    let slopes = pathwise(&drawn, &concentrations(&values), &slopes)?;
                    let chain = slopes.iter().zip(&values);
                    chain
                        .map(|(slope, &theta)| slope * concentration(theta).1)
                        .collect()
                }
                Self::Path => vec![0.0; values.len()],
            };
            pulled.push(spread(&row, allowed));
        }
        Ok(pulled)
    }

    /// What each option is expected to weigh.
    #[must_use]
    pub fn expected(self, theta: &Theta) -> Table {
        let rows = theta.values.iter().zip(&theta.allowed);
        let weights = |(values, allowed): (&Vec<f64>, &Vec<bool>)| {
            let kept = kept(values, allowed);
            let weights = match self {
                Self::Softmax => softmax(&kept),
                Self::Dirichlet => shares(&concentrations(&kept)),
                Self::Path => shares(&vec![1.0; kept.len()]),
            };
            spread(&weights, allowed)
        };
        rows.map(weights).collect()
    }
}

/// The values of the options that can be chosen.
fn kept(values: &[f64], allowed: &[bool]) -> Vec<f64> {
    let pairs = values.iter().zip(allowed);
    pairs
        .filter_map(|(&value, &allowed)| allowed.then_some(value))
        .collect()
}

/// Values of the options that can be chosen, and 0 for the others.
fn spread(values: &[f64], allowed: &[bool]) -> Vec<f64> {
    let mut values = values.iter().copied();
    let value = |&allowed: &bool| if allowed { values.next() } else { None }.unwrap_or(0.0);
    allowed.iter().map(value).collect()
}

fn concentrations(theta: &[f64]) -> Vec<f64> {
    theta.iter().map(|&theta| concentration(theta).0).collect()
}

fn softmax(theta: &[f64]) -> Vec<f64> {
    let largest = theta.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = theta
        .iter()
        .map(|theta| libm::exp(theta - largest))
        .collect();
    shares(&powers)
}

fn shares(values: &[f64]) -> Vec<f64> {
    let sum: f64 = values.iter().sum();
    values.iter().map(|value| value / sum).collect()
}

#[cfg(test)]
mod tests {
    use knas_stats::random::stream;

    use super::*;

    fn theta() -> Theta {
        let values = vec![
            vec![0.3, -0.2, 0.5, 0.0, -1.0],
            vec![1.0, 2.0, 3.0, 4.0, 5.0],
        ];
        let mut allowed = vec![vec![true; 5]; 2];
        allowed[1][2] = false;
        Theta::new(values, allowed)
    }

    #[test]
    fn weights_sum_to_one_over_what_can_be_chosen() {
        let mut random = stream(0, "relaxation test", &[]);
        for relaxation in [Relaxation::Softmax, Relaxation::Dirichlet, Relaxation::Path] {
            for table in [
                relaxation.draw(&theta(), &mut random),
                relaxation.expected(&theta()),
            ] {
                for row in &table {
                    assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{table:?}");
                }
                assert_eq!(table[1][2], 0.0);
            }
        }
    }

    #[test]
    fn slopes_of_softmax_are_differences() {
        let slopes = vec![vec![1.0, -2.0, 0.5, 0.0, 3.0]; 2];
        let value = |theta: &Theta| -> f64 {
            let weights = Relaxation::Softmax.expected(theta);
            let pairs = weights.iter().flatten().zip(slopes.iter().flatten());
            pairs.map(|(w, s)| w * s).sum()
        };
        let drawn = Relaxation::Softmax.expected(&theta());
        let found = Relaxation::Softmax.pull(&theta(), &drawn, &slopes).unwrap();
        for (choice, row) in found.iter().enumerate() {
            for (option, slope) in row.iter().enumerate() {
                let at = |step: f64| {
                    let mut theta = theta();
                    theta.values[choice][option] += step;
                    value(&theta)
                };
                let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - expected).abs() < 1e-9);
            }
        }
    }

    // What is left out of a draw leaves the rest of a Dirichlet distribution one.
    #[test]
    fn nothing_is_learnt_of_what_cannot_be_chosen() {
        let slopes = vec![vec![1.0, -2.0, 0.5, 0.0, 3.0]; 2];
        let mut random = stream(0, "relaxation test", &[]);
        for relaxation in [Relaxation::Softmax, Relaxation::Dirichlet] {
            let drawn = relaxation.draw(&theta(), &mut random);
            let found = relaxation.pull(&theta(), &drawn, &slopes).unwrap();
            assert_eq!(found[1][2], 0.0);
            assert!(
                found
                    .iter()
                    .flatten()
                    .filter(|&&slope| slope != 0.0)
                    .count()
                    == 9
            );
        }
    }

    #[test]
    fn paths_take_each_option_alike() {
        let mut random = stream(0, "relaxation test", &[]);
        let mut counts = [0; 5];
        for _ in 0..4000 {
            let drawn = Relaxation::Path.draw(&theta(), &mut random);
            counts[drawn[1].iter().position(|&weight| weight == 1.0).unwrap()] += 1;
        }
        assert_eq!(counts[2], 0);
        let far = |&(option, &count): &(usize, &i32)| option != 2 && (count - 1000_i32).abs() > 140;
        assert!(
            !counts.iter().enumerate().any(|pair| far(&pair)),
            "{counts:?}"
        );
    }
}
