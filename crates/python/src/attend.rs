//! Work on the calling thread, without the interpreter, which is asked for signals and told of progress meanwhile.
//!
//! Storages, connectors and database connections of Python belong to the thread that uses them, so the engine works
//! on the thread that called it, and calls Python there.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use dbbackup::{Cancel, Error, Event, Progress, Run};
use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

use crate::errors;

/// Runs `work` without the interpreter, and returns what it returned.
///
/// Every 100 ms it asks for signals and calls `progress` with the newest event. An exception from either ends the work
/// cleanly and is raised again. A panic becomes a `PanicException`.
pub(crate) fn attend<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&Run) -> dbbackup::Result<T> + Send,
) -> PyResult<T> {
    let (attendant, run) = Attendant::start(progress);
    let result = py.detach(|| {
        let _current = Current::enter(&run, &attendant);
        work(&run)
    });
    // A signal that came while the work was ending.
    let raised = attendant.raised().or_else(|| py.check_signals().err());
    match (raised, result) {
        (Some(exception), result) => {
            if result.is_ok() {
                exception.value(py).call_method1("add_note", ("the work had been done when this came",))?;
            }
            Err(exception)
        }
        (None, result) => result.map_err(|error: Error| errors::to_python(py, &error)),
    }
}

/// Returns the run that this thread is in, or one of its own.
pub(crate) fn current_run() -> Run {
    CURRENT.with_borrow(Clone::clone).map_or_else(|| Attendant::start(None).1, |(run, _)| run)
}

/// Takes what Python raised where it cannot go on: an interruption ends the run that this thread is in, and is raised
/// again at its end; anything else is printed.
pub(crate) fn raised_on_the_way_out(py: Python<'_>, exception: PyErr, object: &Bound<'_, PyAny>) {
    let current = CURRENT.with_borrow(Clone::clone);
    match current.filter(|_| !exception.is_instance_of::<PyException>(py)) {
        Some((run, attendant)) => {
            run.cancel.request(signal_of(&exception));
            lock(&attendant.raised).get_or_insert(exception);
        }
        None => exception.write_unraisable(py, Some(object)),
    }
}

thread_local! {
    static CURRENT: RefCell<Option<(Run, Arc<Attendant>)>> = const { RefCell::new(None) };
}

/// Makes a run the thread's current one; dropped, the one before is again.
struct Current(Option<(Run, Arc<Attendant>)>);

impl Current {
    fn enter(run: &Run, attendant: &Arc<Attendant>) -> Self {
        Self(CURRENT.replace(Some((run.clone(), Arc::clone(attendant)))))
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Stands between a run and the interpreter.
struct Attendant {
    thread: ThreadId,
    progress: Option<Py<PyAny>>,
    /// Older events are of no use to somebody who looks ten times a second.
    newest: Mutex<Option<Event>>,
    looked: Mutex<Instant>,
    raised: Mutex<Option<PyErr>>,
}

impl Attendant {
    fn start(progress: Option<Py<PyAny>>) -> (Arc<Self>, Run) {
        let attendant = Arc::new(Self {
            thread: std::thread::current().id(),
            progress,
            newest: Mutex::default(),
            looked: Mutex::new(Instant::now()),
            raised: Mutex::default(),
        });
        let watching = Arc::clone(&attendant);
        let cancel = Cancel::watching(move || watching.look());
        let run = Run { progress: attendant.clone(), cancel, ..Run::default() };
        (attendant, run)
    }

    /// Asks Python, at most every 100 ms and only on its own thread, whether to go on; returns the signal to stop with.
    fn look(&self) -> Option<usize> {
        if std::thread::current().id() != self.thread {
            return None;
        }
        {
            let mut looked = lock(&self.looked);
            if looked.elapsed() < PATIENCE {
                return None;
            }
            *looked = Instant::now();
        }
        let exception = Python::attach(|py| py.check_signals().and_then(|()| self.tell(py)).err())?;
        let signal = signal_of(&exception);
        lock(&self.raised).get_or_insert(exception);
        Some(signal)
    }

    fn tell(&self, py: Python<'_>) -> PyResult<()> {
        let event = lock(&self.newest).take();
        if let (Some(event), Some(progress)) = (event, &self.progress) {
            progress.call1(py, (event.phase.id(), event.done, event.total))?;
        }
        Ok(())
    }

    fn raised(&self) -> Option<PyErr> {
        lock(&self.raised).take()
    }
}

impl Progress for Attendant {
    fn tell(&self, event: Event) {
        *lock(&self.newest) = Some(event);
    }
}

/// SIGTERM for what a termination handler raises, SIGINT for everything else.
fn signal_of(exception: &PyErr) -> usize {
    Python::attach(|py| {
        let is_exit = exception.is_instance_of::<PySystemExit>(py);
        if is_exit && !exception.is_instance_of::<PyKeyboardInterrupt>(py) { 15 } else { 2 }
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const PATIENCE: Duration = Duration::from_millis(100);
