//! Arguments exactly as typed; nothing is read or resolved here.

// These comments are the help, which is plain text.
#![allow(clippy::doc_markdown, rustdoc::broken_intra_doc_links)]

mod media;
mod restore;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use media::{MediaArgs, MediaBackupArgs, MediaRestoreArgs, MediaVerb};
use restore::RESTORE_EXAMPLES;
pub use restore::{BackupChoice, MysqlArgs, PostgresArgs, RestoreArgs};

/// Back up databases and media files, and restore them so that a failure cannot destroy what is there.
#[derive(Debug, Parser)]
#[command(name = "dbbackup", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,

    /// Print one JSON object on stdout, and progress as JSON lines on stderr
    #[arg(long, global = true)]
    pub json: bool,

    /// Print errors only
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Names and retention [default: $DBBACKUP_CONFIG, else ./dbbackup.toml, else
    /// $XDG_CONFIG_HOME/dbbackup/dbbackup.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Back up one or several databases into a store
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(BackupArgs),
    /// Restore a backup into a database: all of it, or nothing
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(RestoreArgs),
    /// Back up a folder of media files, or restore one
    Media(MediaArgs),
    /// List the whole backups of a store, oldest first
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Read backups to their end and prove that they are whole
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Delete old backups, exactly those that are meant
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune(PruneArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Tell what this build can do
    #[command(hide = true)]
    Features,
    /// Write a database's pages to standard output (the Django app's child)
    #[command(hide = true)]
    SqliteDump(DumpArgs),
    /// Load a database's pages from standard input (the Django app's child)
    #[command(hide = true)]
    SqliteLoad(ChildArgs),
}

/// `dbbackup backup`
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Databases: names in dbbackup.toml, or URLs such as sqlite:////srv/shop.sqlite3
    #[arg(required = true, value_name = "DATABASE")]
    pub databases: Vec<String>,

    /// Store: a folder, or a name in dbbackup.toml
    #[arg(long, value_name = "STORE")]
    pub to: String,

    /// Name of the database in the store [default: its key in dbbackup.toml, or the URL's last part]
    #[arg(long)]
    pub name: Option<String>,

    /// Leave out the rows of this table; may be given several times
    #[arg(long, value_name = "TABLE")]
    pub exclude: Vec<String>,

    /// Only this schema (PostgreSQL); may be given several times
    #[arg(long, value_name = "NAME")]
    pub schema: Vec<String>,

    /// Compression: zstd (fast and small), gzip (opens everywhere) or none
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Compress::Zstd, hide_possible_values = true)]
    pub compress: Compress,

    /// For whom to encrypt.
    #[command(flatten)]
    pub encryption: EncryptionArgs,

    /// File name in the store; one that exists is an error [default: made from name, server and time]
    #[arg(long, short = 'o', value_name = "NAME")]
    pub output: Option<String>,

    /// This server's name [default: the host name]
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,

    /// Options for all that do the work.
    #[command(flatten)]
    pub work: WorkArgs,
}

/// `dbbackup list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Store: a folder, or a name in dbbackup.toml
    pub store: String,

    /// Only backups of this database
    #[arg(long)]
    pub name: Option<String>,

    /// Safety backups too, which were made before a restore
    #[arg(long)]
    pub all: bool,
}

/// `dbbackup verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Store: a folder, or a name in dbbackup.toml
    pub store: String,

    /// Backups [default: the newest of each name, server and kind]
    #[arg(value_name = "BACKUP")]
    pub backups: Vec<String>,

    /// Every backup of the store
    #[arg(long, conflicts_with = "backups")]
    pub all: bool,

    /// Restore each backup of a database into a new one, count its rows, and drop it
    #[arg(long)]
    pub restore: bool,

    /// Server for the PostgreSQL or MySQL databases that --restore makes: a name in dbbackup.toml, or a URL such as
    /// postgresql://user@host/ [default: that of the backup's name in dbbackup.toml]
    #[arg(long, value_name = "DATABASE", requires = "restore")]
    pub scratch: Option<String>,

    /// Folder for the SQLite databases that --restore makes, with room for two of each [default: the system's]
    #[arg(long, value_name = "FOLDER", requires = "restore", value_hint = clap::ValueHint::DirPath)]
    pub tmp_dir: Option<PathBuf>,

    /// What opens encrypted backups.
    #[command(flatten)]
    pub keys: KeyArgs,
}

