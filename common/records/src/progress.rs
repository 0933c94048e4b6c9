//! One line on a terminal that tells how far a run is, while it lasts.
//!
//! The stages of a pipeline share one terminal with one another and with what
//! the last of them prints. So the line is there only while candidates are in
//! work here: a stage that waits for another draws nothing, of several that
//! work one draws (it holds a lock on the terminal), and the line is gone
//! before a record goes out, which the next program may answer on the same
//! screen. It is narrower than the terminal, so that it never wraps.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::terminal::{is_pipe, width};

/// Time between two drawings.
const TICK: Duration = Duration::from_millis(250);

/// How long the screen is left to whoever reads a record that went out.
const PAUSE: Duration = Duration::from_millis(100);

/// How long there may be no line where records go out all the time.
const PATIENCE: Duration = Duration::from_millis(500);

/// The screen that this process writes to, and the line there, if there is one:
/// what is told of progress is only then of any effect.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<Option<Shown>>>);

/// Progress that is being shown.
struct Shown {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

impl Screen {
    /// Begins to show how far the run of `name` is, in candidates or whatever
    /// `what` says; `total` is looked for in the background.
    pub(crate) fn start(
        &self,
        name: &'static str,
        what: &'static str,
        total: impl FnOnce() -> Option<u64> + Send + 'static,
    ) {
        let view = View {
            name,
            what,
            ..View::default()
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(view)),
            ended: Condvar::new(),
        });
        let ticking = Arc::clone(&shared);
        let ticker = Some(thread::spawn(move || tick(&ticking)));
        *lock(&self.0) = Some(Shown { shared, ticker });
        let screen = self.clone();
        thread::spawn(move || {
            let total = total();
            screen.change(|view| view.total = total);
        });
    }

    fn change(&self, change: impl FnOnce(&mut View)) {
        if let Some(shown) = &*lock(&self.0) {
            change(&mut lock(&shown.shared.state).view);
        }
    }

    /// There is work until the end, whatever comes in.
    pub(crate) fn busy(&self) {
        self.change(|view| view.read = u64::MAX);
    }

    /// One more candidate is in work.
    pub fn received(&self) {
        self.change(|view| view.read += 1);
    }

    /// One more candidate is done.
    pub fn advance(&self) {
        self.change(|view| view.done += 1);
    }

    /// One more candidate was there from an earlier run.
    pub fn kept(&self) {
        self.change(|view| {
            view.done += 1;
            view.kept += 1;
        });
    }

    /// What the candidate in work is at, such as `epoch 3/12`.
    pub fn note(&self, note: String) {
        self.change(|view| view.note = note);
    }

    /// Does `write`, which writes to the screen, with the line out of its way.
    pub(crate) fn around<T>(&self, write: impl FnOnce() -> T) -> T {
        let shown = lock(&self.0);
        let Some(shown) = &*shown else {
            return write();
        };
        let mut state = lock(&shown.shared.state);
        state.clear();
        write()
    }

    /// As [`Screen::around`], where `write` writes results.
    pub(crate) fn around_results<T>(&self, write: impl FnOnce() -> T) -> T {
        let shown = lock(&self.0);
        let Some(shown) = &*shown else {
            return write();
        };
        let mut state = lock(&shown.shared.state);
        if state.results_elsewhere {
            return write();
        }
        state.clear();
        state.quiet_until = Instant::now() + PAUSE;
        write()
    }

    /// Ends it; nothing is left on the screen.
    pub(crate) fn end(&self) {
        let Some(mut shown) = lock(&self.0).take() else {
            return;
        };
        {
            let mut state = lock(&shown.shared.state);
            state.clear();
            state.over = true;
        }
        shown.shared.ended.notify_all();
        if let Some(ticker) = shown.ticker.take() {
            // It does nothing that could panic, and there is no more to say.
            let _ = ticker.join();
        }
    }
}

