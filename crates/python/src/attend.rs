//! Work on a thread of its own, while the calling thread asks Python for signals and tells it of progress.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dbbackup::{Error, Event, Progress, Run};
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

use crate::errors;

/// Runs `work` without the interpreter, and returns what it returned.
///
/// Every 100 ms the calling thread asks for signals and calls `progress` with the newest event. An exception
/// from either ends the work cleanly and is raised again. A panic becomes a `PanicException`.
pub(crate) fn attend<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&Run) -> dbbackup::Result<T> + Send,
) -> PyResult<T> {
    let newest = Arc::new(Newest::default());
    let run = Run { progress: newest.clone(), ..Run::default() };
    let cancel = run.cancel.clone();
    let (mut raised, result) = py.detach(|| {
        std::thread::scope(|scope| {
            let (done, ended) = sync_channel::<()>(0);
            let worker = std::thread::Builder::new().spawn_scoped(scope, move || {
                let result = work(&run);
                drop(done);
                result
            })?;
            let mut raised = None;
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(PATIENCE) {
                let asked = Python::attach(|py| {
                    py.check_signals()?;
                    newest.tell_python(py, progress.as_ref())
                });
                if let Err(exception) = asked
                    && raised.is_none()
                {
                    cancel.request(signal_of(&exception));
                    raised = Some(exception);
                }
            }
            io::Result::Ok((raised, worker.join()))
        })
    })?;
    // A signal that came while the work was ending.
    raised = raised.or_else(|| py.check_signals().err());
    match (raised, result) {
        (_, Err(panic)) => std::panic::resume_unwind(panic),
        (Some(exception), Ok(result)) => {
            if result.is_ok() {
                exception.value(py).call_method1("add_note", ("the work had been done when this came",))?;
            }
            Err(exception)
        }
        (None, Ok(result)) => result.map_err(|error: Error| errors::to_python(py, &error)),
    }
}

/// SIGTERM for what a termination handler raises, SIGINT for everything else.
fn signal_of(exception: &PyErr) -> usize {
    Python::attach(|py| {
        let is_exit = exception.is_instance_of::<PySystemExit>(py);
        if is_exit && !exception.is_instance_of::<PyKeyboardInterrupt>(py) { 15 } else { 2 }
    })
}

/// The newest event; older ones are of no use to somebody who looks ten times a second.
#[derive(Default)]
struct Newest(Mutex<Option<Event>>);

impl Newest {
    fn tell_python(&self, py: Python<'_>, progress: Option<&Py<PyAny>>) -> PyResult<()> {
        let event = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(event), Some(progress)) = (event, progress) {
            progress.call1(py, (event.phase.id(), event.done, event.total))?;
        }
        Ok(())
    }
}

impl Progress for Newest {
    fn tell(&self, event: Event) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
    }
}

const PATIENCE: Duration = Duration::from_millis(100);
