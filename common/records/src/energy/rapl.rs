//! The processor's energy counters (Running Average Power Limit), as Linux
//! shows them in `/sys/class/powercap`. AMD's have the same form and name.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where Linux shows the counters.
const POWERCAP: &str = "/sys/class/powercap";

/// Processor time of everything that ran, in the first line.
const STAT: &str = "/proc/stat";

/// Units of `/proc/stat` in a second: USER_HZ, 100 on every architecture that
/// Linux shows RAPL on.
const TICKS_PER_SECOND: f64 = 100.0;

/// The counters of all processor packages and of their memory.
#[derive(Debug, Default)]
pub struct Rapl {
    zones: Vec<Zone>,
    stat: PathBuf,
}

#[derive(Debug)]
struct Zone {
    energy: PathBuf,
    /// Where the counter starts again from 0, in microjoules.
    range: u64,
}

/// What the counters showed over some time.
#[derive(Debug)]
pub struct Usage {
    last: Vec<u64>,
    microjoules: u64,
    /// Busy time of all cores together, in seconds, at the start and so far.
    busy: (f64, f64),
}

impl Rapl {
    /// Those that this process may read; none where one is kept from it.
    pub fn open() -> Self {
        Self::at(Path::new(POWERCAP), Path::new(STAT))
    }

    fn at(powercap: &Path, stat: &Path) -> Self {
        let names = fs::read_dir(powercap).into_iter().flatten().flatten();
        let mut zones: Vec<_> = names
            .map(|entry| entry.path())
            .filter(|path| counts(path))
            .collect();
        zones.sort();
        let zones: Option<Vec<Zone>> = zones.iter().map(|path| Zone::open(path)).collect();
        Self {
            zones: zones.unwrap_or_default(),
            stat: stat.into(),
        }
    }

    /// None where nothing can be read.
    pub fn begin(&self) -> Option<Usage> {
        if self.zones.is_empty() {
            return None;
        }
        let last: Option<Vec<u64>> = self.zones.iter().map(Zone::read).collect();
        let busy = self.busy_seconds()?;
        Some(Usage {
            last: last?,
            microjoules: 0,
            busy: (busy, busy),
        })
    }

    /// Adds what was used since the last call; false where it cannot be read.
    pub fn tick(&self, usage: &mut Usage) -> bool {
        for (zone, last) in self.zones.iter().zip(&mut usage.last) {
            let Some(now) = zone.read() else {
                return false;
            };
            let wrapped = if now < *last { zone.range } else { 0 };
            usage.microjoules += (wrapped + now).saturating_sub(*last);
            *last = now;
        }
        let busy = self.busy_seconds();
        usage.busy.1 = busy.unwrap_or(usage.busy.1);
        busy.is_some()
    }

    /// user, nice, system, irq and softirq of all cores since boot.
    fn busy_seconds(&self) -> Option<f64> {
        let text = fs::read_to_string(&self.stat).ok()?;
        let ticks: Vec<u64> = text
            .lines()
            .next()?
            .strip_prefix("cpu ")?
            .split_whitespace()
            .map_while(|field| field.parse().ok())
            .collect();
        let &[user, nice, system, _idle, _iowait, irq, softirq, ..] = ticks.as_slice() else {
            return None;
        };
        Some((user + nice + system + irq + softirq) as f64 / TICKS_PER_SECOND)
    }
}

impl Usage {
    /// The joules of work that took this much processor time; none where the
    /// counters did not move, as some virtual machines show them.
    pub fn share(&self, processor: Duration) -> Option<f64> {
        let processor = processor.as_secs_f64();
        // /proc/stat is coarse: the work alone was busy for this long.
        let busy = (self.busy.1 - self.busy.0).max(processor);
        (self.microjoules > 0 && busy > 0.0)
            .then(|| self.microjoules as f64 * 1e-6 * processor / busy)
    }
}

/// Packages (`intel-rapl:0`) and memory (`intel-rapl:0:1`, named `dram`);
/// cores and graphics are parts of a package, and `psys` holds all of it.
fn counts(zone: &Path) -> bool {
    let name = zone.file_name().and_then(|name| name.to_str());
    let Some(numbers) = name.and_then(|name| name.strip_prefix("intel-rapl:")) else {
        return false;
    };
    let kind = fs::read_to_string(zone.join("name")).unwrap_or_default();
    match numbers.contains(':') {
        false => kind.starts_with("package"),
        true => kind.trim_end() == "dram",
    }
}

