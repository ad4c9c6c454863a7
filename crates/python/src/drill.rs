//! `Trial`, and what a drill decides by itself.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use dbbackup::drill::{self, Found};
use dbbackup::manifest::Manifest;
use dbbackup::source::sqlite;
use pyo3::prelude::*;

use crate::attend::current_run;
use crate::convert::from_json;
use crate::errors::to_python;

/// A temporary database that a backup is restored into. The contract is documented in `_engine.pyi`.
#[pyclass(frozen, module = "dbbackup._engine")]
pub(crate) struct Trial(Mutex<Option<sqlite::Trial>>, PathBuf);

#[pymethods]
impl Trial {
    #[new]
    fn new(py: Python<'_>, name: &str, folder: PathBuf) -> PyResult<Self> {
        let run = dbbackup::Run { tmp_dir: folder, ..current_run() };
        let trial = py.detach(|| sqlite::Trial::new(name, &run)).map_err(|error| to_python(py, &error))?;
        let path = trial.path().to_owned();
        Ok(Self(Mutex::new(Some(trial)), path))
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.1.clone()
    }

    fn close(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Says why a backup cannot be restored into a temporary database. The contract is documented in `_engine.pyi`.
#[pyfunction]
pub(crate) fn no_drill(
    py: Python<'_>,
    name: &str,
    manifest: &Bound<'_, PyAny>,
    head: &[u8],
) -> PyResult<Option<String>> {
    Ok(drill::no_drill(name, &parsed(py, name, manifest)?, head))
}

/// Compares a manifest with what was found. The contract is documented in `_engine.pyi`.
#[pyfunction]
pub(crate) fn compare(
    py: Python<'_>,
    name: &str,
    manifest: &Bound<'_, PyAny>,
    found: &Bound<'_, PyAny>,
) -> PyResult<(bool, Vec<String>, Vec<String>)> {
    let found: Found = from_json(found)?;
    let comparison = drill::compare(&parsed(py, name, manifest)?, &found);
    Ok((comparison.compared, comparison.differences, comparison.notes))
}

/// Reads a manifest as the engine does: the predecessor's may have a key that is called like ours.
fn parsed(py: Python<'_>, name: &str, manifest: &Bound<'_, PyAny>) -> PyResult<Manifest> {
    let manifest: serde_json::Value = from_json(manifest)?;
    Manifest::parse(name, manifest.to_string().as_bytes()).map_err(|error| to_python(py, &error))
}

/// Raises the error for a backup that holds something else than its manifest says.
#[pyfunction]
pub(crate) fn require_same(py: Python<'_>, name: &str, differences: Vec<String>) -> PyResult<()> {
    let drill = dbbackup::Drill { differences, ..dbbackup::Drill::default() };
    drill.require_same(name).map_err(|error| to_python(py, &error))
}
