//! Databases: from what was typed to the engine's own.

mod url;

use std::path::{Path, PathBuf};
use std::time::Duration;

use dbbackup::drill::{Engine, Ground};
use dbbackup::manifest::source_id;
use dbbackup::name::stem;
use dbbackup::source::mysql::{self, Mysql};
use dbbackup::source::postgres::{Connection, Postgres};
use dbbackup::source::sqlite::Sqlite;
use dbbackup::source::{Source, Target};
use dbbackup::units::ByteSize;
use dbbackup::{Error, ErrorKind, Listed, Result, Run, nearest};
use fs_err as fs;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::args::{BackupArgs, RestoreArgs, WorkArgs};
use crate::config::Config;
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
    Mysql(mysql::Connection),
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
                None => "name one of dbbackup.toml, or give a URL: sqlite:///file, postgresql://host/name, mysql://host/name".to_owned(),
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
            Place::Sqlite(_) | Place::Mysql(_) if !verb.schema.is_empty() => return Err(self.no_schemas()),
            Place::Sqlite(path) => Box::new(sqlite(path, &verb.work).excluding(&self.exclude)),
            Place::Mysql(connection) => Box::new(mysql(connection, &verb.work).excluding(&self.exclude)),
            Place::Postgres(connection) => {
                Box::new(postgres(connection, &verb.work).excluding(&self.exclude).only_schemas(&verb.schema))
            }
        })
    }

    /// Returns a source for what is saved before a restore: all of it.
    pub(crate) fn saved(&self, work: &WorkArgs) -> Box<dyn Source> {
        match &self.place {
            Place::Sqlite(path) => Box::new(sqlite(path, work)),
            Place::Postgres(connection) => Box::new(postgres(connection, work)),
            Place::Mysql(connection) => Box::new(mysql(connection, work)),
        }
    }

    /// Whether a restore would write into the database itself, so that one that fails leaves some of each.
    ///
    /// # Errors
    ///
    /// Those of the server that has it.
    pub(crate) fn is_restored_in_place(&self, verb: &RestoreArgs, run: &Run) -> Result<bool> {
        match &self.place {
            Place::Mysql(connection) if !verb.mysql.atomic_only => {
                Ok(!mysql(connection, &verb.work).may_load_beside(run)?)
            }
            _ => Ok(false),
        }
    }

    /// Returns the engine's target for it.
    pub(crate) fn target(&self, verb: &RestoreArgs) -> Result<Box<dyn Target>> {
        let of_postgres = &verb.postgres;
        Ok(match &self.place {
            Place::Sqlite(_) | Place::Mysql(_) if !of_postgres.schema.is_empty() => return Err(self.no_schemas()),
            Place::Sqlite(path) => Box::new(sqlite(path, &verb.work)),
            Place::Mysql(connection) => Box::new(
                mysql(connection, &verb.work)
                    .exactly(verb.mysql.exact)
                    .loading_in_place(!verb.mysql.atomic_only)
                    .accepting_unproven(of_postgres.accept_unproven),
            ),
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
            (Place::Postgres(_) | Place::Mysql(_), Some(excluded)) => {
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
    pub(crate) fn server(&self) -> Option<Server> {
        self.place.server()
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
                Ok(on_server(summary.bytes, summary.tables, summary.rows))
            }
            Place::Mysql(connection) => {
                let summary = mysql(connection, work).summary(run)?;
                Ok(on_server(summary.bytes, summary.tables, summary.rows))
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
            Place::Mysql(connection) => stem(connection.database()).replace('/', "-"),
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
            Place::Mysql(connection) => {
                let host = connection.get("host").map_or(String::new(), |host| format!(" on {host}"));
                format!("{}{host}", connection.database())
            }
        }
    }

    /// Returns what tells this database from another of the same name.
    pub(crate) fn source_id(&self) -> String {
        match &self.place {
            Place::Sqlite(path) => source_id("sqlite", "", "", path),
            Place::Postgres(connection) => Postgres::new(connection.clone()).source_id(),
            Place::Mysql(connection) => Mysql::new(connection.clone()).source_id(),
        }
    }

    /// Returns what the names of its backups end in.
    pub(crate) fn extension(&self) -> &'static str {
        match &self.place {
            Place::Sqlite(_) => "sqlite3",
            Place::Postgres(_) => "psql.bin",
            Place::Mysql(_) => "dump",
        }
    }

    /// Returns the manifest's top level: what a Django project would write, so that it can restore the backup.
    pub(crate) fn metadata(&self) -> Map<String, Value> {
        let (engine, connector) = match &self.place {
            Place::Sqlite(_) => ("sqlite3", "sqlite.SqliteBackupConnector"),
            Place::Postgres(_) => ("postgresql", "postgresql.PgDumpBinaryConnector"),
            Place::Mysql(_) => ("mysql", "mysql.MysqlDumpConnector"),
        };
        let metadata = json!({
            "engine": format!("django.db.backends.{engine}"),
            "connector": format!("dbbackup.db.{connector}"),
        });
        metadata.as_object().cloned().unwrap_or_default()
    }

    fn no_schemas(&self) -> Error {
        let kind = if matches!(self.place, Place::Sqlite(_)) { "SQLite" } else { "MySQL" };
        Error::new(ErrorKind::Config, format!("cannot use --schema: a {kind} database has none"))
    }

    /// Fails for a backup whose engine, as Django calls it, is of another kind.
    pub(crate) fn require_engine(&self, engine: &str, backup: &str) -> Result<()> {
        let own = match &self.place {
            Place::Sqlite(_) => Engine::Sqlite,
            Place::Postgres(_) => Engine::Postgres,
            Place::Mysql(_) => Engine::Mysql,
        };
        if own.is_called(engine) {
            return Ok(());
        }
        let message = format!("cannot restore `{backup}` into a {} database: it is of `{engine}`", own.name());
        Err(Error::new(ErrorKind::Refused, message).subject(backup))
    }
}

/// Where backups of one engine can be tried.
#[derive(Clone)]
pub(crate) enum Server {
    Postgres(Postgres),
    Mysql(Mysql),
}

impl Server {
    /// Resolves a name of `dbbackup.toml` or a URL, which may name a server alone; `None` for a file.
    pub(crate) fn resolve(typed: &str, config: &Config) -> Result<Option<Self>> {
        if ["mysql://", "mariadb://"].iter().any(|scheme| typed.starts_with(scheme)) {
            let connection = mysql::Connection::from_server_url(typed)?;
            return Ok(Some(Self::Mysql(Mysql::new(connection))));
        }
        Ok(Database::resolve(typed, config)?.server())
    }

    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Mysql(_) => Engine::Mysql,
        }
    }

    pub(crate) fn ground(self) -> Box<dyn Ground> {
        match self {
            Self::Postgres(server) => Box::new(server),
            Self::Mysql(server) => Box::new(server),
        }
    }
}

