//! The tables of a database and those that were loaded beside it change places: each step can be done again.

use std::collections::BTreeSet;

use super::catalog::{names, tables};
use super::create_table::rules_of;
use super::journal::{Entry, Journal, is_own};
use super::key::Key;
use super::loaded::Loaded;
use super::make::{make_all, unmade};
use super::object::{Object, ObjectKind, Sql};
use super::session::Session;
use super::{Mysql, identifier, literal};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

/// One exchange, before or after a kill.
pub(super) struct Swap<'a> {
    mysql: &'a Mysql,
    journal: Journal,
    session: Session,
    run: Run,
}

/// What became of all that belongs to the tables.
#[derive(Default)]
pub(super) struct Attached {
    /// What the user should know.
    pub(super) notes: Vec<String>,
    /// What could not be made, and why.
    pub(super) failed: Vec<(Object, Error)>,
}

/// Tables that change places.
struct Moves {
    coming: Vec<String>,
    going: Vec<String>,
}

impl<'a> Swap<'a> {
    pub(super) fn new(mysql: &'a Mysql, journal: Journal, session: Session, run: &Run) -> Self {
        Self { mysql, journal, session, run: run.clone() }
    }

    /// Finishes what a killed restore began: forward if its tables are in place, else back.
    ///
    /// # Errors
    ///
    /// The server's; the next run goes on.
    pub(super) fn recover(mut self) -> Result<(Session, String)> {
        let name = self.journal.live.clone();
        if !self.journal.is_there(&mut self.session)? {
            self.journal.drop(&mut self.session)?;
            return Ok((self.session, format!("what an earlier restore of `{name}` has left is dropped")));
        }
        if self.journal.is_swapped(&mut self.session)? {
            let Attached { notes, failed } = self.complete()?;
            let done = format!("an earlier restore of `{name}` was interrupted, and is finished now");
            let unmade = failed.iter().map(unmade).collect();
            return Ok((self.session, [vec![done], notes, unmade].concat().join("; ")));
        }
        self.detach_undone()?;
        Ok((self.session, format!("an earlier restore of `{name}` was interrupted, and is undone now")))
    }

    /// Exchanges the tables and makes what belongs to them. Returns what the user should know.
    ///
    /// # Errors
    ///
    /// The server's. Before the tables have changed places everything is as it was; afterwards, the next run goes on.
    pub(super) fn exchange(mut self, loaded: &Loaded) -> Result<(Session, Attached)> {
        let changed = self.detach(loaded).and_then(|moves| self.rename(&moves));
        if let Err(error) = changed {
            // What ended the session may have been its last answer.
            self.go_on().map_err(|lost| interrupted(&error, lost))?;
            if !self.journal.is_swapped(&mut self.session).map_err(|lost| interrupted(&error, lost))? {
                self.detach_undone().map_err(|lost| interrupted(&error, lost))?;
                return Err(error);
            }
        }
        let attached = match self.complete() {
            Ok(attached) => attached,
            Err(error) => self.go_on().and_then(|()| self.complete()).map_err(|lost| unfinished(&error, lost))?,
        };
        Ok((self.session, attached))
    }

    /// Connects again, and listens no more to what asks the run to stop.
    fn go_on(&mut self) -> Result<()> {
        self.run = self.run.unstopped();
        self.session = self.mysql.connect_again(&self.run)?;
        Ok(())
    }

    /// Does all that follows after the tables have changed places.
    fn complete(&mut self) -> Result<Attached> {
        let is_there = self.journal.is_there(&mut self.session)?;
        let attached = if is_there { self.attach()? } else { Attached::default() };
        self.journal.drop(&mut self.session)?;
        Ok(attached)
    }

