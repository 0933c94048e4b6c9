//! Spearman's ρ and Kendall's τ-b, of a column and of its resamples.
//!
//! Both are defined with ties: ρ is Pearson's correlation of average ranks,
//! and τ-b = (P − Q) / √((N − X)(N − Y)), with P concordant and Q discordant
//! pairs among N, X of them tied in one column and Y in the other (Kendall
//! 1945). P − Q is counted as in Knight, *A Computer Method for Calculating
//! Kendall's Tau with Ungrouped Data* (1966), in O(n log n): walk along one
//! column, and for each value ask how many before it are smaller in the other,
//! here of a Fenwick tree instead of a merge sort. A tree takes weights, so a
//! bootstrap resample is the same walk over the same order with other counts,
//! and nothing is sorted again.
//!
//! All sums are whole numbers (ranks doubled and centred), so that the result
//! is exact up to the last division.

use crate::{Interval, Ranking, StatsError};

/// How one column orders another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Number of values, repeated ones counted as often as they were drawn.
    pub n: u64,
    /// Spearman's ρ; none where one of the columns is constant.
    pub spearman: Option<f64>,
    /// Kendall's τ-b; none where one of the columns is constant.
    pub kendall: Option<f64>,
}

/// Spearman's rank correlation with average ranks for ties; none where one of
/// the columns is constant.
///
/// # Errors
/// A value is not finite, or the columns differ in length.
pub fn spearman(x: &[f64], y: &[f64]) -> Result<Option<f64>, StatsError> {
    agreement(x, y).map(|agreement| agreement.spearman)
}

/// Kendall's τ-b in O(n log n); none where one of the columns is constant.
///
/// # Errors
/// A value is not finite, or the columns differ in length.
pub fn kendall(x: &[f64], y: &[f64]) -> Result<Option<f64>, StatsError> {
    agreement(x, y).map(|agreement| agreement.kendall)
}

/// [`spearman`] of columns that are sorted already, in O(n); the same to the
/// bit.
///
/// # Errors
/// The columns differ in length.
pub fn rank_correlation(x: &Ranking, y: &Ranking) -> Result<Option<f64>, StatsError> {
    if x.len() != y.len() {
        return Err(StatsError::Length {
            left: x.len(),
            right: y.len(),
        });
    }
    let ((x, x_ties), (y, y_ties)) = (centred_ranks(x), centred_ranks(y));
    let product = x
        .iter()
        .zip(&y)
        .map(|(&a, &b)| i128::from(a) * i128::from(b));
    let n = x.len() as i128;
    let cubes = n * n * n - n;
    Ok(ratio(
        (3 * product.sum::<i128>()) as f64,
        (cubes - x_ties.cubes, cubes - y_ties.cubes),
    ))
}

/// For each place twice its average rank, less n + 1; and the ties.
fn centred_ranks(ranking: &Ranking) -> (Vec<i64>, Ties) {
    let n = ranking.len() as i64;
    let mut ranks = vec![0; ranking.len()];
    let (mut before, mut ties) = (0, Ties::default());
    for group in ranking.groups() {
        let size = group.len() as i64;
        for &place in group {
            ranks[place as usize] = 2 * before + size - n;
        }
        ties.add(size);
        before += size;
    }
    (ranks, ties)
}

/// A sum over both columns by the spread of each; none where one is constant.
/// Symmetric in the columns to the bit, and exactly 1 for a perfect order.
fn ratio(top: f64, (a, b): (i128, i128)) -> Option<f64> {
    let defined = a > 0 && b > 0;
    defined.then(|| (top / (a as f64 * b as f64).sqrt()).clamp(-1.0, 1.0))
}

