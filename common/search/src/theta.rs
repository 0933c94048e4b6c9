//! The numbers that are learnt of the options, and Adam, which changes them.

use serde::{Deserialize, Serialize};

use crate::Table;

/// One number an option, which options there are, and what Adam keeps of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theta {
    /// θ, choices × options.
    pub values: Table,
    /// Which options can be chosen.
    pub allowed: Vec<Vec<bool>>,
    means: Table,
    squares: Table,
    steps: u64,
}

/// Adam (Kingma & Ba 2015) as `torch.optim.Adam` defines it: β₁ = 0.5, β₂ = 0.999, ε =
/// 10⁻⁸, and a decay that is part of the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The learning rate.
    pub rate: f64,
    /// The factor of θ that is added to its gradient.
    pub decay: f64,
}

const BETAS: [f64; 2] = [0.5, 0.999];
const EPSILON: f64 = 1e-8;

impl Theta {
    /// These numbers, of options that can all be chosen but for those that are not
    /// `allowed`.
    #[must_use]
    pub fn new(values: Table, allowed: Vec<Vec<bool>>) -> Self {
        let zeros: Table = values.iter().map(|row| vec![0.0; row.len()]).collect();
        Self {
            means: zeros.clone(),
            squares: zeros,
            values,
            allowed,
            steps: 0,
        }
    }

    /// One step of Adam down these gradients. Options that cannot be chosen stay as they
    /// are.
    pub fn step(&mut self, gradients: &Table, adam: Adam) {
        self.steps += 1;
        let correction = |beta: f64| 1.0 - beta.powf(self.steps as f64);
        let corrections = BETAS.map(correction);
        for (choice, gradients) in gradients.iter().enumerate() {
            for (option, gradient) in gradients.iter().enumerate() {
                if !self.allowed[choice][option] {
                    continue;
                }
                let theta = &mut self.values[choice][option];
                let gradient = gradient + adam.decay * *theta;
                let mean = &mut self.means[choice][option];
                *mean = BETAS[0] * *mean + (1.0 - BETAS[0]) * gradient;
                let square = &mut self.squares[choice][option];
                *square = BETAS[1] * *square + (1.0 - BETAS[1]) * gradient * gradient;
                let scale = (*square / corrections[1]).sqrt() + EPSILON;
                *theta -= adam.rate * (*mean / corrections[0]) / scale;
            }
        }
    }

    /// The first of the numbers that is none: which choice's, and what it is.
    #[must_use]
    pub fn not_finite(&self) -> Option<(usize, f64)> {
        let rows = self.values.iter().enumerate();
        let mut all = rows.flat_map(|(choice, row)| row.iter().map(move |&value| (choice, value)));
        all.find(|(_, value)| !value.is_finite())
    }

    /// Whether it is of these numbers of options.
    #[must_use]
    pub fn fits(&self, options: &[usize]) -> bool {
        let as_many = |lengths: Vec<usize>| lengths == options;
        let table = |table: &Table| as_many(table.iter().map(Vec::len).collect());
        table(&self.values)
            && table(&self.means)
            && table(&self.squares)
            && as_many(self.allowed.iter().map(Vec::len).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // p = torch.nn.Parameter(torch.tensor([.3, -.2, .5], dtype=torch.double))
    // o = torch.optim.Adam([p], .1, (.5, .999), weight_decay=.01)
    // for _ in range(3): o.zero_grad(); (p * torch.tensor([1., -3, .5])).sin().sum().backward(); o.step()
    // print(p)
    #[test]
    fn steps_are_those_of_pytorch() {
        let mut theta = Theta::new(
            vec![vec![0.3, -0.2, 0.5, 7.0]],
            vec![vec![true, true, true, false]],
        );
        let factors = [1.0, -3.0, 0.5];
        for _ in 0..3 {
            let slope = |(value, factor): (&f64, f64)| factor * (value * factor).cos();
            let mut gradients: Vec<f64> = theta.values[0].iter().zip(factors).map(slope).collect();
            gradients.push(1.0);
            theta.step(
                &vec![gradients],
                Adam {
                    rate: 0.1,
                    decay: 0.01,
                },
            );
        }
        let expected = [-0.001187178060, 0.105619684160, 0.199510396484];
        for (found, expected) in theta.values[0].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        assert_eq!(theta.values[0][3], 7.0);
        assert!(theta.fits(&[4]) && !theta.fits(&[3]) && theta.not_finite().is_none());
        theta.values[0][1] = f64::NAN;
        assert_eq!(theta.not_finite().map(|(choice, _)| choice), Some(0));
    }
}
