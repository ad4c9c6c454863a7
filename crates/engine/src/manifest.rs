//! The manifest: what was written, as JSON beside the payload. `docs/format.md` specifies it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::compress::Compression;
use crate::encrypt::Encryption;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::source::media::MediaContent;
use crate::store::{MANIFEST_BYTES, manifest_name};

/// `<name>.metadata`: the predecessor's keys at the top, ours in one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// `engine`, `connector` and what the user's setter returned; unknown keys stay.
    #[serde(flatten)]
    pub top: Map<String, Value>,
    /// Ours; none in the predecessor's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbbackup: Option<Record>,
}

/// What we know of one backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this layout: [`FORMAT`].
    pub format: u32,
    /// Whether the payload is whole.
    pub state: State,
    /// Database or media.
    pub kind: Kind,
    /// The name that the user gave the database.
    pub alias: String,
    /// The database's own name, without folder and without what follows its first dot.
    pub database: String,
    /// The host that made it.
    pub servername: String,
    /// When it was begun, UTC.
    pub created_at: Timestamp,
    /// Why it was made.
    #[serde(default)]
    pub reason: Reason,
    /// Whether the user gave the payload its name: retention leaves such backups alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub named: bool,
    /// How the payload is compressed.
    pub compression: Compression,
    /// How the payload is encrypted.
    pub encryption: Encryption,
    /// Size of the payload.
    pub stored_bytes: u64,
    /// SHA-256 of the payload, as `sha256sum` prints it.
    pub stored_sha256: String,
    /// Size of the dump.
    pub plain_bytes: u64,
    /// What tells the source from another project's of the same alias and name; see [`source_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// Versions and settings of what was backed up.
    #[serde(default)]
    pub source: Map<String, Value>,
    /// What could not be read.
    #[serde(default)]
    pub skipped: Skipped,
    /// Tables, or patterns of files, that were left out on request.
    #[serde(default)]
    pub excluded: Vec<String>,
    /// What the database held, where that could be told cheaply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// What the files were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaContent>,
    /// Who wrote this, with its version.
    pub generator: String,
    /// Keys of later versions stay.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Whether a payload is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being written, or abandoned: never listed.
    Writing,
    /// Whole.
    Whole,
}

/// What a backup is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One database.
    Database,
    /// Media files.
    Media,
}

impl Kind {
    /// Returns the word in the manifest.
    pub fn id(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Media => "media",
        }
    }
}

/// Why a backup was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Somebody asked for it.
    #[default]
    Asked,
    /// A restore that is not atomic saved what it was about to replace.
    BeforeRestore,
}

impl Reason {
    /// Returns the word in the manifest.
    pub fn id(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::BeforeRestore => "before-restore",
        }
    }
}

/// What could not be read, or written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// The first names, each with the reason.
    pub names: Vec<String>,
}

/// What a database held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Rows of each table.
    pub tables: BTreeMap<String, u64>,
    /// Whether the rows were counted in the dump's own snapshot; estimates are never judged.
    pub exact: bool,
    /// The last migration of each Django app.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub migrations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest: ours or the predecessor's.
    ///
    /// # Errors
    ///
    /// `Corrupt` for what is no JSON object or lacks what format 1 has; `Unsupported` for a later format.
    pub fn parse(name: &str, json: &[u8]) -> Result<Self> {
        let failed = |kind, why: &str| {
            Error::new(kind, format!("cannot read the manifest of `{name}`: {why}")).at(Stage::Store).subject(name)
        };
        let unreadable = |why: &str| {
            let file = manifest_name(name);
            failed(ErrorKind::Corrupt, why)
                .hint(format!("take another backup; or move `{file}` away: the payload is then used without its word"))
        };
        let value: Value =
            serde_json::from_slice(json).map_err(|source| unreadable("it is not JSON").because(source))?;
        let format = value.pointer("/dbbackup/format").and_then(Value::as_u64);
        let Some(format) = format else {
            // The predecessor's, whose user may have had a key of our name.
            let top = serde_json::from_value(value);
            let top = top.map_err(|source| unreadable("it is no object").because(source))?;
            return Ok(Self { top, dbbackup: None });
        };
        if format > u64::from(FORMAT) {
            return Err(failed(ErrorKind::Unsupported, "a later version of dbbackup wrote it").hint("upgrade dbbackup"));
        }
        serde_json::from_value(value).map_err(|source| unreadable("it lacks what a manifest has").because(source))
    }

    /// Writes the manifest, indented, with a newline at its end.
    ///
    /// # Errors
    ///
    /// `Config` if the user's own keys make it larger than [`MANIFEST_BYTES`], which nobody would read back.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|source| Error::new(ErrorKind::Bug, "cannot write a manifest").because(source))?;
        json.push(b'\n');
        if json.len() as u64 > MANIFEST_BYTES {
            return Err(Error::new(ErrorKind::Config, "cannot write the manifest: it is larger than 16 MiB")
                .at(Stage::Store)
                .hint("let the project's metadata setter return less"));
        }
        Ok(json)
    }

    /// Returns the Django engine that the backup came from.
    pub fn engine(&self) -> Option<&str> {
        self.top.get("engine").and_then(Value::as_str)
    }
}

