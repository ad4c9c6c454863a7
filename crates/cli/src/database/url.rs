//! Where a database is, from its URL and its entry in `dbbackup.toml`.

use std::path::{Path, PathBuf};

use dbbackup::source::mysql;
use dbbackup::source::postgres::Connection;
use dbbackup::{Error, ErrorKind, Result, Secret};
use fs_err as fs;

use super::Place;
use crate::config::{Config, DatabaseEntry};
use crate::place::decoded_path;

impl Place {
    pub(super) fn of_entry(name: &str, entry: &DatabaseEntry, config: &Config) -> Result<Self> {
        match (Self::of_url(&entry.url)?, &entry.password_file) {
            (Self::Sqlite(path), None) => Ok(Self::Sqlite(config.folder.join(path))),
            (Self::Sqlite(_), Some(_)) => {
                Err(Error::new(ErrorKind::Config, format!("cannot use `password_file` for `{name}`"))
                    .hint("a SQLite database has no password"))
            }
            (place, None) => Ok(place),
            (Self::Postgres(connection), Some(file)) => {
                Ok(Self::Postgres(connection.with_password(password_in(&config.folder.join(file), name)?)))
            }
            (Self::Mysql(connection), Some(file)) => {
                Ok(Self::Mysql(connection.with_password(password_in(&config.folder.join(file), name)?)))
            }
        }
    }

    pub(super) fn of_url(url: &str) -> Result<Self> {
        match url.split_once("://") {
            Some(("postgresql" | "postgres", _)) => Connection::from_url(url).map(Self::Postgres),
            Some(("mysql" | "mariadb", _)) => mysql::Connection::from_url(url).map(Self::Mysql),
            _ => sqlite_path(url).map(Self::Sqlite),
        }
    }
}

fn password_in(file: &Path, name: &str) -> Result<Secret> {
    let text = fs::read_to_string(file).map_err(|source| {
        Error::new(ErrorKind::Config, format!("cannot read the password of `{name}`")).because(source)
    })?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// Reads `sqlite:///relative` and `sqlite:////absolute`, percent-decoded.
fn sqlite_path(url: &str) -> Result<PathBuf> {
    let bad = |why: &str, hint: &str| {
        Error::new(ErrorKind::Config, format!("cannot use `{url}`: {why}")).subject(url).hint(hint)
    };
    match url.split_once("://") {
        Some(("sqlite", rest)) => {
            let path = rest.strip_prefix('/').filter(|path| !path.is_empty());
            let hint = "three slashes for a relative path (sqlite:///shop.sqlite3), four for an absolute one";
            let path = path.ok_or_else(|| bad("no path", hint))?;
            if path == ":memory:" {
                return Err(bad("a database in memory belongs to its process", "give a file"));
            }
            decoded_path(path)
        }
        // The URL may hold a password, so it is not repeated.
        Some(("mongodb", _)) => Err(Error::new(ErrorKind::Unsupported, "cannot use `mongodb://` databases")
            .hint("this version knows SQLite, PostgreSQL, MySQL and MariaDB")),
        _ => Err(bad(
            "no such kind of database",
            "this version knows sqlite:///file, postgresql://host/name and mysql://host/name",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_relative_with_three_slashes_and_absolute_with_four() {
        for (url, path) in [
            ("sqlite:///shop.sqlite3", "shop.sqlite3"),
            ("sqlite:////srv/shop.sqlite3", "/srv/shop.sqlite3"),
            ("sqlite:////srv/a%20b%3F%23%25.db", "/srv/a b?#%.db"),
        ] {
            assert_eq!(sqlite_path(url).unwrap(), Path::new(path));
        }
        for (url, kind) in [
            ("sqlite://shop", ErrorKind::Config),
            ("sqlite:///", ErrorKind::Config),
            ("sqlite:///:memory:", ErrorKind::Config),
            ("sqlite:///%zz", ErrorKind::Config),
            ("oracle://x", ErrorKind::Config),
            ("mongodb://user:canary@host/db", ErrorKind::Unsupported),
        ] {
            let error = sqlite_path(url).unwrap_err();
            assert_eq!(error.kind(), kind, "{url}");
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
}
