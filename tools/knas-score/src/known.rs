//! What is known of networks already: those that are the same are scored once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Networks in a generation. Two of them hold every network of NAS-Bench-201;
/// with all scores that is some 100 MB.
const MOST: usize = 8192;

/// Values by network: those of the networks that were last asked for, of which
/// there are at most two generations.
#[derive(Debug)]
pub struct Known<T> {
    most: usize,
    generations: Mutex<[Generation<T>; 2]>,
}

type Generation<T> = HashMap<String, Arc<OnceLock<T>>>;

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl<T> Known<T> {
    fn of(most: usize) -> Self {
        Self {
            most,
            generations: Mutex::new([HashMap::new(), HashMap::new()]),
        }
    }

    /// The place for what is known of a network, which the first who asks for it
    /// fills. `network` tells it from any other, of other spaces too.
    pub fn slot(&self, network: String) -> Arc<OnceLock<T>> {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *generations;
        if let Some(slot) = young.get(&network) {
            return Arc::clone(slot);
        }
        let slot = old.remove(&network).unwrap_or_default();
        if young.len() >= self.most {
            *old = std::mem::take(young);
        }
        young.insert(network, Arc::clone(&slot));
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_last_is_known_and_nothing_piles_up() {
        let known = Known::of(10);
        let ask = |n: usize, value| *known.slot(n.to_string()).get_or_init(|| value);
        for n in 0..1000 {
            assert_eq!(ask(n, n), n);
            assert_eq!(ask(n, 0), n);
            // What is asked for again and again stays.
            assert_eq!(ask(0, 1), 0);
            let generations = known.generations.lock().unwrap();
            assert!(generations.iter().all(|generation| generation.len() <= 10));
        }
        // Nine others, at the least, are known too.
        for n in 990..1000 {
            assert_eq!(ask(n, 0), n);
        }
        assert_eq!(ask(500, 7), 7);
    }
}
