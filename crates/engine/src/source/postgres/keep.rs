//! Rows of tables that a backup was made without: copied aside before everything is dropped, and back.

use std::fmt::Write as _;

use serde::Deserialize;

use super::session::Session;
use super::{identifier, literal};
use crate::error::Result;

/// Tables that keep their rows.
#[derive(Default)]
pub(super) struct Kept {
    tables: Vec<Table>,
    missing: Vec<String>,
}

struct Table {
    /// As SQL has it.
    name: String,
    columns: Vec<String>,
    rows: u64,
}

/// What the server has of that name.
#[derive(Deserialize)]
struct Found {
    name: String,
    columns: Vec<String>,
}

impl Kept {
    /// Copies the rows of those tables that are there, as text: types of the database will be dropped, too.
    ///
    /// # Errors
    ///
    /// The server's.
    pub(super) fn copy(session: &mut Session, names: &[String]) -> Result<Self> {
        let mut kept = Self::default();
        for name in names {
            let found: Option<Found> = session.ask(&FOUND.replace("{name}", &literal(name)))?;
            let Some(Found { name, columns }) = found else {
                kept.missing.push(name.clone());
                continue;
            };
            let place = kept.tables.len();
            let texts: Vec<String> =
                columns.iter().map(|column| format!("{0}::pg_catalog.text AS {0}", identifier(column))).collect();
            session.tell(&format!(
                "CREATE TEMPORARY TABLE dbbackup_kept_{place} ON COMMIT DROP AS SELECT {} FROM ONLY {name}",
                texts.join(", ")
            ))?;
            let rows = session.ask(&format!("SELECT to_jsonb(count(*)) FROM pg_temp.dbbackup_kept_{place}"))?;
            kept.tables.push(Table { name, columns, rows });
        }
        Ok(kept)
    }

    /// Returns what brings the rows back, into tables without indexes and keys.
    pub(super) fn back(&self) -> String {
        let mut sql = String::new();
        for (place, table) in self.tables.iter().enumerate() {
            let columns: Vec<String> = table.columns.iter().map(|column| literal(column)).collect();
            let block = BACK
                .replace("{columns}", &format!("ARRAY[{}]::text[]", columns.join(", ")))
                .replace("{table}", &literal(&table.name))
                .replace("{place}", &place.to_string());
            let _ = writeln!(sql, "DO {};", literal(&block));
        }
        sql
    }

    /// Says what became of them.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.tables.is_empty() {
            let tables: Vec<String> =
                self.tables.iter().map(|table| format!("`{}` ({} rows)", table.name, table.rows)).collect();
            notes.push(format!("the backup was made without rows of {}: they are what they were", tables.join(", ")));
        }
        if !self.missing.is_empty() {
            let tables: Vec<String> = self.missing.iter().map(|name| format!("`{name}`")).collect();
            notes.push(format!("the backup was made without the rows of {}: they are empty now", tables.join(", ")));
        }
        notes
    }
}

/// Null where there is no such table.
const FOUND: &str = "\
SELECT to_jsonb((SELECT found FROM (SELECT attrelid::regclass::text AS name, array_agg(attname ORDER BY attnum) AS columns
  FROM pg_catalog.pg_attribute
  WHERE attrelid = to_regclass({name}) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
  GROUP BY attrelid) AS found))";

/// Only columns that are still there; each text becomes what the column holds.
const BACK: &str = "\
DECLARE
  common record;
BEGIN
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns,
    string_agg(format('%I::%s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) AS texts
  INTO common FROM pg_catalog.pg_attribute
  WHERE attrelid = to_regclass({table}) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    AND attname = ANY ({columns});
  EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM pg_temp.dbbackup_kept_{place}',
    {table}, common.columns, common.texts);
END";
