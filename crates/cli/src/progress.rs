//! Progress: a bar on a terminal, a line now and then elsewhere, JSON lines on request.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dbbackup::units::ByteSize;
use dbbackup::{Event, Phase, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios::tcgetwinsize;

use crate::render::Output;

/// Returns the listener that fits where the program runs. `subject` stands before the bar.
pub(crate) fn listener(output: &Output, subject: &str) -> Arc<dyn Progress> {
    let now = Instant::now();
    let drawing = if output.is_json() {
        Drawing::Json
    } else if output.is_quiet() {
        Drawing::Nothing
    } else if io::stderr().is_terminal() {
        Drawing::Bar(Box::new(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))))
    } else {
        Drawing::Lines
    };
    let state = State { drawing, subject: subject.to_owned(), phase: None, phase_began: now, drawn_at: now };
    Arc::new(Listener(Mutex::new(state)))
}

struct Listener(Mutex<State>);

struct State {
    drawing: Drawing,
    subject: String,
    phase: Option<Phase>,
    phase_began: Instant,
    drawn_at: Instant,
}

enum Drawing {
    Bar(Box<ProgressBar>),
    Lines,
    Json,
    Nothing,
}

impl Progress for Listener {
    fn tell(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tell(event);
    }
}

impl State {
    fn tell(&mut self, event: Event) {
        let now = Instant::now();
        let is_new = self.phase.replace(event.phase) != Some(event.phase);
        if is_new {
            self.phase_began = now;
            self.drawn_at = now;
        }
        let waited = now.duration_since(self.drawn_at);
        match &self.drawing {
            Drawing::Bar(bar) => {
                if is_new {
                    bar.reset();
                    let message = format!("{} {}", self.subject, verb(event.phase));
                    bar.set_style(style(event.total.is_some(), &message));
                    bar.set_message(message);
                }
                if let Some(total) = event.total {
                    bar.set_length(total);
                }
                bar.set_position(event.done);
            }
            Drawing::Lines if waited >= BETWEEN_LINES => {
                self.drawn_at = now;
                let _closed = writeln!(io::stderr(), "{}", line(&self.subject, event, now - self.phase_began));
            }
            Drawing::Json if is_new || waited >= BETWEEN_JSON => {
                self.drawn_at = now;
                if let Ok(json) = serde_json::to_string(&event) {
                    let _closed = writeln!(io::stderr(), "{json}");
                }
            }
            Drawing::Nothing | Drawing::Lines | Drawing::Json => {}
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Drawing::Bar(bar) = &self.drawing {
            bar.finish_and_clear();
        }
    }
}

/// Returns what fits beside a message so long: the bar goes first, then the message's end.
fn style(has_total: bool, message: &str) -> ProgressStyle {
    let columns = tcgetwinsize(io::stderr()).map_or(80, |size| usize::from(size.ws_col));
    let template = match (has_total, columns.saturating_sub(message.chars().count())) {
        (true, 56..) => {
            "{msg} {wide_bar:.cyan/dim} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta:>3}"
        }
        (true, 24..) => "{msg} {wide_bar:.cyan/dim} {percent:>3}% {eta:>3}",
        (true, _) => "{percent:>3}% {wide_msg}",
        (false, _) => "{elapsed:>4} {wide_msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn line(subject: &str, event: Event, elapsed: Duration) -> String {
    let rate = u128::from(event.done) * 1000 / elapsed.as_millis().max(1);
    let rate = ByteSize(u64::try_from(rate).unwrap_or(u64::MAX));
    let done = ByteSize(event.done);
    match event.total {
        Some(total) => format!("{subject} {}: {done} of {}, {rate}/s", verb(event.phase), ByteSize(total)),
        None => format!("{subject} {}: {done}, {rate}/s", verb(event.phase)),
    }
}

fn verb(phase: Phase) -> &'static str {
    match phase {
        Phase::Snapshot => "copying",
        Phase::Backup => "backing up",
        Phase::Restore => "reading",
        Phase::Verify => "verifying",
        Phase::Check => "checking",
        Phase::Swap => "putting in place",
    }
}

/// Between two lines of a log.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// Between two lines for a program.
const BETWEEN_JSON: Duration = Duration::from_millis(500);