    /// Notes what stands in the way of the exchange, and drops it: triggers, foreign keys of tables that stay, views
    /// where tables come.
    fn detach(&mut self, loaded: &Loaded) -> Result<Moves> {
        let (live, new) = (self.journal.live.clone(), self.journal.new.clone());
        let mut coming = tables(&mut self.session, &new)?;
        coming.retain(|table| !is_own(table));
        let going = self.going(&coming, loaded)?;

        let mut dropped = Vec::new();
        for table in &going {
            let triggers = self.triggers(&live, table)?;
            dropped.extend(triggers.into_iter().map(|trigger| (table.clone(), trigger)));
        }
        for view in names(&mut self.session, &live, ObjectKind::View)?.into_iter().filter(|view| coming.contains(view))
        {
            dropped.push((view.clone(), self.view(&live, &view)?));
        }
        let staying = self.keys_into(&going)?;
        let entries = dropped.iter().cloned().map(|(table, object)| Entry::Dropped { table, object });
        let entries = entries.chain(staying.iter().map(|key| Entry::Staying { key: key.clone() }));
        let surplus = if self.mysql.is_exact { loaded.surplus(&mut self.session, &live)? } else { Vec::new() };
        let entries = entries.chain(surplus.into_iter().map(|(kind, name)| Entry::Surplus { kind, name }));
        let entries = entries.chain(loaded.after.iter().cloned());
        let entries = entries.chain(loaded.objects.iter().map(|object| Entry::Made { object: object.clone() }));
        for entry in entries {
            self.journal.note(&mut self.session, &entry)?;
        }

        for table in &coming {
            for trigger in self.trigger_names(&new, table)? {
                let trigger = format!("{}.{}", identifier(&new), identifier(&trigger));
                self.session.tell(&format!("DROP TRIGGER IF EXISTS {trigger}"))?;
            }
        }
        for (_, object) in &dropped {
            self.session.tell(&object.kind.dropping(&live, &object.name))?;
        }
        for key in &staying {
            self.session.tell(&key.dropping())?;
        }
        Ok(Moves { coming, going })
    }

    /// Returns the tables of the database that make room: for tables and views of the same names, or because the backup
    /// does not know them.
    fn going(&mut self, coming: &[String], loaded: &Loaded) -> Result<Vec<String>> {
        let live = self.journal.live.clone();
        let mut there = tables(&mut self.session, &live)?;
        there.retain(|table| {
            let is_surplus = self.mysql.is_exact && !loaded.kept.contains(table);
            coming.contains(table) || loaded.makes(ObjectKind::View, table) || is_surplus
        });
        Ok(there)
    }

    /// The one moment: all tables, in one statement.
    fn rename(&mut self, Moves { coming, going }: &Moves) -> Result<()> {
        let (live, new, old) = (&self.journal.live, &self.journal.new, &self.journal.old);
        let path = |schema: &str, table: &str| format!("{}.{}", identifier(schema), identifier(table));
        let mut moves: Vec<String> =
            going.iter().map(|table| format!("{} TO {}", path(live, table), path(old, table))).collect();
        moves.extend(coming.iter().map(|table| format!("{} TO {}", path(new, table), path(live, table))));
        moves.push(self.journal.mark());
        self.session.tell(&format!("CREATE DATABASE IF NOT EXISTS {}", identifier(old)))?;
        self.session.tell("SET SESSION foreign_key_checks = 0")?;
        self.session.tell(&format!("RENAME TABLE {}", moves.join(", ")))
    }

    /// Makes what belongs to the new tables. Returns what could not be made, and other things to know.
    fn attach(&mut self) -> Result<Attached> {
        let entries = self.journal.entries(&mut self.session)?;
        let mut notes = Vec::new();
        self.session.tell("SET SESSION foreign_key_checks = 0")?;
        let mut objects = Vec::new();
        for entry in entries {
            match entry {
                Entry::Staying { key } | Entry::Leaving { key } => notes.extend(self.add_again(&key)?),
                Entry::Surplus { kind, name } => self.session.tell(&kind.dropping(&self.journal.live, &name))?,
                Entry::Counted { table, column, sequence } => {
                    let [live, table, column, sequence] =
                        [&self.journal.live, &table, &column, &sequence].map(|name| identifier(name));
                    self.session.tell(&format!(
                        "ALTER TABLE {live}.{table} ALTER COLUMN {column} SET DEFAULT nextval({live}.{sequence})"
                    ))?;
                }
                Entry::Made { object } => objects.push(object),
                Entry::Restore { .. } | Entry::Dropped { .. } => {}
            }
        }
        let failed = self.make_all(objects)?;
        Ok(Attached { notes, failed })
    }

