//! Fills a schema from the text of a dump: rows first, then indexes, then keys.

use std::collections::BTreeSet;

use super::catalog::tables;
use super::create_table::{CreateTable, ForeignKey};
use super::journal::Entry;
use super::key::Key;
use super::lanes::{Lanes, connect};
use super::loaded::Loaded;
use super::object::{Object, ObjectKind};
use super::own::refused;
use super::script::{Loader, ScriptFacts};
use super::session::Session;
use super::statement::{Token, Tokens};
use super::{Mysql, identifier};
use crate::error::Result;
use crate::run::Run;

/// A schema that is filled: beside the database, or the database itself.
pub(super) struct Filling {
    lanes: Lanes,
    /// Builds the indexes of a table while the rows of the next one come.
    builder: Session,
    /// Tables that the database has.
    there: BTreeSet<String>,
    is_beside: bool,
    is_exact: bool,
    made: BTreeSet<String>,
    /// Statements that build the indexes of the table whose rows are coming.
    indexes: Vec<String>,
    keys: Vec<(String, ForeignKey)>,
    objects: Vec<Object>,
    counted: Vec<Entry>,
    kept: BTreeSet<String>,
}

impl Filling {
    /// Connects to the schema `beside` the database, or to the database.
    ///
    /// # Errors
    ///
    /// The server's.
    pub(super) fn start(mysql: &Mysql, beside: Option<&str>, run: &Run) -> Result<Self> {
        let live = mysql.connection.database();
        let schema = beside.unwrap_or(live);
        let (lanes, mut builder) = (Lanes::start(mysql, schema, run)?, connect(mysql, schema, run)?);
        let there = tables(&mut builder, live)?;
        Ok(Self {
            lanes,
            builder,
            there: there.into_iter().collect(),
            is_beside: beside.is_some(),
            is_exact: mysql.is_exact,
            made: BTreeSet::new(),
            indexes: Vec::new(),
            keys: Vec::new(),
            objects: Vec::new(),
            counted: Vec::new(),
            kept: BTreeSet::new(),
        })
    }

    /// Builds what is left, and waits until the server has all. Returns what is to be done afterwards.
    ///
    /// # Errors
    ///
    /// The server's, of all that was sent.
    pub(super) fn finish(mut self, live: &str, facts: &ScriptFacts) -> Result<Loaded> {
        self.build()?;
        self.builder.tell("DO 0")?;
        self.lanes.set(b"SET SESSION foreign_key_checks = 0;\n")?;
        let mut leaving = Vec::new();
        for (table, key) in std::mem::take(&mut self.keys) {
            if self.is_beside && !self.made.contains(&key.parent) {
                let far = far(live, table, &key).ok_or_else(|| refused(&format!("a foreign key `{}`", key.clause)))?;
                leaving.push(Entry::Leaving { key: far });
            } else {
                self.lanes.send(format!("ALTER TABLE {} ADD {};\n", identifier(&table), key.clause).as_bytes())?;
            }
        }
        if !self.is_beside && self.is_exact {
            for table in self.there.iter().filter(|table| !self.made.contains(*table) && !self.kept.contains(*table)) {
                self.lanes.send(format!("DROP TABLE IF EXISTS {};\n", identifier(table)).as_bytes())?;
            }
        }
        self.lanes.settle()?;
        self.lanes.end()?;
        self.builder.end()?;
        let counted = if self.is_beside { self.counted } else { Vec::new() };
        let after = counted.into_iter().chain(leaving).collect();
        let mut whole = vec![ObjectKind::View];
        if facts.has_routines {
            whole.extend([ObjectKind::Procedure, ObjectKind::Function, ObjectKind::PackageBody, ObjectKind::Package]);
        }
        if facts.has_events {
            whole.push(ObjectKind::Event);
        }
        Ok(Loaded { after, objects: self.objects, kept: self.kept, whole })
    }

    /// Lets the indexes of the last table be built, once its rows are there.
    fn build(&mut self) -> Result<()> {
        if !self.indexes.is_empty() {
            self.lanes.settle()?;
        }
        for statement in std::mem::take(&mut self.indexes) {
            self.builder.send(format!("{statement};\n").as_bytes())?;
        }
        Ok(())
    }

