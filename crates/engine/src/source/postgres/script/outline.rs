//! Which part of a dump the text has come to.

use std::collections::BTreeSet;

use super::Wanted;
use super::entry::{Comment, Entry};

/// Follows the comments between statements.
pub(super) struct Outline {
    wanted: Vec<String>,
    /// Wanted schemas that an entry belonged to.
    seen: BTreeSet<String>,
    entry: Option<Entry>,
    has_head: bool,
    /// The last comment of a dump was the last thing that said something.
    pub(super) saw_end: bool,
}

/// Where a statement stands.
pub(super) struct Place<'a> {
    pub(super) entry: Option<&'a Entry>,
    pub(super) standing: Standing,
    /// Behind a dump's head and before its first entry: where `--clean` puts what drops the old objects.
    pub(super) is_in_clean_section: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Wanted,
    Unwanted,
    /// Only some schemas are wanted, and no comment says which one it belongs to.
    Unknown,
}

impl Outline {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted: wanted.schemas, seen: BTreeSet::new(), entry: None, has_head: false, saw_end: false }
    }

    /// Takes the line of a comment; returns whether the rows are over and something wanted follows.
    pub(super) fn take(&mut self, line: &[u8]) -> bool {
        match Comment::parse(line) {
            Some(Comment::Head) => {
                self.has_head = true;
                self.entry = None;
            }
            Some(Comment::Tail) => self.saw_end = true,
            Some(Comment::Entry(entry)) => {
                self.seen.extend(self.wanted.iter().filter(|schema| entry.is_about(schema)).cloned());
                let is_behind_the_data = entry.is_behind_the_data();
                self.entry = Some(entry);
                return is_behind_the_data && self.standing() == Standing::Wanted;
            }
            None => {}
        }
        false
    }

    /// Returns where the next statement stands.
    pub(super) fn place(&self) -> Place<'_> {
        let is_in_clean_section = self.has_head && self.entry.is_none();
        Place { entry: self.entry.as_ref(), standing: self.standing(), is_in_clean_section }
    }

    /// Whether the text said what belongs to which schema, if it had to.
    pub(super) fn is_known(&self) -> bool {
        self.wanted.is_empty() || self.entry.is_some() || self.has_head
    }

    pub(super) fn missing_schemas(self) -> Vec<String> {
        self.wanted.into_iter().filter(|name| !self.seen.contains(name)).collect()
    }

    fn standing(&self) -> Standing {
        match &self.entry {
            _ if self.wanted.is_empty() => Standing::Wanted,
            None => Standing::Unknown,
            Some(entry) if self.wanted.iter().any(|schema| entry.is_in(schema)) => Standing::Wanted,
            Some(_) => Standing::Unwanted,
        }
    }
}