    fn make_all(&mut self, objects: Vec<Object>) -> Result<Vec<(Object, Error)>> {
        let charset = self.journal.charset(&mut self.session)?;
        if objects.iter().any(|object| object.database_charset.is_some()) {
            // Whoever was killed here may have left another one.
            self.session.tell(&format!("ALTER DATABASE {} {charset}", identifier(&self.journal.live)))?;
        }
        make_all(self.mysql, &mut self.session, objects, &charset, &self.run)
    }

    fn add(&mut self, key: &Key) -> Result<()> {
        if self.session.ask::<u64>(&key.presence())? == 0 {
            self.session.tell(&key.adding())?;
        }
        Ok(())
    }

    /// Makes a foreign key after the exchange. Returns what the user should know of it.
    fn add_again(&mut self, key: &Key) -> Result<Option<String>> {
        let (table, name) = (&key.table, &key.name);
        if self.session.ask::<u64>(&key.parents())? == 0 {
            return Ok(Some(format!(
                "`{table}` has no foreign key `{name}` any more: what it referred to is not there"
            )));
        }
        self.add(key)?;
        let dangling: u64 = self.session.ask(&key.dangling())?;
        Ok((dangling > 0).then(|| format!("{dangling} rows of `{table}` refer by `{name}` to rows that are not there")))
    }

    /// Puts back what [`Self::detach`] has dropped, and drops what was loaded.
    fn detach_undone(&mut self) -> Result<()> {
        if self.journal.is_there(&mut self.session)? {
            self.session.tell("SET SESSION foreign_key_checks = 0")?;
            let mut dropped = Vec::new();
            for entry in self.journal.entries(&mut self.session)? {
                match entry {
                    Entry::Staying { key } => self.add(&key)?,
                    Entry::Dropped { table, object } => dropped.push((table, object)),
                    _ => {}
                }
            }
            let missing = self.missing(dropped)?;
            let failed = self.make_all(missing)?;
            if let Some(failed) = failed.first() {
                let message = format!("cannot undo the restore of `{}`: {}", self.journal.live, unmade(failed));
                return Err(Error::new(ErrorKind::Tool, message).at(Stage::Target).hint(format!(
                    "the statement is in {}.dbbackup_journal; run it by hand, then restore again",
                    self.journal.new
                )));
            }
        }
        self.journal.drop(&mut self.session)
    }

    /// Returns what is to be made again: of a table that lacks a trigger all of them, which run in the order in which they
    /// are made. Others stay as they are: who holds a lock there may be why the restore is undone.
    fn missing(&mut self, dropped: Vec<(String, Object)>) -> Result<Vec<Object>> {
        let live = self.journal.live.clone();
        let mut there = Vec::new();
        for kind in [ObjectKind::Trigger, ObjectKind::View] {
            there.extend(names(&mut self.session, &live, kind)?.into_iter().map(|name| (kind, name)));
        }
        let lacking: BTreeSet<String> = dropped
            .iter()
            .filter(|(_, object)| !there.contains(&(object.kind, object.name.clone())))
            .map(|(table, _)| table.clone())
            .collect();
        Ok(dropped.into_iter().filter(|(table, _)| lacking.contains(table)).map(|(_, object)| object).collect())
    }

