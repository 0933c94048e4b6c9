//! Adam with decoupled weight decay.

use knas_net::weights::WeightFile;
use knas_net::{Parameter, Role};
use tch::Tensor;

use super::{Optimiser, stored};
use crate::TrainError;

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), as
/// `torch.optim.AdamW` defines it. At step t, from 1:
///
/// θ ← θ − ηλθ; m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
/// θ ← θ − η · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε).
///
/// β₁ = 0.9, β₂ = 0.98 and ε = 10⁻⁶ are RoBERTa's (Liu et al. 2019, table 10).
/// Biases and the parameters of norms have no weight decay, as is usual in
/// fine-tuning encoders.
#[derive(Debug)]
pub struct AdamW {
    weight_decay: f64,
    steps: u64,
    /// m and v of every parameter that has had a step.
    moments: Vec<Option<[Tensor; 2]>>,
}

const BETAS: [f64; 2] = [0.9, 0.98];
const EPSILON: f64 = 1e-6;

/// The names that `torch.optim.AdamW` has for m and v.
const MOMENTS: [&str; 2] = ["exp_avg", "exp_avg_sq"];

impl AdamW {
    /// λ.
    pub fn new(weight_decay: f64) -> Self {
        Self {
            weight_decay,
            steps: 0,
            moments: Vec::new(),
        }
    }

    /// The weight decay of a parameter.
    fn decay(&self, role: Role) -> f64 {
        match role {
            Role::NormWeight | Role::NormBias | Role::LinearBias => 0.0,
            _ => self.weight_decay,
        }
    }
}

impl Optimiser for AdamW {
    fn step(
        &mut self,
        parameters: &[Parameter],
        gradients: Vec<Tensor>,
        rate: f64,
    ) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        let corrections = BETAS.map(|beta| 1.0 - beta.powf(self.steps as f64));
        self.moments.resize_with(parameters.len(), || None);
        for (place, (parameter, mut gradient)) in parameters.iter().zip(gradients).enumerate() {
            if !gradient.defined() {
                continue;
            }
            let decay = self.decay(parameter.role);
            let moments = &mut self.moments[place];
            let [mean, square] = match moments {
                Some(moments) => moments,
                None => moments.insert([gradient.f_zeros_like()?, gradient.f_zeros_like()?]),
            };
            let _ = mean.f_lerp_(&gradient, 1.0 - BETAS[0])?;
            let _ = square.f_lerp_(&gradient.f_square_()?, 1.0 - BETAS[1])?;
            if rate == 0.0 {
                continue; // nothing changes, and the divisor would be infinite
            }
            let mut tensor = parameter.tensor.shallow_clone();
            if decay != 0.0 {
                let _ = tensor.f_mul_scalar_(1.0 - rate * decay)?;
            }
            // −(√v / √(1 − β₂ᵗ) + ε) · (1 − β₁ᵗ) / η, so that m over it is the step.
            let scale = -corrections[0] / rate;
            let mut divisor = square.f_sqrt()?;
            let divisor = divisor
                .f_mul_scalar_(scale / corrections[1].sqrt())?
                .f_add_scalar_(scale * EPSILON)?;
            let _ = tensor.f_addcdiv_(mean, &divisor)?;
        }
        Ok(())
    }

    fn state(&self, parameters: &[Parameter]) -> Vec<(String, Tensor)> {
        let mut state = Vec::new();
        for (parameter, moments) in parameters.iter().zip(&self.moments) {
            let moments = MOMENTS.iter().zip(moments.iter().flatten());
            for (moment, tensor) in moments {
                state.push((name(moment, parameter), tensor.shallow_clone()));
            }
        }
        state
    }

    fn restore(
        &mut self,
        parameters: &[Parameter],
        state: &WeightFile,
        steps: u64,
    ) -> Result<(), TrainError> {
        self.steps = steps;
        let moments = |parameter: &Parameter| {
            let moment = |moment| stored(parameter, &name(moment, parameter), state);
            let [mean, square] = MOMENTS.map(moment);
            Ok(mean?.zip(square?).map(|(mean, square)| [mean, square]))
        };
        let moments = parameters.iter().map(moments);
        self.moments = moments.collect::<Result<_, TrainError>>()?;
        Ok(())
    }
}

