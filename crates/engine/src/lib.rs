//! Streams backups of application databases, and restores them so that a failure cannot destroy what is there.
//!
//! ```text
//! backup    source ──► archive ──► compress ──► encrypt ──► store
//! restore   target ◄── archive ◄── compress ◄── encrypt ◄── store
//! verify    sink   ◄── archive ◄── compress ◄── encrypt ◄── store
//! ```
//!
//! Each stage wraps a [`std::io::Read`], and the store pulls: an error anywhere means that nothing is committed,
//! and the end of the stream means that every stage before it ended well. Memory is constant, whatever the size.
//!
//! # Examples
//!
//! ```
//! use dbbackup::manifest::Kind;
//! use dbbackup::source::sqlite::Sqlite;
//! use dbbackup::{Backup, BackupName, Compression, Local, Naming, Run};
//!
//! # fn main() -> dbbackup::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let database = folder.path().join("shop.sqlite3");
//! # rusqlite::Connection::open(&database).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
//! let store = Local::new(folder.path().join("backups"));
//! let naming = Naming::standard("web-1", &["shop".to_owned()])?;
//! let request = Backup {
//!     kind: Kind::Database,
//!     reason: dbbackup::manifest::Reason::Asked,
//!     name: BackupName::Generated { naming: &naming, extension: "sqlite3" },
//!     alias: "shop".to_owned(),
//!     database: "shop".to_owned(),
//!     servername: "web-1".to_owned(),
//!     source_id: None,
//!     compression: Compression::Zstd,
//!     recipients: dbbackup::Recipients::Everybody,
//!     metadata: serde_json::Map::new(),
//! };
//! let receipt = dbbackup::backup(&request, &mut Sqlite::new(&database), &store, &Run::default())?;
//!
//! let report = dbbackup::restore(&receipt.name, &mut Sqlite::new(&database), &store, &Run::default())?;
//! assert_eq!(report.plain_bytes, receipt.record.plain_bytes);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod archive;
mod backup;
mod catalogue;
mod child;
pub mod compress;
mod count;
mod date_format;
mod dialogue;
pub mod drill;
pub mod encrypt;
mod error;
mod lock;
pub mod manifest;
pub mod name;
mod nearest;
mod percent;
mod piped;
mod pool;
mod proof;
mod prune;
mod restore;
pub mod retention;
mod room;
mod run;
mod secret;
pub mod source;
pub mod store;
pub mod units;
mod unstoppable;
mod url;

pub use backup::{Backup, BackupName, Receipt, backup};
pub use catalogue::{Backup as Listed, Catalogue, Faulty, Scope};
pub use compress::Compression;
pub use drill::{Drill, drill};
pub use encrypt::{Encryption, Passphrase, Recipients};
pub use error::{Error, ErrorKind, ErrorReport, KINDS, KindInfo, Result, Retry, Stage};
pub use name::Naming;
pub use nearest::nearest;
pub use percent::percent_decoded;
pub use prune::{Prune, prune};
pub use restore::{Report, head, preview, restore, verify};
pub use run::{Cancel, Event, Phase, Progress, Run};
pub use secret::Secret;
pub use store::{Local, Memory, Store};

/// The version of the engine.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
