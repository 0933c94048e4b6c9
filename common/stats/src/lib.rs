//! Statistics of rankings: how well a score orders candidates, how sure that
//! is, and how several scores become one order.
//!
//! Everywhere in this crate a larger value is better, rank 1 is best, values
//! are finite (anything else is an error, never a number), and nothing depends
//! on the number of threads.

mod aggregate;
mod bootstrap;
mod correlation;
mod judgement;
mod pareto;
pub mod random;
mod ranking;
mod selection;
mod stability;
mod topk;

pub use aggregate::{log_rank, rank_sum, ranks};
pub use bootstrap::{Bootstrap, Interval, interval};
pub use correlation::{Agreement, Truth, kendall, rank_correlation, spearman, spearman_interval};
pub use judgement::{
    AtK, Beats, Judgement, LEVEL, Part, SMALLEST_PART, Score, Settings, Statistic, judge,
};
pub use pareto::pareto_fronts;
pub use ranking::Ranking;
pub use selection::{best_of, precision_at, regret_at};
pub use stability::agreement_between_seeds;
pub use topk::TopK;

/// What is wrong with the numbers that a statistic was asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// A value is NaN or infinite; the place counts from 0.
    #[error("value {place} is {value}, not a finite number")]
    NonFinite {
        /// Place of the value in its column, from 0.
        place: usize,
        /// The value.
        value: f64,
    },
    /// Two columns that belong together differ in length.
    #[error("columns of {left} and {right} values cannot be compared")]
    Length {
        /// Length of the first column.
        left: usize,
        /// Length of the column that differs.
        right: usize,
    },
    /// More values than the 32-bit counters hold.
    #[error("{0} values are more than {max}", max = u32::MAX)]
    TooMany(usize),
}
