//! The text of a dump, on its way into a session of ours.

mod editor;
mod entry;
mod head;
mod outline;
mod roles;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use serde::Deserialize;

use super::lexer::Lexer;
use crate::error::{Error, ErrorKind, Result, Stage};
use editor::Editor;

/// Reads the text of a dump without what the session that restores it must not see.
///
/// The session has begun a transaction and cleared the database, and only its owner commits; in its strings backslashes
/// do not escape (`standard_conforming_strings`) until the text says so. So what ends a transaction is left out where
/// `pg_dump` writes it and refused elsewhere, and so are backslash commands; what concerns roles, settings, extensions
/// and schemas depends on what is there. What is passed is passed byte for byte, but for a `GRANT` or a
/// policy to several roles of which some are missing, and a name that psql misreads; what is left out is gone with its
/// rows.
///
/// The text must be that of `pg_dump --format=plain` or of `pg_restore --file=-`. What it says is trusted like any
/// other SQL of the user's: the filter keeps a dump from ending the transaction, not SQL from being harmful.
///
/// Holds 256 KiB of the text, twice that of what stays, and at most 64 KiB of a statement, however long that is.
pub(super) struct Script<R> {
    inner: R,
    window: Vec<u8>,
    /// What of `window` was read and is not used up: from here to there.
    at: usize,
    end: usize,
    /// Nothing follows the window.
    is_last: bool,
    lines: usize,
    lexer: Lexer,
    editor: Editor,
    /// How much of the editor's output was handed on.
    handed: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Flowing,
    Ended,
    Failed,
}

/// What must be known of the server and the target before a text can be read.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Surroundings {
    /// Names in `pg_settings`: a `SET` of another one is left out.
    pub(super) settings: BTreeSet<String>,
    /// What takes the planner's statistics from a dump, by name: from PostgreSQL 18 on.
    pub(super) statistics: BTreeSet<String>,
    /// The session's `client_encoding`.
    pub(super) encoding: String,
    /// Extensions that are installed, and stay: what makes them or comments on them is left out.
    pub(super) extensions: BTreeSet<String>,
    /// Schemas that are there, and stay.
    pub(super) kept_schemas: BTreeSet<String>,
    /// Subscriptions that are there, and stay: what makes them or says something of them is left out.
    pub(super) subscriptions: BTreeSet<String>,
    /// Every role of the server, and whether the session may act as it (all of them, for a superuser).
    pub(super) roles: BTreeMap<String, bool>,
    /// Schemas and names of tables and sequences of extensions that the session may not write to: their rows are
    /// left out.
    pub(super) untouchable: BTreeSet<(String, String)>,
    /// The session's user.
    pub(super) user: String,
    /// Whether the user is a superuser: only those may say `SET SESSION AUTHORIZATION` for others.
    pub(super) is_superuser: bool,
}

/// What of the text is wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Only what stands in these schemas, without the schemas themselves; everything if empty.
    pub(super) schemas: Vec<String>,
}

/// Statements of ours that are put into the text, once each. Empty ones are not.
#[derive(Clone, Debug, Default)]
pub(super) struct Injections {
    /// Before the first statement that makes or fills a large object; not at all if there is none.
    pub(super) before_large_objects: String,
    /// Before the first statement of indexes, keys, triggers and all else that stands behind the rows; else at the end.
    pub(super) before_post_data: String,
}

/// What a text turned out to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ScriptFacts {
    /// What was left out that somebody may miss, one sentence each.
    pub(super) notes: Vec<String>,
    /// The last thing in it is `pg_dump`'s last comment.
    pub(super) saw_end_comment: bool,
    /// It has large objects, and they were passed.
    pub(super) has_large_objects: bool,
    /// Schemas that were wanted and that nothing in it belongs to.
    pub(super) missing_schemas: Vec<String>,
}

impl Surroundings {
    /// Returns every name that a text may have, too.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = vec![self.user.clone()];
        names.extend(self.roles.keys().cloned());
        for set in [&self.extensions, &self.kept_schemas, &self.subscriptions] {
            names.extend(set.iter().cloned());
        }
        names.extend(self.untouchable.iter().flat_map(|(schema, table)| [schema.clone(), table.clone()]));
        names
    }

    /// Spells every name otherwise.
    pub(super) fn respell(&mut self, spell: impl Fn(&str) -> String) {
        self.user = spell(&self.user);
        self.roles = self.roles.iter().map(|(name, is_member)| (spell(name), *is_member)).collect();
        for set in [&mut self.extensions, &mut self.kept_schemas, &mut self.subscriptions] {
            *set = set.iter().map(|name| spell(name)).collect();
        }
        self.untouchable = self.untouchable.iter().map(|(schema, table)| (spell(schema), spell(table))).collect();
    }
}

