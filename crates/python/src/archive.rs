//! What the engine knows of media, for storages that only Python reaches: the members of a tar stream, and patterns of
//! what is left out.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use dbbackup::Stage;
use dbbackup::archive::tar::{self, Chunk, Kind, Unpack};
use dbbackup::source::media;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::to_python;
use crate::reader::{PART_BYTES, PyReader};

/// The members of a tar stream. The contract is documented in `_engine.pyi`.
#[pyclass(frozen, module = "dbbackup._engine")]
pub(crate) struct Archive(Mutex<Reading>);

struct Reading {
    members: Unpack<PyReader>,
    /// Zeros of a hole that were not given yet.
    hole: u64,
}

#[pymethods]
impl Archive {
    #[new]
    fn new(file: Py<PyAny>) -> Self {
        let members = Unpack::new(PyReader::borrowing(file, Stage::Store, "the archive"));
        Self(Mutex::new(Reading { members, hole: 0 }))
    }

    fn next(&self, py: Python<'_>) -> PyResult<Option<Member>> {
        let member = py.detach(|| {
            let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            reading.hole = 0;
            reading.members.next_member()
        });
        Ok(member.map_err(|error| to_python(py, &error))?.map(Member::from))
    }

    #[pyo3(signature = (size, /))]
    fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let part = py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).read(size.min(PART_BYTES)));
        Ok(PyBytes::new(py, &part.map_err(|error| to_python(py, &error))?))
    }
}

impl Reading {
    /// Reads on in the newest member; holes are zeros.
    fn read(&mut self, size: usize) -> dbbackup::Result<Vec<u8>> {
        let mut part = vec![0; size];
        if self.hole == 0 {
            match self.members.chunk(&mut part)? {
                Some(Chunk::Data(data)) => {
                    let count = data.len();
                    part.truncate(count);
                    return Ok(part);
                }
                Some(Chunk::Hole(bytes)) => self.hole = bytes,
                None => return Ok(Vec::new()),
            }
        }
        part.truncate(usize::try_from(self.hole).unwrap_or(usize::MAX));
        self.hole -= part.len() as u64;
        part.fill(0);
        Ok(part)
    }
}

/// What stands before a member's content.
#[pyclass(frozen, get_all, module = "dbbackup._engine")]
pub(crate) struct Member {
    path: OsString,
    kind: &'static str,
    file_bytes: u64,
    flag: String,
}

impl From<tar::Member> for Member {
    fn from(member: tar::Member) -> Self {
        let (kind, flag) = match member.kind {
            Kind::File => ("file", String::new()),
            Kind::Folder => ("folder", String::new()),
            Kind::Link => ("link", String::new()),
            Kind::Device => ("device", String::new()),
            Kind::Unknown(flag) => ("unknown", char::from(flag).into()),
        };
        Self { path: OsStr::from_bytes(&member.path).to_owned(), kind, file_bytes: member.bytes, flag }
    }
}

/// Patterns of files and folders to leave out. The contract is documented in `_engine.pyi`.
#[pyclass(frozen, module = "dbbackup._engine")]
pub(crate) struct Exclude(media::Exclude);

#[pymethods]
impl Exclude {
    #[new]
    fn new(py: Python<'_>, patterns: Vec<String>) -> PyResult<Self> {
        media::Exclude::new(patterns).map(Self).map_err(|error| to_python(py, &error))
    }

    #[getter]
    fn patterns(&self) -> Vec<String> {
        self.0.patterns().to_vec()
    }

    #[pyo3(signature = (path, *, is_folder))]
    #[allow(clippy::needless_pass_by_value)] // as it comes from Python
    fn holds(&self, path: PathBuf, is_folder: bool) -> bool {
        self.0.holds(&path, is_folder)
    }
}