fn name(moment: &str, parameter: &Parameter) -> String {
    format!("{moment}.{}", parameter.name)
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    fn parameters() -> [Parameter; 2] {
        let arange = |end| Tensor::arange(end, (Kind::Float, tch::Device::Cpu));
        let parameter = |name: &str, role, tensor: Tensor| Parameter {
            name: name.to_owned(),
            role,
            part: knas_net::Part::Body,
            tensor: tensor.set_requires_grad(true),
        };
        let weight = (arange(6) * 0.7).sin().reshape([2, 3]);
        [
            parameter("w", Role::LinearWeight, weight),
            parameter("b", Role::LinearBias, (arange(2) * 1.3).cos()),
        ]
    }

    fn steps(optimiser: &mut AdamW, parameters: &[Parameter], range: std::ops::Range<i64>) {
        for step in range {
            let x = (Tensor::arange(12, (Kind::Float, tch::Device::Cpu)) + step).cos();
            let [w, b] = [0, 1].map(|place| &parameters[place].tensor);
            let loss = (x.reshape([4, 3]).matmul(&w.tr()) + b).tanh().square();
            let loss = loss.mean(Kind::Float);
            let gradients = Tensor::run_backward(&[loss], &[w, b], false, false);
            let rate = 0.05 * (1.0 - step as f64 / 7.0);
            optimiser.step(parameters, gradients, rate).unwrap();
        }
    }

    fn near(tensor: &Tensor, expected: &[f64]) {
        let found: Vec<f64> = Vec::try_from(tensor.flatten(0, -1)).unwrap();
        let pairs = found.iter().zip(expected);
        let far = pairs.filter(|(a, b)| (*a - *b).abs() > 2e-6).count();
        assert!(far == 0 && found.len() == expected.len(), "{found:?}");
    }

    // w = torch.nn.Parameter((torch.arange(6) * 0.7).sin().reshape(2, 3))
    // b = torch.nn.Parameter((torch.arange(2) * 1.3).cos())
    // groups = [dict(params=[w], weight_decay=0.1), dict(params=[b], weight_decay=0.0)]
    // o = torch.optim.AdamW(groups, 0.05, (0.9, 0.98), 1e-6)
    // for step in range(7):
    //     for g in o.param_groups: g["lr"] = 0.05 * (1 - step / 7)
    //     x = ((torch.arange(12) + step).cos()).reshape(4, 3)
    //     o.zero_grad()
    //     (torch.tanh(x @ w.T + b) ** 2).mean().backward()
    //     o.step()
    // print(w, b, o.state[w]["exp_avg"], o.state[w]["exp_avg_sq"])
    #[test]
    fn seven_steps_are_those_of_pytorch() {
        let (parameters, mut optimiser) = (parameters(), AdamW::new(0.1));
        steps(&mut optimiser, &parameters, 0..7);
        let weight = [
            0.1257076, 0.6371257, 0.9128652, 0.6629701, 0.1953554, -0.2105748,
        ];
        near(&parameters[0].tensor, &weight);
        near(&parameters[1].tensor, &[0.8962954, 0.3303702]);
        let state = optimiser.state(&parameters);
        let names: Vec<&str> = state.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["exp_avg.w", "exp_avg_sq.w", "exp_avg.b", "exp_avg_sq.b"];
        assert_eq!(names, expected);
        let mean = [
            -0.0022609, 0.0272052, 0.0316590, 0.0978115, 0.0589611, -0.0340979,
        ];
        near(&state[0].1, &mean);
        let square = [
            0.0003615, 0.0013262, 0.0012969, 0.0061615, 0.0035122, 0.0031803,
        ];
        near(&state[1].1, &square);
    }

    #[test]
    fn a_state_that_is_taken_up_gives_the_same_bits() {
        let (whole, mut optimiser) = (parameters(), AdamW::new(0.1));
        steps(&mut optimiser, &whole, 0..7);
        let (parts, mut optimiser) = (parameters(), AdamW::new(0.1));
        steps(&mut optimiser, &parts, 0..3);
        let path = std::path::Path::new("state");
        let (mut bytes, none) = (Vec::new(), std::collections::BTreeMap::new());
        knas_net::weights::write_to(path, &optimiser.state(&parts), &none, &mut bytes).unwrap();
        let state = WeightFile::from_bytes(path, &bytes).unwrap();
        let mut optimiser = AdamW::new(0.1);
        optimiser.restore(&parts, &state, 3).unwrap();
        steps(&mut optimiser, &parts, 3..7);
        for (whole, parts) in whole.iter().zip(&parts) {
            assert_eq!(whole.tensor, parts.tensor);
        }
    }

    #[test]
    fn a_rate_of_zero_and_a_missing_gradient_change_nothing() {
        let (parameters, mut optimiser) = (parameters(), AdamW::new(0.1));
        let before = parameters[0].tensor.detach_copy();
        let gradients = vec![before.ones_like(), Tensor::new()];
        optimiser.step(&parameters, gradients, 0.0).unwrap();
        assert_eq!(parameters[0].tensor, before);
        assert_eq!(optimiser.state(&parameters).len(), 2);
    }
}
