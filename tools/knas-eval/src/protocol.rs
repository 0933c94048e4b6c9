//! The two-step search of KNAS (Xu et al., *KNAS: Green Neural Architecture
//! Search*, ICML 2021), played with known accuracies.
//!
//! From a random pool, the coarse step keeps the k best by a score that needs
//! no training; the fine step takes the best of these by a cheap accuracy, such
//! as that of a few epochs on the validation set; what counts is the accuracy
//! that this one candidate has in the end.

use anyhow::ensure;
use knas_stats::random::stream;
use knas_stats::{Interval, LEVEL, best_of, interval};
use rayon::prelude::*;

use crate::candidates::Candidates;
use crate::cli::Protocol;
use crate::report::Search;

/// The pool of the paper's search on NAS-Bench-201; its fine step is the
/// validation accuracy after 12 epochs.
const PAPER_POOL: usize = 300;

/// The test accuracies that the paper reports for that search, by data set and k.
const PAPER: [(&str, usize, f64); 6] = [
    ("cifar10", 20, 93.38),
    ("cifar10", 40, 93.43),
    ("cifar100", 20, 70.78),
    ("cifar100", 40, 71.05),
    ("imagenet16", 20, 44.63),
    ("imagenet16", 40, 45.05),
];

/// Plays the search with every score, with a random coarse step and with none.
/// `fine` and `test` are the accuracies by which the fine step chooses and
/// which count.
///
/// # Errors
/// Fewer candidates have all that is needed than the pool should hold.
pub fn play(
    protocol: &Protocol,
    column: &str,
    fine: &[Option<f64>],
    test: &[Option<f64>],
    candidates: &Candidates,
    seed: u64,
) -> anyhow::Result<Vec<Search>> {
    let complete = |&place: &usize| {
        let scores = candidates.scores.iter();
        fine[place].is_some()
            && test[place].is_some()
            && scores.clone().all(|score| score.values[place].is_some())
    };
    let places: Vec<usize> = (0..fine.len()).filter(complete).collect();
    ensure!(
        protocol.pool <= places.len(),
        "a pool of {} is more than the {} candidates that have every score, {} and {column}",
        protocol.pool,
        places.len(),
        protocol.fine,
    );
    let dense = |values: &[Option<f64>]| -> Vec<f64> {
        places.iter().filter_map(|&place| values[place]).collect()
    };
    let game = Game {
        protocol,
        fine: dense(fine),
        test: dense(test),
        scores: candidates
            .scores
            .iter()
            .map(|score| dense(&score.values))
            .collect(),
    };
    let reached: Vec<Vec<f64>> = (0..protocol.reps as u64)
        .into_par_iter()
        .map(|repetition| game.play_once(seed, repetition))
        .collect();

    let names = candidates.scores.iter().map(|score| score.name.as_str());
    let mut searches = Vec::new();
    for (row, name) in names.chain(["(random)", "(none)"]).enumerate() {
        let reached: Vec<f64> = reached.iter().map(|rows| rows[row]).collect();
        searches.push(search(protocol, column, name, places.len(), seed, reached));
    }
    if let Some(mean) = paper(column, protocol) {
        let mut search = search(protocol, column, "(paper)", 0, seed, vec![mean]);
        (search.n, search.lo, search.hi, search.standard_error) = (None, None, None, None);
        searches.push(search);
    }
    let best = game.test.iter().copied().fold(f64::MIN, f64::max);
    let mut search = search(protocol, column, "(best)", places.len(), seed, vec![best]);
    (search.lo, search.hi, search.standard_error) = (None, None, None);
    searches.push(search);
    Ok(searches)
}

struct Game<'g> {
    protocol: &'g Protocol,
    fine: Vec<f64>,
    test: Vec<f64>,
    scores: Vec<Vec<f64>>,
}

impl Game<'_> {
    /// What one search reaches with each score, a random coarse step, and none.
    fn play_once(&self, seed: u64, repetition: u64) -> Vec<f64> {
        let drawn = stream(seed, "protocol", &[repetition.into()])
            .choose(self.fine.len(), self.protocol.pool);
        let random: Vec<usize> = drawn[..self.protocol.k].to_vec();
        // In the order of ids, so that ties are broken by them.
        let ordered = |mut places: Vec<usize>| {
            places.sort_unstable();
            places
        };
        let (pool, random) = (ordered(drawn), ordered(random));
        let mut reached: Vec<f64> = self
            .scores
            .iter()
            .map(|score| {
                let values: Vec<f64> = pool.iter().map(|&place| score[place]).collect();
                let kept = best_of(&values, self.protocol.k);
                self.finish(ordered(kept.iter().map(|&at| pool[at as usize]).collect()))
            })
            .collect();
        reached.push(self.finish(random));
        reached.push(self.finish(pool));
        reached
    }

    /// The fine step: the accuracy of the best by the fine column.
    fn finish(&self, kept: Vec<usize>) -> f64 {
        let fine: Vec<f64> = kept.iter().map(|&place| self.fine[place]).collect();
        let best = best_of(&fine, 1).first().map_or(0, |&at| at as usize);
        self.test[kept[best]]
    }
}

