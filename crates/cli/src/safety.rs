//! Safety backups: of a database that a restore writes into, before it does.

use dbbackup::manifest::{Kind, Reason};
use dbbackup::{
    Backup, BackupName, Compression, Encryption, Error, ErrorKind, Listed, Local, Naming, Receipt, Recipients, Result,
    Run, backup, verify,
};

use crate::args::WorkArgs;
use crate::database::Database;

/// What to know before a restore that writes into the database itself.
pub(crate) const IN_PLACE: &str = "Its user may not make a schema beside it, so it is restored in place: a failure \
                                   leaves some of each.";

/// Says how what is there is kept, before `backup` is restored over it.
pub(crate) fn kept(backup: &Listed) -> &'static str {
    match backup.encryption {
        Encryption::None => "What is there is backed up first.",
        _ => "What is there is backed up first, without encryption; --no-safety-backup leaves that out.",
    }
}

/// Backs `database` up into the store that it is restored from, and verifies that.
///
/// # Errors
///
/// Those of a backup: nothing should be replaced then.
pub(crate) fn save(database: &Database, store: &Local, naming: &Naming, work: &WorkArgs, run: &Run) -> Result<Receipt> {
    let request = Backup {
        kind: Kind::Database,
        reason: Reason::BeforeRestore,
        name: BackupName::Generated { naming, extension: database.extension() },
        alias: database.alias.clone(),
        database: database.own_name(),
        servername: naming.servername.clone(),
        source_id: Some(database.source_id()),
        compression: Compression::Zstd,
        recipients: Recipients::Everybody,
        metadata: database.metadata(),
    };
    backup(&request, &mut *database.saved(work), store, run)
        .and_then(|receipt| verify(&receipt.name, store, run).map(|_| receipt))
        .map_err(|error| {
            let message = format!("cannot save {} before it is restored: {error}", database.shown());
            let hint = "mend that, or restore without it: --no-safety-backup";
            let is_stopped = error.kind() == ErrorKind::Interrupted;
            if is_stopped { error } else { Error::new(error.kind(), message).hint(hint).because(error) }
        })
}