/// `dbbackup prune`
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Store: a folder, or a name in dbbackup.toml
    pub store: String,

    /// Backups to keep of each database [default: keep_last under [retention] in dbbackup.toml]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub keep_last: Option<usize>,

    /// Databases [default: those of dbbackup.toml, or the store's only one]
    #[arg(long)]
    pub name: Vec<String>,

    /// Only backups that this server made [default: this host]
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,

    /// Say what would go and why; delete nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `dbbackup completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell that the script is for
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// The Django app's child that reads.
#[derive(Debug, Args)]
pub struct DumpArgs {
    /// What both children take.
    #[command(flatten)]
    pub child: ChildArgs,

    /// Leave out the rows of this table; may be given several times
    #[arg(long, value_name = "TABLE")]
    pub exclude: Vec<String>,
}

/// The Django app's child.
#[derive(Debug, Args)]
pub struct ChildArgs {
    /// Path of the database file
    pub path: PathBuf,

    /// Options for all that do the work.
    #[command(flatten)]
    pub work: WorkArgs,
}

/// Options of verbs that read or write a database.
#[derive(Debug, Args)]
pub struct WorkArgs {
    /// Seconds to wait for a lock that somebody holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u32,

    /// Folder for a temporary copy, where one cannot be avoided [default: the system's]
    #[arg(long, value_name = "FOLDER")]
    pub tmp_dir: Option<PathBuf>,
}

/// For whom backups are encrypted.
#[derive(Debug, Args)]
pub struct EncryptionArgs {
    /// Encrypt for this OpenPGP key, by your gpg: openpgp:FINGERPRINT, or an address or name that means one key;
    /// may be given several times
    #[arg(long, value_name = "openpgp:KEY")]
    pub encrypt: Vec<String>,
}

/// What opens encrypted backups, beside the secret keys that GnuPG has.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// File with the passphrase of the secret key, or of the backup [default: $DBBACKUP_PASSPHRASE; on a terminal it is
    /// asked for where one is needed]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub passphrase_file: Option<PathBuf>,
}

/// How to compress.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Compress {
    /// Fast and small
    Zstd,
    /// For tools that know nothing else
    Gzip,
    /// Not at all
    None,
}

impl From<Compress> for dbbackup::Compression {
    fn from(how: Compress) -> Self {
        match how {
            Compress::Zstd => Self::Zstd,
            Compress::Gzip => Self::Gzip,
            Compress::None => Self::None,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  dbbackup backup sqlite:////srv/shop.sqlite3 --to /var/backups
  dbbackup media backup /srv/media --to /var/backups
  dbbackup list /var/backups
  dbbackup restore --from /var/backups --into sqlite:////srv/shop.sqlite3
  dbbackup verify /var/backups --all
  dbbackup prune /var/backups --keep-last 7 --dry-run

Every verb explains itself: dbbackup backup --help";

const BACKUP_EXAMPLES: &str = "\
A URL with three slashes is relative (sqlite:///shop.sqlite3), with four absolute.

Examples:
  dbbackup backup sqlite:///shop.sqlite3 --to backups
  dbbackup backup shop blog --to nightly            names from dbbackup.toml
  dbbackup backup shop --to nightly --compress gzip --json
  dbbackup backup shop --to nightly --exclude django_session --exclude shop_log
  dbbackup backup shop --to nightly --encrypt openpgp:ops@example.org

Encryption is GnuPG's: `gpg --decrypt` opens the backup, and so does restore where the secret key
is. A server that makes backups needs the public key only. With DBBACKUP_GPG_ALWAYS_TRUST=1 a key
need not be signed.";

const LIST_EXAMPLES: &str = "\
Examples:
  dbbackup list backups
  dbbackup list backups --name shop --json";

const VERIFY_EXAMPLES: &str = "\
Examples:
  dbbackup verify backups
  dbbackup verify backups shop-web-2026-11-22-101500.sqlite3.zst
  dbbackup verify backups --all --json
  dbbackup verify backups --restore                 a drill: really restored, rows counted
  dbbackup verify backups --restore --scratch postgresql://drills@db2.example.org/

Of an encrypted backup whose secret key is not here only the stored bytes are proven, by their
SHA-256 (exit status 3).";

const PRUNE_EXAMPLES: &str = "\
Keeps N backups of each database of one server, whatever their compression, and never deletes the newest.

Examples:
  dbbackup prune backups --keep-last 7 --dry-run
  dbbackup prune backups --keep-last 7 --name shop --server web-1";

const COMPLETIONS_EXAMPLES: &str = "\
The Python package brings the scripts for bash, zsh and fish, and manual pages, under its prefix.

Examples:
  dbbackup completions bash > ~/.local/share/bash-completion/completions/dbbackup
  dbbackup completions zsh > ~/.zfunc/_dbbackup
  dbbackup completions fish > ~/.config/fish/completions/dbbackup.fish";
