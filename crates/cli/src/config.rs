//! `dbbackup.toml`: databases, media, stores and retention by name. Unknown keys are errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dbbackup::{Error, ErrorKind, Result, nearest};
use fs_err as fs;
use serde::Deserialize;

/// The file, parsed; empty where there is none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// `[databases.NAME]`
    #[serde(default)]
    pub(crate) databases: BTreeMap<String, DatabaseEntry>,
    /// `[media.NAME]`
    #[serde(default)]
    pub(crate) media: BTreeMap<String, MediaEntry>,
    /// `[stores.NAME]`
    #[serde(default)]
    pub(crate) stores: BTreeMap<String, StoreEntry>,
    /// `[retention]`
    #[serde(default)]
    pub(crate) retention: Retention,
    /// The file's folder, which relative paths in it start from.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

/// One database.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `url`")]
pub(crate) struct DatabaseEntry {
    /// `sqlite:////srv/shop.sqlite3`
    pub(crate) url: String,
    /// File with the password, for databases that have one.
    pub(crate) password_file: Option<PathBuf>,
    /// Tables whose rows are left out.
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
}

/// One folder of media.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `path`")]
pub(crate) struct MediaEntry {
    /// The folder.
    pub(crate) path: PathBuf,
    /// Patterns of what to leave out.
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
}

/// One store.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `url`")]
pub(crate) struct StoreEntry {
    /// A folder, or a URL.
    pub(crate) url: String,
}

/// What `prune` keeps.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `keep_last`")]
pub(crate) struct Retention {
    /// Newest backups of each database.
    pub(crate) keep_last: Option<usize>,
}

impl Config {
    /// Reads `given` or `$DBBACKUP_CONFIG`, else `./dbbackup.toml`, else the user's; none of them there is an
    /// empty configuration.
    pub(crate) fn read(given: Option<&Path>) -> Result<Self> {
        if let Some(path) = given.map(PathBuf::from).or_else(|| variable("DBBACKUP_CONFIG")) {
            return Self::parse(&path, &fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?);
        }
        for path in [Some(PathBuf::from("dbbackup.toml")), of_user()].into_iter().flatten() {
            match fs::read_to_string(&path) {
                Ok(text) => return Self::parse(&path, &text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&path, error)),
            }
        }
        Ok(Self::default())
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let parsed = toml::from_str(text).map_err(|source: toml::de::Error| {
            // Its own text shows the line, which may hold a password.
            let before = source.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let (line, what) = (before.split('\n').count(), source.message().replace('\n', ", "));
            let error = Error::new(ErrorKind::Config, format!("cannot use `{}`: line {line}: {what}", path.display()))
                .subject(path.display());
            match unknown_key(source.message()) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { folder, ..parsed })
    }
}

/// Finds the nearest known key in serde's ``unknown field `ur`, expected one of `url`, …``.
fn unknown_key(message: &str) -> Option<String> {
    let names: Vec<&str> = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2).collect();
    let (unknown, known) = names.split_first()?;
    nearest(unknown, known.iter().copied()).map(|name| format!("did you mean `{name}`?"))
}

fn of_user() -> Option<PathBuf> {
    let folder = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?;
    Some(folder.join("dbbackup").join("dbbackup.toml"))
}

/// Reads a variable of the environment; an empty one is as good as none.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::new(ErrorKind::Config, format!("cannot read `{}`", path.display())).subject(path.display()).because(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest() {
        let error = Config::parse(Path::new("x.toml"), "[databases.shop]\nurll = 'a'").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(error.advice(), Some("did you mean `url`?"));
        assert!(Config::parse(Path::new("x.toml"), "[retention]\nkeep_last = 3").is_ok());
    }

    #[test]
    fn a_password_in_the_file_is_not_shown() {
        for text in [
            "[databases.shop]\nurl = 'postgresql://h/db'\npassword = 'canary'",
            "[databases.shop]\nurll = 'postgresql://u:canary@h/db'",
            "[databases.shop]\nurl = 'postgresql://u:canary@h/db",
        ] {
            let error = Config::parse(Path::new("x.toml"), text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }

    #[test]
    fn relative_paths_start_from_the_files_folder() {
        let config = Config::parse(Path::new("/etc/x.toml"), "").unwrap();
        assert_eq!(config.folder, Path::new("/etc"));
    }
}
