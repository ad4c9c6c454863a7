//! Values between Python and the engine.

use dbbackup::manifest::{Kind, Reason};
use dbbackup::store::Existing;
use dbbackup::{BackupName, Compression, ErrorKind};
use jiff::tz::TimeZone;
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde_json::{Map, Value};

use crate::errors::to_python;
use crate::types::Naming;

/// Reads a compression's word.
pub(crate) fn compression(word: &str) -> PyResult<Compression> {
    Compression::from_id(word).ok_or_else(|| PyValueError::new_err(format!("unknown compression `{word}`")))
}

/// Reads a kind's word.
pub(crate) fn kind_of(word: &str) -> PyResult<Kind> {
    match word {
        "database" => Ok(Kind::Database),
        "media" => Ok(Kind::Media),
        _ => Err(PyValueError::new_err(format!("unknown kind `{word}`"))),
    }
}

/// Reads a reason's word.
pub(crate) fn reason_of(word: &str) -> PyResult<Reason> {
    let mut reasons = [Reason::Asked, Reason::BeforeRestore].into_iter();
    reasons.find(|reason| reason.id() == word).ok_or_else(|| PyValueError::new_err(format!("unknown reason `{word}`")))
}

/// Reads a value that JSON can hold, by Python's own `json`.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(value: &Bound<'_, PyAny>) -> PyResult<T> {
    let text: String = PyModule::import(value.py(), "json")?.getattr("dumps")?.call1((value,))?.extract()?;
    serde_json::from_str(&text).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Says how a backup gets its name: the user or the project gives it one, or one is generated.
pub(crate) fn backup_name<'a>(
    name: Option<String>,
    named: bool,
    replace: bool,
    naming: &'a Naming,
    extension: &'a str,
) -> BackupName<'a> {
    let existing = if replace { Existing::Replace } else { Existing::Refuse };
    match name {
        Some(name) if named => BackupName::Given { name, existing },
        Some(name) => BackupName::Computed { name },
        None => BackupName::Generated { naming: &naming.0, extension },
    }
}

/// Reads a mapping that JSON can hold, by Python's own `json`.
pub(crate) fn json_from_python(mapping: &Bound<'_, PyAny>) -> PyResult<Map<String, Value>> {
    let py = mapping.py();
    let mapping = PyModule::import(py, "builtins")?.getattr("dict")?.call1((mapping,))?;
    let text: String = PyModule::import(py, "json")?.getattr("dumps")?.call1((mapping,))?.extract()?;
    serde_json::from_str(&text).map_err(|source| {
        let error = dbbackup::Error::new(ErrorKind::Config, "cannot write the metadata as JSON").because(source);
        to_python(py, &error)
    })
}

/// Makes a dictionary of what JSON holds.
pub(crate) fn json_to_python(py: Python<'_>, value: &impl serde::Serialize) -> PyResult<Py<PyDict>> {
    let text = serde_json::to_string(value).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let text = PyString::new(py, &text);
    Ok(PyModule::import(py, "json")?.getattr("loads")?.call1((text,))?.cast_into::<PyDict>()?.unbind())
}

/// Makes an aware `datetime` in UTC; `None` for years that Python's do not reach.
pub(crate) fn datetime(py: Python<'_>, at: Option<jiff::Timestamp>) -> PyResult<Py<PyAny>> {
    let Some(at) = at.filter(|at| (1..=9999).contains(&at.to_zoned(TimeZone::UTC).year())) else {
        return Ok(py.None());
    };
    let module = PyModule::import(py, "datetime")?;
    let utc = module.getattr("timezone")?.getattr("utc")?;
    let (seconds, microseconds) = (at.as_second(), at.subsec_microsecond());
    let whole = module.getattr("datetime")?.call_method1("fromtimestamp", (seconds, utc))?;
    let delta = module.getattr("timedelta")?.call1((0, 0, microseconds))?;
    whole.call_method1("__add__", (delta,))?.into_py_any(py)
}
