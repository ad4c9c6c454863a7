//! `Recipients`, and encryption of single streams.

use std::io::Read;
use std::sync::{Mutex, PoisonError};

use dbbackup::{Error, ErrorKind, Passphrase, Run, Stage, encrypt};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::attend::current_run;
use crate::errors::to_python;
use crate::reader::{PyReader, read_part};

/// The OpenPGP keys that a backup is encrypted for. The contract is documented in `_engine.pyi`.
#[pyclass(frozen, module = "dbbackup._engine")]
pub(crate) struct Recipients(dbbackup::Recipients);

#[pymethods]
impl Recipients {
    #[new]
    #[pyo3(signature = (keys, *, always_trust = false))]
    fn new(keys: Vec<String>, always_trust: bool) -> PyResult<Self> {
        if keys.is_empty() {
            return Err(PyValueError::new_err("keys is empty"));
        }
        Ok(Self(dbbackup::Recipients::Openpgp { keys, always_trust }))
    }
}

impl Recipients {
    /// Returns the engine's; without any, a backup is everybody's.
    pub(crate) fn engine(given: Option<&Self>) -> dbbackup::Recipients {
        given.map_or_else(Default::default, |recipients| recipients.0.clone())
    }
}

/// Returns `run` with a passphrase.
pub(crate) fn with_passphrase(run: &Run, passphrase: Option<String>) -> dbbackup::Result<Run> {
    Ok(Run { passphrase: passphrase.map(Passphrase::new).transpose()?, ..run.clone() })
}

/// A stream on its way through GnuPG. The contract is documented in `_engine.pyi`.
#[pyclass(frozen, module = "dbbackup._engine")]
pub(crate) struct Stream(Mutex<Option<Box<dyn Read + Send>>>);

/// Encrypts a file. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (file, *, recipients))]
pub(crate) fn encrypt_stream(py: Python<'_>, file: Py<PyAny>, recipients: &Recipients) -> PyResult<Stream> {
    let run = current_run();
    Stream::start(py, || encrypt::seal(PyReader::borrowing(file, Stage::Source, "the file"), &recipients.0, &run))
}

/// Decrypts a file. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (file, *, passphrase = None))]
pub(crate) fn decrypt_stream(py: Python<'_>, file: Py<PyAny>, passphrase: Option<String>) -> PyResult<Stream> {
    let run = current_run();
    Stream::start(py, || {
        let run = with_passphrase(&run, passphrase)?;
        let known = Some(dbbackup::Encryption::Openpgp);
        Ok(encrypt::open(PyReader::borrowing(file, Stage::Source, "the file"), known, &run)?.1)
    })
}

impl Stream {
    fn start(py: Python<'_>, start: impl FnOnce() -> dbbackup::Result<Box<dyn Read + Send>> + Send) -> PyResult<Self> {
        let stream = py.detach(start).map_err(|error| to_python(py, &error))?;
        Ok(Self(Mutex::new(Some(stream))))
    }

    fn take(&self) -> Option<Box<dyn Read + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[pymethods]
impl Stream {
    #[pyo3(signature = (size, /))]
    fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let part = py.detach(|| {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let part = held.as_mut().map(|stream| read_part(stream, size));
            // What has failed must never seem to have ended.
            if matches!(part, Some(Err(_))) {
                *held = None;
            }
            part
        });
        match part {
            Some(Ok(part)) => Ok(PyBytes::new(py, &part)),
            Some(Err(source)) => {
                let error = Error::from_io(source, ErrorKind::Read, "cannot read the file").at(Stage::Encrypt);
                Err(to_python(py, &error))
            }
            None => Err(PyValueError::new_err("the stream was closed, or has failed")),
        }
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.take()));
    }
}
