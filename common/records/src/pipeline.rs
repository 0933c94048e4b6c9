//! Work on items in several threads, with results in the order of the input.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often a waiting thread looks whether it is to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// Reads items, works on `jobs` of them at a time, and hands the results to
/// `sink` in the order in which the items were read.
///
/// `source` runs in a thread of its own, which is left behind when the work
/// ends early: it may be waiting for input that never comes. `worker` makes
/// each thread's own function, so that a thread can set itself up. When `stop`
/// is set no further item is begun, and those in flight are finished and
/// handed on.
///
/// # Errors
/// The first error of `source` or `sink`. What was read before an error of
/// `source` is handed on first.
pub fn in_order<T, R, E, W>(
    jobs: usize,
    mut source: impl FnMut() -> Result<Option<T>, E> + Send + 'static,
    worker: impl Fn() -> W + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
    stop: &AtomicBool,
) -> Result<(), E>
where
    T: Send + 'static,
    R: Send,
    E: Send + 'static,
    W: FnMut(T) -> R,
{
    // A few items wait, so that no worker does; upstream is held back beyond.
    let (items, queue) = sync_channel(jobs * 2);
    thread::spawn(move || {
        for place in 0u64.. {
            let item = source().transpose();
            let last = !matches!(item, Some(Ok(_)));
            if let Some(item) = item
                && items.send((place, item)).is_err()
            {
                return; // nobody works any more
            }
            if last {
                return;
            }
        }
    });

    let queue = Mutex::new(queue);
    let failed = AtomicBool::new(false);
    let stopped = || stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let (results, mut ordered) = reordered();
        for _ in 0..jobs {
            let (results, queue, worker, stopped) = (results.clone(), &queue, &worker, &stopped);
            scope.spawn(move || {
                let mut work = worker();
                while let Some((place, item)) = next(queue, stopped) {
                    if results.send((place, item.map(&mut work))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        let result = ordered.try_for_each(|result| sink(result?));
        failed.store(result.is_err(), Ordering::Relaxed);
        result
    })
}

/// The next item, once there is one; none at the end, or when it is time to stop.
fn next<T>(queue: &Mutex<Receiver<T>>, stopped: &impl Fn() -> bool) -> Option<T> {
    while !stopped() {
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.recv_timeout(GLANCE) {
            Ok(item) => return Some(item),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    None
}

/// A channel whose receiving end puts numbered values in order.
fn reordered<R>() -> (Sender<(u64, R)>, impl Iterator<Item = R>) {
    let (sender, receiver) = channel::<(u64, R)>();
    let mut early = BTreeMap::new();
    let mut expected = 0;
    let values = std::iter::from_fn(move || {
        loop {
            if let Some(value) = early.remove(&expected) {
                expected += 1;
                return Some(value);
            }
            let (place, value) = receiver.recv().ok()?;
            early.insert(place, value);
        }
    });
    (sender, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(end: u32) -> impl FnMut() -> Result<Option<u32>, String> + Send + 'static {
        let mut n = 0;
        move || {
            n += 1;
            Ok((n <= end).then_some(n))
        }
    }

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for jobs in [1, 2, 5] {
            let mut seen = Vec::new();
            let slow = || {
                |n: u32| {
                    thread::sleep(Duration::from_micros(u64::from(n * 7919 % 13) * 100));
                    n * 2
                }
            };
            let sink = |n| {
                seen.push(n);
                Ok(())
            };
            in_order(jobs, counter(100), slow, sink, &AtomicBool::new(false)).unwrap();
            assert_eq!(seen, (1..=100).map(|n| n * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let sink = |n| {
            if n < 10 {
                Ok(())
            } else {
                Err(format!("no {n}"))
            }
        };
        let result = in_order(
            3,
            counter(u32::MAX),
            || |n| n,
            sink,
            &AtomicBool::new(false),
        );
        assert_eq!(result, Err("no 10".to_owned()));

        let mut numbers = counter(u32::MAX);
        let source = move || match numbers()? {
            Some(5) => Err("unreadable".to_owned()),
            n => Ok(n),
        };
        let mut seen = 0;
        let sink = |_| {
            seen += 1;
            Ok(())
        };
        let result = in_order(2, source, || |n| n, sink, &AtomicBool::new(false));
        assert_eq!((result, seen), (Err("unreadable".to_owned()), 4));
    }

    #[test]
    fn a_source_that_never_answers_does_not_hold_up_the_end() {
        let stop = AtomicBool::new(false);
        let mut numbers = counter(3);
        let source = move || match numbers()? {
            Some(3) => {
                thread::sleep(Duration::from_secs(3600));
                Ok::<_, String>(None)
            }
            n => Ok(n),
        };
        let mut seen = Vec::new();
        let sink = |n| {
            seen.push(n);
            stop.store(n == 2, Ordering::Relaxed);
            Ok(())
        };
        in_order(2, source, || |n| n, sink, &stop).unwrap();
        assert_eq!(seen, [1, 2]);
    }
}
