//! What a selection by a score is worth.

/// The places of the `k` largest scores, best first. Equal scores are taken in
/// the order of their places, so a caller who sorts by id breaks ties by id.
pub fn best_of(score: &[f64], k: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..score.len() as u32).collect();
    let by_score = |a: &u32, b: &u32| {
        let value = |place: &u32| score[*place as usize] + 0.0;
        value(b).total_cmp(&value(a)).then(a.cmp(b))
    };
    if k < order.len() {
        order.select_nth_unstable_by(k, by_score);
        order.truncate(k);
    }
    order.sort_unstable_by(by_score);
    order
}

/// What the selection costs: the best truth there is, less the best truth that
/// was picked. None where nothing was picked.
pub fn regret_at(picked: &[u32], truth: &[f64]) -> Option<f64> {
    let best = truth.iter().copied().reduce(f64::max)?;
    let found = picked
        .iter()
        .map(|&place| truth[place as usize])
        .reduce(f64::max)?;
    Some(best - found)
}

/// The share of the picked that belong to the equally many best; a candidate
/// as good as the last of those belongs to them. None where nothing was picked.
pub fn precision_at(picked: &[u32], truth: &[f64]) -> Option<f64> {
    let last = *best_of(truth, picked.len()).last()?;
    let bar = truth[last as usize];
    let hits = picked
        .iter()
        .filter(|&&place| truth[place as usize] >= bar)
        .count();
    Some(hits as f64 / picked.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_best_come_first_and_ties_keep_their_places() {
        assert_eq!(best_of(&[1.0, 3.0, 2.0, 3.0, 0.0], 3), [1, 3, 2]);
        assert_eq!(best_of(&[1.0, 1.0], 9), [0, 1]);
        assert!(best_of(&[1.0], 0).is_empty());
    }

    #[test]
    fn regret_and_precision_by_hand() {
        let truth = [90.0, 94.0, 92.0, 92.0, 50.0];
        assert_eq!(regret_at(&[2, 0], &truth), Some(2.0));
        assert_eq!(regret_at(&[1], &truth), Some(0.0));
        // The best two are 94 and either of the 92s.
        assert_eq!(precision_at(&[2, 3], &truth), Some(1.0));
        assert_eq!(precision_at(&[0, 3], &truth), Some(0.5));
        assert_eq!(regret_at(&[], &truth), None);
        assert_eq!(precision_at(&[], &truth), None);
    }

    proptest! {
        #[test]
        fn it_is_the_head_of_a_stable_sort(
            score in prop::collection::vec((0i32..9).prop_map(f64::from), 0..60),
            k in 0usize..70,
        ) {
            let mut order: Vec<u32> = (0..score.len() as u32).collect();
            order.sort_by(|&a, &b| score[b as usize].total_cmp(&score[a as usize]));
            order.truncate(k);
            prop_assert_eq!(best_of(&score, k), order);
        }
    }
}
