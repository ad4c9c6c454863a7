//! Targets over the border: a loader of Python's, and a tool that is fed by a file object.

use std::io::Read;

use dbbackup::source::{self, Expected, LoadFacts};
use dbbackup::{ErrorKind, Run, Stage};
use pyo3::prelude::*;

use crate::attend::attend;
use crate::convert::from_json;
use crate::dump::Native;
use crate::errors::from_python;
use crate::reader::{PyReader, lend};

/// What is restored into: what the engine restores itself, or a loader of Python's.
#[derive(FromPyObject)]
pub(crate) enum Target {
    Native(Native),
    Python(Py<PyAny>),
}

impl Target {
    pub(crate) fn into_engine(self) -> Box<dyn source::Target + Send> {
        match self {
            Self::Native(native) => native.into_target(),
            Self::Python(loader) => Box::new(PyTarget(loader)),
        }
    }
}

/// Streams a file object into what the engine restores itself, which commits at its end. The contract is documented in `_engine.pyi`.
#[pyfunction]
pub(crate) fn load(py: Python<'_>, target: Native, file: Py<PyAny>) -> PyResult<Vec<String>> {
    let mut target = target.into_target();
    let mut plain = PyReader::new(file, Stage::Store, "the dump");
    attend(py, None, |run| {
        let mut load = target.begin(&Expected::default(), run)?;
        load.write(&mut plain)?;
        Ok(load.commit()?.notes)
    })
}

/// A `Loader` of `_engine.pyi`.
struct PyTarget(Py<PyAny>);

impl source::Target for PyTarget {
    fn begin(&mut self, _expected: &Expected, _run: &Run) -> dbbackup::Result<Box<dyn source::Load + '_>> {
        Ok(Box::new(PyLoad { loader: &self.0, facts: LoadFacts::default() }))
    }
}

struct PyLoad<'a> {
    loader: &'a Py<PyAny>,
    facts: LoadFacts,
}

impl PyLoad<'_> {
    fn call(&self, method: &str, plain: &mut (dyn Read + Send)) -> dbbackup::Result<LoadFacts> {
        lend(plain, |lent| {
            Python::attach(|py| {
                let failed =
                    |exception| from_python(py, exception, ErrorKind::Tool, "cannot restore the dump", Stage::Target);
                let facts = self.loader.bind(py).call_method1(method, (lent,)).map_err(failed)?;
                if facts.is_none() { Ok(LoadFacts::default()) } else { from_json(&facts).map_err(failed) }
            })
        })
    }

    /// Reads a flag or looks for a method of the loader.
    fn ask<T>(&self, ask: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> dbbackup::Result<T> {
        Python::attach(|py| {
            ask(self.loader.bind(py))
                .map_err(|exception| from_python(py, exception, ErrorKind::Bug, "cannot use the loader", Stage::Target))
        })
    }
}

impl source::Load for PyLoad<'_> {
    fn needs_proof(&self) -> bool {
        // What cannot be told is proven.
        self.ask(|loader| loader.getattr("needs_proof")?.is_truthy()).unwrap_or(true)
    }

    /// Loaders put rows beside those that are there, or are not known to us.
    fn replaces_all(&self) -> bool {
        false
    }

    fn rehearse(&mut self, plain: &mut (dyn Read + Send)) -> dbbackup::Result<LoadFacts> {
        if self.ask(|loader| loader.hasattr("rehearse"))? {
            return self.call("rehearse", plain);
        }
        source::prove(plain)?;
        Ok(LoadFacts::default())
    }

    fn write(&mut self, plain: &mut (dyn Read + Send)) -> dbbackup::Result<()> {
        self.facts = self.call("load", plain)?;
        Ok(())
    }

    fn commit(self: Box<Self>) -> dbbackup::Result<LoadFacts> {
        Ok(self.facts)
    }
}
