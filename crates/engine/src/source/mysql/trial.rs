//! A scratch database that a backup is restored into, to be asked what it holds, and dropped.

use std::collections::BTreeMap;

use super::key::Key;
use super::said::number;
use super::scratch::{Charset, Scratch, is_mark};
use super::script::charset_of;
use super::session::Session;
use super::statement::{Token, Tokens};
use super::{Mysql, identifier, literal};
use crate::drill::{self, Candidate, Engine, ForeignKeys, Found, Ground};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::{Phase, Run};
use crate::source::Target;

impl Ground for Mysql {
    fn engine(&self) -> Engine {
        Engine::Mysql
    }

    fn trial(&self, candidate: &Candidate<'_>, run: &Run) -> Result<Box<dyn drill::Trial>> {
        Ok(Box::new(Trial::new(self, candidate, run)?))
    }
}

/// A database on a server that nobody else uses; removed when dropped, swept by the next drill after kill -9.
pub struct Trial {
    scratch: Scratch,
    database: Mysql,
    /// Tables that the backup has no rows of.
    excluded: Vec<String>,
    /// Tables as the manifest calls them.
    named: Vec<String>,
}

impl Trial {
    /// Makes an empty one on the server of `mysql`, whose own database is not looked at; drops what killed drills left
    /// there.
    ///
    /// # Errors
    ///
    /// `Denied`, with the statement that gives the rights; `Refused` where the server only reads; those of a connection.
    pub fn new(mysql: &Mysql, candidate: &Candidate<'_>, run: &Run) -> Result<Self> {
        mysql.connection.require_defaults_file()?;
        let scratch = Scratch::make(mysql, charset(candidate).as_ref(), run)?;
        let database = mysql.scratch(scratch.name());
        let record = candidate.manifest.dbbackup.as_ref();
        let excluded = record.map(|record| record.excluded.clone()).unwrap_or_default();
        let content = record.and_then(|record| record.content.as_ref());
        let named = content.map(|content| content.tables.keys().cloned().collect()).unwrap_or_default();
        Ok(Self { scratch, database, excluded, named })
    }

    /// Returns its name on the server.
    pub fn name(&self) -> &str {
        self.scratch.name()
    }

    /// Returns the rows of every table, and the tables that cannot be counted.
    fn count(&self, session: &mut Session, run: &Run) -> Result<(BTreeMap<String, u64>, Vec<String>)> {
        let tables: Vec<(String, Option<String>)> = session.ask_each(&self.of_schema(TABLES))?;
        let is_lowered = session.ask::<u8>("SELECT @@lower_case_table_names = 1")? == 1;
        let (mut counted, mut unread) = (BTreeMap::new(), Vec::new());
        for (table, engine) in tables.into_iter().filter(|(table, _)| !is_mark(table)) {
            let rows = if engine.is_some_and(|engine| WITHOUT_ROWS.contains(&engine.as_str())) {
                Some(0)
            } else {
                let path = format!("{}.{}", identifier(self.name()), identifier(&table));
                self.answer(session, &format!("SELECT COUNT(*) FROM {path}"), run)?
            };
            let table = if is_lowered { self.as_named(table) } else { table };
            match rows {
                Some(rows) => drop(counted.insert(table, rows)),
                None => unread.push(table),
            }
        }
        Ok((counted, unread))
    }

    /// Counts rows that refer to others that are not there: the restore makes the keys without checking them.
    fn foreign_keys(&self, session: &mut Session, run: &Run) -> Result<ForeignKeys> {
        let keys = Key::all(session, &format!("TABLE_SCHEMA = {}", literal(self.name())))?;
        let mut found = ForeignKeys::default();
        for key in keys {
            // Its rows are in another database, or in none of this backup.
            let is_elsewhere = key.parent_schema != self.name() || self.excluded.contains(&key.parent);
            let rows = if is_elsewhere { None } else { self.answer(session, &key.dangling(), run)? };
            match rows {
                Some(0) => {}
                Some(rows) => found.add(&key.table, &key.parent, rows),
                None if found.unchecked.contains(&key.table) => {}
                None => found.unchecked.push(key.table),
            }
        }
        Ok(found)
    }

    /// Returns the number that a query asks for; `None`, and another session, if the server does not tell.
    fn answer(&self, session: &mut Session, sql: &str, run: &Run) -> Result<Option<u64>> {
        match session.ask(sql) {
            Ok(number) => Ok(Some(number)),
            Err(_unread) => {
                run.cancel.check()?;
                *session = Session::start(&self.database, Stage::Target, run)?;
                Ok(None)
            }
        }
    }

    /// Returns how the manifest calls a table of a server that knows small letters only.
    fn as_named(&self, table: String) -> String {
        let mut same = self.named.iter().filter(|name| name.to_lowercase() == table);
        match (same.next(), same.next()) {
            (Some(name), None) => name.clone(),
            _ => table,
        }
    }

