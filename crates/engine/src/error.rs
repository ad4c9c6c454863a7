//! One opaque error: data until somebody prints it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong: what kind, in which stage, whether to try again, with whom, and what to do.
///
/// `Display` is one line (`cannot <verb> <what>: cause: cause`), without the hint.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    stage: Option<Stage>,
    retry: Retry,
    message: String,
    subject: Option<String>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a caller can act on. [`KINDS`] gives each its id, exit status and Python class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs)] // `KINDS` says what each one means
pub enum ErrorKind {
    Config,
    NotFound,
    AlreadyExists,
    Key,
    Passphrase,
    Corrupt,
    Unsupported,
    Tool,
    Read,
    Write,
    NoSpace,
    Interrupted,
    Busy,
    Refused,
    Denied,
    Bug,
}

/// One row of the table that the command line, the binding and the docs are made from.
#[derive(Clone, Copy, Debug)]
pub struct KindInfo {
    /// The kind itself.
    pub kind: ErrorKind,
    /// Stable identifier, as in `--json`.
    pub id: &'static str,
    /// Exit status of a command that fails so.
    pub exit_code: u8,
    /// Class in `dbbackup.exceptions`.
    pub python: &'static str,
    /// What it means, one sentence.
    pub meaning: &'static str,
}

/// Every [`ErrorKind`], in the order of the documentation.
pub const KINDS: &[KindInfo] = &[
    row(ErrorKind::Config, "config", 2, "ConfigurationError", "An option, a setting or a name is wrong."),
    row(ErrorKind::NotFound, "not_found", 4, "BackupNotFoundError", "There is no such backup."),
    row(ErrorKind::AlreadyExists, "already_exists", 4, "BackupExistsError", "A backup of that name is there already."),
    row(ErrorKind::Key, "key", 5, "WrongKeyError", "A key is missing or cannot be used, to encrypt or to decrypt."),
    row(ErrorKind::Passphrase, "passphrase", 5, "WrongKeyError", "A passphrase is missing or wrong."),
    row(ErrorKind::Corrupt, "corrupt", 6, "CorruptBackupError", "The backup is damaged, cut short or not a backup."),
    row(ErrorKind::Unsupported, "unsupported", 1, "UnsupportedError", "This version cannot do that."),
    row(ErrorKind::Tool, "tool", 1, "ToolError", "A child process failed."),
    row(ErrorKind::Read, "read", 1, "SourceError", "Reading failed (`StorageError` where it was the store)."),
    row(ErrorKind::Write, "write", 1, "SourceError", "Writing failed (`StorageError` where it was the store)."),
    row(
        ErrorKind::NoSpace,
        "no_space",
        1,
        "SourceError",
        "The disk is full (`StorageError` where it was the store's).",
    ),
    row(ErrorKind::Interrupted, "interrupted", 130, "KeyboardInterrupt", "A signal ended the run (SIGTERM: 143)."),
    row(ErrorKind::Busy, "busy", 8, "BusyError", "Somebody else holds a lock; trying again may help."),
    row(ErrorKind::Refused, "refused", 9, "RefusedError", "A check before the work said no: wrong engine, no room."),
    row(ErrorKind::Denied, "denied", 10, "AccessDeniedError", "Credentials or rights are missing."),
    row(ErrorKind::Bug, "bug", 70, "InternalError", "A mistake in dbbackup: please report it."),
];

const fn row(
    kind: ErrorKind,
    id: &'static str,
    exit_code: u8,
    python: &'static str,
    meaning: &'static str,
) -> KindInfo {
    KindInfo { kind, id, exit_code, python, meaning }
}

impl ErrorKind {
    /// Returns the kind's row of [`KINDS`].
    ///
    /// # Panics
    ///
    /// Never: a test walks every kind.
    pub fn info(self) -> &'static KindInfo {
        KINDS.iter().find(|row| row.kind == self).expect("every kind has a row (tested)")
    }

    /// Returns the kind with this [`KindInfo::id`].
    pub fn from_id(id: &str) -> Option<Self> {
        KINDS.iter().find(|row| row.id == id).map(|row| row.kind)
    }

    /// Refines `otherwise` by what the operating system said: no space and no rights have kinds of their own.
    pub fn of(error: &io::Error, otherwise: Self) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::NoSpace,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Denied,
            _ => otherwise,
        }
    }
}

/// Where on the line it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the words of the diagram
pub enum Stage {
    Source,
    Target,
    Archive,
    Compress,
    Encrypt,
    Store,
}

impl Stage {
    /// Returns the word of the diagram.
    pub fn id(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
            Self::Archive => "archive",
            Self::Compress => "compress",
            Self::Encrypt => "encrypt",
            Self::Store => "store",
        }
    }
}

/// Whether the same call may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same call fails again until somebody changes something.
    Never,
    /// The cause passes by itself (a lock, a signal).
    Later,
}

