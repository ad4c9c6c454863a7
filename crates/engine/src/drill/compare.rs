//! What a manifest says, beside what was found.

use serde::Serialize;

use super::Found;
use crate::manifest::{Content, Manifest};

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
        let is_named = |name: &String| content.tables.contains_key(name) || excluded.contains(name);
        let more: Vec<String> = found.tables.keys().filter(|name| !is_named(name)).cloned().collect();
        if !more.is_empty() {
            comparison.notes.push(format!("its manifest says nothing of {}", in_backticks(&more)));
        }
        let unread: Vec<String> =
            found.unread.iter().filter(|name| content.tables.contains_key(*name)).cloned().collect();
        if !unread.is_empty() {
            let names = in_backticks(&unread);
            comparison
                .notes
                .push(format!("the rows of {names} cannot be counted without the application, or more rights"));
        }
    }
    if !excluded.is_empty() {
        comparison.notes.push(format!("it was made without the rows of {}", in_backticks(excluded)));
    }
    comparison.notes.extend(found.foreign_keys.notes());
    comparison.notes.extend(found.notes.iter().cloned());
    comparison
}

fn counted(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

pub(super) fn in_backticks(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    first_of(&names, ", ")
}

/// Joins the first few, and says how many more there are.
pub(super) fn first_of(texts: &[String], between: &str) -> String {
    let shown = texts[..texts.len().min(SHOWN)].join(between);
    match texts.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}{between}and {more} more"),
    }
}

/// Tables that a sentence names.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        // Of some engines, the content has only the tables that have rows in the dump.
        let comparison = compare_with(Some(&says), &excluded, &found(&[("a", 2), ("log", 0), ("words", 0)]));
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
        assert_eq!(comparison.notes, ["the rows of `a` cannot be counted without the application, or more rights"]);
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
}
