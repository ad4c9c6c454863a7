//! `backup`.

use pyo3::prelude::*;

use crate::attend::attend;
use crate::convert::{backup_name, compression, json_from_python};
use crate::types::{Naming, Receipt, Store, Tool};

/// Streams a source into one new backup. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (
    store, *, source, naming, alias, database, servername, extension, compression, metadata,
    name = None, replace = false, progress = None,
))]
#[allow(clippy::too_many_arguments)] // keyword-only in Python
pub(crate) fn backup(
    py: Python<'_>,
    store: &Store,
    source: &Tool,
    naming: &Naming,
    alias: String,
    database: String,
    servername: String,
    extension: &str,
    compression: &str,
    metadata: &Bound<'_, PyAny>,
    name: Option<String>,
    replace: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Receipt> {
    let request = dbbackup::Backup {
        kind: dbbackup::manifest::Kind::Database,
        name: backup_name(name, replace, naming, extension),
        alias,
        database,
        servername,
        source_id: None,
        compression: self::compression(compression)?,
        metadata: json_from_python(metadata)?,
    };
    let (mut tool, local) = (source.0.clone(), &store.local);
    attend(py, progress, |run| dbbackup::backup(&request, &mut tool, local, run)).map(Receipt::from)
}