impl Error {
    /// Makes an error; `message` reads `cannot <verb> <what> ...`, lower case, no full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Busy | ErrorKind::Interrupted => Retry::Later,
            _ => Retry::Never,
        };
        Self(Box::new(Inner {
            kind,
            stage: None,
            retry,
            message: message.into(),
            subject: None,
            hint: None,
            source: None,
        }))
    }

    /// Makes an error from what the operating system said, or hands on the engine's own error inside it.
    pub fn from_io(source: io::Error, otherwise: ErrorKind, message: impl Into<String>) -> Self {
        match source.downcast::<Self>() {
            Ok(ours) => ours,
            Err(source) => Self::new(ErrorKind::of(&source, otherwise), message).because(source),
        }
    }

    /// Makes an error that travels inside `io::Error`. A system call that was interrupted stays as it is: the
    /// caller tries again.
    pub(crate) fn in_io(
        source: io::Error,
        otherwise: ErrorKind,
        message: impl Into<String>,
        stage: Stage,
    ) -> io::Error {
        if source.kind() == io::ErrorKind::Interrupted {
            return source;
        }
        Self::from_io(source, otherwise, message).at(stage).into()
    }

    /// Names the stage, unless one is named already: the innermost knows best.
    #[must_use]
    pub fn at(mut self, stage: Stage) -> Self {
        self.0.stage.get_or_insert(stage);
        self
    }

    /// Names what it is about: a path, a backup, a database.
    #[must_use]
    pub fn subject(mut self, subject: impl fmt::Display) -> Self {
        self.0.subject.get_or_insert_with(|| subject.to_string());
        self
    }

    /// Says what to do, a sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Says what to do, in place of what was said before by who knew less.
    #[must_use]
    pub(crate) fn advise(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Returns what a caller can act on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the stage of the line, where there is one.
    pub fn stage(&self) -> Option<Stage> {
        self.0.stage
    }

    /// Returns whether the same call may succeed later.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Returns what it is about: a path, a backup, a database.
    pub fn about(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// Returns what to do, a sentence.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the error as plain data, for another process or for JSON.
    pub fn to_report(&self) -> ErrorReport {
        ErrorReport {
            kind: self.kind(),
            stage: self.stage(),
            retry: self.retry(),
            message: self.to_string(),
            subject: self.0.subject.clone(),
            hint: self.0.hint.clone(),
        }
    }

    /// Makes the error that another process reported.
    pub fn from_report(report: ErrorReport) -> Self {
        Self(Box::new(Inner {
            kind: report.kind,
            stage: report.stage,
            retry: report.retry,
            message: report.message,
            subject: report.subject,
            hint: report.hint,
            source: None,
        }))
    }
}

/// An [`Error`] as plain data: what `--json` prints and what our own child process says last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// [`Error::kind`].
    pub kind: ErrorKind,
    /// [`Error::stage`].
    pub stage: Option<Stage>,
    /// [`Error::retry`].
    pub retry: Retry,
    /// The line that `Display` prints: the message and its causes.
    pub message: String,
    /// [`Error::about`].
    pub subject: Option<String>,
    /// [`Error::advice`].
    pub hint: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("stage", &self.0.stage)
            .field("message", &self.to_string())
            .field("subject", &self.0.subject)
            .field("hint", &self.0.hint)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// A stage is a `Read`, so its errors travel inside `io::Error`; [`Error::from_io`] takes them out again.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_row_and_its_serialized_name_is_the_id() {
        for row in KINDS {
            assert_eq!(serde_json::to_value(row.kind).unwrap(), row.id);
            assert_eq!(ErrorKind::from_id(row.id), Some(row.kind));
            assert_eq!(row.kind.info().exit_code, row.exit_code);
            assert_eq!(KINDS.iter().filter(|other| other.id == row.id).count(), 1);
        }
        // The table is in the enum's order and ends with its last kind: a new one without a row shifts it.
        assert!(KINDS.iter().enumerate().all(|(place, row)| row.kind as usize == place));
        assert_eq!(KINDS.last().unwrap().kind, ErrorKind::Bug);
    }

    #[test]
    fn an_error_survives_the_way_through_io_and_through_json() {
        let error = Error::new(ErrorKind::Corrupt, "cannot read backup `a`")
            .at(Stage::Compress)
            .hint("try an older one")
            .because(io::Error::other("crc"));
        let back = Error::from_io(io::Error::from(error), ErrorKind::Read, "unused");
        assert_eq!(back.kind(), ErrorKind::Corrupt);
        assert_eq!(back.to_string(), "cannot read backup `a`: crc");
        let json = serde_json::to_string(&back.to_report()).unwrap();
        let again = Error::from_report(serde_json::from_str(&json).unwrap());
        assert_eq!(again.to_report(), back.to_report());
    }

    #[test]
    fn a_full_disk_and_missing_rights_have_kinds_of_their_own() {
        let full = io::Error::from_raw_os_error(28);
        assert_eq!(ErrorKind::of(&full, ErrorKind::Write), ErrorKind::NoSpace);
        let denied = io::Error::from_raw_os_error(13);
        assert_eq!(ErrorKind::of(&denied, ErrorKind::Read), ErrorKind::Denied);
    }
}
