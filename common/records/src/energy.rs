//! Energy of one candidate's computation, for `--meta`.
//!
//! | source | what is read | whose share |
//! |---|---|---|
//! | `rapl` | the processor's and memory's own counters, of the whole machine | processor time of this work / that of everything that ran meanwhile |
//! | `nvml` | the GPU's own counter | equal parts among the candidates that are in flight |
//! | `estimate` | nothing: processor time × [`WATTS_PER_CORE`] | – |
//!
//! RAPL's counters are readable to root alone on most systems (CVE-2020-8694),
//! and absent in most virtual machines; then the estimate takes their place.
//! Work on a GPU has both parts, `nvml+rapl` or `nvml+estimate`, and none is
//! given where the GPU's counter cannot be read: the host's part alone would
//! pass for the whole.
//!
//! ```no_run
//! use knas_records::energy::{Meter, Work};
//!
//! let meter = Meter::open(); // once, for all workers
//! let running = meter.start(Work::Thread);
//! // … one candidate …
//! let energy = running.stop(); // joules and their source
//! ```

mod gpu;
mod rapl;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

pub use gpu::Gpu;
use rapl::{Rapl, Usage};

/// Power of one busy core where nothing can be read, in watts: what Green
/// Algorithms takes for a processor that it does not know (Lannelongue et al.
/// 2021, <https://doi.org/10.1002/advs.202100707>; `Any` in its `TDP_cpu.csv`).
pub const WATTS_PER_CORE: f64 = 12.0;

/// Energy and where the figure comes from: the fields `joules` and
/// `joules_source` of [`crate::schema::Meta`].
#[derive(Clone, Debug, PartialEq)]
pub struct Energy {
    /// In joules.
    pub joules: f64,
    /// `rapl`, `estimate`, `nvml+rapl` or `nvml+estimate`.
    pub source: &'static str,
}

/// Whose processor time belongs to the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// That of the calling thread: a worker with a candidate of its own.
    Thread,
    /// That of the whole process: one candidate at a time, on all threads.
    Process,
}

/// The counters that this machine offers. One serves all workers.
#[derive(Debug, Default)]
pub struct Meter {
    rapl: Rapl,
    gpu: Option<Gpu>,
    on_gpu: bool,
}

impl Meter {
    /// Looks for counters of the processor.
    pub fn open() -> Self {
        Self {
            rapl: Rapl::open(),
            ..Self::default()
        }
    }

    /// For work that runs on a GPU; `None` is one whose counter cannot be read.
    #[must_use]
    pub fn with_gpu(mut self, gpu: Option<Gpu>) -> Self {
        (self.gpu, self.on_gpu) = (gpu, true);
        self
    }

    /// From here on, energy counts towards the work. [`Running::stop`] is to
    /// be called from the same thread.
    pub fn start(&self, work: Work) -> Running<'_> {
        Running {
            meter: self,
            work,
            processor: work.processor_time(),
            usage: self.rapl.begin(),
            gpu: self.gpu.as_ref().map(Gpu::enter),
        }
    }
}

/// Work that is being measured.
#[derive(Debug)]
pub struct Running<'m> {
    meter: &'m Meter,
    work: Work,
    processor: Duration,
    usage: Option<Usage>,
    gpu: Option<gpu::Share<'m>>,
}

impl Running<'_> {
    /// Takes the counters' present state into account. RAPL's wrap around, on
    /// some machines within minutes: work that takes longer calls this at
    /// least once a minute.
    pub fn tick(&mut self) {
        if let Some(usage) = &mut self.usage
            && !self.meter.rapl.tick(usage)
        {
            self.usage = None;
        }
    }

    /// The energy since the start; none where the work ran on a GPU whose
    /// counter cannot be read.
    pub fn stop(mut self) -> Option<Energy> {
        self.tick();
        let processor = self.work.processor_time().saturating_sub(self.processor);
        let measured = self.usage.and_then(|usage| usage.share(processor));
        let host = measured.unwrap_or(processor.as_secs_f64() * WATTS_PER_CORE);
        let (gpu, source) = match (self.meter.on_gpu, measured) {
            (false, Some(_)) => (Some(0.0), "rapl"),
            (false, None) => (Some(0.0), "estimate"),
            (true, Some(_)) => (self.gpu.and_then(gpu::Share::leave), "nvml+rapl"),
            (true, None) => (self.gpu.and_then(gpu::Share::leave), "nvml+estimate"),
        };
        let joules = host + gpu?;
        Some(Energy { joules, source })
    }
}

impl Work {
    fn processor_time(self) -> Duration {
        let time = clock_gettime(match self {
            Self::Thread => ClockId::ThreadCPUTime,
            Self::Process => ClockId::ProcessCPUTime,
        });
        // These clocks start at 0 and run forward.
        Duration::try_from(time).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work_for(processor: Duration) {
        let start = Work::Thread.processor_time();
        let mut x = 0u64;
        while Work::Thread.processor_time() - start < processor {
            x = std::hint::black_box(x.wrapping_mul(31) + 1);
        }
    }

    #[test]
    fn without_counters_energy_is_processor_time_times_watts() {
        let meter = Meter::default();
        let running = meter.start(Work::Thread);
        std::thread::sleep(Duration::from_millis(30)); // costs nothing
        work_for(Duration::from_millis(50));
        let energy = running.stop().unwrap();
        assert_eq!(energy.source, "estimate");
        let expected = 0.050 * WATTS_PER_CORE;
        let range = expected..expected * 1.3;
        assert!(range.contains(&energy.joules), "{energy:?}");
    }

    #[test]
    fn another_threads_work_counts_for_the_process_alone() {
        let meter = Meter::default();
        let (thread, process) = (meter.start(Work::Thread), meter.start(Work::Process));
        std::thread::spawn(|| work_for(Duration::from_millis(50)))
            .join()
            .unwrap();
        assert!(thread.stop().unwrap().joules < 0.020 * WATTS_PER_CORE);
        assert!(process.stop().unwrap().joules >= 0.050 * WATTS_PER_CORE);
    }

    #[test]
    fn work_on_a_gpu_without_a_counter_has_no_figure() {
        let meter = Meter::default().with_gpu(None);
        assert_eq!(meter.start(Work::Thread).stop(), None);
    }

    #[test]
    fn this_machine_has_a_figure_of_one_kind_or_the_other() {
        let meter = Meter::open();
        let running = meter.start(Work::Thread);
        work_for(Duration::from_millis(50));
        let energy = running.stop().unwrap();
        assert!(energy.joules > 0.0, "{energy:?}");
        assert!(["rapl", "estimate"].contains(&energy.source));
    }
}
