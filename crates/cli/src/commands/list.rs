//! `dbbackup list`

use dbbackup::manifest::{Kind, Reason};
use dbbackup::units::ByteSize;
use dbbackup::{Catalogue, Listed, Result};
use serde_json::{Value, json};

use super::naming;
use crate::args::{Arguments, ListArgs};
use crate::config::Config;
use crate::exit_code;
use crate::place::store;
use crate::render::{Output, local_time};

pub(crate) fn run(verb: &ListArgs, arguments: &Arguments, output: &Output) -> Result<u8> {
    let config = Config::read(arguments.config.as_deref())?;
    let given: Vec<String> = verb.name.iter().cloned().collect();
    let naming = naming(&config, &given, None)?;
    let catalogue = Catalogue::read(&store(&verb.store, &config)?, &naming)?;
    let is_meant = |backup: &&Listed| {
        let of_name = verb.name.is_none() || backup.alias == verb.name;
        of_name && (verb.all || backup.reason == Reason::Asked)
    };
    let backups: Vec<&Listed> = catalogue.backups.iter().filter(is_meant).collect();
    print(&backups, output);
    for faulty in &catalogue.faulty {
        output.note(&format!("`{}` is not listed: {}", faulty.name, faulty.why));
    }
    output.object_of(|| {
        let objects: Vec<Value> = backups.iter().map(|backup| object(backup)).collect();
        let faulty = catalogue.faulty.iter().map(|faulty| json!({ "name": faulty.name, "why": faulty.why }));
        json!({ "backups": objects, "faulty": faulty.collect::<Vec<_>>() })
    });
    Ok(exit_code::DONE)
}

fn print(backups: &[&Listed], output: &Output) {
    let width = backups.iter().map(|backup| backup.name.chars().count()).max().unwrap_or(0).max(4);
    let alias = |backup: &Listed| match (backup.alias.as_deref(), backup.kind) {
        (Some(alias), Kind::Database) => alias.to_owned(),
        (Some(alias), Kind::Media) => format!("{alias} (media)"),
        (None, _) => "?".to_owned(),
    };
    let alias_width = backups.iter().map(|backup| alias(backup).chars().count()).max().unwrap_or(0).max(8);
    if !backups.is_empty() {
        output.line(&format!("{:width$}  {:19}  {:>9}  {:alias_width$}  SERVER", "NAME", "MADE", "SIZE", "DATABASE"));
    }
    let mut rows = Vec::with_capacity(backups.len());
    for backup in backups {
        let made = backup.created_at.map_or("?".to_owned(), local_time);
        let server = backup.servername.as_deref().unwrap_or("?");
        let size = ByteSize(backup.stored_bytes.unwrap_or_default());
        let name = &backup.name;
        rows.push(format!("{name:width$}  {made:19}  {size:>9}  {:alias_width$}  {server}", alias(backup)));
    }
    if !rows.is_empty() {
        output.result(&rows.join("\n"));
    }
    let total = ByteSize(backups.iter().filter_map(|backup| backup.stored_bytes).sum());
    match backups.len() {
        0 => output.line("no backups"),
        1 => output.line(&format!("1 backup, {total}")),
        count => output.line(&format!("{count} backups, {total}")),
    }
}

fn object(backup: &Listed) -> Value {
    json!({
        "name": backup.name,
        "kind": backup.kind.id(),
        "alias": backup.alias,
        "database": backup.database,
        "servername": backup.servername,
        "created_at": backup.created_at,
        "stored_bytes": backup.stored_bytes,
        "compression": backup.compression.id(),
        "encryption": backup.encryption.id(),
        "reason": backup.reason.id(),
        "media": backup.manifest.dbbackup.as_ref().and_then(|record| record.media),
        "has_manifest": backup.manifest.dbbackup.is_some(),
    })
}
