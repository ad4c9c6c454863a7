//! `backup`.

use pyo3::prelude::*;

use crate::attend::attend;
use crate::convert::{backup_name, compression, json_from_python, kind_of, reason_of};
use crate::dump::Source;
use crate::encryption::Recipients;
use crate::store::Store;
use crate::types::{Naming, Receipt};

/// Streams a source into one new backup. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (
    store, *, source, naming, alias, database, servername, source_id, extension, compression, metadata,
    kind = "database", reason = "asked", recipients = None, facts = None, name = None, named = false, replace = false,
    progress = None,
))]
#[allow(clippy::too_many_arguments)] // keyword-only in Python
pub(crate) fn backup(
    py: Python<'_>,
    store: &Store,
    source: Source,
    naming: &Naming,
    alias: String,
    database: String,
    servername: String,
    source_id: Option<String>,
    extension: &str,
    compression: &str,
    metadata: &Bound<'_, PyAny>,
    kind: &str,
    reason: &str,
    recipients: Option<&Recipients>,
    facts: Option<Py<PyAny>>,
    name: Option<String>,
    named: bool,
    replace: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Receipt> {
    let request = dbbackup::Backup {
        kind: kind_of(kind)?,
        reason: reason_of(reason)?,
        name: backup_name(name, named, replace, naming, extension),
        alias,
        database,
        servername,
        source_id,
        compression: self::compression(compression)?,
        recipients: Recipients::engine(recipients),
        metadata: json_from_python(metadata)?,
    };
    let (mut source, store) = (source.into_engine(facts), store.engine());
    attend(py, progress, |run| dbbackup::backup(&request, &mut *source, store, run)).map(Receipt::from)
}
