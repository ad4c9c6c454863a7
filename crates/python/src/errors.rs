//! Errors for Python: data over the border, classes in `dbbackup.exceptions`.

use dbbackup::{Error, ErrorKind, Retry, Stage};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;

/// Makes the exception that `dbbackup.exceptions.from_engine` builds for an error.
pub(crate) fn to_python(py: Python<'_>, error: &Error) -> PyErr {
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
        Ok(exception) => PyErr::from_value(exception),
        Err(exception) => exception,
    }
}

/// Returns the exit status of an error kind.
#[pyfunction]
pub(crate) fn exit_code(kind: &str) -> PyResult<u8> {
    let kind = ErrorKind::from_id(kind).ok_or_else(|| PyValueError::new_err(format!("unknown error kind `{kind}`")))?;
    Ok(kind.info().exit_code)
}
