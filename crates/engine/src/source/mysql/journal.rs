//! The journal of a restore: what was taken apart and what is to be put together, in a schema beside the database.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::catalog::{schemas, tables};
use super::identifier;
use super::key::Key;
use super::object::{Object, ObjectKind};
use super::session::Session;
use crate::error::Result;

/// The schemas of one restore. The first holds the journal and what is loaded; the second what the database had, once
/// both have changed places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Journal {
    /// The database that is restored into.
    pub(super) live: String,
    pub(super) new: String,
    pub(super) old: String,
}

/// One thing that has to be known to go back, or forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "entry")]
pub(super) enum Entry {
    /// What the restore is of, and the character set that the database has.
    Restore { database: String, charset: String },
    /// A trigger, or a view in the place of a table, that is dropped before the tables change places; and the table.
    Dropped { table: String, object: Object },
    /// A foreign key into tables that change places, of one that does not: dropped before, made again after.
    Staying { key: Key },
    /// A foreign key of a restored table to one that the backup lacks: made after.
    Leaving { key: Key },
    /// A default that counts by a sequence, which is in another schema then: set after.
    Counted { table: String, column: String, sequence: String },
    /// What the backup does not know: dropped after.
    Surplus { kind: ObjectKind, name: String },
    /// What is made after.
    Made { object: Object },
}

impl Journal {
    /// Makes the first schema, with an empty journal.
    ///
    /// # Errors
    ///
    /// `Denied` where the user may not.
    pub(super) fn create(session: &mut Session, live: &str, charset: &str) -> Result<Self> {
        let new = format!("{}{:08x}", prefix(live), unique());
        let journal = Self { live: live.to_owned(), old: format!("{new}{OLD}"), new };
        session.tell(&format!("CREATE DATABASE {} {charset}", identifier(&journal.new)))?;
        session.tell(&format!(
            "CREATE TABLE {} (id INT AUTO_INCREMENT PRIMARY KEY, entry LONGTEXT CHARACTER SET utf8mb4 NOT NULL) \
             ENGINE = InnoDB",
            journal.table(JOURNAL)
        ))?;
        session.tell(&format!("CREATE TABLE {} (id INT) ENGINE = InnoDB", journal.table(PENDING)))?;
        journal.note(session, &Entry::Restore { database: live.to_owned(), charset: charset.to_owned() })?;
        Ok(journal)
    }

