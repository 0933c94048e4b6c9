//! One line on a terminal that tells how far a run is, while it lasts.
//!
//! The stages of a pipeline share one terminal with one another and with what
//! the last of them prints. So the line is there only while candidates are in
//! work here: a stage that waits for another draws nothing, of several that
//! work one draws (it holds a lock on the terminal), and the line is gone
//! before a record goes out, which the next program may answer on the same
//! screen. It is narrower than the terminal, so that it never wraps.

mod view;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::terminal::{is_pipe, width};

use view::View;

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
