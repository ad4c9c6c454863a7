//! Dumps over the border: a tool's dump as a file object, and Python's file objects as dumps.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use dbbackup::source::{self, DumpFacts};
use dbbackup::{Error, ErrorKind, Run, Stage};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::attend::current_run;
use crate::convert::from_json;
use crate::errors::{from_python, to_python};
use crate::mysql::Mysql;
use crate::postgres::Postgres;
use crate::reader::{PyReader, read_part};
use crate::types::Tool;

/// The bytes that a tool makes of a database. The contract is documented in `_engine.pyi`.
#[pyclass(frozen, module = "dbbackup._engine")]
pub(crate) struct Dump(Mutex<Option<Box<dyn source::Dump>>>);

/// Starts a tool. The contract is documented in `_engine.pyi`.
#[pyfunction]
pub(crate) fn open_dump(py: Python<'_>, source: Native) -> PyResult<Dump> {
    let (mut source, run) = (source.into_source(), current_run());
    let dump = py.detach(|| source.open(&run)).map_err(|error| to_python(py, &error))?;
    Ok(Dump(Mutex::new(Some(dump))))
}

#[pymethods]
impl Dump {
    #[pyo3(signature = (size, /))]
    fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let part = py.detach(|| self.lock().as_mut().map(|dump| read_part(dump, size)));
        match part {
            Some(Ok(part)) => Ok(PyBytes::new(py, &part)),
            Some(Err(source)) => {
                // What has failed must never seem to have ended.
                self.close(py);
                Err(to_python(py, &Error::from_io(source, ErrorKind::Read, "cannot read the dump").at(Stage::Source)))
            }
            None => Err(PyValueError::new_err("the dump was closed, or has failed")),
        }
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.take()));
    }
}

impl Dump {
    fn take(&self) -> Option<Box<dyn source::Dump>> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Box<dyn source::Dump>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the engine dumps and restores by itself.
#[derive(FromPyObject)]
pub(crate) enum Native {
    Tool(Tool),
    Postgres(Postgres),
    Mysql(Mysql),
}

impl Native {
    fn into_source(self) -> Box<dyn source::Source + Send> {
        match self {
            Self::Tool(tool) => Box::new(tool.0),
            Self::Postgres(database) => Box::new(database.engine()),
            Self::Mysql(database) => Box::new(database.engine()),
        }
    }

    pub(crate) fn into_target(self) -> Box<dyn source::Target + Send> {
        match self {
            Self::Tool(tool) => Box::new(tool.0),
            Self::Postgres(database) => Box::new(database.engine()),
            Self::Mysql(database) => Box::new(database.engine()),
        }
    }
}

/// What is backed up: what the engine dumps itself, or the file object that a callable returns.
#[derive(FromPyObject)]
pub(crate) enum Source {
    Native(Native),
    Python(Py<PyAny>),
}

/// A source of Python's.
pub(crate) struct PySource {
    /// Returns the file object.
    pub(crate) open: Py<PyAny>,
    /// Returns what was learned, once the file was read.
    pub(crate) facts: Option<Py<PyAny>>,
}

impl Source {
    pub(crate) fn into_engine(self, facts: Option<Py<PyAny>>) -> Box<dyn source::Source + Send> {
        match self {
            Self::Native(native) => native.into_source(),
            Self::Python(open) => Box::new(PySource { open, facts }),
        }
    }
}

impl source::Source for PySource {
    fn open(&mut self, _run: &Run) -> dbbackup::Result<Box<dyn source::Dump>> {
        Python::attach(|py| {
            let failed = |exception| from_python(py, exception, ErrorKind::Tool, "cannot make the dump", Stage::Source);
            let file = self.open.call0(py).map_err(failed)?;
            let facts = self.facts.as_ref().map(|facts| facts.clone_ref(py));
            // A file over a tool's dump that nobody has read needs no way through Python.
            // A class of somebody else's, or one around it, may change the bytes.
            let streamed = PyModule::import(py, "dbbackup._file").and_then(|module| module.getattr("StreamedFile"));
            let is_plain = streamed.is_ok_and(|class| file.bind(py).get_type().is(&class));
            let native = if is_plain { file.bind(py).getattr("native").ok() } else { None };
            let native = native.and_then(|native| native.cast_into::<Dump>().ok()?.get().take());
            let inner = match native {
                Some(inner) => Inner::Native { inner, _file: file },
                None => Inner::File(PyReader::new(file, Stage::Source, "the dump")),
            };
            Ok(Box::new(PyDump { inner, facts }) as Box<dyn source::Dump>)
        })
    }
}

struct PyDump {
    inner: Inner,
    facts: Option<Py<PyAny>>,
}

enum Inner {
    Native { inner: Box<dyn source::Dump>, _file: Py<PyAny> },
    File(PyReader),
}

impl Read for PyDump {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.inner {
            Inner::Native { inner, .. } => inner.read(buf),
            Inner::File(file) => file.read(buf),
        }
    }
}

impl source::Dump for PyDump {
    fn expected_bytes(&self) -> Option<u64> {
        match &self.inner {
            Inner::Native { inner, .. } => inner.expected_bytes(),
            Inner::File(_) => None,
        }
    }

    fn finish(self: Box<Self>) -> dbbackup::Result<DumpFacts> {
        let facts = match self.inner {
            Inner::Native { inner, .. } => return inner.finish(),
            Inner::File(file) => {
                drop(file);
                self.facts
            }
        };
        let Some(facts) = facts else { return Ok(DumpFacts::default()) };
        Python::attach(|py| {
            let failed =
                |exception| from_python(py, exception, ErrorKind::Bug, "cannot tell what the dump held", Stage::Source);
            let facts = facts.call0(py).map_err(failed)?;
            from_json(facts.bind(py)).map_err(failed)
        })
    }
}
