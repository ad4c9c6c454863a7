//! `dbbackup media backup` and `dbbackup media restore`

use std::num::NonZero;

use dbbackup::manifest::Kind;
use dbbackup::name::MEDIA_EXTENSION;
use dbbackup::source::media::{Exclude, MediaChanges, MediaSource, MediaTarget};
use dbbackup::store::Existing;
use dbbackup::units::ByteSize;
use dbbackup::{
    Backup, BackupName, Cancel, Error, ErrorKind, Listed, Naming, Report, Result, Run, backup, preview, restore,
};
use serde_json::{Map, json};

use super::{naming, require_same_source, run as surroundings};
use crate::args::{Arguments, MediaArgs, MediaBackupArgs, MediaRestoreArgs, MediaVerb};
use crate::ask::may_replace_files;
use crate::config::Config;
use crate::exit_code;
use crate::keys::{passphrase, recipients, unlock};
use crate::place::{Media, store};
use crate::progress;
use crate::render::{Output, receipt_line, receipt_object, report_object, seconds};

pub(crate) fn run(verb: &MediaArgs, arguments: &Arguments, output: &Output, cancel: &Cancel) -> Result<u8> {
    let config = Config::read(arguments.config.as_deref())?;
    match &verb.verb {
        MediaVerb::Backup(verb) => back_up(verb, &config, output, cancel),
        MediaVerb::Restore(verb) => bring_back(verb, &config, output, cancel),
    }
}

fn back_up(verb: &MediaBackupArgs, config: &Config, output: &Output, cancel: &Cancel) -> Result<u8> {
    let mut media = Media::resolve(&verb.folder, config);
    let database = media.own_name();
    if let Some(name) = &verb.name {
        media.alias.clone_from(name);
    }
    let store = store(&verb.to, config)?;
    let naming = naming(config, &[], verb.server.as_deref())?;
    let source_id = media.source_id();
    require_same_source(Kind::Media, &media.alias, &media.path.display().to_string(), &source_id, &store, &naming)?;
    let request = Backup {
        kind: Kind::Media,
        reason: dbbackup::manifest::Reason::Asked,
        name: match &verb.output {
            Some(name) => BackupName::Given { name: name.clone(), existing: Existing::Refuse },
            None => BackupName::Generated { naming: &naming, extension: MEDIA_EXTENSION },
        },
        alias: media.alias.clone(),
        database,
        servername: naming.servername.clone(),
        source_id: Some(source_id),
        compression: verb.compress.into(),
        recipients: recipients(&verb.encryption.encrypt)?,
        metadata: Map::new(),
    };
    let readers = NonZero::new(verb.readers.into()).unwrap_or(NonZero::<usize>::MIN);
    let patterns = media.exclude.iter().chain(&verb.exclude).cloned();
    let mut source =
        MediaSource::new(&media.path).excluding(Exclude::new(patterns)?).never(store.root()).with_readers(readers);
    let run = surroundings(None, progress::listener(output, &media.alias), cancel);
    let receipt = backup(&request, &mut source, &store, &run)?;
    drop(run);
    output.line(&receipt_line(&media.alias, &receipt));
    receipt.notes.iter().for_each(|note| output.note(note));
    let skipped = &receipt.record.skipped;
    output.skipped("not stored, or not whole", skipped);
    output.object(&json!({ "backups": [receipt_object(&receipt)], "failed": [] }));
    Ok(if skipped.count > 0 { exit_code::SKIPPED } else { exit_code::DONE })
}

fn bring_back(verb: &MediaRestoreArgs, config: &Config, output: &Output, cancel: &Cancel) -> Result<u8> {
    let media = Media::resolve(&verb.into, config);
    let given: Vec<String> = verb.choice.name.iter().cloned().collect();
    let naming = naming(config, &given, None)?;
    let (store, backup) = verb.choice.find(Kind::Media, config, &naming)?;
    require_media(&backup, &naming)?;
    let passphrase = passphrase(verb.keys.passphrase_file.as_deref())?;
    let run = surroundings(None, progress::listener(output, &media.alias), cancel);
    let mut run = Run { passphrase, ..run };
    if !verb.yes {
        unlock(&backup.name, &store, &mut run)?;
    }
    if verb.replace
        && !verb.dry_run
        && !verb.yes
        && has_files(&media.path)
        && let Some(why) = may_replace_files(&media.path, &backup, cancel)?.refusal()
    {
        output.declined(why, &backup.name);
        return Ok(exit_code::DECLINED);
    }
    let mut target = MediaTarget::new(&media.path).only(verb.only.iter().cloned());
    if verb.replace {
        target = target.replacing();
    }
    let work = if verb.dry_run { preview } else { restore };
    let report = work(&backup.name, &mut target, &store, &run)?;
    drop(run);
    print(verb, &media, &report, output);
    Ok(if report.left_out.count > 0 { exit_code::SKIPPED } else { exit_code::DONE })
}

fn print(verb: &MediaRestoreArgs, media: &Media, report: &Report, output: &Output) {
    let changes = report.changes.clone().unwrap_or_default();
    let (into, took) = (media.path.display(), seconds(report.duration));
    let what = summary(&changes);
    if verb.dry_run {
        output.result(&format!("{into}: would restore {} ({what})", report.name));
    } else {
        output.line(&format!("{into}: restored {} ({what} in {took})", report.name));
    }
    report.notes.iter().for_each(|note| output.note(note));
    output.skipped("not restored", &report.left_out);
    let mut object = report_object(report);
    object["into"] = json!(media.path);
    object["dry_run"] = json!(verb.dry_run);
    output.object(&object);
}

/// `12 new, 3 replaced, 7 the same, 1.00 MiB`
fn summary(changes: &MediaChanges) -> String {
    let counts = [
        (changes.new, "new"),
        (changes.replaced, "replaced"),
        (changes.same, "the same"),
        (changes.kept, "kept as they are"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let mut words: Vec<String> = counts.map(|(count, word)| format!("{count} {word}")).collect();
    if words.is_empty() {
        words.push("no files".to_owned());
    }
    if changes.new + changes.replaced > 0 {
        words.push(ByteSize(changes.bytes).to_string());
    }
    words.join(", ")
}

fn has_files(folder: &std::path::Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

/// Fails for a database's backup. A file of any other name may be a tar archive: its content decides.
fn require_media(backup: &Listed, naming: &Naming) -> Result<()> {
    let is_known = backup.manifest.dbbackup.is_some() || naming.kind_of(&backup.name).is_some();
    if backup.kind == Kind::Media || !is_known {
        return Ok(());
    }
    let message = format!("cannot restore `{}` into a folder: it is of a database", backup.name);
    Err(Error::new(ErrorKind::Refused, message).subject(&backup.name).hint("use `dbbackup restore`"))
}
