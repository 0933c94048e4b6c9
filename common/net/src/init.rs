//! Initial weights, from a seed and a parameter's place in the network.
//!
//! Every tensor has a random stream of its own, keyed by the seed and by its
//! place: what is drawn for one never depends on which others there are.

use knas_stats::random::stream;
use tch::{Kind, Tensor};

use crate::NetError;
use crate::layers::Role;

/// How weights are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Init {
    /// PyTorch's default: convolution and linear weights, and their biases,
    /// uniform in ±1/√fan_in; norm weights 1, norm biases 0.
    Default,
    /// Convolution and linear weights normal with variance 2/fan_in (He et al.
    /// 2015, for ReLU); norm weights 1; all biases 0.
    Kaiming,
    /// Convolution and linear weights standard normal, whatever the fan-in (Lin
    /// et al. 2021); norm weights 1; all biases 0.
    Normal,
    /// All weights normal with deviation 0.02; norm weights 1; all biases 0
    /// (Devlin et al. 2019).
    Bert,
}

/// The deviation of BERT's first weights, and of embeddings in any case.
const BERT_DEVIATION: f32 = 0.02;

impl Init {
    /// The name that flags and records use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Kaiming => "kaiming",
            Self::Normal => "normal",
            Self::Bert => "bert",
        }
    }

    /// What [`Init::Default`] stands for in networks that read texts, and in
    /// others.
    #[must_use]
    pub fn of(self, texts: bool) -> Self {
        match self {
            Self::Default if texts => Self::Bert,
            init => init,
        }
    }
}

/// Initial weights: a way to draw them, and a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Initial {
    /// How they are drawn.
    pub init: Init,
    /// From which seed.
    pub seed: u64,
}

impl Initial {
    /// The tensor of `shape` at `place`, on the processor, in single precision.
    ///
    /// `fan_in` is that of the layer: for a bias, that of the weights beside it.
    ///
    /// # Errors
    /// When libtorch cannot allocate it.
    pub fn draw(
        self,
        place: &str,
        role: Role,
        shape: &[i64],
        fan_in: i64,
    ) -> Result<Tensor, NetError> {
        let options = (Kind::Float, tch::Device::Cpu);
        let length = shape.iter().product::<i64>().unsigned_abs() as usize;
        let mut values = vec![0f32; length];
        let mut random = stream(
            self.seed,
            "weights",
            &[self.init.name().into(), place.into()],
        );
        match (self.init, role) {
            (_, Role::NormWeight) => return Ok(Tensor::f_ones(shape, options)?),
            (_, Role::NormBias)
            | (Init::Kaiming | Init::Normal | Init::Bert, Role::LinearBias | Role::ConvBias) => {
                return Ok(Tensor::f_zeros(shape, options)?);
            }
            (_, Role::Embedding) | (Init::Bert, _) => {
                random.fill_normal(&mut values);
                values.iter_mut().for_each(|value| *value *= BERT_DEVIATION);
            }
            (Init::Default, _) => {
                let bound = (1.0 / fan_in as f64).sqrt() as f32;
                random.fill_uniform(&mut values, -bound, bound);
            }
            (Init::Kaiming, _) => {
                random.fill_normal(&mut values);
                let deviation = (2.0 / fan_in as f64).sqrt() as f32;
                values.iter_mut().for_each(|value| *value *= deviation);
            }
            (Init::Normal, _) => random.fill_normal(&mut values),
        }
        Ok(Tensor::f_from_slice(&values)?.f_reshape(shape)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(init: Init, role: Role) -> (f64, f64, f64) {
        let initial = Initial { init, seed: 3 };
        let tensor = initial.draw("here", role, &[64, 32, 3, 3], 288).unwrap();
        let mean = tensor.mean(Kind::Double).double_value(&[]);
        let square = tensor.square().mean(Kind::Double).double_value(&[]);
        (mean, square, tensor.abs().max().double_value(&[]))
    }

    #[test]
    fn weights_have_the_stated_distributions() {
        // 18,432 values: five standard errors of the mean and the variance.
        let (mean, variance, largest) = moments(Init::Default, Role::ConvWeight);
        let bound = (1f64 / 288.0).sqrt();
        assert!(mean.abs() < 5.0 * bound / 3f64.sqrt() / 135.7, "{mean}");
        assert!(
            (variance / (bound * bound / 3.0) - 1.0).abs() < 0.04,
            "{variance}"
        );
        assert!(largest <= bound && largest > 0.999 * bound);

        let (mean, variance, _) = moments(Init::Kaiming, Role::ConvWeight);
        assert!(mean.abs() < 5.0 * (2f64 / 288.0).sqrt() / 135.7, "{mean}");
        assert!((variance / (2.0 / 288.0) - 1.0).abs() < 0.06, "{variance}");

        let (mean, variance, _) = moments(Init::Normal, Role::ConvWeight);
        assert!(mean.abs() < 5.0 / 135.7, "{mean}");
        assert!((variance - 1.0).abs() < 0.06, "{variance}");

        let (mean, variance, _) = moments(Init::Bert, Role::LinearWeight);
        assert!(mean.abs() < 5.0 * 0.02 / 135.7, "{mean}");
        assert!((variance / 4e-4 - 1.0).abs() < 0.06, "{variance}");
        assert_eq!(moments(Init::Bert, Role::LinearBias), (0.0, 0.0, 0.0));

        assert_eq!(moments(Init::Default, Role::NormWeight), (1.0, 1.0, 1.0));
        assert_eq!(moments(Init::Normal, Role::LinearBias), (0.0, 0.0, 0.0));
        assert_eq!(moments(Init::Kaiming, Role::NormBias), (0.0, 0.0, 0.0));
    }

    #[test]
    fn a_place_and_a_seed_give_the_same_bits() {
        let draw = |seed, place| {
            Initial {
                init: Init::Default,
                seed,
            }
            .draw(place, Role::LinearWeight, &[4], 4)
            .unwrap()
        };
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }
}