    /// Returns a pattern of `LIKE` for the names of a database's schemas.
    pub(super) fn pattern(live: &str) -> String {
        format!("{}%", prefix(live).replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"))
    }

    /// Whether a schema is called as those of the restores of `live` are.
    pub(super) fn is_name(live: &str, schema: &str) -> bool {
        let id = schema.strip_prefix(&prefix(live)).map(|rest| rest.strip_suffix(OLD).unwrap_or(rest));
        id.is_some_and(|id| {
            id.len() == ID_CHARACTERS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    }

    /// Returns those whose schemas these are.
    pub(super) fn among(schemas: &[String], live: &str) -> Vec<Self> {
        let new = schemas.iter().filter(|name| !name.ends_with(OLD));
        new.map(|new| Self { live: live.to_owned(), new: new.clone(), old: format!("{new}{OLD}") }).collect()
    }

    /// Returns a query for whether what belongs to the tables is being taken apart: more than the first entry is noted.
    pub(super) fn is_begun(&self) -> String {
        format!("SELECT COUNT(*) > 1 FROM {}", self.table(JOURNAL))
    }

    /// Returns those that earlier restores have left. The caller holds the database's lock, so none of them lives.
    pub(super) fn left_behind(session: &mut Session, live: &str) -> Result<Vec<Self>> {
        let names = schemas(session, &Self::pattern(live))?;
        let mut found = Vec::new();
        for journal in Self::among(&names, live) {
            let tables = tables(session, &journal.new)?;
            let is_ours = if tables.iter().any(|table| table == JOURNAL) {
                let entries = journal.entries(session)?;
                // Killed before it had said so.
                entries.is_empty() || entries.iter().any(|entry| entry.is_of(live))
            } else {
                // Killed before it was made, or when it was dropped.
                tables.iter().all(|table| is_own(table))
            };
            if is_ours {
                found.push(journal);
            }
        }
        Ok(found)
    }

    /// Adds an entry, for good.
    pub(super) fn note(&self, session: &mut Session, entry: &Entry) -> Result<()> {
        let json = serde_json::to_string(entry).expect("it is text and lists");
        let mut hex = String::with_capacity(json.len() * 2);
        for byte in json.bytes() {
            let _ = write!(hex, "{byte:02x}");
        }
        session.tell(&format!("INSERT INTO {} (entry) VALUES (0x{hex})", self.table(JOURNAL)))
    }

    /// Returns all entries, oldest first.
    pub(super) fn entries(&self, session: &mut Session) -> Result<Vec<Entry>> {
        session.ask_each(&format!("SELECT entry FROM {} ORDER BY id", self.table(JOURNAL)))
    }

    /// Returns the character set of the database, as a statement has it.
    pub(super) fn charset(&self, session: &mut Session) -> Result<String> {
        let charset = self.entries(session)?.into_iter().find_map(|entry| match entry {
            Entry::Restore { charset, .. } => Some(charset),
            _ => None,
        });
        Ok(charset.unwrap_or_default())
    }

    /// Whether it is there, and not only what is left of it.
    pub(super) fn is_there(&self, session: &mut Session) -> Result<bool> {
        Ok(tables(session, &self.new)?.iter().any(|table| table == JOURNAL))
    }

    /// Whether the tables have changed places.
    pub(super) fn is_swapped(&self, session: &mut Session) -> Result<bool> {
        Ok(tables(session, &self.new)?.iter().any(|table| table == SWAPPED))
    }

    /// Returns what of the rename says that it is done: it is in the same statement.
    pub(super) fn mark(&self) -> String {
        format!("{} TO {}", self.table(PENDING), self.table(SWAPPED))
    }

    /// Drops both schemas, the journal last.
    pub(super) fn drop(&self, session: &mut Session) -> Result<()> {
        session.tell("SET SESSION foreign_key_checks = 0")?;
        session.tell(&format!("DROP DATABASE IF EXISTS {}", identifier(&self.old)))?;
        session.tell(&format!("DROP DATABASE IF EXISTS {}", identifier(&self.new)))
    }

    fn table(&self, name: &str) -> String {
        format!("{}.{}", identifier(&self.new), identifier(name))
    }
}

impl Entry {
    fn is_of(&self, live: &str) -> bool {
        matches!(self, Self::Restore { database, .. } if database == live)
    }
}

/// Returns what the names of a database's schemas begin with. A name has 64 characters at most.
fn prefix(live: &str) -> String {
    let kept: String = live.chars().take(NAME_CHARACTERS - MARK.len() - ID_CHARACTERS - OLD.len()).collect();
    format!("{kept}{MARK}")
}

/// Returns a number that no other living process makes now.
fn unique() -> u32 {
    use std::hash::{BuildHasher as _, RandomState};
    u32::try_from(RandomState::new().hash_one(std::process::id()) & u64::from(u32::MAX)).unwrap_or_default()
}

/// What stands between the database's name and the restore's own.
const MARK: &str = "__dbbackup_";
const OLD: &str = "_old";
const NAME_CHARACTERS: usize = 64;
const ID_CHARACTERS: usize = 8;
const JOURNAL: &str = "dbbackup_journal";
/// Renamed together with the tables: whether it bears the one name or the other tells whether they have changed places.
const PENDING: &str = "dbbackup_pending";
const SWAPPED: &str = "dbbackup_swapped";

/// Whether a table is one of the journal's own.
pub(super) fn is_own(table: &str) -> bool {
    [JOURNAL, PENDING, SWAPPED].contains(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit() {
        for live in ["shop", &"ä".repeat(64)] {
            let name = format!("{}{:08x}{OLD}", prefix(live), unique());
            assert!(name.chars().count() <= NAME_CHARACTERS, "{name}");
            assert!(Journal::is_name(live, &name) && !Journal::is_name(live, &format!("{name}_")), "{name}");
        }
        assert!(is_own(JOURNAL) && !is_own("journal"));
    }
}
