//! Streams over the border: a file object of Python as a reader, and a reader of the engine as a file object.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use dbbackup::{Error, ErrorKind, Stage};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::attend::raised_on_the_way_out;
use crate::errors::{from_python, to_python};

/// A file object of Python, read in large parts.
pub(crate) struct PyReader {
    file: Py<PyAny>,
    stage: Stage,
    what: String,
    closes: bool,
    part: Vec<u8>,
    at: usize,
}

impl PyReader {
    /// Reads `file`, and closes it in the end; errors say `cannot read {what}`.
    pub(crate) fn new(file: Py<PyAny>, stage: Stage, what: impl Into<String>) -> Self {
        Self { file, stage, what: what.into(), closes: true, part: Vec::new(), at: 0 }
    }

    /// Reads `file`, which somebody else closes.
    pub(crate) fn borrowing(file: Py<PyAny>, stage: Stage, what: impl Into<String>) -> Self {
        let mut reader = Self::new(file, stage, what);
        reader.closes = false;
        reader
    }

    fn next_part(&mut self) -> Result<(), Error> {
        Python::attach(|py| {
            let part = self.file.bind(py).call_method1("read", (PART_BYTES,)).and_then(|part| bytes_of(&part));
            let failed = |exception| {
                let message = format!("cannot read {}", self.what);
                from_python(py, exception, ErrorKind::Read, &message, self.stage)
            };
            self.part = part.map_err(failed)?;
            self.at = 0;
            Ok(())
        })
    }
}

impl Read for PyReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.at == self.part.len() {
            self.next_part()?;
        }
        let rest = &self.part[self.at..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// Closing is a courtesy: whoever opened the file finds out by reading whether it was right.
impl Drop for PyReader {
    fn drop(&mut self) {
        if !self.closes {
            return;
        }
        Python::attach(|py| {
            if let Err(exception) = self.file.bind(py).call_method0("close") {
                raised_on_the_way_out(py, exception, self.file.bind(py));
            }
        });
    }
}

fn bytes_of(part: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = part.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    let buffer: PyResult<PyBuffer<u8>> = part.extract();
    if let Ok(buffer) = buffer {
        return buffer.to_vec(part.py());
    }
    let class = part.get_type().qualname()?;
    Err(PyTypeError::new_err(format!("read() returned `{class}`: the file must be opened in binary mode")))
}

/// A stream of the engine that Python reads while one call lasts. `b""` means that it is whole.
#[pyclass(frozen, module = "dbbackup._engine")]
pub(crate) struct Lent(Arc<Mutex<Option<Stream>>>);

type Stream = &'static mut (dyn Read + Send);

#[pymethods]
impl Lent {
    #[pyo3(signature = (size, /))]
    fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let part = py.detach(|| {
            let mut lent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let stream = lent.as_mut()?;
            let part = read_part(*stream, size);
            // A stream that has failed must never seem to have ended.
            if part.is_err() {
                *lent = None;
            }
            Some(part)
        });
        match part {
            Some(Ok(part)) => Ok(PyBytes::new(py, &part)),
            Some(Err(source)) => {
                Err(to_python(py, &Error::from_io(source, ErrorKind::Read, "cannot read the backup").at(Stage::Store)))
            }
            None => Err(PyValueError::new_err("the stream has failed, or the call that lent it is over")),
        }
    }

    /// Does nothing: the stream is the lender's.
    #[allow(clippy::unused_self)] // Python's file protocol
    fn close(&self) {}
}

/// Lends `stream` to Python for as long as `work` lasts.
#[allow(unsafe_code)]
pub(crate) fn lend<T>(stream: &mut (dyn Read + Send), work: impl FnOnce(Lent) -> T) -> T {
    // SAFETY: the longer life is never used. The reference stands behind the lock from here on, every use holds that
    // lock, and `TakeBack` removes it under the same lock before this function returns, also when `work` panics.
    let stream: Stream = unsafe { std::mem::transmute::<&mut (dyn Read + Send), Stream>(stream) };
    let lent = Arc::new(Mutex::new(Some(stream)));
    let _back = TakeBack(Arc::clone(&lent));
    work(Lent(lent))
}

/// Takes the stream back; waits for a thread that is reading.
struct TakeBack(Arc<Mutex<Option<Stream>>>);

impl Drop for TakeBack {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Reads at most `size` bytes, and none only at the end.
pub(crate) fn read_part(stream: &mut (impl Read + ?Sized), size: usize) -> io::Result<Vec<u8>> {
    let mut part = vec![0; size.min(PART_BYTES)];
    let mut filled = 0;
    while filled < part.len() {
        match stream.read(&mut part[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    part.truncate(filled);
    Ok(part)
}

/// Bytes that cross the border at once: calls cost microseconds each, and larger parts were not faster (`PyO3` 0.30,
/// 1 MiB: 8,600 MiB/s, 4 MiB: 8,500 MiB/s).
pub(crate) const PART_BYTES: usize = 1024 * 1024;
