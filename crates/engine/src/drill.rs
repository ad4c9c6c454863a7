//! Drill: restore a backup into a temporary database, compare what is there with what its manifest says, drop it.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::archive::tar::is_tar;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::lock::Hold;
use crate::manifest::{Content, Kind, Manifest};
use crate::proof::SQLITE_MAGIC;
use crate::restore::{Report, head, restore, verify};
use crate::run::Run;
use crate::source::sqlite::Trial;
use crate::store::Store;

/// What a drill found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drill {
    /// Tables that are there.
    pub tables: u64,
    /// Rows of all of them.
    pub rows: u64,
    /// Whether the manifest tells the rows of each table, so that they could be compared.
    pub compared: bool,
    /// What is not as the manifest says, one clause for each table.
    pub differences: Vec<String>,
    /// Rows that refer to others that are not there.
    pub foreign_keys: ForeignKeys,
}

impl Drill {
    /// Fails if the backup `name` holds something else than its manifest says.
    ///
    /// # Errors
    ///
    /// `Corrupt`, with the first tables.
    pub fn require_same(&self, name: &str) -> Result<()> {
        if self.differences.is_empty() {
            return Ok(());
        }
        let message = format!("cannot trust backup `{name}`: restored, {}", first_of(&self.differences, "; "));
        Err(Error::new(ErrorKind::Corrupt, message)
            .at(Stage::Target)
            .subject(name)
            .hint("its bytes are those that were stored, and its manifest says something else: take another backup"))
    }
}

/// What stands in a restored database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Rows of each table.
    pub tables: BTreeMap<String, u64>,
    /// Tables that are there and that only the application can read.
    pub unread: Vec<String>,
    /// Rows that refer to others that are not there.
    pub foreign_keys: ForeignKeys,
}

/// Rows that refer to others that are not there. They may have been so in the database, so they are never an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ForeignKeys {
    /// How many rows.
    pub violations: u64,
    /// From which table to which, with how many, in words.
    pub names: Vec<String>,
    /// Tables whose foreign keys cannot be checked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<String>,
}

impl ForeignKeys {
    /// Adds rows of `child` that refer to rows of `parent` that are not there.
    pub fn add(&mut self, child: &str, parent: &str, rows: u64) {
        self.violations += rows;
        self.names.push(format!("`{child}` to `{parent}` ({rows})"));
    }

    fn notes(&self) -> impl Iterator<Item = String> {
        let violated = (self.violations > 0).then(|| {
            let is = if self.violations == 1 { "row refers" } else { "rows refer" };
            let names = first_of(&self.names, ", ");
            format!("{} {is} to others that are not there: {names}; a restore leaves them as they are", self.violations)
        });
        let unchecked = (!self.unchecked.is_empty())
            .then(|| format!("the foreign keys of {} cannot be checked", in_backticks(&self.unchecked)));
        violated.into_iter().chain(unchecked)
    }
}

/// Restores one stored backup into a temporary database, compares that with the manifest, and drops it.
///
/// It goes the way of every restore, into a file of `run.tmp_dir` instead of a live one, which needs room for two
/// copies. What differs stands in [`Report::drill`]; [`Drill::require_same`] makes an error of it. A backup that is no
/// file of a SQLite database is verified, and a note says why; so is an encrypted one whose key is not here.
///
/// # Errors
///
/// Those of a restore: `NotFound`, `Corrupt`, `Refused` (no room), `Interrupted`, the store's.
pub fn drill(name: &str, store: &dyn Store, run: &Run) -> Result<Report> {
    let started = Instant::now();
    let _lock = store.lock(Hold::Shared)?;
    let head = match head(name, store, run) {
        Err(error) if matches!(error.kind(), ErrorKind::Key | ErrorKind::Passphrase) => {
            return verify(name, store, run);
        }
        head => head?.0,
    };
    let manifest = match store.manifest(name)? {
        Some(json) => Manifest::parse(name, &json)?,
        None => Manifest::default(),
    };
    if let Some(why) = no_drill(name, &manifest, &head) {
        let mut report = verify(name, store, run)?;
        report.notes.push(format!("it was read and not restored: {why}"));
        return Ok(report);
    }
    let trial = Trial::new(name, run)?;
    let mut report = restore(name, &mut trial.target(), store, run).map_err(|error| {
        // To a restore, the target's state is what matters most.
        let is_of_target = error.kind() == ErrorKind::Corrupt && error.stage() == Some(Stage::Target);
        if is_of_target { error.advise("take another backup, or another copy of this one") } else { error }
    })?;
    let found = trial.ask(run)?;
    drop(trial);
    let comparison = compare(&manifest, &found);
    // There is nothing to check in a database without a byte.
    if report.plain_bytes > 0 {
        let by_manifest = manifest.dbbackup.is_some().then_some(report.proof.as_str());
        report.proof = by_manifest.into_iter().chain([CHECK]).collect::<Vec<_>>().join(", ");
    }
    report.duration = started.elapsed();
    // Those of the restore are about a database that is gone.
    report.notes = comparison.notes;
    report.drill = Some(Drill {
        tables: found.tables.len() as u64 + found.unread.len() as u64,
        rows: found.tables.values().sum(),
        compared: comparison.compared,
        differences: comparison.differences,
        foreign_keys: found.foreign_keys,
    });
    Ok(report)
}

