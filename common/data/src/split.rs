//! Training and validation parts, and limits that keep classes balanced.

use knas_stats::random::stream;

use crate::DataError;

/// One split for all runs, so that validation accuracies of different seeds and
/// candidates are of the same examples. (NAS-Bench-201 fixed its own half in a
/// file; this is another half.)
const SPLIT_SEED: u64 = 0;

/// The indices of each class in random order.
fn by_class(labels: &[u32], purpose: &str) -> Vec<Vec<usize>> {
    let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let mut members = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        members[label as usize].push(index);
    }
    let shuffled = members.iter().enumerate().map(|(class, members)| {
        let places = [(class as u64).into()];
        let order = stream(SPLIT_SEED, purpose, &places).choose(members.len(), members.len());
        order.into_iter().map(|place| members[place]).collect()
    });
    shuffled.collect()
}

/// Takes from each class in turn until all are empty, so that any beginning of
/// the result has its classes as balanced as they can be.
fn interleave(classes: &[Vec<usize>]) -> Vec<usize> {
    let longest = classes.iter().map(Vec::len).max().unwrap_or(0);
    let ranks = 0..longest;
    ranks
        .flat_map(|rank| {
            classes
                .iter()
                .filter_map(move |class| class.get(rank).copied())
        })
        .collect()
}

/// The places of what is learnt from among the training examples, and of what
/// validates: among the validation examples, where there are `valid` ones with these
/// labels, or else a share of the training examples: that which is `told`, or the
/// `usual` one.
///
/// # Errors
/// Where nothing validates, or a share is told of a set that has a validation part.
pub(crate) fn parts(
    name: &'static str,
    train: &[u32],
    valid: Option<&[u32]>,
    told: Option<f64>,
    usual: f64,
) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    let Some(valid) = valid else {
        let share = told.unwrap_or(usual);
        let (train, valid) = divide(train, share);
        return match valid.is_empty() {
            true => Err(DataError::NoValidation { name, share }),
            false => Ok((train, valid)),
        };
    };
    match told {
        Some(_) => Err(DataError::OwnValidation { name }),
        None => Ok((balanced(train), balanced(valid))),
    }
}

/// Divides a training set class by class, at random: (training, validation).
/// Validation gets the `share` of each class, rounded down.
fn divide(labels: &[u32], share: f64) -> (Vec<usize>, Vec<usize>) {
    /// So that shares that are no binary fractions are not short of one example.
    const ROUNDING: f64 = 1e-9;
    let mut train = by_class(labels, "split");
    let valid: Vec<_> = train
        .iter_mut()
        .map(|class| {
            let count = (class.len() as f64 * share + ROUNDING) as usize;
            class.split_off(class.len() - count.min(class.len()))
        })
        .collect();
    (interleave(&train), interleave(&valid))
}

/// All indices in an order of which any beginning has balanced classes.
pub(crate) fn balanced(labels: &[u32]) -> Vec<usize> {
    interleave(&by_class(labels, "balance"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_disjoint_complete_and_balanced() {
        // Classes of 5, 4, 1 and 0 images.
        let labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 2];
        let (train, valid) = divide(&labels, 0.5);
        let classes = |part: &[usize]| part.iter().map(|&i| labels[i]).collect::<Vec<_>>();
        assert_eq!(classes(&train), [0, 1, 2, 0, 1, 0]);
        assert_eq!(classes(&valid), [0, 1, 0, 1]);
        let mut all = [train, valid].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        let (train, valid) = divide(&labels, 0.2);
        assert_eq!((classes(&train).len(), classes(&valid)), (9, vec![0]));
    }

    #[test]
    fn a_share_that_is_no_binary_fraction_is_not_short_of_one() {
        for (tenths, count) in [(1, 70), (3, 10), (7, 10), (9, 30), (6, 45)] {
            let (train, valid) = divide(&vec![0; count], tenths as f64 / 10.0);
            assert_eq!(valid.len(), count * tenths / 10);
            assert_eq!(train.len() + valid.len(), count);
        }
    }

    #[test]
    fn the_split_never_changes() {
        // With `words` and `choose` as above the tests of knas_stats::random:
        // v = lambda c: [i for i in range(100) if i % 10 == c]
        // print([[v(c)[p] for p in choose(words(0, 'split', c), 10, 10)][:2] for c in (0, 9)])
        let labels: Vec<u32> = (0..100).map(|index| index % 10).collect();
        let (train, _) = divide(&labels, 0.5);
        assert_eq!([train[0], train[10], train[9], train[19]], [30, 0, 99, 49]);
    }

    #[test]
    fn any_beginning_is_balanced() {
        let labels: Vec<u32> = (0..1000).map(|index| (index * index % 7) as u32).collect();
        let order = balanced(&labels);
        let mut counts = [0u32; 7];
        order[..40]
            .iter()
            .for_each(|&index| counts[labels[index] as usize] += 1);
        // Squares modulo 7 are 0, 1, 2 and 4.
        assert_eq!(counts, [10, 10, 10, 0, 10, 0, 0]);
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(divide(&[], 0.5), (vec![], vec![]));
        assert!(balanced(&[]).is_empty());
    }
}
