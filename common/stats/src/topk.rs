//! The k best of a stream, in O(k) memory.

use std::collections::BinaryHeap;

/// Keeps the k smallest of the values that it is shown, so that the memory
/// does not grow with their number.
///
/// "Smallest" because the type decides what comes first: give it an `Ord` that
/// puts the better value first and breaks every tie (by id), and the result
/// does not depend on the order of the stream.
#[derive(Debug)]
pub struct TopK<T> {
    k: usize,
    heap: BinaryHeap<T>,
}

impl<T: Ord> TopK<T> {
    /// Room for `k` values.
    pub fn new(k: usize) -> Self {
        Self {
            k,
            heap: BinaryHeap::new(),
        }
    }

    /// The worst of the values kept, once there are k: a value that does not
    /// come before it need not be shown.
    pub fn bar(&self) -> Option<&T> {
        if self.heap.len() < self.k {
            None
        } else {
            self.heap.peek()
        }
    }

    /// Shows one value, in O(log k); gives back the one that is no longer kept.
    pub fn push(&mut self, value: T) -> Option<T> {
        if self.heap.len() < self.k {
            self.heap.push(value);
            return None;
        }
        match self.heap.peek_mut() {
            Some(mut worst) if value < *worst => Some(std::mem::replace(&mut *worst, value)),
            _ => Some(value),
        }
    }

    /// The values kept, best first.
    pub fn into_sorted(self) -> Vec<T> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn k_may_be_nothing_or_more_than_there_is() {
        let mut none = TopK::new(0);
        assert_eq!(none.push(1), Some(1));
        assert_eq!(none.bar(), None);
        let mut many = TopK::new(9);
        for value in [3, 1, 2] {
            assert_eq!(many.push(value), None);
        }
        assert_eq!(many.bar(), None);
        assert_eq!(many.into_sorted(), [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn it_is_the_head_of_the_sorted_stream(
            mut values in prop::collection::vec(0i32..50, 0..80),
            k in 0usize..20,
        ) {
            let mut top = TopK::new(k);
            let mut dropped = Vec::new();
            for &value in &values {
                dropped.extend(top.push(value));
            }
            let mut kept = top.into_sorted();
            values.sort_unstable();
            prop_assert_eq!(&kept[..], &values[..k.min(values.len())]);
            kept.extend(dropped);
            kept.sort_unstable();
            prop_assert_eq!(kept, values);
        }
    }
}