/// The 95 % interval of Spearman's ρ in closed form (Bonett & Wright, *Sample
/// size requirements for estimating Pearson, Kendall and Spearman
/// correlations*, 2000): Fisher's z with the variance (1 + ρ²/2)/(n − 3). None
/// for fewer than ten values, and where the order is perfect.
pub fn spearman_interval(rho: f64, n: u64) -> Option<Interval> {
    if n < 10 || rho.abs() >= 1.0 {
        return None;
    }
    let reach = 1.959_964 * ((1.0 + rho * rho / 2.0) / (n as f64 - 3.0)).sqrt();
    let z = rho.atanh();
    Some(Interval {
        lo: (z - reach).tanh(),
        hi: (z + reach).tanh(),
    })
}

fn agreement(x: &[f64], y: &[f64]) -> Result<Agreement, StatsError> {
    let (x, y) = (Ranking::new(x)?, Ranking::new(y)?);
    let all = Truth::new(&y, &vec![1; y.len()], &[1])?.agreement(&x)?;
    Ok(all[0])
}

/// The truth that scores are held against, in one resample: each value counted
/// as often as it was drawn.
pub struct Truth<'a> {
    ranking: &'a Ranking,
    counts: &'a [u32],
    /// For each code 2·(weight below it) + its own weight: twice the average
    /// rank, less 1.
    middles: Vec<i64>,
    levels: Vec<Level>,
}

/// The best part of the truth that a statistic looks at.
#[derive(Clone)]
struct Level {
    /// Codes from here on belong to it.
    from: u32,
    n: i64,
    /// Weight of the codes below it.
    below: i64,
    ties: Ties,
}

/// Sums over the groups of equal values of one column.
#[derive(Clone, Copy, Default)]
struct Ties {
    /// Σ t(t−1)/2: pairs that are tied.
    pairs: i128,
    /// Σ t³ − t: what ties take from the variance of ranks.
    cubes: i128,
}

impl Ties {
    fn add(&mut self, weight: i64) {
        if weight <= 1 {
            return;
        }
        let t = i128::from(weight);
        self.pairs += t * (t - 1) / 2;
        self.cubes += t * t * t - t;
    }
}

impl<'a> Truth<'a> {
    /// The truth with the given counts, one per place; all ones for the values
    /// as they are. `parts` names the best parts to look at, as divisors: 1 is
    /// everything, 2 the best half, 10 the best tenth. The best 1/d of n values
    /// are the ⌈n/d⌉ largest and every value equal to the smallest of them.
    ///
    /// # Errors
    /// The columns differ in length, or the counts add up to 2³² or more.
    pub fn new(ranking: &'a Ranking, counts: &'a [u32], parts: &[u64]) -> Result<Self, StatsError> {
        if counts.len() != ranking.len() {
            return Err(StatsError::Length {
                left: ranking.len(),
                right: counts.len(),
            });
        }
        let mut weights = vec![0i64; ranking.distinct()];
        for (&code, &count) in ranking.codes().iter().zip(counts) {
            weights[code as usize] += i64::from(count);
        }
        let n: i64 = weights.iter().sum();
        if u32::try_from(n).is_err() {
            return Err(StatsError::TooMany(n as usize));
        }
        let mut below = 0;
        let middles = weights
            .iter()
            .map(|&weight| {
                below += weight;
                2 * below - weight
            })
            .collect();
        let levels = parts
            .iter()
            .map(|&part| Level::new(&weights, n, part))
            .collect();
        Ok(Self {
            ranking,
            counts,
            middles,
            levels,
        })
    }

    /// How the score orders the truth, within each of the parts.
    ///
    /// # Errors
    /// The columns differ in length.
    pub fn agreement(&self, score: &Ranking) -> Result<Vec<Agreement>, StatsError> {
        if score.len() != self.ranking.len() {
            return Err(StatsError::Length {
                left: self.ranking.len(),
                right: score.len(),
            });
        }
        let codes = self.ranking.codes();
        let mut walk = Walk::new(self.ranking.distinct());
        let mut sums: Vec<Sums> = self.levels.iter().map(|_| Sums::default()).collect();
        for group in score.groups() {
            if group.iter().all(|&place| self.counts[place as usize] == 0) {
                continue;
            }
            for &place in group {
                let count = i64::from(self.counts[place as usize]);
                if count == 0 {
                    continue;
                }
                let code = codes[place as usize];
                let lead = walk.lead(code);
                let middle = self.middles[code as usize];
                for (level, sum) in self.levels.iter().zip(&mut sums) {
                    if code >= level.from {
                        sum.lead += count * (lead - sum.below);
                        sum.weight += count;
                        sum.truth += count * (middle - 2 * level.below - level.n);
                    } else {
                        sum.missed += count;
                    }
                }
            }
            for &place in group {
                walk.add(codes[place as usize], self.counts[place as usize]);
            }
            for (level, sum) in self.levels.iter().zip(&mut sums) {
                sum.close_group(level.n);
            }
        }
        Ok(self
            .levels
            .iter()
            .zip(&sums)
            .map(|(level, sum)| sum.finish(level))
            .collect())
    }
}

