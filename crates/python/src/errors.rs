//! Errors over the border: data one way, classes in `dbbackup.exceptions` the other.

use std::error::Error as _;

use dbbackup::{Error, ErrorKind, Retry, Stage};
use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;

/// Makes the exception for an error: the one that Python raised inside of it where that says everything, else what
/// `dbbackup.exceptions.from_engine` builds.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let cause = raised_inside(error);
    if let Some(cause) = cause.filter(|cause| is_final(py, cause)) {
        return cause.clone_ref(py);
    }
    if error.kind() == ErrorKind::Interrupted {
        return PyKeyboardInterrupt::new_err(error.to_string());
    }
    let built = PyModule::import(py, "dbbackup.exceptions").and_then(|exceptions| {
        let stage = error.stage().map(Stage::id);
        let retry = error.retry() == Retry::Later;
        let facts = (error.kind().info().id, error.to_string(), stage, error.about(), error.advice(), retry);
        exceptions.getattr("from_engine")?.call1(facts)
    });
    match built {
        Ok(exception) => {
            let exception = PyErr::from_value(exception);
            exception.set_cause(py, cause.map(|cause| cause.clone_ref(py)));
            exception
        }
        Err(exception) => exception,
    }
}

/// Makes an error of what Python raised; its kind is `otherwise` where the exception does not tell a better one.
pub(crate) fn from_python(
    py: Python<'_>,
    exception: PyErr,
    otherwise: ErrorKind,
    message: &str,
    stage: Stage,
) -> Error {
    let kind = if exception.is_instance_of::<PyException>(py) {
        let kind = PyModule::import(py, "dbbackup.exceptions").and_then(|exceptions| {
            exceptions.getattr("kind_of")?.call1((exception.value(py),))?.extract::<Option<String>>()
        });
        kind.ok().flatten().and_then(|id| ErrorKind::from_id(&id)).unwrap_or(otherwise)
    } else {
        ErrorKind::Interrupted
    };
    Error::new(kind, message).at(stage).because(exception)
}

/// Returns the exit status of an error kind.
#[pyfunction]
pub(crate) fn exit_code(kind: &str) -> PyResult<u8> {
    let kind = ErrorKind::from_id(kind).ok_or_else(|| PyValueError::new_err(format!("unknown error kind `{kind}`")))?;
    Ok(kind.info().exit_code)
}

fn raised_inside(error: &Error) -> Option<&PyErr> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(exception) = inner.downcast_ref::<PyErr>() {
            return Some(exception);
        }
        cause = inner.source();
    }
    None
}

/// Whether an exception is one of ours, or an interruption: neither is made any clearer by another one around it.
fn is_final(py: Python<'_>, exception: &PyErr) -> bool {
    let is_ours = PyModule::import(py, "dbbackup.exceptions")
        .and_then(|exceptions| exception.value(py).is_instance(&exceptions.getattr("DbbackupError")?));
    !exception.is_instance_of::<PyException>(py) || is_ours.unwrap_or(false)
}