impl Place {
    fn server(&self) -> Option<Server> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(connection) => Some(Server::Postgres(Postgres::new(connection.clone()))),
            Self::Mysql(connection) => Some(Server::Mysql(Mysql::new(connection.clone()))),
        }
    }
}

fn sqlite(path: &Path, work: &WorkArgs) -> Sqlite {
    Sqlite::new(path).with_lock_timeout(Duration::from_secs(work.lock_timeout.into()))
}

fn postgres(connection: &Connection, work: &WorkArgs) -> Postgres {
    Postgres::new(connection.clone()).with_lock_timeout(Duration::from_secs(work.lock_timeout.into()))
}

fn mysql(connection: &mysql::Connection, work: &WorkArgs) -> Mysql {
    Mysql::new(connection.clone()).with_lock_timeout(Duration::from_secs(work.lock_timeout.into()))
}

fn on_server(bytes: u64, tables: u64, rows: u64) -> Option<String> {
    (tables > 0).then(|| format!("{}, {tables} tables with about {rows} rows", ByteSize(bytes)))
}

fn file_presence(path: &Path) -> Option<String> {
    let there = fs::metadata(path).ok().filter(|there| there.len() > 0 && !there.is_dir())?;
    let changed = there.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    let changed = changed.map_or(String::new(), |changed| format!(", changed {}", age(changed, Timestamp::now())));
    Some(format!("{}{changed}", ByteSize(there.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_gets_a_hint() {
        let config: Config = toml::from_str("[databases.shop]\nurl = 'sqlite:///a.db'").unwrap();
        assert_eq!(Database::resolve("shop", &config).unwrap().shown(), "a.db");
        assert_eq!(Database::resolve("shpo", &config).unwrap_err().advice(), Some("did you mean `shop`?"));
    }
}