impl Zone {
    fn open(path: &Path) -> Option<Self> {
        let zone = Self {
            energy: path.join("energy_uj"),
            range: number(&path.join("max_energy_range_uj"))?,
        };
        zone.read().map(|_| zone)
    }

    fn read(&self) -> Option<u64> {
        number(&self.energy)
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const RANGE: u64 = 262_143_328_850;

    /// A machine with one package, its parts, memory, and the whole platform.
    struct Machine(TempDir);

    impl Machine {
        fn new() -> Self {
            let machine = Self(TempDir::new().unwrap());
            for (zone, name) in [
                ("intel-rapl:0", "package-0"),
                ("intel-rapl:0:0", "core"),
                ("intel-rapl:0:1", "dram"),
                ("intel-rapl:1", "psys"),
                ("intel-rapl-mmio:0", "package-0"),
            ] {
                fs::create_dir(machine.0.path().join(zone)).unwrap();
                machine.write(zone, "name", name);
                machine.write(zone, "max_energy_range_uj", &RANGE.to_string());
                machine.write(zone, "energy_uj", "1000000000");
            }
            machine.busy(1000);
            machine
        }

        fn write(&self, zone: &str, file: &str, text: &str) {
            let path = self.0.path().join(zone).join(file);
            fs::write(path, format!("{text}\n")).unwrap();
        }

        fn energy(&self, zone: &str, microjoules: u64) {
            self.write(zone, "energy_uj", &microjoules.to_string());
        }

        fn busy(&self, user: u64) {
            let line = format!("cpu  {user} 1 2 99999 888 3 4 777 0 0");
            self.write("", "stat", &line);
        }

        fn rapl(&self) -> Rapl {
            Rapl::at(self.0.path(), &self.0.path().join("stat"))
        }
    }

    #[test]
    fn packages_and_memory_are_shared_out_by_processor_time() {
        let machine = Machine::new();
        let rapl = machine.rapl();
        let mut usage = rapl.begin().unwrap();
        machine.energy("intel-rapl:0", 1_060_000_000); // 60 J
        machine.energy("intel-rapl:0:0", 1_055_000_000); // part of the package
        machine.energy("intel-rapl:0:1", 1_020_000_000); // 20 J
        machine.energy("intel-rapl:1", 1_500_000_000); // the whole platform
        machine.busy(1400); // 4 s
        assert!(rapl.tick(&mut usage));
        assert_eq!(usage.share(Duration::from_secs(1)), Some(80.0 / 4.0));
    }

    #[test]
    fn counters_that_wrap_around_go_on() {
        let machine = Machine::new();
        let rapl = machine.rapl();
        machine.energy("intel-rapl:0", RANGE - 1_000_000);
        let mut usage = rapl.begin().unwrap();
        for _ in 0..2 {
            machine.energy("intel-rapl:0", 2_000_000); // 3 J
            assert!(rapl.tick(&mut usage));
            machine.energy("intel-rapl:0", RANGE - 1_000_000);
            assert!(rapl.tick(&mut usage));
        }
        // Twice round, less what is left to the end.
        let microjoules = 2 * RANGE;
        let joules = microjoules as f64 * 1e-6;
        assert_eq!(usage.share(Duration::from_secs(1)), Some(joules));
    }

    #[test]
    fn nobody_gets_more_than_all_of_it() {
        let machine = Machine::new();
        let rapl = machine.rapl();
        let mut usage = rapl.begin().unwrap();
        machine.energy("intel-rapl:0", 1_000_500_000);
        assert!(rapl.tick(&mut usage)); // in less than one tick of /proc/stat
        assert_eq!(usage.share(Duration::from_millis(4)), Some(0.5));
    }

    #[test]
    fn what_cannot_be_read_is_not_used() {
        let machine = Machine::new();
        let rapl = machine.rapl();
        let mut usage = rapl.begin().unwrap();
        fs::remove_file(machine.0.path().join("intel-rapl:0/energy_uj")).unwrap();
        assert!(!rapl.tick(&mut usage));
        assert!(machine.rapl().begin().is_none());
        machine.write("intel-rapl:0", "energy_uj", "-1 x");
        assert!(machine.rapl().begin().is_none());
        assert!(
            Rapl::at(Path::new("/nonexistent"), Path::new("/"))
                .begin()
                .is_none()
        );
    }

    #[test]
    fn counters_that_stand_still_say_nothing() {
        let machine = Machine::new();
        let rapl = machine.rapl();
        let mut usage = rapl.begin().unwrap();
        assert!(rapl.tick(&mut usage));
        assert_eq!(usage.share(Duration::from_secs(1)), None);
    }
}
