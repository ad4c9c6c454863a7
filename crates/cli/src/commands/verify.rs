//! `dbbackup verify`

use std::collections::BTreeMap;

use dbbackup::units::ByteSize;
use dbbackup::{Cancel, Catalogue, Drill, Error, ErrorKind, Local, Naming, Report, Result, Run, drill, verify};
use serde_json::{Value, json};

use super::{naming, run as surroundings};
use crate::args::{Arguments, VerifyArgs};
use crate::config::Config;
use crate::exit_code;
use crate::keys::{passphrase, unlock};
use crate::place::store;
use crate::progress;
use crate::render::{Output, counted, error_object, error_text, report_object, seconds};
use crate::scratch::Scratch;

pub(crate) fn run(verb: &VerifyArgs, arguments: &Arguments, output: &Output, cancel: &Cancel) -> Result<u8> {
    let config = Config::read(arguments.config.as_deref())?;
    let naming = naming(&config, &[], None)?;
    let store = store(&verb.store, &config)?;
    let scratch = Scratch::resolve(verb.scratch.as_deref(), &config)?;
    let names = verb.names(&store, &naming)?;
    if names.is_empty() {
        output.line("no backups");
    }
    let mut passphrase = passphrase(verb.keys.passphrase_file.as_deref())?;
    let mut code = exit_code::DONE;
    let mut objects = Vec::new();
    for name in &names {
        let run = surroundings(None, progress::listener(output, name), cancel);
        let tmp_dir = verb.tmp_dir.clone().unwrap_or_else(std::env::temp_dir);
        let mut run = Run { passphrase: passphrase.clone(), tmp_dir, ..run };
        // What else keeps it from being opened, the verification says.
        let _cannot_be_opened = unlock(name, &store, &mut run);
        passphrase.clone_from(&run.passphrase);
        let result = if verb.restore {
            scratch
                .grounds(name, &store, &naming)
                .and_then(|grounds| drill(name, &store, &grounds.iter().map(AsRef::as_ref).collect::<Vec<_>>(), &run))
        } else {
            verify(name, &store, &run)
        };
        drop(run);
        let mut failed = |error: &Error, mut object: Value| {
            let verdict = match error.kind() {
                ErrorKind::Corrupt => "DAMAGED",
                ErrorKind::NotFound => "MISSING",
                _ => "FAILED",
            };
            output.result(&format!("{verdict:7}  {name}: {}", error_text(error, Some(name))));
            object["error"] = error_object(error);
            objects.push(object);
            // The first failure decides, as it would if it were the only one.
            if code == exit_code::DONE {
                code = exit_code::of(error, cancel);
            }
        };
        match result {
            Ok(Report { sealed: Some(why), proof, .. }) => {
                output.result(&format!("sealed   {name} (proven by {proof}; its content was not read: {why})"));
                objects.push(json!({ "name": name, "proof": proof, "sealed": why }));
                if code == exit_code::DONE {
                    code = exit_code::SKIPPED;
                }
            }
            Ok(report) => match report.drill.as_ref().map_or(Ok(()), |drill| drill.require_same(name)) {
                Ok(()) => {
                    output.line(&verified(&report));
                    report.notes.iter().for_each(|note| output.note(note));
                    objects.push(report_object(&report));
                }
                Err(error) => failed(&error, report_object(&report)),
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => failed(&error, json!({ "name": name })),
        }
    }
    output.object(&json!({ "verified": objects }));
    Ok(code)
}

/// Returns the line of a backup that is whole.
fn verified(report: &Report) -> String {
    let Report { name, proof, .. } = report;
    let (size, took) = (ByteSize(report.plain_bytes), seconds(report.duration));
    let Some(Drill { tables, rows, compared, .. }) = report.drill else {
        let files = report.content.map_or(String::new(), |content| format!("{} files, ", content.files));
        return format!("ok       {name} ({files}{size} in {took}; proven by {proof})");
    };
    let compared = if compared { "as in its manifest" } else { "which no manifest counts" };
    let (tables, rows) = (counted(tables, "table"), counted(rows, "row"));
    format!("restored {name} ({tables}, {rows}, {compared}; {size} in {took}; proven by {proof})")
}

impl VerifyArgs {
    fn names(&self, store: &Local, naming: &Naming) -> Result<Vec<String>> {
        if !self.backups.is_empty() {
            return Ok(self.backups.clone());
        }
        let catalogue = Catalogue::read(store, naming)?;
        // Whose a faulty one is may not be known, so it is always reported.
        let faulty = catalogue.faulty.into_iter().map(|faulty| faulty.name);
        if self.all {
            return Ok(catalogue.backups.into_iter().map(|backup| backup.name).chain(faulty).collect());
        }
        let mut newest = BTreeMap::new();
        for backup in catalogue.backups {
            // Files without a known owner are each on their own.
            let alone = backup.alias.is_none().then(|| backup.name.clone());
            newest.insert((backup.alias, backup.servername, backup.kind.id(), alone), backup.name);
        }
        Ok(newest.into_values().chain(faulty).collect())
    }
}