/// Says why a backup cannot be restored into a temporary database; `None` if it can. `head` is how its dump begins.
pub fn no_drill(name: &str, manifest: &Manifest, head: &[u8]) -> Option<String> {
    let is_media = manifest.dbbackup.as_ref().is_some_and(|record| record.kind == Kind::Media) || is_tar(head);
    if is_media {
        return Some("it is of media files, and a drill is for databases".to_owned());
    }
    if let Some(engine) =
        manifest.engine().filter(|engine| !engine.contains("sqlite") && !engine.contains("spatialite"))
    {
        return Some(format!("it is of `{engine}`, and a drill makes a database of SQLite"));
    }
    // What is named as such and is none is for the restore to refuse; a manifest tells by itself what is damaged.
    let is_called_so = manifest.dbbackup.is_none() && name.contains(".sqlite3");
    let is_file = head.is_empty() || head.starts_with(SQLITE_MAGIC) || is_called_so;
    (!is_file).then(|| "it is no file of a SQLite database, which is what a drill can make".to_owned())
}

/// What a manifest says, beside what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Whether the manifest tells the rows of each table.
    pub compared: bool,
    /// What is not as it says: rows that are missing or too many, tables that are missing.
    pub differences: Vec<String>,
    /// What the user should know, one sentence each.
    pub notes: Vec<String>,
}

/// Compares what a manifest says with what was `found` in the restored database.
///
/// Estimates are not judged. Tables that were left out must be empty. A table that the manifest does not
/// name is worth a note: nothing is lost by it.
pub fn compare(manifest: &Manifest, found: &Found) -> Comparison {
    let Some(record) = &manifest.dbbackup else { return compare_with(None, &[], found) };
    compare_with(record.content.as_ref(), &record.excluded, found)
}

fn compare_with(content: Option<&Content>, excluded: &[String], found: &Found) -> Comparison {
    let exact = content.filter(|content| content.exact);
    let mut comparison = Comparison { compared: exact.is_some(), ..Comparison::default() };
    for (name, rows) in &found.tables {
        let says = exact.and_then(|content| content.tables.get(name));
        if *rows > 0 && excluded.contains(name) {
            comparison.differences.push(format!("`{name}` has {}, and was left out", counted(*rows)));
        } else if let Some(says) = says.filter(|says| *says != rows) {
            comparison.differences.push(format!("`{name}` has {}, its manifest says {says}", counted(*rows)));
        }
    }
    if let Some(content) = exact {
        let is_there = |name: &String| found.tables.contains_key(name) || found.unread.contains(name);
        let missing = content.tables.keys().filter(|name| !is_there(name));
        comparison.differences.extend(missing.map(|name| format!("`{name}` is missing")));
        let more: Vec<String> =
            found.tables.keys().filter(|name| !content.tables.contains_key(*name)).cloned().collect();
        if !more.is_empty() {
            comparison.notes.push(format!("its manifest says nothing of {}", in_backticks(&more)));
        }
        let unread: Vec<String> =
            found.unread.iter().filter(|name| content.tables.contains_key(*name)).cloned().collect();
        if !unread.is_empty() {
            let names = in_backticks(&unread);
            comparison.notes.push(format!("only the application can count the rows of {names}"));
        }
    }
    if !excluded.is_empty() {
        comparison.notes.push(format!("it was made without the rows of {}", in_backticks(excluded)));
    }
    comparison.notes.extend(found.foreign_keys.notes());
    comparison
}

fn counted(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

fn in_backticks(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    first_of(&names, ", ")
}

/// Joins the first few, and says how many more there are.
fn first_of(texts: &[String], between: &str) -> String {
    let shown = texts[..texts.len().min(SHOWN)].join(between);
    match texts.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}{between}and {more} more"),
    }
}

