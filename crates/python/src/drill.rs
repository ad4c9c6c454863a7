//! Drills: what the engine does by itself for a server, and the parts of one for a SQLite database, which Python asks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use dbbackup::drill::{self as engine, Candidate, Engine, Found, Ground};
use dbbackup::manifest::Manifest;
use dbbackup::source::{self, mysql, postgres, sqlite};
use dbbackup::{ErrorKind, Run, Stage};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::attend::{attend, current_run};
use crate::convert::{from_json, json_to_python};
use crate::encryption::with_passphrase;
use crate::errors::{from_python, to_python};
use crate::mysql::Mysql;
use crate::postgres::Postgres;
use crate::store::Store;
use crate::types::Report;

/// Restores a backup into a new database of a server, and drops it. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (store, name, *, server, witness, passphrase = None, progress = None))]
pub(crate) fn drill(
    py: Python<'_>,
    store: &Store,
    name: &str,
    server: Server,
    witness: Py<PyAny>,
    passphrase: Option<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Report, Option<Py<PyDict>>)> {
    let (store, ground) = (store.engine(), Witnessed { server, witness: Arc::new(witness) });
    let work = |run: &Run| engine::drill(name, store, &[&ground], &with_passphrase(run, passphrase)?);
    let mut report = attend(py, progress, work)?;
    let found = report.drill.take().map(|found| json_to_python(py, &found)).transpose()?;
    Ok((Report::from(report), found))
}

/// Where databases can be made.
#[derive(FromPyObject)]
pub(crate) enum Server {
    Postgres(Postgres),
    Mysql(Mysql),
}

impl Server {
    fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Mysql(_) => Engine::Mysql,
        }
    }

    /// Makes a database there; returns its name, too.
    fn trial(&self, candidate: &Candidate<'_>, run: &Run) -> dbbackup::Result<(String, Box<dyn engine::Trial>)> {
        Ok(match self {
            Self::Postgres(server) => {
                let trial = postgres::Trial::new(&server.engine(), candidate, run)?;
                (trial.name().to_owned(), Box::new(trial))
            }
            Self::Mysql(server) => {
                let trial = mysql::Trial::new(&server.engine(), candidate, run)?;
                (trial.name().to_owned(), Box::new(trial))
            }
        })
    }
}

/// A server, and who is called to each database that is made there.
struct Witnessed {
    server: Server,
    /// A `Witness` of `_engine.pyi`.
    witness: Arc<Py<PyAny>>,
}

impl Ground for Witnessed {
    fn engine(&self) -> Engine {
        self.server.engine()
    }

    fn trial(&self, candidate: &Candidate<'_>, run: &Run) -> dbbackup::Result<Box<dyn engine::Trial>> {
        let (name, trial) = self.server.trial(candidate, run)?;
        let trial = WitnessedTrial { name, trial, witness: Arc::clone(&self.witness) };
        trial.call("prepare", "cannot prepare the scratch database", |_| Ok(()))?;
        Ok(Box::new(trial))
    }
}

struct WitnessedTrial {
    name: String,
    trial: Box<dyn engine::Trial>,
    witness: Arc<Py<PyAny>>,
}

impl WitnessedTrial {
    fn call<T>(
        &self,
        method: &str,
        message: &str,
        read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
    ) -> dbbackup::Result<T> {
        Python::attach(|py| {
            let answer = self.witness.bind(py).call_method1(method, (&self.name,));
            answer
                .and_then(|answer| read(&answer))
                .map_err(|exception| from_python(py, exception, ErrorKind::Tool, message, Stage::Target))
        })
    }
}

impl engine::Trial for WitnessedTrial {
    fn target(&mut self) -> &mut dyn source::Target {
        self.trial.target()
    }

    fn explain(&self, error: dbbackup::Error) -> dbbackup::Error {
        self.trial.explain(error)
    }

    fn notes_that_stay(&self, notes: Vec<String>) -> Vec<String> {
        self.trial.notes_that_stay(notes)
    }

    fn ask(&mut self, run: &Run) -> dbbackup::Result<Found> {
        let mut found = self.trial.ask(run)?;
        found
            .notes
            .extend(self.call("ask", "cannot ask the scratch database", |notes| notes.extract::<Vec<String>>())?);
        Ok(found)
    }

    fn check(&self) -> &'static str {
        self.trial.check()
    }

    fn end(self: Box<Self>) -> Vec<String> {
        self.trial.end()
    }
}

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

/// Says which engine's database a backup makes, or why none. The contract is documented in `_engine.pyi`.
#[pyfunction]
pub(crate) fn engine_for(
    py: Python<'_>,
    name: &str,
    manifest: &Bound<'_, PyAny>,
    head: &[u8],
) -> PyResult<(Option<&'static str>, String)> {
    let manifest = parsed(py, name, manifest)?;
    Ok(match Engine::of(&Candidate { name, manifest: &manifest, head }) {
        Ok(engine) => (Some(engine.id()), String::new()),
        Err(why) => (None, why),
    })
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
    let comparison = engine::compare(&parsed(py, name, manifest)?, &found);
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