impl Record {
    /// Compares the record with what was read from the store.
    ///
    /// # Errors
    ///
    /// `Corrupt` if size, digest or plain size differ.
    pub fn confirm(&self, name: &str, stored_bytes: u64, stored_sha256: &str, plain_bytes: u64) -> Result<()> {
        self.confirm_size(name, stored_bytes)?;
        let why = if self.stored_sha256 != stored_sha256 {
            "its SHA-256 is not the one in its manifest".to_owned()
        } else if self.plain_bytes != plain_bytes {
            format!("it unpacks to {plain_bytes} bytes, its manifest says {}", self.plain_bytes)
        } else {
            return Ok(());
        };
        Err(does_not_fit(name, &why))
    }

    /// Compares the record with the size in a listing.
    ///
    /// # Errors
    ///
    /// `Corrupt` if they differ.
    pub fn confirm_size(&self, name: &str, stored_bytes: u64) -> Result<()> {
        if self.stored_bytes == stored_bytes {
            return Ok(());
        }
        Err(does_not_fit(name, &format!("it has {stored_bytes} bytes, its manifest says {}", self.stored_bytes)))
    }
}

fn does_not_fit(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("cannot use backup `{name}`: {why}"))
        .at(Stage::Store)
        .subject(name)
        .hint("it was damaged or replaced after it was made; take another one")
}

/// Version of the layout that this version writes.
pub const FORMAT: u32 = 1;

/// Returns what tells one source from another of the same name: SHA-256 of its kind, host, port and path, in
/// hexadecimal digits.
///
/// A source in files has neither host nor port, and its path is made absolute, links followed, whether it is there or not.
pub fn source_id(kind: &str, host: &str, port: &str, path: &Path) -> String {
    let resolved = if host.is_empty() { resolved(path) } else { path.to_owned() };
    let mut digest = Sha256::new();
    for part in [kind, host, port] {
        digest.update(part.as_bytes());
        digest.update(b"\0");
    }
    digest.update(resolved.as_os_str().as_encoded_bytes());
    digest.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Follows the links of a path, those that lead nowhere too: the same before and after its file was lost.
fn resolved(path: &Path) -> PathBuf {
    let mut current = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing = Vec::new();
    for _ in 0..MOST_STEPS {
        if let Ok(found) = fs_err::canonicalize(&current) {
            return missing.iter().rev().fold(found, |found, name| found.join(name));
        }
        let parent = current.parent().unwrap_or(Path::new("/")).to_owned();
        if let Ok(target) = fs_err::read_link(&current) {
            current = parent.join(target);
        } else {
            missing.extend(current.file_name().map(ToOwned::to_owned));
            current = parent;
        }
    }
    path.to_owned()
}

/// Links and missing folders that are followed.
const MOST_STEPS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_the_same_before_and_after_its_file_was_lost() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs_err::create_dir(at("release-1")).unwrap();
        std::os::unix::fs::symlink("release-1", at("current")).unwrap();
        std::os::unix::fs::symlink("release-1/real.sqlite3", at("link.sqlite3")).unwrap();
        for name in ["current/db.sqlite3", "link.sqlite3"] {
            let id = || source_id("sqlite", "", "", &at(name));
            fs_err::write(at(name), "x").unwrap();
            let before = id();
            fs_err::remove_file(fs_err::canonicalize(at(name)).unwrap()).unwrap();
            assert_eq!(id(), before, "{name}");
        }
        assert_ne!(source_id("sqlite", "", "", &at("a")), source_id("sqlite", "", "", &at("b")));
    }

    #[test]
    fn unknown_keys_are_kept() {
        let json = r#"{"engine":"e","mine":{"a":[1]},"dbbackup":{"format":1,"state":"whole","kind":"database",
            "alias":"a","database":"d","servername":"s","created_at":"2026-11-22T10:15:00Z","compression":"none",
            "encryption":"none","stored_bytes":1,"stored_sha256":"","plain_bytes":1,"generator":"g","later":7}}"#;
        let manifest = Manifest::parse("x", json.as_bytes()).unwrap();
        assert_eq!(manifest.engine(), Some("e"));
        let again = Manifest::parse("x", &manifest.to_json().unwrap()).unwrap();
        assert_eq!(again, manifest);
        assert_eq!(again.top["mine"]["a"][0], 1);
        assert_eq!(again.dbbackup.unwrap().unknown["later"], 7);
    }

    #[test]
    fn the_predecessors_metadata_is_a_manifest_without_ours() {
        let manifest = Manifest::parse("x", br#"{"engine": "django.db.backends.sqlite3", "connector": "c"}"#).unwrap();
        assert!(manifest.dbbackup.is_none());
        let manifest = Manifest::parse("x", br#"{"dbbackup": "5.4.0"}"#).unwrap();
        assert_eq!((manifest.top["dbbackup"].as_str(), manifest.dbbackup), (Some("5.4.0"), None));
    }

    #[test]
    fn junk_and_later_formats_are_told_apart() {
        for (json, kind) in [
            ("junk", ErrorKind::Corrupt),
            ("[]", ErrorKind::Corrupt),
            (r#"{"dbbackup": {"format": 1}}"#, ErrorKind::Corrupt),
            (r#"{"dbbackup": {"format": 2}}"#, ErrorKind::Unsupported),
        ] {
            assert_eq!(Manifest::parse("x", json.as_bytes()).unwrap_err().kind(), kind, "{json}");
        }
    }
}