/// What a restored database was checked by.
const CHECK: &str = "SQLite's quick_check of the restored database";
/// Tables that a sentence names.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(rows: &[(&str, u64)]) -> BTreeMap<String, u64> {
        rows.iter().map(|&(name, rows)| (name.to_owned(), rows)).collect()
    }

    fn content(rows: &[(&str, u64)], exact: bool) -> Content {
        Content { tables: tables(rows), exact, ..Content::default() }
    }

    fn found(rows: &[(&str, u64)]) -> Found {
        Found { tables: tables(rows), ..Found::default() }
    }

    #[test]
    fn equal_tables_make_no_difference() {
        for rows in [&[][..], &[("a", 0)], &[("a", 2), ("b", 1)]] {
            let comparison = compare_with(Some(&content(rows, true)), &[], &found(rows));
            assert_eq!(comparison, Comparison { compared: true, ..Comparison::default() });
        }
    }

    #[test]
    fn rows_and_tables_that_are_not_as_said_are_named() {
        let says = content(&[("a", 2), ("b", 1), ("gone", 0), ("same", 3)], true);
        let comparison = compare_with(Some(&says), &[], &found(&[("a", 1), ("b", 5), ("new", 9), ("same", 3)]));
        let expected =
            ["`a` has 1 row, its manifest says 2", "`b` has 5 rows, its manifest says 1", "`gone` is missing"];
        assert_eq!(comparison.differences, expected);
        assert_eq!(comparison.notes, ["its manifest says nothing of `new`"]);
    }

    #[test]
    fn estimates_and_manifests_without_content_are_not_judged() {
        for says in [Some(content(&[("a", 2), ("gone", 1)], false)), None] {
            let comparison = compare_with(says.as_ref(), &[], &found(&[("a", 1), ("new", 1)]));
            assert_eq!(comparison, Comparison::default());
        }
    }

    #[test]
    fn tables_that_were_left_out_must_be_empty() {
        let excluded = ["log".to_owned(), "words".to_owned()];
        let says = content(&[("a", 2), ("log", 0)], true);
        let comparison = compare_with(Some(&says), &excluded, &found(&[("a", 2), ("log", 0)]));
        assert!(comparison.differences.is_empty());
        assert_eq!(comparison.notes, ["it was made without the rows of `log`, `words`"]);
        for says in [Some(&says), None] {
            let comparison = compare_with(says, &excluded, &found(&[("a", 2), ("log", 7)]));
            assert_eq!(comparison.differences, ["`log` has 7 rows, and was left out"]);
        }
    }

    #[test]
    fn a_table_that_only_the_application_reads_is_not_missing() {
        let there = Found { unread: vec!["a".to_owned(), "b".to_owned()], ..Found::default() };
        let comparison = compare_with(Some(&content(&[("a", 2)], true)), &[], &there);
        assert!(comparison.differences.is_empty());
        assert_eq!(comparison.notes, ["only the application can count the rows of `a`"]);
    }

    #[test]
    fn dangling_rows_are_a_note() {
        let mut there = found(&[("a", 2)]);
        there.foreign_keys.add("a", "b", 2);
        let comparison = compare_with(Some(&content(&[("a", 2)], true)), &[], &there);
        assert!(comparison.differences.is_empty());
        let note = "2 rows refer to others that are not there: `a` to `b` (2); a restore leaves them as they are";
        assert_eq!(comparison.notes, [note]);
    }

    #[test]
    fn a_name_says_what_it_is_only_where_no_manifest_does() {
        let record = r#"{"format":1,"state":"whole","kind":"database","alias":"a","database":"d","servername":"s",
            "created_at":"2026-11-22T10:15:00Z","compression":"none","encryption":"none","stored_bytes":1,
            "stored_sha256":"","plain_bytes":1,"generator":"g"}"#;
        let manifest = Manifest { dbbackup: Some(serde_json::from_str(record).unwrap()), ..Manifest::default() };
        for (name, manifest, head, is_file) in [
            ("a.dump", &manifest, &SQLITE_MAGIC[..], true),
            ("a.dump", &manifest, b"", true),
            ("a.sqlite3", &manifest, b"BEGIN;", false),
            ("a.sqlite3", &Manifest::default(), b"BEGIN;", true),
            ("a.dump", &Manifest::default(), b"BEGIN;", false),
        ] {
            assert_eq!(no_drill(name, manifest, head).is_none(), is_file, "{name}, {head:?}");
        }
    }

    #[test]
    fn the_error_names_the_first_tables() {
        let differences: Vec<String> = (1..=7).map(|number| format!("`t{number}` is missing")).collect();
        let error = Drill { differences, ..Drill::default() }.require_same("x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("`t5` is missing; and 2 more"), "{error}");
        Drill::default().require_same("x").unwrap();
    }
}
