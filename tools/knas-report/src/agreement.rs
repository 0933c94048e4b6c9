//! How far every two columns agree.

use knas_stats::{Ranking, SMALLEST_PART, StatsError, rank_correlation};
use rayon::prelude::*;

use crate::column::Column;

/// Spearman's ρ of every two columns, where both have values that differ.
pub fn agreement(columns: &[Column]) -> Result<Vec<Vec<Option<f64>>>, StatsError> {
    // Most columns are complete, and are sorted once.
    let complete: Vec<Option<Ranking>> = columns
        .par_iter()
        .map(|column| {
            let values: Option<Vec<f64>> = column.values.iter().copied().collect();
            values.map(|values| Ranking::new(&values)).transpose()
        })
        .collect::<Result<_, _>>()?;
    let pairs: Vec<(usize, usize)> = (0..columns.len())
        .flat_map(|row| (0..=row).map(move |column| (row, column)))
        .collect();
    let found: Vec<Option<f64>> = pairs
        .par_iter()
        .map(|&(row, column)| match (&complete[row], &complete[column]) {
            (Some(a), Some(b)) if a.len() as u64 >= SMALLEST_PART => rank_correlation(a, b),
            (Some(_), Some(_)) => Ok(None),
            _ => compare(&columns[row], &columns[column]),
        })
        .collect::<Result<_, _>>()?;
    let mut matrix = vec![vec![None; columns.len()]; columns.len()];
    for ((row, column), rho) in pairs.into_iter().zip(found) {
        matrix[row][column] = rho;
        matrix[column][row] = rho;
    }
    Ok(matrix)
}

/// Spearman's ρ over the candidates that have both values; none over so few
/// that chance makes anything of them.
fn compare(a: &Column, b: &Column) -> Result<Option<f64>, StatsError> {
    let pairs = a.values.iter().zip(&b.values);
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.filter_map(|(a, b)| Some(((*a)?, (*b)?))).unzip();
    match (a.len() as u64) < SMALLEST_PART {
        true => Ok(None),
        false => rank_correlation(&Ranking::new(&a)?, &Ranking::new(&b)?),
    }
}
