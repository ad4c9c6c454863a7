//! `restore` and `verify`.

use pyo3::prelude::*;

use crate::attend::attend;
use crate::types::{Report, Store, Tool};

/// Streams a backup into a target. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (store, name, *, target, progress = None))]
pub(crate) fn restore(
    py: Python<'_>,
    store: &Store,
    name: &str,
    target: &Tool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Report> {
    let (mut tool, local) = (target.0.clone(), &store.local);
    attend(py, progress, |run| dbbackup::restore(name, &mut tool, local, run)).map(Report::from)
}

/// Reads a backup to its end. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (store, name, *, progress = None))]
pub(crate) fn verify(py: Python<'_>, store: &Store, name: &str, progress: Option<Py<PyAny>>) -> PyResult<Report> {
    let local = &store.local;
    attend(py, progress, |run| dbbackup::verify(name, local, run)).map(Report::from)
}
