//! `dbbackup restore`: its arguments.

use clap::Args;

use super::{KeyArgs, WorkArgs};

/// `dbbackup restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Which backup.
    #[command(flatten)]
    pub choice: BackupChoice,

    /// Database to restore into; it never chooses the backup
    #[arg(long, value_name = "DATABASE")]
    pub into: String,

    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,

    /// What only PostgreSQL knows.
    #[command(flatten)]
    pub postgres: PostgresArgs,

    /// What only MySQL knows.
    #[command(flatten)]
    pub mysql: MysqlArgs,

    /// What opens an encrypted backup.
    #[command(flatten)]
    pub keys: KeyArgs,

    /// Options for all that do the work.
    #[command(flatten)]
    pub work: WorkArgs,
}

/// What a restore into PostgreSQL may do.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each of them is an option of its own
pub struct PostgresArgs {
    /// Only this schema (PostgreSQL); may be given several times
    #[arg(long, value_name = "NAME")]
    pub schema: Vec<String>,

    /// With --schema: drop what stands in other schemas and depends on it
    #[arg(long, requires = "schema")]
    pub cascade: bool,

    /// Drop nothing: what is in the way is an error (PostgreSQL)
    #[arg(long)]
    pub no_drop: bool,

    /// End the sessions that hold a lock on what is replaced (PostgreSQL)
    #[arg(long)]
    pub terminate_connections: bool,

    /// Take SQL text without the dump program's last comment: it may have been cut (PostgreSQL, MySQL)
    #[arg(long)]
    pub accept_unproven: bool,
}

/// What a restore into MySQL or MariaDB may do.
#[derive(Debug, Args)]
pub struct MysqlArgs {
    /// Drop tables, views, routines and events that the backup does not know (MySQL)
    #[arg(long)]
    pub exact: bool,

    /// Refuse where the user may not make a schema beside the database, instead of restoring in place (MySQL)
    #[arg(long)]
    pub atomic_only: bool,

    /// Do not back the database up before it is restored in place (MySQL)
    #[arg(long)]
    pub no_safety_backup: bool,
}

/// Which backup is to be restored.
#[derive(Debug, Args)]
pub struct BackupChoice {
    /// A backup's name in the store, or without --from a local file [default: the newest]
    #[arg(value_name = "BACKUP", required_unless_present = "from")]
    pub backup: Option<String>,

    /// Store: a folder, or a name in dbbackup.toml
    #[arg(long, value_name = "STORE", value_hint = clap::ValueHint::DirPath)]
    pub from: Option<String>,

    /// Take the newest backup of this name
    #[arg(long, conflicts_with = "backup")]
    pub name: Option<String>,

    /// Take only backups that this server made
    #[arg(long, value_name = "NAME", conflicts_with = "backup")]
    pub server: Option<String>,
}

pub(super) const RESTORE_EXAMPLES: &str = "\
The target is untouched until the whole backup was read and proven; then it changes in one step.

Examples:
  dbbackup restore --from backups --into sqlite:///shop.sqlite3
  dbbackup restore shop-web-2026-11-22-101500.sqlite3.zst --from backups --into shop
  dbbackup restore ./copy.sqlite3.gz --into sqlite:///shop.sqlite3 --yes";
