//! Databases: from what was typed to the engine's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dbbackup::drill::Engine;
use dbbackup::manifest::source_id;
use dbbackup::name::stem;
use dbbackup::source::postgres::{Connection, Postgres};
use dbbackup::source::sqlite::Sqlite;
use dbbackup::source::{Source, Target};
use dbbackup::units::ByteSize;
use dbbackup::{Error, ErrorKind, Listed, Result, Run, Secret, nearest};
use fs_err as fs;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::args::{BackupArgs, RestoreArgs, WorkArgs};
use crate::config::{Config, DatabaseEntry};
use crate::place::decoded_path;
use crate::render::age;

/// A database that was named on the command line.
#[derive(Debug)]
pub(crate) struct Database {
    /// Its name in the store.
    pub(crate) alias: String,
    place: Place,
    /// Tables whose rows stay out of a backup.
    pub(crate) exclude: Vec<String>,
}

/// Where it is.
#[derive(Debug)]
enum Place {
    Sqlite(PathBuf),
    Postgres(Connection),
}

impl Database {
    /// Resolves a name of `dbbackup.toml` or a URL.
    pub(crate) fn resolve(typed: &str, config: &Config) -> Result<Self> {
        if let Some(entry) = config.databases.get(typed) {
            let place = Place::of_entry(typed, entry, config)?;
            return Ok(Self { alias: typed.to_owned(), place, exclude: entry.exclude.clone() });
        }
        if !typed.contains("://") {
            let known = nearest(typed, config.databases.keys().map(String::as_str));
            let hint = match known {
                _ if Path::new(typed).is_file() => format!("did you mean `sqlite:///{typed}`?"),
                Some(known) => format!("did you mean `{known}`?"),
                None => "name one of dbbackup.toml, or give a URL: sqlite:///file, postgresql://host/name".to_owned(),
            };
            return Err(Error::new(ErrorKind::Config, format!("cannot find database `{typed}`"))
                .subject(typed)
                .hint(hint));
        }
        let mut database = Self { alias: String::new(), place: Place::of_url(typed)?, exclude: Vec::new() };
        database.alias = database.own_name();
        Ok(database)
    }

    /// Returns the engine's source for it.
    pub(crate) fn source(&self, verb: &BackupArgs) -> Result<Box<dyn Source>> {
        Ok(match &self.place {
            Place::Sqlite(path) if verb.schema.is_empty() => {
                Box::new(sqlite(path, &verb.work).excluding(&self.exclude))
            }
            Place::Sqlite(_) => return Err(no_schemas()),
            Place::Postgres(connection) => {
                Box::new(postgres(connection, &verb.work).excluding(&self.exclude).only_schemas(&verb.schema))
            }
        })
    }

    /// Returns the engine's target for it.
    pub(crate) fn target(&self, verb: &RestoreArgs) -> Result<Box<dyn Target>> {
        let of_postgres = &verb.postgres;
        Ok(match &self.place {
            Place::Sqlite(_) if !of_postgres.schema.is_empty() => return Err(no_schemas()),
            Place::Sqlite(path) => Box::new(sqlite(path, &verb.work)),
            Place::Postgres(connection) => Box::new(
                postgres(connection, &verb.work)
                    .only_schemas(&of_postgres.schema)
                    .dropping(!of_postgres.no_drop)
                    .cascading(of_postgres.cascade)
                    .terminating(of_postgres.terminate_connections)
                    .accepting_unproven(of_postgres.accept_unproven),
            ),
        })
    }

    /// Returns what becomes of tables that `backup` may have no rows of, in words for the question before a restore.
    pub(crate) fn excluded_rows(&self, backup: &Listed, drops: bool) -> Option<String> {
        let named = |tables: &[String]| tables.iter().map(|table| format!("`{table}`")).collect::<Vec<_>>().join(", ");
        let excluded = backup.manifest.dbbackup.as_ref().map(|record| record.excluded.as_slice());
        match (&self.place, excluded) {
            (_, Some([])) => None,
            (Place::Sqlite(_), Some(excluded)) => {
                Some(format!("It was made without the rows of {}: they will be empty.", named(excluded)))
            }
            (Place::Postgres(_), Some(excluded)) => {
                Some(format!("It was made without the rows of {}: those that are there stay.", named(excluded)))
            }
            // Who made it has left out what is left out today, and says nothing of it.
            (Place::Postgres(_), None) if drops && !self.exclude.is_empty() => Some(format!(
                "It does not say whose rows it was made without: if it has none of {}, they will be empty.",
                named(&self.exclude)
            )),
            _ => None,
        }
    }

    /// Returns its server, with the programs that reach it; `None` for a file.
    pub(crate) fn server(&self) -> Option<Postgres> {
        match &self.place {
            Place::Sqlite(_) => None,
            Place::Postgres(connection) => Some(Postgres::new(connection.clone())),
        }
    }

    /// Returns what a restore would replace, in words; `None` if there is nothing yet.
    ///
    /// # Errors
    ///
    /// Those of the server that has it.
    pub(crate) fn presence(&self, work: &WorkArgs, run: &Run) -> Result<Option<String>> {
        match &self.place {
            Place::Sqlite(path) => Ok(file_presence(path)),
            Place::Postgres(connection) => {
                let summary = postgres(connection, work).summary(run)?;
                let (size, tables, rows) = (ByteSize(summary.bytes), summary.tables, summary.rows);
                Ok((tables > 0).then(|| format!("{size}, {tables} tables with about {rows} rows")))
            }
        }
    }

