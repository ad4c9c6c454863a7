//! Rows of tables that a backup was made without: copied aside before everything is dropped, and back.

use std::fmt::Write as _;

use serde::Deserialize;

use super::session::Session;
use super::spelling::shown;
use super::{identifier, literal, short_identifier};
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
    /// Columns with a sequence of their own, and its last number.
    sequences: Vec<(String, Option<i64>)>,
    rows: u64,
}

/// What the server has of that name.
#[derive(Deserialize)]
struct Found {
    name: String,
    kind: char,
    columns: Vec<String>,
    sequences: Vec<(String, Option<i64>)>,
}

impl Kept {
    /// Copies the rows of those tables that are there, as text: types of the database will be dropped, too.
    ///
    /// # Errors
    ///
    /// The server's.
    pub(super) fn copy(session: &mut Session, names: &[String], schemas: &[String]) -> Result<Self> {
        let mut kept = Self::default();
        for name in names.iter().filter(|name| is_in(name, schemas)) {
            let found: Option<Found> = session.ask(&FOUND.replace("{name}", &literal(name)))?;
            let (name, columns, sequences) = match found {
                Some(Found { kind: 'r', name, columns, sequences }) => (name, columns, sequences),
                // Its rows are those of its partitions, or of another server.
                Some(Found { kind: 'p' | 'f', .. }) => continue,
                _ => {
                    kept.missing.push(name.clone());
                    continue;
                }
            };
            let place = kept.tables.len();
            let texts: Vec<String> =
                columns.iter().map(|column| format!("{0}::pg_catalog.text AS {0}", identifier(column))).collect();
            session.tell(&format!(
                "CREATE TEMPORARY TABLE dbbackup_kept_{place} ON COMMIT DROP AS SELECT {} FROM ONLY {name}",
                texts.join(", ")
            ))?;
            let rows = session.ask(&format!("SELECT to_jsonb(count(*)) FROM pg_temp.dbbackup_kept_{place}"))?;
            kept.tables.push(Table { name, columns, sequences, rows });
        }
        Ok(kept)
    }

    /// Keeps nothing: the tables are made, and stay empty.
    pub(super) fn nothing(names: &[String], schemas: &[String]) -> Self {
        let missing = names.iter().filter(|name| is_in(name, schemas)).cloned().collect();
        Self { missing, ..Self::default() }
    }

    /// Returns what brings the rows back, into tables without indexes and keys.
    pub(super) fn back(&self) -> String {
        let mut sql = String::new();
        for (place, table) in self.tables.iter().enumerate() {
            let columns: Vec<String> = table.columns.iter().map(|column| literal(column)).collect();
            let block = BACK
                .replace("{columns}", &format!("ARRAY[{}]::text[]", columns.join(", ")))
                .replace("{sequences}", &literal(&serde_json::json!(table.sequences).to_string()))
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
                self.tables.iter().map(|table| format!("`{}` ({} rows)", shown(&table.name), table.rows)).collect();
            notes.push(format!("the backup was made without rows of {}: they are what they were", tables.join(", ")));
        }
        if !self.missing.is_empty() {
            let tables: Vec<String> = self.missing.iter().map(|name| format!("`{}`", shown(name))).collect();
            notes.push(format!("the backup was made without the rows of {}: they are empty now", tables.join(", ")));
        }
        notes
    }
}

/// Whether a table is in one of these schemas; in any if there are none.
fn is_in(table: &str, schemas: &[String]) -> bool {
    schemas.is_empty() || schemas.iter().any(|schema| table.starts_with(&format!("{}.", short_identifier(schema))))
}

/// Null where there is no such table.
const FOUND: &str = "\
SELECT coalesce((SELECT jsonb_build_object('name', oid::regclass::text, 'kind', relkind,
  'columns', (SELECT coalesce(jsonb_agg(attname ORDER BY attnum), '[]') FROM pg_catalog.pg_attribute
    WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''),
  'sequences', (SELECT coalesce(jsonb_agg(jsonb_build_array(attname, pg_catalog.pg_sequence_last_value(seqrelid))), '[]')
    FROM pg_catalog.pg_depend JOIN pg_catalog.pg_sequence ON seqrelid = objid
      JOIN pg_catalog.pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = pg_class.oid
      AND deptype IN ('a', 'i')))
  FROM pg_catalog.pg_class WHERE oid = to_regclass({name})), 'null')";

/// Only columns that are still there; each text becomes what the column holds. Sequences go on behind the rows.
const BACK: &str = "\
DECLARE
  common record;
  kept record;
BEGIN
  IF to_regclass({table}) IS NULL THEN
    RAISE EXCEPTION 'cannot keep the rows of %: the backup does not make the table', {table} USING ERRCODE = 'DBBKP';
  END IF;
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns,
    string_agg(format('%I::%s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) AS texts
  INTO common FROM pg_catalog.pg_attribute
  WHERE attrelid = to_regclass({table}) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    AND attname = ANY ({columns});
  IF common.columns IS NOT NULL THEN
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM pg_temp.dbbackup_kept_{place}',
      {table}, common.columns, common.texts);
  END IF;
  FOR kept IN
    SELECT seqrelid, seqincrement, (pair ->> 1)::bigint AS last, pg_sequence_last_value(seqrelid) AS now
    FROM jsonb_array_elements({sequences}::jsonb) AS pairs (pair)
      JOIN pg_attribute ON attrelid = to_regclass({table}) AND attname = pair ->> 0 AND NOT attisdropped
      JOIN pg_sequence ON seqrelid = to_regclass(pg_get_serial_sequence({table}, attname))
    WHERE pair ->> 1 IS NOT NULL
  LOOP
    PERFORM setval(kept.seqrelid, CASE WHEN kept.seqincrement > 0 THEN greatest(kept.last, kept.now)
      ELSE least(kept.last, kept.now) END);
  END LOOP;
END";
