//! Stores over the border: a folder, or a bridge to a Django storage.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use dbbackup::store::{Entry, Existing, Hold, Lock, Slot, Store as EngineStore, Stored};
use dbbackup::{Error, ErrorKind, Local, Result, Stage};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::attend::raised_on_the_way_out;
use crate::errors::from_python;
use crate::reader::{PyReader, read_part};

/// Where backups are kept. The contract is documented in `_engine.pyi`.
#[pyclass(frozen, module = "dbbackup._engine")]
pub(crate) struct Store(Arc<dyn EngineStore>);

impl Store {
    pub(crate) fn engine(&self) -> &dyn EngineStore {
        &*self.0
    }
}

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (location, *, file_mode = 0o600, folder_mode = None))]
    fn new(location: PathBuf, file_mode: u32, folder_mode: Option<u32>) -> Self {
        let local = Local::new(location).with_file_mode(file_mode);
        Self(Arc::new(match folder_mode {
            Some(mode) => local.with_folder_mode(mode),
            None => local,
        }))
    }

    #[staticmethod]
    fn over(bridge: Py<PyAny>) -> Self {
        Self(Arc::new(Bridge(bridge)))
    }

    #[getter]
    fn location(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.describe())
    }
}

/// A `Bridge` of `_engine.pyi`: everything is asked of Python.
struct Bridge(Py<PyAny>);

impl Bridge {
    fn call<T>(
        &self,
        method: &str,
        arguments: impl for<'py> pyo3::call::PyCallArgs<'py>,
        doing: &str,
        otherwise: ErrorKind,
        take: impl FnOnce(Bound<'_, PyAny>) -> PyResult<T>,
    ) -> Result<T> {
        Python::attach(|py| {
            let answer = self.0.bind(py).call_method1(method, arguments).and_then(take);
            answer.map_err(|exception| from_python(py, exception, otherwise, &format!("cannot {doing}"), Stage::Store))
        })
    }
}

impl EngineStore for Bridge {
    fn claim(&self, name: &str, existing: Existing, unfinished: &[u8]) -> Result<Box<dyn Slot + '_>> {
        let arguments = (name, existing == Existing::Replace, unfinished);
        let doing = format!("write backup `{name}`");
        let upload = self.call("claim", arguments, &doing, ErrorKind::Write, |upload| Ok(upload.unbind()))?;
        Ok(Box::new(BridgeSlot { upload, doing, renamed_to: None, is_done: false }))
    }

    fn get(&self, name: &str) -> Result<Stored> {
        let doing = format!("read backup `{name}`");
        let file = self.call("open", (name,), &doing, ErrorKind::Read, |file| Ok(file.unbind()))?;
        Ok(Stored { reader: Box::new(PyReader::new(file, Stage::Store, format!("backup `{name}`"))), bytes: None })
    }

    fn manifest(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.manifests(&[name]).pop().unwrap_or(Ok(None))
    }

    fn manifests(&self, names: &[&str]) -> Vec<Result<Option<Vec<u8>>>> {
        let doing = "read a manifest";
        let answers = self.call("manifests", (names.to_vec(),), doing, ErrorKind::Read, |answers| {
            answers.try_iter()?.map(|answer| answer.map(Bound::unbind)).collect::<PyResult<Vec<_>>>()
        });
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                let (kind, message) = (error.kind(), error.to_string());
                return names.iter().map(|_| Err(Error::new(kind, message.clone()).at(Stage::Store))).collect();
            }
        };
        Python::attach(|py| {
            let read = |answer: Py<PyAny>| {
                let answer = answer.into_bound(py);
                if answer.is_instance_of::<pyo3::exceptions::PyBaseException>() {
                    let exception = PyErr::from_value(answer);
                    return Err(from_python(py, exception, ErrorKind::Read, "cannot read a manifest", Stage::Store));
                }
                answer.extract::<Option<Vec<u8>>>().map_err(|exception| {
                    from_python(py, exception, ErrorKind::Bug, "cannot read a manifest", Stage::Store)
                })
            };
            answers.into_iter().map(read).collect()
        })
    }

    fn list(&self) -> Result<Vec<Entry>> {
        let names: Vec<String> =
            self.call("names", (), "list the backups", ErrorKind::Read, |names| names.extract())?;
        Ok(names.into_iter().map(|name| Entry { name, bytes: None }).collect())
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.call("delete", (name,), &format!("delete `{name}`"), ErrorKind::Write, |_| Ok(()))
    }

    /// Locks nothing: a storage has no locks. A backup that vanishes while it is read is an error, and commits nothing.
    fn lock(&self, _hold: Hold) -> Result<Box<dyn Lock>> {
        Ok(Box::new(NoLock))
    }

    fn sweep(&self) {}

    fn describe(&self) -> String {
        let described = self.call("describe", (), "describe the storage", ErrorKind::Read, |text| text.extract());
        described.unwrap_or_else(|_| "the storage".to_owned())
    }
}

struct NoLock;

impl Lock for NoLock {}

/// An `Upload` of `_engine.pyi`.
struct BridgeSlot {
    upload: Py<PyAny>,
    doing: String,
    renamed_to: Option<String>,
    is_done: bool,
}

impl BridgeSlot {
    fn call<T>(
        &self,
        method: &str,
        bytes: Option<&[u8]>,
        take: impl FnOnce(Bound<'_, PyAny>) -> PyResult<T>,
    ) -> Result<T> {
        Python::attach(|py| {
            let upload = self.upload.bind(py);
            let answer = match bytes {
                Some(bytes) => upload.call_method1(method, (PyBytes::new(py, bytes),)),
                None => upload.call_method0(method),
            };
            let message = format!("cannot {}", self.doing);
            answer
                .and_then(take)
                .map_err(|exception| from_python(py, exception, ErrorKind::Write, &message, Stage::Store))
        })
    }
}

impl Slot for BridgeSlot {
    fn write(&mut self, payload: &mut dyn Read) -> Result<()> {
        loop {
            let part = read_part(payload, usize::MAX)
                .map_err(|source| Error::from_io(source, ErrorKind::Read, "cannot read the stream").at(Stage::Store))?;
            if part.is_empty() {
                break;
            }
            self.call("send", Some(&part), |_| Ok(()))?;
        }
        self.renamed_to = Some(self.call("finish", None, |name| name.extract())?);
        Ok(())
    }

    fn renamed_to(&self) -> Option<String> {
        self.renamed_to.clone()
    }

    fn commit(mut self: Box<Self>, manifest: &[u8]) -> Result<()> {
        self.call("commit", Some(manifest), |_| Ok(()))?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for BridgeSlot {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        Python::attach(|py| {
            if let Err(exception) = self.upload.bind(py).call_method0("abandon") {
                raised_on_the_way_out(py, exception, self.upload.bind(py));
            }
        });
    }
}
