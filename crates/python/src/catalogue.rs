//! `catalogue`, `find`, `newest` and `prune`.

use std::collections::HashMap;
use std::path::PathBuf;

use dbbackup::retention::Policy;
use dbbackup::{Catalogue, Prune, Scope};
use pyo3::prelude::*;

use crate::convert::kind_of;
use crate::errors::to_python;
use crate::store::Store;
use crate::types::{Backup, Naming, Pruned};

/// Lists the whole backups of a store. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (store, *, naming))]
pub(crate) fn catalogue(py: Python<'_>, store: &Store, naming: &Naming) -> PyResult<(Vec<Backup>, Vec<Faulty>)> {
    let catalogue = read(py, store, naming)?;
    let backups = catalogue.backups.iter().map(|listed| Backup::new(py, listed)).collect::<PyResult<_>>()?;
    Ok((backups, catalogue.faulty.into_iter().map(|faulty| (faulty.name, faulty.why)).collect()))
}

/// Returns one backup by its name. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (store, name, *, naming))]
pub(crate) fn find(py: Python<'_>, store: &Store, name: &str, naming: &Naming) -> PyResult<Backup> {
    let found = py.detach(|| Catalogue::find(store.engine(), name, &naming.0));
    Backup::new(py, &found.map_err(|error| to_python(py, &error))?)
}

/// Returns the newest backup of an alias. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (store, *, naming, alias, database, source_id = None, servername = None, kind = "database"))]
#[allow(clippy::too_many_arguments)] // keyword-only in Python
pub(crate) fn newest(
    py: Python<'_>,
    store: &Store,
    naming: &Naming,
    alias: String,
    database: String,
    source_id: Option<String>,
    servername: Option<&str>,
    kind: &str,
) -> PyResult<(Backup, Vec<Faulty>)> {
    let scope = Scope { alias, kind: kind_of(kind)?, database: Some(database), source_id };
    let catalogue = read(py, store, naming)?;
    let newest = catalogue.newest(&scope, servername, &naming.0.servername);
    let newest = newest.map_err(|error| to_python(py, &error))?;
    let passed_over = catalogue.newer_faulty(newest, &scope, &naming.0);
    let passed_over = passed_over.map(|faulty| (faulty.name.clone(), faulty.why.clone())).collect();
    Ok((Backup::new(py, newest)?, passed_over))
}

/// Tells a source from others of its name. The contract is documented in `_engine.pyi`.
#[pyfunction]
pub(crate) fn source_id(kind: &str, path: PathBuf) -> String {
    dbbackup::manifest::source_id(kind, "", "", &path)
}

/// Deletes old backups. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (
    store, *, naming, alias, database, servername, keep, source_id = None, kind = "database", keep_filter = None, dry_run = false,
))]
#[allow(clippy::too_many_arguments)] // keyword-only in Python
pub(crate) fn prune(
    py: Python<'_>,
    store: &Store,
    naming: &Naming,
    alias: String,
    database: String,
    servername: &str,
    keep: usize,
    source_id: Option<String>,
    kind: &str,
    keep_filter: Option<Py<PyAny>>,
    dry_run: bool,
) -> PyResult<Pruned> {
    let scope = Scope { alias, kind: kind_of(kind)?, database: Some(database), source_id };
    let request = Prune { scope: &scope, servername, policy: Policy::keep_last(keep), dry_run };
    // The filter is asked before anything is deleted: if it raises, nothing is.
    let wanted = match &keep_filter {
        Some(filter) => Some(wanted(py, &request, store, naming, filter)?),
        None => None,
    };
    // What the filter was not asked about, because a backup that was made meanwhile pushed it out, stays for now.
    let keep = |name: &str| wanted.as_ref().is_some_and(|wanted| wanted.get(name).copied().unwrap_or(true));
    let plan = py.detach(|| dbbackup::prune(&request, store.engine(), &naming.0, keep));
    Pruned::new(py, &plan.map_err(|error| to_python(py, &error))?)
}

/// Returns the names that would go, and whether `filter` wants to keep each.
fn wanted(
    py: Python<'_>,
    request: &Prune<'_>,
    store: &Store,
    naming: &Naming,
    filter: &Py<PyAny>,
) -> PyResult<HashMap<String, bool>> {
    let request = Prune { dry_run: true, ..*request };
    let plan = py.detach(|| dbbackup::prune(&request, store.engine(), &naming.0, |_| false));
    let decisions = plan.map_err(|error| to_python(py, &error))?.decisions;
    let surplus = decisions.into_iter().filter(dbbackup::retention::Decision::is_deletion);
    surplus
        .map(|decision| {
            let is_wanted = filter.call1(py, (&decision.name,))?.bind(py).is_truthy()?;
            Ok((decision.name, is_wanted))
        })
        .collect()
}

/// Name, and what is wrong.
type Faulty = (String, String);

fn read(py: Python<'_>, store: &Store, naming: &Naming) -> PyResult<Catalogue> {
    py.detach(|| Catalogue::read(store.engine(), &naming.0)).map_err(|error| to_python(py, &error))
}
