//! The classes of `_engine.pyi`.

use std::collections::HashMap;
use std::ffi::OsString;

use dbbackup::Listed;
use dbbackup::manifest;
use dbbackup::manifest::Kind;
use dbbackup::retention::Plan;
use dbbackup::source::media;
use jiff::tz::TimeZone;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{datetime, json_to_python};
use crate::errors::to_python;

/// A child process that gives or takes the bytes of one database.
#[pyclass(frozen, from_py_object)]
#[derive(Clone)]
pub(crate) struct Tool(pub(crate) dbbackup::source::process::Tool);

#[pymethods]
impl Tool {
    #[new]
    #[pyo3(signature = (argv, *, env = HashMap::new()))]
    fn new(argv: Vec<OsString>, env: HashMap<OsString, OsString>) -> PyResult<Self> {
        if argv.is_empty() {
            return Err(PyValueError::new_err("argv is empty"));
        }
        let tool = dbbackup::source::process::Tool::ours(argv);
        Ok(Self(env.into_iter().fold(tool, |tool, (key, value)| tool.env(key, value))))
    }
}

/// How backups are named.
#[pyclass(frozen)]
pub(crate) struct Naming(pub(crate) dbbackup::Naming);

#[pymethods]
impl Naming {
    #[new]
    #[pyo3(signature = (
        *, template, media_template, date_format, servername, time_zone = None, aliases = vec![], extensions = vec![],
    ))]
    #[allow(clippy::too_many_arguments)] // keyword-only in Python
    fn new(
        py: Python<'_>,
        template: Option<String>,
        media_template: Option<String>,
        date_format: String,
        servername: String,
        time_zone: Option<&str>,
        aliases: Vec<String>,
        extensions: Vec<String>,
    ) -> PyResult<Self> {
        let time_zone = match time_zone {
            Some(name) => TimeZone::get(name).map_err(|error| PyValueError::new_err(error.to_string()))?,
            None => TimeZone::system(),
        };
        let naming = dbbackup::Naming::new(template, date_format, time_zone, servername, &aliases, &extensions)
            .and_then(|naming| naming.with_media(media_template, MEDIA));
        Ok(Self(naming.map_err(|error| to_python(py, &error))?))
    }

    fn generate(&self, py: Python<'_>, alias: &str, servername: &str, extension: &str) -> PyResult<String> {
        let name = self.0.generate(Kind::Database, alias, servername, extension, jiff::Timestamp::now());
        name.map_err(|error| to_python(py, &error))
    }
}

/// One listed backup.
#[pyclass(frozen, get_all)]
pub(crate) struct Backup {
    name: String,
    kind: &'static str,
    alias: Option<String>,
    database: Option<String>,
    servername: Option<String>,
    created_at: Py<PyAny>,
    stored_bytes: Option<u64>,
    compression: &'static str,
    encryption: &'static str,
    reason: &'static str,
    is_ours: bool,
    manifest: Py<PyDict>,
}

impl Backup {
    pub(crate) fn new(py: Python<'_>, listed: &Listed) -> PyResult<Self> {
        Ok(Self {
            name: listed.name.clone(),
            kind: listed.kind.id(),
            alias: listed.alias.clone(),
            database: listed.database.clone(),
            servername: listed.servername.clone(),
            created_at: datetime(py, listed.created_at)?,
            stored_bytes: listed.stored_bytes,
            compression: listed.compression.id(),
            encryption: listed.encryption.id(),
            reason: listed.reason.id(),
            is_ours: listed.manifest.dbbackup.is_some(),
            manifest: json_to_python(py, &listed.manifest)?,
        })
    }
}

#[pymethods]
impl Backup {
    fn __repr__(&self) -> String {
        format!("<Backup {}>", self.name)
    }
}

/// The result of a backup.
#[pyclass(frozen, get_all)]
pub(crate) struct Receipt {
    name: String,
    plain_bytes: u64,
    stored_bytes: u64,
    stored_sha256: String,
    seconds: f64,
    media: Option<MediaContent>,
    skipped: Skipped,
    notes: Vec<String>,
}