impl<R: Read> Script<R> {
    /// Reads the text from `inner`.
    pub(super) fn new(inner: R, around: Surroundings, wanted: Wanted, injections: Injections) -> Self {
        Self {
            inner,
            window: vec![0; WINDOW_BYTES],
            at: 0,
            end: 0,
            is_last: false,
            lines: 1,
            lexer: Lexer::new(),
            editor: Editor::new(around, wanted, injections),
            handed: 0,
            state: State::Fresh,
        }
    }

    /// Ends a text that was read to its end, and tells what it was.
    ///
    /// # Errors
    ///
    /// `Bug` if it was not read to its end.
    pub(super) fn finish(self) -> Result<ScriptFacts> {
        if self.state != State::Ended {
            return Err(Error::new(ErrorKind::Bug, "a text was not read to its end"));
        }
        Ok(self.editor.facts())
    }

    /// Makes more output, or comes to the end.
    fn advance(&mut self) -> Result<()> {
        self.editor.out.clear();
        self.handed = 0;
        while let Some(piece) = self.lexer.next(&self.window[self.at..self.end], self.is_last)? {
            self.editor.take(piece, &self.window[self.at..self.at + piece.bytes])?;
            self.lexer.set_escapes(self.editor.escapes());
            self.at += piece.bytes;
            if self.editor.out.len() >= WINDOW_BYTES {
                return Ok(());
            }
        }
        if self.is_last {
            if self.at < self.end {
                return Err(Error::new(ErrorKind::Bug, "the end of a text was not read"));
            }
            if let Some(part) = self.lexer.open_part() {
                let message = format!("cannot restore the backup: its text ends inside of {part}");
                return Err(Error::new(ErrorKind::Corrupt, message)
                    .at(Stage::Archive)
                    .hint("it was cut short: restore another backup"));
            }
            self.editor.end()?;
            self.state = State::Ended;
        }
        Ok(())
    }

    /// Reads on behind what is not used up.
    fn fill(&mut self) -> io::Result<()> {
        self.lines += memchr::memchr_iter(b'\n', &self.window[..self.at]).count();
        self.window.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        let count = self.inner.read(&mut self.window[self.end..])?;
        self.end += count;
        self.is_last = count == 0;
        if self.state == State::Fresh && (self.end >= BYTE_ORDER_MARK.len() || self.is_last) {
            // psql takes it for text where it is not the first thing that it reads.
            if self.window[..self.end].starts_with(BYTE_ORDER_MARK) {
                self.at = BYTE_ORDER_MARK.len();
            }
            self.state = State::Flowing;
        }
        Ok(())
    }

    /// Says where in the text an error is about.
    fn locate(&mut self, error: Error) -> io::Error {
        self.state = State::Failed;
        let line = self.lines + memchr::memchr_iter(b'\n', &self.window[..self.at]).count();
        error.hint(format!("see line {line} of its text")).into()
    }
}

impl<R: Read> Read for Script<R> {
    /// Reads text that the session may see; `Ok(0)` means that the text did not end inside of anything.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let ready = &self.editor.out[self.handed..];
            if !ready.is_empty() && self.state != State::Failed {
                let count = ready.len().min(buf.len());
                buf[..count].copy_from_slice(&ready[..count]);
                self.handed += count;
                return Ok(count);
            }
            match self.state {
                State::Ended => return Ok(0),
                State::Failed => return Err(Error::new(ErrorKind::Bug, "a text was read on after it failed").into()),
                State::Fresh => self.fill()?,
                State::Flowing => {
                    self.advance().map_err(|error| self.locate(error))?;
                    if self.editor.out.is_empty() && self.state == State::Flowing && !self.is_last {
                        self.fill()?;
                    }
                }
            }
        }
    }
}

/// Bytes of text that are looked at at once.
const WINDOW_BYTES: usize = 256 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
