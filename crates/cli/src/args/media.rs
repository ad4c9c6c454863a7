//! Arguments of `dbbackup media`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{BackupChoice, Compress, EncryptionArgs, KeyArgs};

/// `dbbackup media`
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub struct MediaArgs {
    /// What to do with media.
    #[command(subcommand)]
    pub verb: MediaVerb,
}

/// The verbs of media.
#[derive(Debug, Subcommand)]
pub enum MediaVerb {
    /// Back up a folder of files into a store
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(MediaBackupArgs),
    /// Restore files of a backup into a folder: each whole, or as it was
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(MediaRestoreArgs),
}

/// `dbbackup media backup`
#[derive(Debug, Args)]
pub struct MediaBackupArgs {
    /// Folder, or a name under [media] in dbbackup.toml
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub folder: PathBuf,

    /// Store: a folder, or a name in dbbackup.toml
    #[arg(long, value_name = "STORE", value_hint = clap::ValueHint::DirPath)]
    pub to: String,

    /// Name of the media in the store [default: its key in dbbackup.toml, or the folder's own name]
    #[arg(long)]
    pub name: Option<String>,

    /// Leave out what matches, as a line of a .gitignore does; may be given several times
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,

    /// Compression: zstd (fast and small), gzip (opens everywhere) or none
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Compress::Zstd, hide_possible_values = true)]
    pub compress: Compress,

    /// For whom to encrypt.
    #[command(flatten)]
    pub encryption: EncryptionArgs,

    /// File name in the store; one that exists is an error [default: made from server and time]
    #[arg(long, short = 'o', value_name = "NAME")]
    pub output: Option<String>,

    /// This server's name [default: the host name]
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,

    /// Small files that are read at once; more help where each takes its time, as over a network
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub readers: u16,
}

/// `dbbackup media restore`
#[derive(Debug, Args)]
pub struct MediaRestoreArgs {
    /// Which backup.
    #[command(flatten)]
    pub choice: BackupChoice,

    /// Folder to restore into, made if it is missing; or a name under [media] in dbbackup.toml
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub into: PathBuf,

    /// Replace files that are there and differ; else they stay
    #[arg(long)]
    pub replace: bool,

    /// Restore only this file or folder of the backup; may be given several times
    #[arg(long, value_name = "PATH")]
    pub only: Vec<String>,

    /// Read the whole backup, say what would be new, replaced or kept, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,

    /// What opens an encrypted backup.
    #[command(flatten)]
    pub keys: KeyArgs,
}

const BACKUP_EXAMPLES: &str = "\
Links to files and folders are followed. What vanishes or cannot be read is left out, named, and makes the exit
status 3; everything else is in the backup, which any tar unpacks.

Examples:
  dbbackup media backup media --to backups
  dbbackup media backup /srv/shop/media --to nightly --exclude 'cache/' --exclude '*.tmp'
  dbbackup media backup /mnt/nfs/media --to nightly --readers 16
  dbbackup media backup media --to backups --encrypt openpgp:ops@example.org";

const RESTORE_EXAMPLES: &str = "\
The whole backup is read and proven before the first file changes. Files that are there stay, unless --replace.

Examples:
  dbbackup media restore --from backups --into media --dry-run
  dbbackup media restore --from backups --into media --replace
  dbbackup media restore web-2026-11-22-101500.tar.zst --from backups --into /tmp/look --only uploads/2026
  dbbackup media restore ./old.tar.gz --into media";