    /// Makes room in the database for a table or a view.
    fn make_room(&mut self, name: &str, for_table: bool) -> Result<()> {
        if self.is_beside {
            return Ok(());
        }
        let name = identifier(name);
        let view = if for_table { format!("DROP VIEW IF EXISTS {name};\n") } else { String::new() };
        self.lanes.send(format!("DROP TABLE IF EXISTS {name};\n{view}").as_bytes())
    }
}

impl Loader for Filling {
    fn send(&mut self, sql: &[u8]) -> Result<()> {
        self.lanes.send(sql)
    }

    fn set(&mut self, sql: &[u8]) -> Result<()> {
        self.lanes.set(sql)
    }

    fn rows(&mut self, table: &str, head: &[u8]) -> Result<()> {
        self.lanes.rows(table, head)
    }

    fn more(&mut self, part: &[u8]) -> Result<()> {
        self.lanes.more(part)
    }

    fn make(&mut self, table: CreateTable) -> Result<()> {
        self.build()?;
        if table.keeps_existing && self.there.contains(&table.name) {
            self.kept.insert(table.name);
            return Ok(());
        }
        self.make_room(&table.name, true)?;
        self.lanes.send(&[&table.sql, &b";\n"[..]].concat())?;
        self.lanes.begin(table.in_any_order.then(|| table.name.clone()));
        let name = identifier(&table.name);
        self.indexes =
            table.indexes.iter().map(|clauses| format!("ALTER TABLE {name} {}", clauses.join(", "))).collect();
        let counted = table.sequences.into_iter();
        self.counted.extend(counted.map(|(column, sequence)| Entry::Counted {
            table: table.name.clone(),
            column,
            sequence,
        }));
        self.keys.extend(table.foreign_keys.into_iter().map(|key| (table.name.clone(), key)));
        self.made.insert(table.name);
        Ok(())
    }

    fn made(&mut self, name: String) {
        self.made.insert(name);
    }

    fn object(&mut self, object: Object) -> Result<()> {
        if self.is_beside && object.kind == ObjectKind::Trigger {
            // In line behind the indexes of its table, which keep others from changing it.
            self.build()?;
            self.lanes.settle()?;
            self.builder.send(&object.tried_anywhere())?;
        } else if self.is_beside {
            self.lanes.send(&object.tried())?;
        } else if object.kind == ObjectKind::View && self.there.contains(&object.name) {
            self.make_room(&object.name, false)?;
        }
        // What stands for a view is followed by the view.
        self.objects.retain(|other| (other.kind, &other.name) != (object.kind, &object.name));
        self.objects.push(object);
        Ok(())
    }
}

/// Takes apart the clause of a foreign key to a table that the backup lacks; `None` if it is none.
fn far(live: &str, table: String, key: &ForeignKey) -> Option<Key> {
    let text = key.clause.as_bytes();
    let tokens: Vec<_> = Tokens::of(text).collect();
    let name = tokens.get(1)?.0.name()?;
    let mut lists = Vec::new();
    let mut end = 0;
    for (at, (token, _)) in tokens.iter().enumerate() {
        if *token == Token::Symbol(b'(') && lists.len() < 2 {
            let close = tokens[at..].iter().position(|(token, _)| *token == Token::Symbol(b')'))?;
            lists.push(tokens[at..at + close].iter().filter_map(|(token, _)| token.name()).collect::<Vec<_>>());
            end = tokens[at + close].1.end;
        }
    }
    let [columns, parent_columns] = <[Vec<String>; 2]>::try_from(lists).ok()?;
    Some(Key {
        schema: live.to_owned(),
        table,
        name,
        columns,
        parent_schema: live.to_owned(),
        parent: key.parent.clone(),
        parent_columns,
        rules: String::from_utf8_lossy(&text[end..]).trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clause_of_a_foreign_key_is_taken_apart() {
        let clause = "CONSTRAINT `f``k` FOREIGN KEY (`a`,`b`) REFERENCES `p` (`c`,`d`) ON DELETE SET NULL".to_owned();
        let key = far("shop", "t".to_owned(), &ForeignKey { clause, parent: "p".to_owned() }).unwrap();
        let adding = "ALTER TABLE `shop`.`t` ADD CONSTRAINT `f``k` FOREIGN KEY (`a`, `b`) REFERENCES `shop`.`p` (`c`, `d`) \
                      ON DELETE SET NULL";
        assert_eq!(key.adding(), adding);
    }
}