impl Level {
    fn new(weights: &[i64], n: i64, part: u64) -> Self {
        let wanted = (n as u64).div_ceil(part.max(1)) as i64;
        let mut level = Self {
            from: weights.len() as u32,
            n: 0,
            below: n,
            ties: Ties::default(),
        };
        for (code, &weight) in weights.iter().enumerate().rev() {
            if level.n >= wanted {
                break;
            }
            level.from = code as u32;
            level.n += weight;
            level.below -= weight;
            level.ties.add(weight);
        }
        level
    }
}

/// What has been met so far on the walk from the lowest score to the highest.
struct Walk {
    /// Fenwick tree over the codes of the truth.
    tree: Vec<u32>,
    equal: Vec<u32>,
    total: i64,
}

impl Walk {
    fn new(codes: usize) -> Self {
        Self {
            tree: vec![0; codes + 1],
            equal: vec![0; codes],
            total: 0,
        }
    }

    /// Weight met with a smaller code, less weight met with a larger one.
    fn lead(&self, code: u32) -> i64 {
        let mut at = code as usize + 1;
        let mut up_to = 0u32;
        while at > 0 {
            up_to += self.tree[at];
            at &= at - 1;
        }
        2 * i64::from(up_to) - i64::from(self.equal[code as usize]) - self.total
    }

    fn add(&mut self, code: u32, count: u32) {
        if count == 0 {
            return;
        }
        self.equal[code as usize] += count;
        self.total += i64::from(count);
        let mut at = code as usize + 1;
        while at < self.tree.len() {
            self.tree[at] += count;
            at += at & at.wrapping_neg();
        }
    }
}

/// Sums of one level over the walk; `weight`, `truth` and `missed` belong to
/// the group of equal scores that is being walked.
#[derive(Default)]
struct Sums {
    /// Concordant less discordant pairs.
    lead: i64,
    /// Weight met outside the level; `Walk::lead` counts it as smaller.
    below: i64,
    /// Weight met inside the level.
    before: i64,
    /// Σ of products of doubled centred ranks.
    product: i128,
    ties: Ties,
    weight: i64,
    truth: i64,
    missed: i64,
}

impl Sums {
    fn close_group(&mut self, n: i64) {
        self.below += self.missed;
        self.missed = 0;
        if self.weight > 0 {
            let rank = 2 * self.before + self.weight - n;
            self.product += i128::from(rank) * i128::from(self.truth);
            self.ties.add(self.weight);
            self.before += self.weight;
            (self.weight, self.truth) = (0, 0);
        }
    }

    fn finish(&self, level: &Level) -> Agreement {
        let n = i128::from(level.n);
        let pairs = n * (n - 1) / 2;
        let cubes = n * n * n - n;
        let untied = (pairs - self.ties.pairs, pairs - level.ties.pairs);
        // The variance of doubled ranks, times n, is (n³ − n − Σ(t³ − t)) / 3.
        let spread = (cubes - self.ties.cubes, cubes - level.ties.cubes);
        // Spread is 0 where there is no untied pair, and only there.
        Agreement {
            n: level.n as u64,
            spearman: ratio((3 * self.product) as f64, spread),
            kendall: ratio(self.lead as f64, untied),
        }
    }
}

#[cfg(test)]
mod tests;
