//! `media_backup` and `media_restore`.

use std::num::NonZero;
use std::path::PathBuf;

use dbbackup::manifest::{Kind, source_id};
use dbbackup::name::MEDIA_EXTENSION;
use dbbackup::source::media::{Exclude, MediaSource, MediaTarget};
use pyo3::prelude::*;

use crate::attend::attend;
use crate::convert::{backup_name, compression, json_from_python};
use crate::encryption::{Recipients, with_passphrase};
use crate::errors::to_python;
use crate::store::Store;
use crate::types::{MEDIA, Naming, Receipt, Report};

/// Streams a folder into one new backup. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (
    store, *, folder, naming, servername, compression, metadata,
    recipients = None, exclude = vec![], never = vec![], readers = NonZero::<usize>::MIN, name = None, named = false,
    replace = false, progress = None,
))]
#[allow(clippy::too_many_arguments)] // keyword-only in Python
pub(crate) fn media_backup(
    py: Python<'_>,
    store: &Store,
    folder: PathBuf,
    naming: &Naming,
    servername: String,
    compression: &str,
    metadata: &Bound<'_, PyAny>,
    recipients: Option<&Recipients>,
    exclude: Vec<String>,
    never: Vec<PathBuf>,
    readers: NonZero<usize>,
    name: Option<String>,
    named: bool,
    replace: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Receipt> {
    let request = dbbackup::Backup {
        kind: Kind::Media,
        reason: dbbackup::manifest::Reason::Asked,
        name: backup_name(name, named, replace, naming, MEDIA_EXTENSION),
        alias: MEDIA.to_owned(),
        database: MEDIA.to_owned(),
        servername,
        source_id: Some(source_id("media", "", "", &folder)),
        compression: self::compression(compression)?,
        recipients: Recipients::engine(recipients),
        metadata: json_from_python(metadata)?,
    };
    let exclude = Exclude::new(exclude).map_err(|error| to_python(py, &error))?;
    let source = MediaSource::new(folder).excluding(exclude).with_readers(readers);
    let (mut source, store) = (never.into_iter().fold(source, MediaSource::never), store.engine());
    attend(py, progress, |run| dbbackup::backup(&request, &mut source, store, run)).map(Receipt::from)
}

/// Restores files of a backup into a folder. The contract is documented in `_engine.pyi`.
#[pyfunction]
#[pyo3(signature = (
    store, name, *, folder, replace = false, only = vec![], dry_run = false, passphrase = None, progress = None,
))]
#[allow(clippy::too_many_arguments)] // keyword-only in Python
pub(crate) fn media_restore(
    py: Python<'_>,
    store: &Store,
    name: &str,
    folder: PathBuf,
    replace: bool,
    only: Vec<String>,
    dry_run: bool,
    passphrase: Option<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Report> {
    let mut target = MediaTarget::new(folder).only(only);
    if replace {
        target = target.replacing();
    }
    let (work, store) = (if dry_run { dbbackup::preview } else { dbbackup::restore }, store.engine());
    attend(py, progress, |run| work(name, &mut target, store, &with_passphrase(run, passphrase)?)).map(Report::from)
}
