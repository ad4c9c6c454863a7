//! `restore`, `verify` and `head`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::attend::attend;
use crate::encryption::with_passphrase;
use crate::store::Store;
use crate::target::Target;
use crate::types::Report;

/// Streams a backup into a target. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (store, name, *, target, dry_run = false, passphrase = None, progress = None))]
pub(crate) fn restore(
    py: Python<'_>,
    store: &Store,
    name: &str,
    target: Target,
    dry_run: bool,
    passphrase: Option<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Report> {
    let (mut target, store) = (target.into_engine(), store.engine());
    let work = if dry_run { dbbackup::preview } else { dbbackup::restore };
    attend(py, progress, |run| work(name, &mut *target, store, &with_passphrase(run, passphrase)?)).map(Report::from)
}

/// Reads a backup to its end. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (store, name, *, passphrase = None, progress = None))]
pub(crate) fn verify(
    py: Python<'_>,
    store: &Store,
    name: &str,
    passphrase: Option<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Report> {
    let store = store.engine();
    attend(py, progress, |run| dbbackup::verify(name, store, &with_passphrase(run, passphrase)?)).map(Report::from)
}

/// Reads the beginning of a backup. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (store, name, *, passphrase = None))]
pub(crate) fn head<'py>(
    py: Python<'py>,
    store: &Store,
    name: &str,
    passphrase: Option<String>,
) -> PyResult<(Bound<'py, PyBytes>, &'static str)> {
    let store = store.engine();
    let (head, encryption) = attend(py, None, |run| dbbackup::head(name, store, &with_passphrase(run, passphrase)?))?;
    Ok((PyBytes::new(py, &head), encryption.id()))
}
