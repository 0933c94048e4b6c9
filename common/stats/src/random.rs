//! Random numbers that depend on a seed and a purpose, and on nothing else.
//!
//! Everything that knas draws comes from a [`Stream`]: a ChaCha8 key stream
//! whose key is the SHA-256 of a seed, a purpose and the labels of the thing
//! that is drawn (a sample's index, an edge's name). Two draws with different
//! labels are independent, and a draw does not depend on the number of
//! threads, the order of the work or what else was drawn before.
//!
//! The mapping from key stream to numbers is written out here, and the natural
//! logarithm, sine and cosine are those of the `libm` crate, so the values stay
//! the same whatever the platform or the version of a library.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// One label of what a stream is for: `3.into()` or `"stem".into()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// An index.
    Number(u64),
    /// A name.
    Text(&'a str),
}

impl From<u64> for Part<'_> {
    fn from(number: u64) -> Self {
        Part::Number(number)
    }
}

impl<'a> From<&'a str> for Part<'a> {
    fn from(text: &'a str) -> Self {
        Part::Text(text)
    }
}

/// The stream for `purpose` and `parts` under `seed`.
///
/// The key is the SHA-256 of `knas-stream-1`, the seed (8 bytes), the purpose
/// (its length in 8 bytes, then its bytes), and for every part either 0 and the
/// number (8 bytes) or 1, the text's length (8 bytes) and the text. Integers
/// are little-endian. No two lists of labels give the same bytes.
#[must_use]
pub fn stream(seed: u64, purpose: &str, parts: &[Part<'_>]) -> Stream {
    let mut hash = Sha256::new();
    let text = |hash: &mut Sha256, text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    hash.update(b"knas-stream-1");
    hash.update(seed.to_le_bytes());
    text(&mut hash, purpose);
    for part in parts {
        match part {
            Part::Number(number) => {
                hash.update([0]);
                hash.update(number.to_le_bytes());
            }
            Part::Text(label) => {
                hash.update([1]);
                text(&mut hash, label);
            }
        }
    }
    Stream(ChaCha8Rng::from_seed(hash.finalize().into()))
}

/// A sequence of random numbers; see [`stream`].
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The next 32 bits of the key stream.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// The next 64 bits of the key stream, low word first.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A fair coin: the lowest bit of the next 32.
    pub fn coin(&mut self) -> bool {
        self.next_u32() & 1 == 1
    }

    /// A uniform integer in `0..n`, without bias: the high half of
    /// `n · next_u64`, drawn again where the low half is below `2^64 mod n`
    /// (Lemire 2019, <https://arxiv.org/abs/1805.10941>).
    ///
    /// # Panics
    /// Where `n` is 0, since there is no such integer.
    pub fn below(&mut self, n: u64) -> u64 {
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u128::from(n) * u128::from(self.next_u64());
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniform number in [0, 1): the upper 24 of the next 32 bits, times 2⁻²⁴.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Fills `values` with uniform numbers from `low` to `high`:
    /// `low + (high - low) · uniform()`, in single precision.
    pub fn fill_uniform(&mut self, values: &mut [f32], low: f32, high: f32) {
        let width = high - low;
        for value in values {
            *value = low + width * self.uniform();
        }
    }

    /// Fills `values` with standard normal numbers, by Box and Muller.
    ///
    /// Two 32-bit words a, b give two numbers, r·cos φ and r·sin φ, where
    /// r = √(−2 ln((a + 1)·2⁻³²)) and φ = 2π·b·2⁻³², computed in double
    /// precision and rounded once; the largest possible magnitude is 6.66.
    /// Where the length is odd the last sine is dropped.
    pub fn fill_normal(&mut self, values: &mut [f32]) {
        const UNIT: f64 = 1.0 / 4_294_967_296.0;
        for pair in values.chunks_mut(2) {
            let a = (f64::from(self.next_u32()) + 1.0) * UNIT;
            let b = f64::from(self.next_u32()) * UNIT;
            let radius = (-2.0 * libm::log(a)).sqrt();
            let (sine, cosine) = libm::sincos(std::f64::consts::TAU * b);
            pair[0] = (radius * cosine) as f32;
            if let Some(second) = pair.get_mut(1) {
                *second = (radius * sine) as f32;
            }
        }
    }

    /// A number between 0 and 1 of the distribution Beta(α, α), for α from 10⁻³ up: X / (X +
    /// Y) of two numbers of the gamma distribution of shape α.
    pub fn beta(&mut self, alpha: f64) -> f64 {
        // Of a small α both may be too near 0 to be told from it, their logarithms not.
        let [first, second] = [(); 2].map(|()| self.log_gamma_distributed(alpha));
        1.0 / (1.0 + libm::exp(second - first))
    }

    /// Positive numbers that sum to 1, of the Dirichlet distribution with these
    /// parameters, each from 10⁻³ up: numbers of the gamma distribution over their sum.
    /// Where one is too near 0 or 1 to be told from it, it is 10⁻³⁰⁰, or 1.
    pub fn dirichlet(&mut self, parameters: &[f64]) -> Vec<f64> {
        let logs: Vec<f64> = parameters
            .iter()
            .map(|&shape| self.log_gamma_distributed(shape))
            .collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = logs.iter().map(|log| libm::exp(log - largest)).collect();
        let sum: f64 = shares.iter().sum();
        shares
            .iter()
            .map(|share| (share / sum).max(1e-300))
            .collect()
    }

    /// The logarithm of a number of the gamma distribution of this shape and scale 1
    /// (Marsaglia & Tsang 2000, <https://doi.org/10.1145/358407.358414>). Each trial takes
    /// two words for a normal number, of which the sine is dropped, and two for a uniform
    /// one; for a shape below 1 a number of the next shape is scaled by one more (their
    /// section 6).
    fn log_gamma_distributed(&mut self, shape: f64) -> f64 {
        let d = if shape < 1.0 { shape + 1.0 } else { shape } - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        let log = loop {
            let mut normal = [0f32];
            self.fill_normal(&mut normal);
            let x = f64::from(normal[0]);
            let root = 1.0 + c * x;
            let log_u = libm::log(self.above_zero());
            let log_v = 3.0 * libm::log(root.max(0.0)); // −∞ is accepted of no u
            if log_u < 0.5 * x * x + d - d * root * root * root + d * log_v {
                break libm::log(d) + log_v;
            }
        };
        if shape >= 1.0 {
            return log;
        }
        log + libm::log(self.above_zero()) / shape
    }

    /// A uniform number in (0, 1]: one more than the upper 53 of the next 64 bits, times
    /// 2⁻⁵³.
    fn above_zero(&mut self) -> f64 {
        ((self.next_u64() >> 11) + 1) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// `count` distinct integers of `0..n` in random order, every ordered
    /// choice equally likely; all of them where `count` is larger than `n`.
    ///
    /// A smaller count gives the beginning of what a larger one gives. Takes
    /// memory for `n` integers.
    pub fn choose(&mut self, n: usize, count: usize) -> Vec<usize> {
        let mut values: Vec<usize> = (0..n).collect();
        let count = count.min(n);
        for place in 0..count {
            let other = place + self.below((n - place) as u64) as usize;
            values.swap(place, other);
        }
        values.truncate(count);
        values
    }
}

#[cfg(test)]
mod tests;
