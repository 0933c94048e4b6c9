//! Options that are taken away, one of each choice in a round, until one is left.

use crate::{SearchError, Table};

/// What came of a round.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// What each option was worth, larger is better; 0 for those that were gone.
    pub worth: Table,
    /// The options that went, by choice.
    pub removed: Vec<(usize, usize)>,
    /// How many of these were worth no less than another that stays.
    pub ties: usize,
}

/// Takes options away until one of each choice is left. `worth` tells of those that are
/// `allowed` what each is worth; the least goes, and of equal ones the first. `tell` is
/// shown every round.
///
/// # Errors
/// Those of `worth` and `tell`.
pub fn remove<E: From<SearchError>>(
    mut allowed: Vec<Vec<bool>>,
    mut worth: impl FnMut(&[Vec<bool>]) -> Result<Table, E>,
    mut tell: impl FnMut(&Round) -> Result<(), E>,
) -> Result<Vec<Round>, E> {
    let mut rounds = Vec::new();
    while allowed.iter().any(|row| open(row) > 1) {
        let worth = worth(&allowed)?;
        let (mut removed, mut ties) = (Vec::new(), 0);
        for (choice, row) in allowed.iter_mut().enumerate() {
            if open(row) < 2 {
                continue;
            }
            let options = (0..row.len()).filter(|&option| row[option]);
            let value = |option: usize| worth[choice][option];
            if let Some(option) = options.clone().find(|&option| !value(option).is_finite()) {
                return Err(SearchError::Worth { choice, option }.into());
            }
            let Some(least) = options
                .clone()
                .min_by(|&a, &b| value(a).total_cmp(&value(b)))
            else {
                continue;
            };
            ties += usize::from(
                options
                    .filter(|&option| value(option) == value(least))
                    .count()
                    > 1,
            );
            row[least] = false;
            removed.push((choice, least));
        }
        let round = Round {
            worth,
            removed,
            ties,
        };
        tell(&round)?;
        rounds.push(round);
    }
    Ok(rounds)
}

fn open(row: &[bool]) -> usize {
    row.iter().filter(|allowed| **allowed).count()
}

/// How long each option stayed, as shares of its choice: those of the options that were
/// `allowed` to begin with.
#[must_use]
pub fn stayed(allowed: &[Vec<bool>], rounds: &[Round]) -> Table {
    let last = rounds.len() as f64 + 1.0;
    let mut stayed: Table = allowed
        .iter()
        .map(|row| {
            row.iter()
                .map(|&allowed| if allowed { last } else { 0.0 })
                .collect()
        })
        .collect();
    for (number, round) in (1..).zip(rounds) {
        for &(choice, option) in &round.removed {
            stayed[choice][option] = f64::from(number);
        }
    }
    for row in &mut stayed {
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|value| *value /= sum);
    }
    stayed
}

/// What each option is worth by what several scores gain where it is taken away: those
/// with the largest gain are worth least. Of each score, gains are ranked over all
/// choices, equal ones alike; ranks are added (Chen et al., *TE-NAS*, ICLR 2021). Options
/// of which a score tells nothing are worth 0.
#[must_use]
pub fn by_ranks(gains: &[Vec<((usize, usize), f64)>], like: &[Vec<bool>]) -> Table {
    let mut worth: Table = like.iter().map(|row| vec![0.0; row.len()]).collect();
    for gains in gains {
        let mut distinct: Vec<f64> = gains.iter().map(|(_, gain)| *gain).collect();
        distinct.sort_by(|a, b| b.total_cmp(a));
        distinct.dedup();
        for &((choice, option), gain) in gains {
            let rank = distinct.iter().take_while(|other| **other > gain).count();
            worth[choice][option] += (rank + 1) as f64;
        }
    }
    worth
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An even mixture of options that are worth this much each is worth their mean.
    fn of_mixture(utility: &Table, allowed: &[Vec<bool>]) -> f64 {
        let rows = utility.iter().zip(allowed);
        let mean = |(row, allowed): (&Vec<f64>, &Vec<bool>)| {
            let open: Vec<f64> = row
                .iter()
                .zip(allowed)
                .filter(|(_, a)| **a)
                .map(|(u, _)| *u)
                .collect();
            open.iter().sum::<f64>() / open.len() as f64
        };
        rows.map(mean).sum()
    }

    fn gains(utility: &Table, allowed: &[Vec<bool>]) -> Vec<((usize, usize), f64)> {
        let whole = of_mixture(utility, allowed);
        let mut gains = Vec::new();
        for choice in 0..allowed.len() {
            for option in (0..allowed[choice].len()).filter(|&o| allowed[choice][o]) {
                let mut without = allowed.to_vec();
                without[choice][option] = false;
                gains.push(((choice, option), of_mixture(utility, &without) - whole));
            }
        }
        gains
    }

    #[test]
    fn a_score_with_a_known_best_leaves_it() {
        let utility: Table = vec![
            vec![0.1, 0.9, 0.4],
            vec![3.0, 1.0, 2.0],
            vec![-1.0, -3.0, -0.5],
        ];
        let allowed = vec![vec![true; 3]; 3];
        let mut told = 0;
        let rounds = remove(
            allowed.clone(),
            |allowed| Ok::<_, SearchError>(by_ranks(&[gains(&utility, allowed)], allowed)),
            |round| {
                told += 1;
                assert_eq!(round.ties, 0);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!((rounds.len(), told), (2, 2));
        assert_eq!(rounds[0].removed, [(0, 0), (1, 1), (2, 1)]);
        assert_eq!(rounds[1].removed, [(0, 2), (1, 2), (2, 0)]);
        let stayed = stayed(&allowed, &rounds);
        assert_eq!(stayed[0], [1.0 / 6.0, 0.5, 2.0 / 6.0]);
    }

    // Two scores of four options of two choices. Gains of the first: 3, 1, 2, 2; ranks 1,
    // 3, 2, 2. Of the second: 0, 5, 5, 1; ranks 3, 1, 1, 2. Sums: 4, 4, 3, 4.
    #[test]
    fn ranks_are_shared_and_added() {
        let places = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let of = |gains: [f64; 4]| places.into_iter().zip(gains).collect::<Vec<_>>();
        let gains = [of([3.0, 1.0, 2.0, 2.0]), of([0.0, 5.0, 5.0, 1.0])];
        let allowed = vec![vec![true; 2]; 2];
        assert_eq!(by_ranks(&gains, &allowed), [[4.0, 4.0], [3.0, 4.0]]);
        let rounds = remove(
            allowed.clone(),
            |_| Ok::<_, SearchError>(by_ranks(&gains, &allowed)),
            |_| Ok(()),
        );
        let rounds = rounds.unwrap();
        assert_eq!(rounds[0].removed, [(0, 0), (1, 0)]);
        assert_eq!(rounds[0].ties, 1);
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        let allowed = vec![vec![true; 2]; 2];
        let worth = |_: &[Vec<bool>]| Ok::<_, SearchError>(vec![vec![1.0, f64::NAN]; 2]);
        assert!(remove(allowed, worth, |_| Ok(())).is_err());
    }
}
