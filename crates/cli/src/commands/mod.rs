//! One module a verb: resolve, call the engine, print.

pub(crate) mod backup;
pub(crate) mod child;
pub(crate) mod completions;
pub(crate) mod features;
pub(crate) mod list;
pub(crate) mod media;
pub(crate) mod prune;
pub(crate) mod restore;
pub(crate) mod verify;

use std::sync::Arc;

use dbbackup::manifest::Kind;
use dbbackup::{Cancel, Catalogue, Error, ErrorKind, Local, Naming, Progress, Result, Run};

use crate::args::WorkArgs;
use crate::config::Config;
use crate::place::hostname;

/// The naming of the command line: the app's defaults, with the names of `dbbackup.toml` and those given.
fn naming(config: &Config, given: &[String], servername: Option<&str>) -> Result<Naming> {
    let mut aliases: Vec<String> = config.databases.keys().cloned().collect();
    aliases.extend(given.iter().cloned());
    Naming::standard(servername.map_or_else(hostname, str::to_owned), &aliases)
}

/// The surroundings of a run.
fn run(work: Option<&WorkArgs>, progress: Arc<dyn Progress>, cancel: &Cancel) -> Run {
    let tmp_dir = work.and_then(|work| work.tmp_dir.clone()).unwrap_or_else(std::env::temp_dir);
    Run { progress, cancel: cancel.clone(), tmp_dir, ..Run::default() }
}

/// Fails if this server's backups of that name are of another database or folder: retention would mix them.
fn require_same_source(
    kind: Kind,
    alias: &str,
    shown: &str,
    source_id: &str,
    store: &Local,
    naming: &Naming,
) -> Result<()> {
    let catalogue = match Catalogue::read(store, naming) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        result => result?,
    };
    let other = catalogue.backups.iter().rev().find(|backup| {
        let record = backup.manifest.dbbackup.as_ref();
        let is_other = record.and_then(|record| record.source_id.as_deref()).is_some_and(|id| id != source_id);
        is_other && backup.kind == kind && backup.alias.as_deref() == Some(alias) && backup.is_of(&naming.servername)
    });
    let Some(other) = other else { return Ok(()) };
    let what = match kind {
        Kind::Database => "database",
        Kind::Media => "folder",
    };
    let message = format!(
        "cannot use the name `{alias}` for `{shown}`: the store has backups of another {what} under it (`{}`)",
        other.name
    );
    Err(Error::new(ErrorKind::Config, message).subject(alias).hint("give this one another name: --name NAME"))
}
