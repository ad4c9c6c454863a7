//! What a server says of itself and of a database before a backup.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::grants::Grants;
use super::journal::Journal;
use super::tools::Family;
use super::{Mysql, literal};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

/// A server, and one of its databases.
#[derive(Debug, Deserialize)]
pub(super) struct Server {
    pub(super) version: String,
    pub(super) charset: String,
    pub(super) collation: String,
    /// What the rows take, as the server estimates.
    pub(super) bytes: u64,
    /// Every table, and its engine.
    pub(super) tables: BTreeMap<String, Option<String>>,
    /// Whether a routine is there whose body the user may not see.
    pub(super) hides_routines: bool,
    /// Schemas beside it that may be a restore's.
    pub(super) schemas: Vec<String>,
    #[serde(skip)]
    pub(super) grants: Grants,
    /// The last migration of each Django app.
    #[serde(skip)]
    pub(super) migrations: BTreeMap<String, String>,
}

impl Server {
    /// Asks the server.
    ///
    /// # Errors
    ///
    /// `Config` if there is no such database; `Denied`, `Tool`: there is no connection.
    pub(super) fn ask(mysql: &Mysql, run: &Run) -> Result<Self> {
        let database = literal(mysql.connection.database());
        let query = QUERY
            .replace("{database}", &database)
            .replace("{schemas}", &literal(&Journal::pattern(mysql.connection.database())));
        let answer = mysql.ask_once(&format!("{query}; SHOW GRANTS"), run)?;
        let (json, grants) = answer.split_once('\n').unwrap_or((&answer, ""));
        let mut server: Self = parsed(json)?;
        server.grants = Grants::read(grants, mysql.connection.database());
        if server.tables.contains_key("django_migrations") {
            server.migrations = migrations(&mysql.ask_once(MIGRATIONS, run)?)?;
        }
        Ok(server)
    }

    pub(super) fn family(&self) -> Family {
        if self.version.contains("MariaDB") { Family::MariaDb } else { Family::MySql }
    }

    /// Returns what the manifest says of it.
    pub(super) fn facts(&self, program: &str, version: &str) -> Map<String, Value> {
        let mut facts = Map::new();
        facts.insert("server".to_owned(), json!(format!("{} {}", self.family().name(), self.version)));
        facts.insert(program.to_owned(), json!(version));
        facts.insert("encoding".to_owned(), json!(self.charset));
        facts.insert("collation".to_owned(), json!(self.collation));
        facts
    }

    /// Returns a sentence about tables that no snapshot holds still, if there are some.
    pub(super) fn outside_of_the_snapshot(&self) -> Option<String> {
        let outside: Vec<&str> = self
            .tables
            .iter()
            .filter(|(_, engine)| engine.as_deref().is_some_and(|engine| !TRANSACTIONAL.contains(&engine)))
            .map(|(name, _)| name.as_str())
            .collect();
        let (first, more) = (outside.first()?, outside.len() - 1);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!(
            "`{first}`{more} may be of another moment than the rest: its engine knows no transactions (ALTER TABLE … \
             ENGINE = InnoDB)"
        ))
    }
}

fn migrations(answer: &str) -> Result<BTreeMap<String, String>> {
    answer.lines().map(parsed::<(String, String)>).collect()
}

fn parsed<T: serde::de::DeserializeOwned>(answer: &str) -> Result<T> {
    serde_json::from_str(answer).map_err(|source| {
        Error::new(ErrorKind::Bug, "cannot understand the server's answer").at(Stage::Source).because(source)
    })
}

/// Engines whose rows `START TRANSACTION WITH CONSISTENT SNAPSHOT` holds still. Sequences have no rows.
const TRANSACTIONAL: [&str; 5] = ["InnoDB", "ROCKSDB", "TokuDB", "ndbcluster", "SEQUENCE"];

const QUERY: &str = "\
SELECT JSON_OBJECT(
  'version', VERSION(),
  'charset', (SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {database}),
  'collation', (SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {database}),
  'bytes', (SELECT CAST(COALESCE(SUM(DATA_LENGTH), 0) AS UNSIGNED) FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = {database}),
  'tables', (SELECT JSON_EXTRACT(CONCAT('{', COALESCE(GROUP_CONCAT(JSON_QUOTE(TABLE_NAME), ':',
      COALESCE(JSON_QUOTE(IF(TABLE_TYPE = 'SEQUENCE', 'SEQUENCE', ENGINE)), 'null')), ''), '}'), '$')
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = {database} AND TABLE_TYPE NOT LIKE '%VIEW'),
  'schemas', (SELECT JSON_EXTRACT(CONCAT('[', COALESCE(GROUP_CONCAT(JSON_QUOTE(SCHEMA_NAME)), ''), ']'), '$')
    FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE {schemas}),
  'hides_routines', JSON_EXTRACT(IF(EXISTS (SELECT 1 FROM information_schema.ROUTINES
    WHERE ROUTINE_SCHEMA = {database} AND ROUTINE_DEFINITION IS NULL), 'true', 'false'), '$'))";

const MIGRATIONS: &str = "\
SELECT JSON_ARRAY(app, name) FROM django_migrations JOIN
  (SELECT MAX(id) AS id FROM django_migrations GROUP BY app) AS newest USING (id)";