    fn of_schema(&self, query: &str) -> String {
        query.replace("{schema}", &literal(self.name()))
    }
}

impl drill::Trial for Trial {
    fn target(&mut self) -> &mut dyn Target {
        &mut self.database
    }

    fn explain(&self, error: Error) -> Error {
        if error.stage() != Some(Stage::Target) || error.kind() != ErrorKind::Denied {
            return error;
        }
        match number(&error.to_string()) {
            Some(1227) => error.advise(
                "others than the user are definers in it: drill as one who may SET USER (MariaDB) or SET_ANY_DEFINER (MySQL), \
                 of this server or of one that is for drills: --scratch",
            ),
            Some(1419) => error,
            _ => error.advise(format!("let a superuser run: {}", self.scratch.grant())),
        }
    }

    fn notes_that_stay(&self, notes: Vec<String>) -> Vec<String> {
        notes
    }

    fn ask(&mut self, run: &Run) -> Result<Found> {
        run.phase(Phase::Check, None)?;
        let mut session = Session::start(&self.database, Stage::Target, run)?;
        let (tables, unread) = self.count(&mut session, run)?;
        let foreign_keys = self.foreign_keys(&mut session, run)?;
        session.end()?;
        Ok(Found { tables, unread, foreign_keys, notes: Vec::new() })
    }

    fn check(&self) -> &'static str {
        CHECK
    }

    fn end(mut self: Box<Self>) -> Vec<String> {
        let swept = &self.scratch.swept;
        let swept = (!swept.is_empty()).then(|| format!("dropped what killed drills had left: {}", swept.join(", ")));
        let name = identifier(self.name());
        let stays = self.scratch.remove().err().map(|error| {
            format!("its scratch database is still there: {error}; the next drill drops it, or: DROP DATABASE {name}")
        });
        swept.into_iter().chain(stays).collect()
    }
}

/// Returns character set and collation of the database that was backed up: as the manifest says, else as the dump begins.
fn charset(candidate: &Candidate<'_>) -> Option<Charset> {
    let record = candidate.manifest.dbbackup.as_ref();
    let said = |key: &str| record?.source.get(key)?.as_str().map(str::to_owned);
    let of_manifest = said("encoding").map(|charset| Charset { charset, collation: said("collation") });
    let found = of_manifest.or_else(|| charset_in(candidate.head))?;
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_plain = is_word(&found.charset) && found.collation.as_deref().is_none_or(is_word);
    is_plain.then_some(found)
}

/// Finds them in the text of a dump that makes its database.
fn charset_in(head: &[u8]) -> Option<Charset> {
    let statement = &head[memchr::memmem::find(head, b"\nCREATE DATABASE ")?..];
    let statement = &statement[..memchr::memchr(b';', statement)?];
    let tokens: Vec<Token<'_>> = Tokens::of(statement).map(|(token, _)| token).collect();
    let clause = charset_of(&tokens)?;
    let mut words = clause.split(' ');
    let mut after = |word: &str| words.by_ref().skip_while(|other| !other.eq_ignore_ascii_case(word)).nth(1);
    let charset = after("SET")?.to_owned();
    Some(Charset { charset, collation: after("COLLATE").map(str::to_owned) })
}

/// Views are asked nothing, and a sequence is one row of its own.
const TABLES: &str = "\
SELECT JSON_ARRAY(TABLE_NAME, ENGINE) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema}
AND TABLE_TYPE NOT LIKE '%VIEW' AND TABLE_TYPE <> 'SEQUENCE' ORDER BY TABLE_NAME";

/// Engines of tables that show others' rows: no dump has any of them.
const WITHOUT_ROWS: [&str; 3] = ["MRG_MyISAM", "MRG_MYISAM", "FEDERATED"];

/// What a restored database was checked by: indexes were made anew.
const CHECK: &str = "MySQL's constraints in the restored database";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    fn of_text(head: &str) -> Option<Charset> {
        charset(&Candidate { name: "a", manifest: &Manifest::default(), head: head.as_bytes() })
    }

    #[test]
    fn a_dump_that_makes_its_database_tells_the_character_set() {
        let made =
            "-- MariaDB dump\n\nCREATE DATABASE /*!32312 IF NOT EXISTS*/ `a` /*!40100 DEFAULT CHARACTER SET latin1";
        let expected = |collation: Option<&str>| {
            Some(Charset { charset: "latin1".to_owned(), collation: collation.map(str::to_owned) })
        };
        assert_eq!(of_text(&format!("{made} COLLATE latin1_bin */;\n")), expected(Some("latin1_bin")));
        assert_eq!(of_text(&format!("{made} */;\n")), expected(None));
        assert_eq!(of_text("-- MariaDB dump\n\nCREATE TABLE a (b int);\n"), None);
    }
}
