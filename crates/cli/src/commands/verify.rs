//! `dbbackup verify`

use std::collections::BTreeMap;

use dbbackup::units::ByteSize;
use dbbackup::{Cancel, Catalogue, ErrorKind, Local, Naming, Report, Result, Run, verify};
use serde_json::json;

use super::{naming, run as surroundings};
use crate::args::{Arguments, VerifyArgs};
use crate::config::Config;
use crate::exit_code;
use crate::keys::{passphrase, unlock};
use crate::place::store;
use crate::progress;
use crate::render::{Output, error_object, error_text, report_object, seconds};

pub(crate) fn run(verb: &VerifyArgs, arguments: &Arguments, output: &Output, cancel: &Cancel) -> Result<u8> {
    let config = Config::read(arguments.config.as_deref())?;
    let naming = naming(&config, &[], None)?;
    let store = store(&verb.store, &config)?;
    let names = verb.names(&store, &naming)?;
    if names.is_empty() {
        output.line("no backups");
    }
    let mut passphrase = passphrase(verb.keys.passphrase_file.as_deref())?;
    let mut code = exit_code::DONE;
    let mut objects = Vec::new();
    for name in &names {
        let run = surroundings(None, progress::listener(output, name), cancel);
        let mut run = Run { passphrase: passphrase.clone(), ..run };
        // What else keeps it from being opened, the verification says.
        let _cannot_be_opened = unlock(name, &store, &mut run);
        passphrase.clone_from(&run.passphrase);
        let result = verify(name, &store, &run);
        drop(run);
        match result {
            Ok(Report { sealed: Some(why), proof, .. }) => {
                output.result(&format!("sealed   {name} (proven by {proof}; its content was not read: {why})"));
                objects.push(json!({ "name": name, "proof": proof, "sealed": why }));
                if code == exit_code::DONE {
                    code = exit_code::SKIPPED;
                }
            }
            Ok(report) => {
                let (size, took) = (ByteSize(report.plain_bytes), seconds(report.duration));
                let files = report.content.map_or(String::new(), |content| format!("{} files, ", content.files));
                output.line(&format!("ok       {name} ({files}{size} in {took}; proven by {})", report.proof));
                report.notes.iter().for_each(|note| output.note(note));
                objects.push(report_object(&report));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let verdict = match error.kind() {
                    ErrorKind::Corrupt => "DAMAGED",
                    ErrorKind::NotFound => "MISSING",
                    _ => "FAILED",
                };
                output.result(&format!("{verdict:7}  {name}: {}", error_text(&error, Some(name))));
                objects.push(json!({ "name": name, "error": error_object(&error) }));
                // The first failure decides, as it would if it were the only one.
                if code == exit_code::DONE {
                    code = exit_code::of(&error, cancel);
                }
            }
        }
    }
    output.object(&json!({ "verified": objects }));
    Ok(code)
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
