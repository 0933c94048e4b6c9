//! An NVIDIA GPU's energy counter, read through NVML where the driver has it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nvml_wrapper::Nvml;

/// A GPU's energy counter, shared out among the candidates in flight.
///
/// At each moment the candidates in flight share the power equally: none of
/// them can be told from the others by the device. What the GPU uses while
/// none is in flight counts for nobody.
pub struct Gpu {
    /// Millijoules since the driver was loaded.
    counter: Box<dyn Fn() -> Option<u64> + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_flight: u32,
    last: u64,
    /// Millijoules that a candidate has if it is in flight all the time.
    each: f64,
    broken: bool,
}

impl Gpu {
    /// The GPU that CUDA calls `ordinal` in this process, `visible` being the
    /// value of `CUDA_VISIBLE_DEVICES`; none without NVML, on GPUs older than
    /// Volta, or where CUDA's order cannot be told: NVML counts in the order of
    /// the bus, CUDA the fastest first, and only equal GPUs are in one order.
    pub fn open(ordinal: usize, visible: Option<&str>) -> Option<Self> {
        let nvml = Nvml::init().ok()?;
        let index = match named(ordinal, visible)? {
            Name::Uuid(uuid) => nvml.device_by_uuid(uuid).ok()?.index().ok()?,
            Name::Index(index) => {
                let count = nvml.device_count().ok()?;
                let names: Result<Vec<_>, _> = (0..count)
                    .map(|index| nvml.device_by_index(index)?.name())
                    .collect();
                let equal = names.ok()?.windows(2).all(|pair| pair[0] == pair[1]);
                equal.then_some(index)?
            }
        };
        let gpu = Self::with_counter(move || {
            let device = nvml.device_by_index(index).ok()?;
            device.total_energy_consumption().ok()
        });
        (gpu.counter)().is_some().then_some(gpu)
    }

    fn with_counter(counter: impl Fn() -> Option<u64> + Send + Sync + 'static) -> Self {
        Self {
            counter: Box::new(counter),
            state: Mutex::default(),
        }
    }

    /// One more candidate is in flight.
    pub(super) fn enter(&self) -> Share<'_> {
        let mut state = self.advance();
        state.in_flight += 1;
        Share {
            gpu: self,
            from: state.each,
        }
    }

    fn advance(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match (self.counter)() {
            Some(now) => {
                if state.in_flight > 0 {
                    let used = now.saturating_sub(state.last) as f64;
                    state.each += used / f64::from(state.in_flight);
                }
                state.last = now;
            }
            None => state.broken = true,
        }
        state
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gpu")
    }
}

/// One candidate's part of a GPU's energy.
#[derive(Debug)]
pub(super) struct Share<'g> {
    gpu: &'g Gpu,
    from: f64,
}

impl Share<'_> {
    /// The candidate is done: its joules, where the counter could be read.
    pub(super) fn leave(self) -> Option<f64> {
        let state = self.gpu.advance();
        let joules = (state.each - self.from) * 1e-3;
        (!state.broken).then_some(joules)
    } // dropped here: no longer in flight
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.gpu.advance().in_flight -= 1;
    }
}

#[derive(Debug, PartialEq)]
enum Name<'v> {
    Index(u32),
    Uuid(&'v str),
}

/// Which GPU the `ordinal`-th visible one is.
fn named(ordinal: usize, visible: Option<&str>) -> Option<Name<'_>> {
    let Some(visible) = visible else {
        return u32::try_from(ordinal).ok().map(Name::Index);
    };
    let name = visible.split(',').nth(ordinal)?.trim();
    match name.parse() {
        Ok(index) => Some(Name::Index(index)),
        Err(_) => name.starts_with("GPU-").then_some(Name::Uuid(name)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn gpu() -> (Gpu, Arc<AtomicU64>) {
        let counter = Arc::new(AtomicU64::new(5_000_000));
        let read = Arc::clone(&counter);
        let value = move || Some(read.load(Ordering::SeqCst)).filter(|&now| now > 0);
        (Gpu::with_counter(value), counter)
    }

    #[test]
    fn candidates_in_flight_share_equally_and_together_have_it_all() {
        let (gpu, counter) = gpu();
        let use_joules = |joules: u64| counter.fetch_add(joules * 1000, Ordering::SeqCst);
        let first = gpu.enter();
        use_joules(10); // the first one's
        let second = gpu.enter();
        use_joules(8); // half each
        let first = first.leave();
        use_joules(3); // the second one's
        let second = second.leave();
        use_joules(100); // nobody's
        assert_eq!((first, second), (Some(14.0), Some(7.0)));
        assert_eq!(gpu.enter().leave(), Some(0.0));
    }

    #[test]
    fn a_candidate_that_is_given_up_is_no_longer_in_flight() {
        let (gpu, counter) = gpu();
        let first = gpu.enter();
        drop(gpu.enter());
        counter.fetch_add(2000, Ordering::SeqCst);
        assert_eq!(first.leave(), Some(2.0));
    }

    #[test]
    fn a_counter_that_fails_gives_no_figure() {
        let (gpu, counter) = gpu();
        let share = gpu.enter();
        counter.store(0, Ordering::SeqCst);
        assert_eq!(share.leave(), None);
    }

    #[test]
    fn the_visible_devices_name_the_gpu() {
        let uuid = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6";
        assert_eq!(named(1, None), Some(Name::Index(1)));
        assert_eq!(named(0, Some("3, 1")), Some(Name::Index(3)));
        assert_eq!(named(1, Some("3, 1")), Some(Name::Index(1)));
        assert_eq!(named(2, Some("3,1")), None);
        assert_eq!(named(0, Some(uuid)), Some(Name::Uuid(uuid)));
        assert_eq!(named(0, Some("MIG-1")), None);
        assert_eq!(named(0, Some("")), None);
    }
}