    /// Returns the foreign keys into these tables, of all others.
    fn keys_into(&mut self, going: &[String]) -> Result<Vec<Key>> {
        let live = self.journal.live.clone();
        let mut keys = Key::all(&mut self.session, &format!("REFERENCED_TABLE_SCHEMA = {}", literal(&live)))?;
        keys.retain(|key| going.contains(&key.parent) && !(key.schema == live && going.contains(&key.table)));
        for key in &mut keys {
            let table = format!("{}.{}", identifier(&key.schema), identifier(&key.table));
            let shown = self.session.show(&format!("SHOW CREATE TABLE {table}"), 1, 0)?;
            let create = shown.last().map(|create| String::from_utf8_lossy(create)).unwrap_or_default();
            // Without them it would be made as another one.
            key.rules = rules_of(&create, &key.name).ok_or_else(not_understood)?;
        }
        Ok(keys)
    }

    fn trigger_names(&mut self, schema: &str, table: &str) -> Result<Vec<String>> {
        self.session.ask_each(&format!(
            "SELECT JSON_QUOTE(TRIGGER_NAME) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {} AND \
             EVENT_OBJECT_TABLE = {} ORDER BY ACTION_ORDER",
            literal(schema),
            literal(table)
        ))
    }

    fn triggers(&mut self, schema: &str, table: &str) -> Result<Vec<Object>> {
        let names = self.trigger_names(schema, table)?;
        let charset = if names.is_empty() { String::new() } else { self.journal.charset(&mut self.session)? };
        names.into_iter().map(|name| self.trigger(schema, name, &charset)).collect()
    }

    fn trigger(&mut self, schema: &str, name: String, charset: &str) -> Result<Object> {
        let shown =
            self.session.show(&format!("SHOW CREATE TRIGGER {}.{}", identifier(schema), identifier(&name)), 2, 4)?;
        // Trigger, sql_mode, SQL Original Statement, character_set_client, collation_connection, Database Collation, …
        let [_, mode, sql, client, connection, database] = shown.first_chunk().ok_or_else(not_understood)?;
        let [mode, client, connection, database] =
            [mode, client, connection, database].map(|text| String::from_utf8_lossy(text));
        let context = format!(
            "SET sql_mode = {}, character_set_client = {client}, collation_connection = {connection};\n",
            literal(&mode)
        );
        let sql = Sql(sql.clone());
        // To set it needs a lock on the whole database.
        let collation = format!("COLLATE {database}");
        let database_charset = (!charset.ends_with(&collation)).then_some(collation);
        Ok(Object { kind: ObjectKind::Trigger, name, context, database_charset, sql })
    }

    fn view(&mut self, schema: &str, name: &str) -> Result<Object> {
        self.session.tell(&format!("USE {}", identifier(schema)))?;
        let shown = self.session.show(&format!("SHOW CREATE VIEW {}", identifier(name)), 1, 2)?;
        // View, Create View, character_set_client, collation_connection
        let [_, sql, client, connection] = shown.first_chunk().ok_or_else(not_understood)?;
        let [client, connection] = [client, connection].map(|text| String::from_utf8_lossy(text));
        let context = format!("SET character_set_client = {client}, collation_connection = {connection};\n");
        let (name, sql) = (name.to_owned(), Sql(sql.clone()));
        Ok(Object { kind: ObjectKind::View, name, context, database_charset: None, sql })
    }
}

fn not_understood() -> Error {
    Error::new(ErrorKind::Bug, "cannot understand the server's answer").at(Stage::Target)
}

/// Says what the next run has to do.
fn interrupted(error: &Error, lost: Error) -> Error {
    Error::new(error.kind(), format!("cannot restore: {error}; and cannot undo what was begun"))
        .at(Stage::Target)
        .hint("run a restore of this database again when the server is back: it finishes or undoes this one first")
        .because(lost)
}

/// Says what the next run has to do.
fn unfinished(error: &Error, lost: Error) -> Error {
    let message = format!("cannot finish the restore: {error}; its tables are in place, what belongs to them is not");
    Error::new(ErrorKind::Tool, message)
        .at(Stage::Target)
        .hint("run a restore of this database again when the server is back: it finishes this one first")
        .because(lost)
}