fn search(
    protocol: &Protocol,
    column: &str,
    coarse: &str,
    n: usize,
    seed: u64,
    reached: Vec<f64>,
) -> Search {
    let count = reached.len() as f64;
    let mean = reached.iter().sum::<f64>() / count;
    let squares: f64 = reached.iter().map(|value| (value - mean).powi(2)).sum();
    let standard_error = (count > 1.0).then(|| (squares / (count - 1.0) / count).sqrt());
    let ends = interval(reached, LEVEL);
    let end = |of: fn(Interval) -> f64| ends.map(of);
    Search {
        truth: column.to_owned(),
        coarse: coarse.to_owned(),
        n: Some(n as u64),
        pool: protocol.pool as u64,
        k: protocol.k as u64,
        fine: protocol.fine.clone(),
        reps: protocol.reps as u64,
        seed,
        mean,
        standard_error,
        lo: end(|interval| interval.lo),
        hi: end(|interval| interval.hi),
    }
}

/// The column by which the fine step chooses where `column` counts. In a truth
/// of several data sets (`cifar10_test`, `cifar100_test`) it is that of the same
/// data set: `fine` may name the one of another (`cifar10_val_ep12`), or what is
/// the same in all (`val_ep12`). None where the data set has no such column.
pub fn fine_column(column: &str, fine: &str, columns: &[String]) -> Option<String> {
    let has = |name: &String| columns.contains(name);
    let own = |measure: &str| {
        let (data, mark, _) = data_set(column)?;
        Some(format!("{data}{mark}{measure}")).filter(has)
    };
    if !has(&fine.to_owned()) {
        return own(fine);
    }
    let Some((data, _, measure)) = data_set(fine) else {
        return Some(fine.to_owned());
    };
    let of_same = |other: &&String| data_set(other).is_some_and(|(of, ..)| of == data);
    // With nothing else of its data set, it is not named after one.
    if columns.iter().filter(of_same).count() < 2 {
        return Some(fine.to_owned());
    }
    own(measure)
}

/// Data set, mark and measure of a name such as `cifar10_test`.
fn data_set(column: &str) -> Option<(&str, char, &str)> {
    let place = column.find(['_', ' '])?;
    let (data, rest) = column.split_at(place);
    let mark = rest.chars().next()?;
    let named = !PARTS.contains(&data.to_ascii_lowercase().as_str());
    named.then_some((data, mark, &rest[mark.len_utf8()..]))
}

/// What begins the names of accuracies that are of no data set in particular.
const PARTS: [&str; 5] = ["train", "val", "valid", "validation", "test"];

/// The paper's figure for a test column such as `cifar100_test` or
/// `ImageNet16-120 test`; none beside a search of another kind.
fn paper(column: &str, protocol: &Protocol) -> Option<f64> {
    let (column, fine) = (plain(column), plain(&protocol.fine));
    let data = column.strip_suffix("test")?;
    let measure = fine.strip_prefix(data).unwrap_or(&fine);
    let after_12_epochs = ["", "val", "valid", "validation"]
        .map(|part| format!("{part}ep12"))
        .contains(&measure.to_owned());
    let data = data.strip_suffix("120").unwrap_or(data);
    let figure = PAPER
        .iter()
        .find(|(name, size, _)| *name == data && *size == protocol.k);
    let figure = figure.filter(|_| after_12_epochs && protocol.pool == PAPER_POOL);
    figure.map(|(_, _, accuracy)| *accuracy)
}