/// Draws until the end.
fn tick(shared: &Shared) {
    let mut state = lock(&shared.state);
    while !state.over {
        state.draw(Instant::now());
        let waited = shared.ended.wait_timeout(state, TICK);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct State {
    view: View,
    begin: Option<Instant>,
    /// Results go to a file or a device: nobody answers them on this screen.
    results_elsewhere: bool,
    /// The terminal, while this process is the one that draws there.
    terminal: Option<File>,
    /// Characters on the screen.
    drawn: usize,
    drawn_last: Option<Instant>,
    quiet_until: Instant,
    over: bool,
}

impl State {
    fn new(view: View) -> Self {
        Self {
            view,
            begin: None,
            results_elsewhere: !io::stdout().is_terminal() && !is_pipe(io::stdout()),
            terminal: None,
            drawn: 0,
            drawn_last: None,
            quiet_until: Instant::now(),
            over: false,
        }
    }

    fn draw(&mut self, now: Instant) {
        if self.view.is_idle() {
            self.clear();
            self.terminal = None; // another stage may draw
            return;
        }
        let begin = *self.begin.get_or_insert(now);
        let patient = self.drawn_last.is_some_and(|last| now - last < PATIENCE);
        if now < self.quiet_until && patient {
            return;
        }
        if self.terminal.is_none() {
            self.terminal = take_terminal();
        }
        let Some(width) = self.terminal.as_ref().and_then(width) else {
            return;
        };
        let text = self.view.line(now - begin, width.saturating_sub(1));
        self.clear();
        // A terminal that is gone has nobody to tell.
        let _ = io::stderr().lock().write_all(text.as_bytes());
        self.drawn = text.chars().count();
        self.drawn_last = Some(now);
    }

    fn clear(&mut self) {
        if self.drawn == 0 {
            return;
        }
        // Where the terminal became narrower, the line takes several by now.
        let width = self.terminal.as_ref().and_then(width).unwrap_or(usize::MAX);
        let above = (self.drawn - 1) / width.max(1);
        let up = if above > 0 {
            format!("\x1b[{above}A")
        } else {
            String::new()
        };
        let _ = write!(io::stderr().lock(), "\r{up}\x1b[J");
        self.drawn = 0;
    }
}

/// The terminal behind standard error, if no other process draws there.
fn take_terminal() -> Option<File> {
    let terminal = File::open("/dev/fd/2").ok()?;
    // Opened anew, so that the lock is this process's own.
    terminal.try_lock().ok()?;
    Some(terminal)
}

/// What the line tells.
#[derive(Clone, Debug, Default)]
struct View {
    name: &'static str,
    what: &'static str,
    /// How many there are in all, where that is known.
    total: Option<u64>,
    /// How many were read.
    read: u64,
    /// How many are done, kept ones among them.
    done: u64,
    /// How many were there from an earlier run.
    kept: u64,
    /// What one in work is at.
    note: String,
}

impl View {
    /// Whether nothing is in work here.
    fn is_idle(&self) -> bool {
        self.read <= self.done
    }

    /// The line after so much time, in at most `width` characters: what matters
    /// least is left out first.
    fn line(&self, elapsed: Duration, width: usize) -> String {
        let count = match self.total {
            Some(total) => format!("{}/{total}", self.done),
            None => format!("{} {}", self.done, self.what),
        };
        let each = (self.done - self.kept > 0)
            .then(|| elapsed.as_secs_f64() / (self.done - self.kept) as f64);
        let left = match (self.total, each) {
            (Some(total), Some(each)) => {
                let seconds = each * total.saturating_sub(self.done) as f64;
                format!("{} left", clock(seconds))
            }
            _ => clock(elapsed.as_secs_f64()),
        };
        let rate = each.map(rate).unwrap_or_default();
        let name = format!("{}:", self.name);
        // From the most to the least important; shown in their own order.
        let mut parts = [&name, &count, &self.note, &rate, &left].map(|part| Some(part.as_str()));
        let length = |parts: &[Option<&str>]| {
            let lengths = parts.iter().flatten().filter(|part| !part.is_empty());
            lengths.map(|part| part.chars().count() + 2).sum::<usize>()
        };
        for least in [3, 0, 2, 4, 1] {
            if length(&parts) <= width + 2 {
                break;
            }
            parts[least] = None;
        }
        let free = (width + 2).saturating_sub(length(&parts));
        let gauge = self.total.filter(|total| *total > 0 && free >= 14);
        let gauge = gauge.map(|total| gauge_of(self.done, total, (free - 2).min(30)));
        let [name, count, note, rate, left] = parts;
        let shown = [name, gauge.as_deref(), count, note, rate, left];
        let shown: Vec<&str> = shown
            .into_iter()
            .flatten()
            .filter(|p| !p.is_empty())
            .collect();
        shown.join("  ")
    }
}

/// `━━━━────`: how much of `total` is done.
fn gauge_of(done: u64, total: u64, width: usize) -> String {
    let full = (done.min(total) as f64 / total as f64 * width as f64) as usize;
    "━".repeat(full) + &"─".repeat(width - full)
}

/// Candidates in a second, or in the unit of time in which there are some.
fn rate(seconds_each: f64) -> String {
    match 1.0 / seconds_each.max(1e-9) {
        per_second if per_second >= 10.0 => format!("{per_second:.0}/s"),
        per_second if per_second >= 1.0 => format!("{per_second:.1}/s"),
        per_second if per_second * 60.0 >= 1.0 => format!("{:.1}/min", per_second * 60.0),
        per_second => format!("{:.1}/h", per_second * 3600.0),
    }
}

/// Minutes and seconds, or hours, minutes and seconds.
fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View {
            name: "knas-finetune",
            what: "candidates",
            total: Some(40),
            read: 12,
            done: 10,
            kept: 0,
            note: "epoch 3/12".to_owned(),
        }
    }

    #[test]
    fn the_line_fits_and_drops_what_matters_least() {
        let line = |width| view().line(Duration::from_secs(20), width);
        assert_eq!(
            line(79),
            "knas-finetune:  ━━━━━━───────────────────  10/40  epoch 3/12  30.0/min  1:00 left"
                .replace("━━━━━━───────────────────", &gauge_of(10, 40, 23))
        );
        assert_eq!(
            line(59),
            "knas-finetune:  10/40  epoch 3/12  30.0/min  1:00 left"
        );
        assert_eq!(line(40), "10/40  epoch 3/12  1:00 left");
        assert_eq!(line(19), "10/40  1:00 left");
        assert_eq!(line(6), "10/40");
        for width in 0..200 {
            assert!(
                line(width).chars().count() <= width,
                "{width}: {}",
                line(width)
            );
        }
    }

    #[test]
    fn without_a_total_there_is_the_time_so_far() {
        let view = View {
            total: None,
            note: String::new(),
            ..view()
        };
        let line = view.line(Duration::from_secs(4000), 79);
        assert_eq!(line, "knas-finetune:  10 candidates  9.0/h  1:06:40");
    }

    #[test]
    fn kept_candidates_tell_nothing_about_the_rate() {
        let view = View {
            kept: 10,
            note: String::new(),
            ..view()
        };
        assert_eq!(
            view.line(Duration::from_secs(4), 30),
            "knas-finetune:  10/40  0:04"
        );
    }

    #[test]
    fn who_waits_is_idle() {
        let mut view = view();
        assert!(!view.is_idle());
        view.done = 12;
        assert!(view.is_idle());
    }
}