impl From<dbbackup::Receipt> for Receipt {
    fn from(receipt: dbbackup::Receipt) -> Self {
        Self {
            name: receipt.name,
            plain_bytes: receipt.record.plain_bytes,
            stored_bytes: receipt.record.stored_bytes,
            stored_sha256: receipt.record.stored_sha256,
            seconds: receipt.duration.as_secs_f64(),
            media: receipt.record.media.map(MediaContent::from),
            skipped: receipt.record.skipped.into(),
            notes: receipt.notes,
        }
    }
}

/// The result of a restore or a verification.
#[pyclass(frozen, get_all)]
pub(crate) struct Report {
    name: String,
    plain_bytes: u64,
    stored_bytes: u64,
    seconds: f64,
    proof: String,
    content: Option<MediaContent>,
    sealed: Option<String>,
    changes: Option<MediaChanges>,
    left_out: Skipped,
    notes: Vec<String>,
}

impl From<dbbackup::Report> for Report {
    fn from(report: dbbackup::Report) -> Self {
        Self {
            name: report.name,
            plain_bytes: report.plain_bytes,
            stored_bytes: report.stored_bytes,
            seconds: report.duration.as_secs_f64(),
            proof: report.proof,
            content: report.content.map(MediaContent::from),
            sealed: report.sealed,
            changes: report.changes.map(MediaChanges::from),
            left_out: report.left_out.into(),
            notes: report.notes,
        }
    }
}

/// What a media backup holds.
#[pyclass(frozen, get_all)]
#[derive(Clone)]
pub(crate) struct MediaContent {
    files: u64,
    folders: u64,
    bytes: u64,
    links: u64,
}

impl From<media::MediaContent> for MediaContent {
    fn from(content: media::MediaContent) -> Self {
        let media::MediaContent { files, folders, bytes, links } = content;
        Self { files, folders, bytes, links }
    }
}

/// What a restore did to the files of a folder, or would do.
#[pyclass(frozen, get_all)]
#[derive(Clone)]
pub(crate) struct MediaChanges {
    new: u64,
    replaced: u64,
    same: u64,
    kept: u64,
    folders: u64,
    bytes: u64,
}

impl From<media::MediaChanges> for MediaChanges {
    fn from(changes: media::MediaChanges) -> Self {
        let media::MediaChanges { new, replaced, same, kept, folders, bytes } = changes;
        Self { new, replaced, same, kept, folders, bytes }
    }
}

/// What could not be read, or written.
#[pyclass(frozen, get_all)]
#[derive(Clone)]
pub(crate) struct Skipped {
    count: u64,
    names: Vec<String>,
}

impl From<manifest::Skipped> for Skipped {
    fn from(skipped: manifest::Skipped) -> Self {
        let manifest::Skipped { count, names } = skipped;
        Self { count, names }
    }
}

/// What retention does with one backup, and why.
#[pyclass(frozen, get_all)]
#[derive(Clone)]
pub(crate) struct Decision {
    name: String,
    delete: bool,
    reason: String,
}

/// The result of a prune.
#[pyclass(frozen, get_all)]
pub(crate) struct Pruned {
    decisions: Vec<Py<Decision>>,
    others: usize,
}

impl Pruned {
    pub(crate) fn new(py: Python<'_>, plan: &Plan) -> PyResult<Self> {
        let decisions = plan.decisions.iter().map(|decision| {
            let reason = decision.verdict.to_string();
            Py::new(py, Decision { name: decision.name.clone(), delete: decision.is_deletion(), reason })
        });
        Ok(Self { decisions: decisions.collect::<PyResult<_>>()?, others: plan.others })
    }
}

/// The name of a project's media, in its manifests and where only a file name tells: a project has one folder of them.
pub(crate) const MEDIA: &str = "media";