/// Letters and digits of a name, in lower case.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use knas_stats::Score;

    #[test]
    fn the_paper_stands_beside_its_own_protocol_alone() {
        let figure = |column: &str, protocol: &str| paper(column, &protocol.parse().unwrap());
        let whole = "pool=300,k=20,fine=cifar10_val_ep12";
        assert_eq!(figure("cifar10_test", whole), Some(93.38));
        let other = "pool=300,k=40,fine=CIFAR-100 valid ep12";
        assert_eq!(figure("CIFAR-100 test", other), Some(71.05));
        let other = "k=20,fine=ImageNet16-120_val_ep12";
        assert_eq!(figure("ImageNet16-120_test", other), Some(44.63));
        assert_eq!(figure("cifar10_test", "k=20,fine=ep12"), Some(93.38));
        assert_eq!(figure("cifar10_val", whole), None);
        for protocol in [
            "pool=300,k=30,fine=cifar10_val_ep12",
            "pool=100,k=20,fine=cifar10_val_ep12",
            "pool=300,k=20,fine=cifar10_val",
            "pool=300,k=20,fine=cifar10_test_ep12",
            "pool=300,k=20,fine=cifar100_val_ep12",
        ] {
            assert_eq!(figure("cifar10_test", protocol), None, "{protocol}");
        }
    }

    #[test]
    fn every_truth_has_the_fine_column_of_its_own_data_set() {
        let names = |names: &str| -> Vec<String> { names.split(',').map(str::to_owned).collect() };
        let several = names("a_test,a_val_ep12,a-b test,a-b val_ep12,c_test,single");
        let found = |column: &str, fine: &str| fine_column(column, fine, &several);
        for fine in ["a_val_ep12", "val_ep12", "a-b val_ep12"] {
            assert_eq!(found("a_test", fine).unwrap(), "a_val_ep12");
            assert_eq!(found("a-b test", fine).unwrap(), "a-b val_ep12");
            assert_eq!(found("a_val_ep12", fine).unwrap(), "a_val_ep12");
            assert_eq!(found("c_test", fine), None);
        }
        assert_eq!(found("c_test", "single").unwrap(), "single");
        assert_eq!(found("a_test", "none"), None);
        // Names that do not begin with a data set.
        let trained = names("valid_accuracy,test_accuracy,valid_f1,test_f1,final_acc,early_acc");
        for fine in ["valid_accuracy", "early_acc"] {
            for column in ["test_accuracy", "test_f1", "final_acc"] {
                assert_eq!(fine_column(column, fine, &trained).unwrap(), fine);
            }
        }
    }

    fn candidates() -> Candidates {
        let column = |name: &str, value: fn(usize) -> f64| Score {
            name: name.to_owned(),
            values: (0..50).map(|i| Some(value(i))).collect(),
            deviations: vec![None; 50],
        };
        Candidates {
            scores: vec![column("good", |i| i as f64), column("bad", |i| -(i as f64))],
            ids: (0..50).map(|i| format!("c{i:02}")).collect(),
            rows: (0..50).collect(),
            lines: Vec::new(),
        }
    }

    fn played(text: &str) -> Vec<Search> {
        // Accuracy is the place; the fine step cannot tell even from odd.
        let fine: Vec<Option<f64>> = (0..50).map(|i| Some(f64::from(i / 2))).collect();
        let test: Vec<Option<f64>> = (0..50).map(|i| Some(f64::from(i))).collect();
        let protocol: Protocol = text.parse().unwrap();
        play(&protocol, "acc", &fine, &test, &candidates(), 1).unwrap()
    }

    #[test]
    fn a_pool_of_everything_has_one_outcome() {
        let found = played("pool=50,k=5,fine=f,reps=20");
        let means: Vec<(&str, f64)> = found
            .iter()
            .map(|search| (search.coarse.as_str(), search.mean))
            .collect();
        // Of places 48 and 49, which are equal to the fine step, the first id.
        assert_eq!((means[0], means[1]), (("good", 48.0), ("bad", 4.0)));
        assert_eq!((means[3], means[4]), (("(none)", 48.0), ("(best)", 49.0)));
        // The best of 5 of 50: places 0 to 49 have the mean maximum 41.5, and
        // the fine step sometimes takes the place before it.
        assert!(means[2].1 > 35.0 && means[2].1 < 46.0, "{means:?}");
        assert_eq!((found[0].lo, found[0].hi), (Some(48.0), Some(48.0)));
    }

    #[test]
    fn a_pool_of_k_leaves_the_coarse_step_nothing_to_do() {
        let found = played("pool=7,k=7,fine=f,reps=20");
        for search in &found[1..4] {
            assert_eq!(search.mean, found[0].mean);
        }
        assert_eq!(found, played("pool=7,k=7,fine=f,reps=20"));
    }

    #[test]
    fn the_random_step_is_the_best_of_k() {
        // The mean maximum of k of the numbers 0 to n − 1 is k (n + 1)/(k + 1) − 1.
        let test: Vec<Option<f64>> = (0..50).map(|i| Some(f64::from(i))).collect();
        let protocol: Protocol = "pool=30,k=4,fine=f,reps=4000".parse().unwrap();
        let found = play(&protocol, "acc", &test, &test, &candidates(), 1).unwrap();
        let random = &found[2];
        let error = random.standard_error.unwrap();
        assert!(
            (random.mean - (4.0 * 51.0 / 5.0 - 1.0)).abs() < 4.0 * error,
            "{random:?}"
        );
        let none = &found[3];
        let error = none.standard_error.unwrap();
        assert!(
            (none.mean - (30.0 * 51.0 / 31.0 - 1.0)).abs() < 4.0 * error,
            "{none:?}"
        );
    }

    #[test]
    fn a_pool_must_be_there() {
        let known: Vec<Option<f64>> = (0..50).map(|i| (i < 9).then_some(1.0)).collect();
        let protocol: Protocol = "pool=10,k=5,fine=f".parse().unwrap();
        let error = play(&protocol, "acc", &known, &known, &candidates(), 1).unwrap_err();
        assert!(
            error.to_string().contains("more than the 9 candidates"),
            "{error}"
        );
    }
}
