//! What differs between machines and runs, for `--meta`: measured here, so that
//! every slow stage records it alike.

use std::fs;
use std::time::Instant;

use crate::energy::{self, Gpu, Meter, Work};
use crate::schema::Meta;

/// What is the same for every candidate of a run.
#[derive(Debug)]
pub struct Gauge {
    device: String,
    host: String,
    command: String,
    meter: Meter,
}

impl Gauge {
    /// For work on the processor, or on the CUDA device with this number where
    /// `visible` is the value of `CUDA_VISIBLE_DEVICES`; `command` is the
    /// command line of the run.
    pub fn open(cuda: Option<usize>, visible: Option<&str>, command: String) -> Self {
        let meter = match cuda {
            None => Meter::open(),
            Some(number) => Meter::open().with_gpu(Gpu::open(number, visible)),
        };
        let device = cuda.map_or("cpu".to_owned(), |number| format!("cuda:{number}"));
        Self {
            device,
            host: host(),
            command,
            meter,
        }
    }

    /// A candidate begins, on the calling thread.
    pub fn start(&self) -> Measurement<'_> {
        self.start_work(Work::Thread)
    }

    /// A candidate begins on which the whole process works, in several threads.
    pub fn start_process(&self) -> Measurement<'_> {
        self.start_work(Work::Process)
    }

    fn start_work(&self, work: Work) -> Measurement<'_> {
        let energy = self.meter.start(work);
        Measurement {
            gauge: self,
            begin: Instant::now(),
            energy,
        }
    }
}

/// A candidate that is being measured.
#[derive(Debug)]
pub struct Measurement<'g> {
    gauge: &'g Gauge,
    begin: Instant,
    energy: energy::Running<'g>,
}

impl Measurement<'_> {
    /// To be called once a minute at least while the candidate is worked on.
    pub fn tick(&mut self) {
        self.energy.tick();
    }

    /// The candidate is done; to be called from the thread that began it.
    pub fn stop(self) -> Meta {
        let seconds = self.begin.elapsed().as_secs_f64();
        let energy = self.energy.stop();
        Meta {
            device: self.gauge.device.clone(),
            host: self.gauge.host.clone(),
            command: Some(self.gauge.command.clone()),
            milliseconds: (seconds * 1e6).round() / 1e3,
            peak_memory_bytes: peak_bytes().map(Into::into),
            joules: energy.as_ref().map(|energy| energy.joules),
            joules_source: energy.map(|energy| energy.source.to_owned()),
        }
    }
}

/// The peak resident memory of this process so far, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The processor's name as the system tells it, or else the machine's.
#[must_use]
pub fn processor() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find_map(|line| {
        let (name, model) = line.split_once(':')?;
        (name.trim() == "model name").then(|| model.trim().to_owned())
    });
    model.unwrap_or_else(host)
}

/// The model of the machine's NVIDIA GPUs as their driver tells it; none where there are
/// several models, so that it does not say which is whose.
#[must_use]
pub fn gpu() -> Option<String> {
    let gpus = fs::read_dir("/proc/driver/nvidia/gpus").ok()?.flatten();
    let mut told = gpus.map(|gpu| fs::read_to_string(gpu.path().join("information")).ok());
    let first = told.next()??;
    let model = gpu_model(&first)?;
    let alike = told.all(|other| other.as_deref().and_then(gpu_model) == Some(model));
    alike.then(|| model.to_owned())
}

fn gpu_model(information: &str) -> Option<&str> {
    let line = information
        .lines()
        .find_map(|line| line.strip_prefix("Model:"))?;
    Some(line.trim())
}

/// The machine's name.
#[must_use]
pub fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_tell_their_model() {
        let told = "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 122\n";
        assert_eq!(gpu_model(told), Some("NVIDIA H100 80GB HBM3"));
        assert_eq!(gpu_model("IRQ: 1"), None);
    }

    #[test]
    fn work_takes_time_and_energy() {
        let gauge = Gauge::open(None, None, "knas-score --meta".into());
        let measurement = gauge.start();
        let mut sum = 0u64;
        while measurement.begin.elapsed().as_millis() < 30 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let meta = measurement.stop();
        assert_eq!(meta.device, "cpu");
        assert_eq!(meta.command.as_deref(), Some("knas-score --meta"));
        assert!(meta.milliseconds >= 30.0);
        assert!(meta.joules.is_some_and(|joules| joules > 0.0));
        assert!(cfg!(not(target_os = "linux")) || meta.peak_memory_bytes.is_some());
    }
}