    /// Returns the database's own name: the file without folder and ending, or the name on its server.
    pub(crate) fn own_name(&self) -> String {
        match &self.place {
            Place::Sqlite(path) => stem(&path.file_name().unwrap_or_default().to_string_lossy()).to_owned(),
            Place::Postgres(connection) => {
                let name =
                    connection.get("dbname").or_else(|| connection.get("service")).or_else(|| connection.get("user"));
                stem(name.unwrap_or("postgres")).replace('/', "-")
            }
        }
    }

    /// Returns how people call it.
    pub(crate) fn shown(&self) -> String {
        match &self.place {
            Place::Sqlite(path) => path.display().to_string(),
            Place::Postgres(connection) => {
                let host = connection.get("host").map_or(String::new(), |host| format!(" on {host}"));
                format!("{}{host}", connection.get("dbname").unwrap_or(&self.alias))
            }
        }
    }

    /// Returns what tells this database from another of the same name.
    pub(crate) fn source_id(&self) -> String {
        match &self.place {
            Place::Sqlite(path) => source_id("sqlite", "", "", path),
            Place::Postgres(connection) => Postgres::new(connection.clone()).source_id(),
        }
    }

    /// Returns what the names of its backups end in.
    pub(crate) fn extension(&self) -> &'static str {
        match &self.place {
            Place::Sqlite(_) => "sqlite3",
            Place::Postgres(_) => "psql.bin",
        }
    }

    /// Returns the manifest's top level: what a Django project would write, so that it can restore the backup.
    pub(crate) fn metadata(&self) -> Map<String, Value> {
        let (engine, connector) = match &self.place {
            Place::Sqlite(_) => ("sqlite3", "sqlite.SqliteBackupConnector"),
            Place::Postgres(_) => ("postgresql", "postgresql.PgDumpBinaryConnector"),
        };
        let metadata = json!({
            "engine": format!("django.db.backends.{engine}"),
            "connector": format!("dbbackup.db.{connector}"),
        });
        metadata.as_object().cloned().unwrap_or_default()
    }

    /// Fails for a backup whose engine, as Django calls it, is of another kind.
    pub(crate) fn require_engine(&self, engine: &str, backup: &str) -> Result<()> {
        let own = match &self.place {
            Place::Sqlite(_) => Engine::Sqlite,
            Place::Postgres(_) => Engine::Postgres,
        };
        if own.is_called(engine) {
            return Ok(());
        }
        let message = format!("cannot restore `{backup}` into a {} database: it is of `{engine}`", own.name());
        Err(Error::new(ErrorKind::Refused, message).subject(backup))
    }
}

impl Place {
    fn of_entry(name: &str, entry: &DatabaseEntry, config: &Config) -> Result<Self> {
        match (Self::of_url(&entry.url)?, &entry.password_file) {
            (Self::Sqlite(path), None) => Ok(Self::Sqlite(config.folder.join(path))),
            (Self::Sqlite(_), Some(_)) => {
                Err(Error::new(ErrorKind::Config, format!("cannot use `password_file` for `{name}`"))
                    .hint("a SQLite database has no password"))
            }
            (place @ Self::Postgres(_), None) => Ok(place),
            (Self::Postgres(connection), Some(file)) => {
                let file = config.folder.join(file);
                let text = fs::read_to_string(&file).map_err(|source| {
                    Error::new(ErrorKind::Config, format!("cannot read the password of `{name}`")).because(source)
                })?;
                Ok(Self::Postgres(connection.with_password(Secret::new(text.trim_end_matches(['\r', '\n'])))))
            }
        }
    }

    fn of_url(url: &str) -> Result<Self> {
        match url.split_once("://") {
            Some(("postgresql" | "postgres", _)) => Connection::from_url(url).map(Self::Postgres),
            _ => sqlite_path(url).map(Self::Sqlite),
        }
    }
}

fn sqlite(path: &Path, work: &WorkArgs) -> Sqlite {
    Sqlite::new(path).with_lock_timeout(Duration::from_secs(work.lock_timeout.into()))
}

fn postgres(connection: &Connection, work: &WorkArgs) -> Postgres {
    Postgres::new(connection.clone()).with_lock_timeout(Duration::from_secs(work.lock_timeout.into()))
}

fn file_presence(path: &Path) -> Option<String> {
    let there = fs::metadata(path).ok().filter(|there| there.len() > 0 && !there.is_dir())?;
    let changed = there.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    let changed = changed.map_or(String::new(), |changed| format!(", changed {}", age(changed, Timestamp::now())));
    Some(format!("{}{changed}", ByteSize(there.len())))
}

fn no_schemas() -> Error {
    Error::new(ErrorKind::Config, "cannot use --schema: a SQLite database has none")
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
        Some((scheme @ ("mysql" | "mariadb" | "mongodb"), _)) => {
            // The URL may hold a password, so it is not repeated.
            Err(Error::new(ErrorKind::Unsupported, format!("cannot use `{scheme}://` databases"))
                .hint("this version knows SQLite and PostgreSQL"))
        }
        _ => Err(bad("no such kind of database", "this version knows sqlite:///file and postgresql://host/name")),
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
            ("mysql://user:canary@host/db", ErrorKind::Unsupported),
        ] {
            let error = sqlite_path(url).unwrap_err();
            assert_eq!(error.kind(), kind, "{url}");
            assert!(!format!("{error:?}").contains("canary"));
        }
    }

    #[test]
    fn a_mistyped_name_gets_a_hint() {
        let config: Config = toml::from_str("[databases.shop]\nurl = 'sqlite:///a.db'").unwrap();
        assert_eq!(Database::resolve("shop", &config).unwrap().shown(), "a.db");
        assert_eq!(Database::resolve("shpo", &config).unwrap_err().advice(), Some("did you mean `shop`?"));
    }
}
