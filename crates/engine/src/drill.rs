//! Drill: restore a backup into a database made for it, compare what is there with what its manifest says, drop it.

mod compare;
mod engine;
mod found;

use std::time::Instant;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::lock::Hold;
use crate::manifest::Manifest;
use crate::restore::{Report, head, restore, verify};
use crate::run::Run;
use crate::source::Target;
use crate::store::Store;
use compare::first_of;
pub use compare::{Comparison, compare};
pub use engine::{Candidate, Engine};
pub use found::{ForeignKeys, Found};

/// Where backups of one engine are tried: a folder, a server.
pub trait Ground {
    /// Returns the engine whose backups can be tried here.
    fn engine(&self) -> Engine;

    /// Makes a new database for `candidate`; drops what killed drills left here.
    ///
    /// # Errors
    ///
    /// `Write`, `NoSpace`, `Denied`: none can be made here.
    fn trial(&self, candidate: &Candidate<'_>, run: &Run) -> Result<Box<dyn Trial>>;
}

/// A database that one backup is restored into, and that nobody else uses. Dropped, it is gone.
pub trait Trial {
    /// Names it as a target: to the restore it is a database like every other.
    fn target(&mut self) -> &mut dyn Target;

    /// Says what can be done about a restore that failed here.
    fn explain(&self, error: Error) -> Error {
        error
    }

    /// Returns what of the restore's notes is not about a database that is gone soon.
    fn notes_that_stay(&self, _notes: Vec<String>) -> Vec<String> {
        Vec::new()
    }

    /// Counts its rows and checks its foreign keys.
    ///
    /// # Errors
    ///
    /// `Corrupt`, `Interrupted`, the database's own.
    fn ask(&mut self, run: &Run) -> Result<Found>;

    /// Returns what the restored database was checked by.
    fn check(&self) -> &'static str;

    /// Drops it; returns what the user should know, one sentence each.
    fn end(self: Box<Self>) -> Vec<String>;
}

/// What a drill found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drill {
    /// Tables that are there.
    pub tables: u64,
    /// Rows of all of them.
    pub rows: u64,
    /// Whether the manifest tells the rows of each table, so that they could be compared.
    pub compared: bool,
    /// What is not as the manifest says, one clause for each table.
    pub differences: Vec<String>,
    /// Rows that refer to others that are not there.
    pub foreign_keys: ForeignKeys,
}

impl Drill {
    /// Fails if the backup `name` holds something else than its manifest says.
    ///
    /// # Errors
    ///
    /// `Corrupt`, with the first tables.
    pub fn require_same(&self, name: &str) -> Result<()> {
        if self.differences.is_empty() {
            return Ok(());
        }
        let message = format!("cannot trust backup `{name}`: restored, {}", first_of(&self.differences, "; "));
        Err(Error::new(ErrorKind::Corrupt, message)
            .at(Stage::Target)
            .subject(name)
            .hint("its bytes are those that were stored, and its manifest says something else: take another backup"))
    }
}

/// Restores one stored backup into a new database, compares that with the manifest, and drops it.
///
/// It goes the way of every restore, on the first of the `grounds` that is for its engine. What differs stands in
/// [`Report::drill`]; [`Drill::require_same`] makes an error of it. A backup of which no database can be made is
/// verified, and a note says why; so is an encrypted one whose key is not here.
///
/// # Errors
///
/// Those of a restore: `NotFound`, `Corrupt`, `Refused` (no room), `Interrupted`, the store's; and the ground's.
pub fn drill(name: &str, store: &dyn Store, grounds: &[&dyn Ground], run: &Run) -> Result<Report> {
    let started = Instant::now();
    let _lock = store.lock(Hold::Shared)?;
    let head = match head(name, store, run) {
        Err(error) if matches!(error.kind(), ErrorKind::Key | ErrorKind::Passphrase) => {
            return verify(name, store, run);
        }
        head => head?.0,
    };
    let manifest = match store.manifest(name)? {
        Some(json) => Manifest::parse(name, &json)?,
        None => Manifest::default(),
    };
    let candidate = Candidate { name, manifest: &manifest, head: &head };
    let ground = match Engine::of(&candidate).and_then(|engine| ground_for(engine, grounds)) {
        Ok(ground) => ground,
        Err(why) => {
            let mut report = verify(name, store, run)?;
            report.notes.push(format!("it was read and not restored: {why}"));
            return Ok(report);
        }
    };
    let mut trial = ground.trial(&candidate, run)?;
    let restored = restore(name, trial.target(), store, run);
    let mut report = restored.map_err(|error| trial.explain(error))?;
    let found = trial.ask(run)?;
    // There is nothing to check in a database without a byte.
    if report.plain_bytes > 0 {
        let by_manifest = manifest.dbbackup.is_some().then_some(report.proof.as_str());
        report.proof = by_manifest.into_iter().chain([trial.check()]).collect::<Vec<_>>().join(", ");
    }
    let comparison = compare(&manifest, &found);
    let mut notes = trial.notes_that_stay(std::mem::take(&mut report.notes));
    notes.extend(comparison.notes);
    notes.extend(trial.end());
    report.notes = notes;
    report.duration = started.elapsed();
    report.drill = Some(Drill {
        tables: found.tables.len() as u64 + found.unread.len() as u64,
        rows: found.tables.values().sum(),
        compared: comparison.compared,
        differences: comparison.differences,
        foreign_keys: found.foreign_keys,
    });
    Ok(report)
}

fn ground_for<'a>(engine: Engine, grounds: &[&'a dyn Ground]) -> std::result::Result<&'a dyn Ground, String> {
    let ground = grounds.iter().copied().find(|ground| ground.engine() == engine);
    ground.ok_or_else(|| {
        let name = engine.name();
        format!("it is of {name}, and no server was named where a database can be made for it (--scratch)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_first_tables() {
        let differences: Vec<String> = (1..=7).map(|number| format!("`t{number}` is missing")).collect();
        let error = Drill { differences, ..Drill::default() }.require_same("x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("`t5` is missing; and 2 more"), "{error}");
        Drill::default().require_same("x").unwrap();
    }
}
