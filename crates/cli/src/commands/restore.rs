//! `dbbackup restore`

use std::collections::BTreeSet;

use dbbackup::manifest::Kind;
use dbbackup::units::ByteSize;
use dbbackup::{Cancel, Catalogue, Error, ErrorKind, Listed, Local, Naming, Result, Run, Scope, restore};
use serde_json::json;

use super::{naming, run as surroundings};
use crate::args::{Arguments, BackupChoice, RestoreArgs};
use crate::ask::may_replace;
use crate::config::Config;
use crate::database::Database;
use crate::exit_code;
use crate::keys::{passphrase, unlock};
use crate::place::{local_file, store};
use crate::progress;
use crate::render::{Output, receipt_line, report_object, seconds};
use crate::safety::{IN_PLACE, kept, save};

pub(crate) fn run(verb: &RestoreArgs, arguments: &Arguments, output: &Output, cancel: &Cancel) -> Result<u8> {
    let config = Config::read(arguments.config.as_deref())?;
    let target = Database::resolve(&verb.into, &config)?;
    let given: Vec<String> = verb.choice.name.iter().cloned().collect();
    let naming = naming(&config, &given, None)?;
    let (store, backup) = verb.choice.find(Kind::Database, &config, &naming)?;
    require_engine(&backup, &target)?;

    let passphrase = passphrase(verb.keys.passphrase_file.as_deref())?;
    let run = surroundings(Some(&verb.work), progress::listener(output, &target.alias), cancel);
    let mut run = Run { passphrase, ..run };
    if !verb.yes {
        unlock(&backup.name, &store, &mut run)?;
    }
    let is_in_place = target.is_restored_in_place(verb, &run)?;
    let excluded = target.excluded_rows(&backup, !verb.postgres.no_drop);
    let keeps = is_in_place && !verb.mysql.no_safety_backup;
    let more = [is_in_place.then(|| IN_PLACE.to_owned()), keeps.then(|| kept(&backup).to_owned()), excluded];
    let more: Vec<String> = more.into_iter().flatten().collect();
    if !verb.yes
        && let Some(there) = target.presence(&verb.work, &run)?
        && let Some(why) = may_replace(&target.shown(), &there, &backup, &more, cancel)?.refusal()
    {
        output.declined(why, &backup.name);
        return Ok(exit_code::DECLINED);
    }

    let saved = if keeps {
        let receipt = save(&target, &store, &naming, &verb.work, &run)?;
        output.line(&receipt_line(&format!("{}, to be safe", target.alias), &receipt));
        Some(receipt.name)
    } else {
        None
    };
    let report = restore(&backup.name, &mut *target.target(verb)?, &store, &run).map_err(|error| match &saved {
        Some(name) => with_way_back(error, name, &store, verb),
        None if error.kind() == ErrorKind::Corrupt && !is_in_place => {
            error.hint("the target is as it was; take an older backup, or another copy")
        }
        None => error,
    })?;
    drop(run);
    let size = ByteSize(report.plain_bytes);
    let took = seconds(report.duration);
    output.line(&format!("{}: restored {} ({size} in {took})", target.shown(), report.name));
    report.notes.iter().for_each(|note| output.note(note));
    output.skipped("not restored", &report.left_out);
    let mut object = report_object(&report);
    object["into"] = json!(target.shown());
    if let Some(saved) = saved {
        object["safety_backup"] = json!(saved);
    }
    output.object(&object);
    Ok(if report.left_out.count > 0 { exit_code::SKIPPED } else { exit_code::DONE })
}

/// Adds how what was there comes back.
fn with_way_back(error: Error, saved: &str, store: &Local, verb: &RestoreArgs) -> Error {
    let (from, into) = (store.root().display(), shown(&verb.into));
    let way_back = format!("what was there comes back with: dbbackup restore {saved} --from {from} --into {into}");
    let hint = error.advice().map_or(way_back.clone(), |hint| format!("{hint}; {way_back}"));
    Error::new(error.kind(), error.to_string()).hint(hint).because(error)
}

/// A URL may hold a password.
fn shown(typed: &str) -> &str {
    if typed.contains("://") { "…" } else { typed }
}

impl BackupChoice {
    /// Finds the backup that is meant; `--into` has no say in it.
    pub(super) fn find(&self, kind: Kind, config: &Config, naming: &Naming) -> Result<(Local, Listed)> {
        let Some(from) = &self.from else {
            let (store, name) = local_file(self.backup.as_deref().unwrap_or_default())?;
            let backup = Catalogue::find(&store, &name, naming)?;
            return Ok((store, backup));
        };
        let store = store(from, config)?;
        if let Some(name) = &self.backup {
            let backup = Catalogue::find(&store, name, naming)?;
            return Ok((store, backup));
        }
        let catalogue = Catalogue::read(&store, naming)?;
        let alias = match &self.name {
            Some(name) => name.clone(),
            None => only_name(catalogue.backups.iter().filter(|backup| backup.kind == kind), from)?,
        };
        let scope = Scope { alias, kind, database: None, source_id: None };
        let backup = catalogue.newest(&scope, self.server.as_deref(), &naming.servername)?.clone();
        Ok((store, backup))
    }
}

/// Returns the one name that these backups of a store have.
pub(super) fn only_name<'a>(backups: impl Iterator<Item = &'a Listed>, store: &str) -> Result<String> {
    let backups: Vec<&Listed> = backups.collect();
    let names: BTreeSet<&str> = backups.iter().filter_map(|backup| backup.alias.as_deref()).collect();
    match Vec::from_iter(names).as_slice() {
        [name] => Ok((*name).to_owned()),
        [] if backups.is_empty() => {
            Err(Error::new(ErrorKind::NotFound, format!("cannot find a backup in `{store}`: it holds none"))
                .subject(store))
        }
        [] => Err(Error::new(ErrorKind::NotFound, format!("cannot tell whose the backups in `{store}` are"))
            .subject(store)
            .hint("say whose with --name NAME")),
        names => Err(Error::new(ErrorKind::Config, format!("cannot choose: `{store}` holds backups of several names"))
            .subject(store)
            .hint(format!("say which with --name: {}", names.join(", ")))),
    }
}

/// Fails for a backup that another kind of database made.
fn require_engine(backup: &Listed, target: &Database) -> Result<()> {
    if backup.kind == Kind::Media {
        let message = format!("cannot restore `{}` into a database: it is of media files", backup.name);
        return Err(Error::new(ErrorKind::Refused, message).subject(&backup.name).hint("use `dbbackup media restore`"));
    }
    match backup.manifest.engine() {
        Some(engine) => target.require_engine(engine, &backup.name),
        None => Ok(()),
    }
}
