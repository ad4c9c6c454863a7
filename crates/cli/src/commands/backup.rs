//! `dbbackup backup`

use dbbackup::manifest::Kind;
use dbbackup::store::Existing;
use dbbackup::{Backup, BackupName, Cancel, Error, ErrorKind, Local, Naming, Receipt, Result, backup};
use serde_json::{Value, json};

use super::{naming, require_same_source, run as surroundings};
use crate::args::{Arguments, BackupArgs};
use crate::config::Config;
use crate::database::Database;
use crate::exit_code;
use crate::keys::recipients;
use crate::place::store;
use crate::progress;
use crate::render::{Output, error_object, receipt_line, receipt_object};

pub(crate) fn run(verb: &BackupArgs, arguments: &Arguments, output: &Output, cancel: &Cancel) -> Result<u8> {
    let config = Config::read(arguments.config.as_deref())?;
    let databases = verb.resolve(&config)?;
    let store = store(&verb.to, &config)?;
    let aliases: Vec<String> = databases.iter().map(|database| database.alias.clone()).collect();
    let naming = naming(&config, &aliases, verb.server.as_deref())?;

    let (mut done, mut failed): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    let mut skips = false;
    for database in &databases {
        match verb.one(database, &store, &naming, output, cancel) {
            Ok(receipt) => {
                output.line(&receipt_line(&database.alias, &receipt));
                receipt.notes.iter().for_each(|note| output.note(note));
                output.skipped("not in the backup", &receipt.record.skipped);
                skips |= receipt.record.skipped.count > 0;
                done.push(receipt_object(&receipt));
            }
            Err(error) if databases.len() == 1 || error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                if !output.is_json() {
                    output.error(&error);
                }
                failed.push(json!({ "database": database.alias, "error": error_object(&error) }));
            }
        }
    }
    let code = match (failed.is_empty(), skips) {
        (false, _) => exit_code::SOME_FAILED,
        (true, true) => exit_code::SKIPPED,
        (true, false) => exit_code::DONE,
    };
    output.object(&json!({ "backups": done, "failed": failed }));
    Ok(code)
}

impl BackupArgs {
    fn resolve(&self, config: &Config) -> Result<Vec<Database>> {
        let mut databases = Vec::new();
        for typed in &self.databases {
            let mut database = Database::resolve(typed, config)?;
            database.exclude.extend_from_slice(&self.exclude);
            databases.push(database);
        }
        if databases.len() > 1 {
            if self.name.is_some() || self.output.is_some() {
                return Err(Error::new(ErrorKind::Config, "cannot give one name to several databases")
                    .hint("back them up one by one, or leave --name and --output out"));
            }
            let mut names: Vec<&str> = databases.iter().map(|database| database.alias.as_str()).collect();
            names.sort_unstable();
            let twice = |pair: &[&str]| matches!(pair, [one, other] if one == other);
            if let Some([name, _]) = names.windows(2).find(|pair| twice(pair)) {
                return Err(Error::new(ErrorKind::Config, format!("cannot tell two databases named `{name}` apart"))
                    .hint("back them up one by one, each with its own --name"));
            }
        }
        if let (Some(name), Some(database)) = (&self.name, databases.first_mut()) {
            database.alias.clone_from(name);
        }
        Ok(databases)
    }

    fn one(
        &self,
        database: &Database,
        store: &Local,
        naming: &Naming,
        output: &Output,
        cancel: &Cancel,
    ) -> Result<Receipt> {
        let source_id = database.source_id();
        require_same_source(Kind::Database, &database.alias, &database.shown(), &source_id, store, naming)?;
        let request = Backup {
            kind: Kind::Database,
            reason: dbbackup::manifest::Reason::Asked,
            name: match &self.output {
                Some(name) => BackupName::Given { name: name.clone(), existing: Existing::Refuse },
                None => BackupName::Generated { naming, extension: database.extension() },
            },
            alias: database.alias.clone(),
            database: database.own_name(),
            servername: naming.servername.clone(),
            source_id: Some(source_id),
            compression: self.compress.into(),
            recipients: recipients(&self.encryption.encrypt)?,
            metadata: database.metadata(),
        };
        let progress = progress::listener(output, &database.alias);
        let run = surroundings(Some(&self.work), progress, cancel);
        backup(&request, &mut *database.source(self)?, store, &run)
    }
}
