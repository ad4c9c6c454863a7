//! From pieces of text to the text that stays.

use super::super::lexer::{Kind, Piece, TOKEN_BYTES, foreign};
use super::super::spelling::unspelled;
use super::head::{Extent, HEAD_BYTES, Head};
use super::outline::Outline;
use super::rules::{NOBODY_ELSE, Rules, Verdict, without_schemas};
use super::{Injections, ScriptFacts, Surroundings, Wanted};
use crate::error::{Error, ErrorKind, Result};

/// Holds back the head of each statement until its fate is known, then passes or drops the rest as it comes.
pub(super) struct Editor {
    rules: Rules,
    head: Head,
    fate: Fate,
    /// What becomes of rows that follow.
    rows: Rows,
    /// What stays, not taken yet.
    pub(super) out: Vec<u8>,
    ends_with_line: bool,
    /// The line of a comment between statements, as far as it came.
    comment: Vec<u8>,
    outline: Outline,
    before_large_objects: Option<String>,
    before_post_data: Option<String>,
    is_post_data_due: bool,
}

/// What becomes of the statement under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// There is none.
    Outside,
    Open,
    Passed,
    LeftOut,
}

enum Rows {
    Passed,
    /// With the table to name if there are any.
    LeftOut(Option<String>),
}

impl Editor {
    pub(super) fn new(around: Surroundings, wanted: Wanted, injections: Injections) -> Self {
        Self {
            rules: Rules::new(around),
            head: Head::default(),
            fate: Fate::Outside,
            rows: Rows::Passed,
            out: Vec::new(),
            ends_with_line: true,
            comment: Vec::new(),
            outline: Outline::new(wanted),
            before_large_objects: Some(injections.before_large_objects),
            before_post_data: Some(injections.before_post_data),
            is_post_data_due: false,
        }
    }

    /// Takes the next piece of the text.
    pub(super) fn take(&mut self, piece: Piece, bytes: &[u8]) -> Result<()> {
        match piece.kind {
            Kind::Rows | Kind::RowsEnd => self.take_rows(piece.kind, bytes),
            Kind::Command => return self.take_command(bytes),
            Kind::LineComment if self.fate == Fate::Outside => self.take_comment(piece, bytes),
            Kind::Blank | Kind::BlockComment if self.fate == Fate::Outside => self.write(bytes),
            Kind::NameBegin => {
                let piece = Piece { kind: Kind::Quoted, bytes: QUOTED_BEGIN.len(), is_last: true };
                return self.take_part(piece, QUOTED_BEGIN);
            }
            _ => return self.take_part(piece, bytes),
        }
        Ok(())
    }

    /// Whether a backslash escapes in `'…'` from here on.
    pub(super) fn escapes(&self) -> bool {
        self.rules.escapes
    }

    /// Takes the end of the text, between two statements.
    pub(super) fn end(&mut self) -> Result<()> {
        if !self.outline.is_known() {
            return Err(without_schemas());
        }
        if !self.ends_with_line {
            self.write(b"\n");
        }
        self.inject_before_post_data();
        if self.rules.acting.take().is_some() {
            self.write(NOBODY_ELSE);
            self.write(b"\n");
        }
        Ok(())
    }

    pub(super) fn facts(self) -> ScriptFacts {
        ScriptFacts {
            notes: self.rules.notes(),
            saw_end_comment: self.outline.saw_end,
            has_large_objects: self.rules.has_large_objects,
            missing_schemas: self.outline.missing_schemas(),
        }
    }

    /// Returns what it holds at the moment.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.head.held_bytes() + self.out.capacity() + self.comment.capacity()
    }

    /// Takes a piece of a statement.
    fn take_part(&mut self, piece: Piece, bytes: &[u8]) -> Result<()> {
        if self.fate == Fate::Outside {
            self.head.clear();
            self.fate = Fate::Open;
            self.rows = Rows::Passed;
            self.outline.saw_end = false;
        }
        if self.fate == Fate::Open && !self.head.has_room_for(piece) {
            self.settle(Extent::Full)?;
        }
        match self.fate {
            Fate::Open => {
                if self.head.push(piece, bytes) {
                    let is_whole = piece.kind == Kind::End;
                    self.settle(if is_whole { Extent::Whole } else { Extent::Growing })?;
                }
            }
            Fate::Passed => self.write(bytes),
            Fate::LeftOut | Fate::Outside => {}
        }
        if piece.kind == Kind::End {
            self.fate = Fate::Outside;
        }
        Ok(())
    }

    /// Decides what becomes of the statement, if that can be told.
    fn settle(&mut self, extent: Extent) -> Result<()> {
        self.fate = Fate::LeftOut;
        match self.rules.judge(&self.head, extent, &self.outline.place())? {
            Verdict::Wait if extent == Extent::Growing => self.fate = Fate::Open,
            Verdict::Wait => return Err(Error::new(ErrorKind::Bug, "a whole statement was not judged")),
            Verdict::Pass => self.pass_head(),
            Verdict::LargeObject => {
                if let Some(sql) = self.before_large_objects.take() {
                    self.inject(&sql);
                }
                self.pass_head();
            }
            Verdict::LeaveOut => self.rows = Rows::LeftOut(None),
            Verdict::LeaveRowsOut(table) => self.rows = Rows::LeftOut(Some(table)),
            Verdict::Replace(text) => self.write(&text),
            Verdict::PassAs(text) => self.pass(&text),
        }
        Ok(())
    }

    fn pass_head(&mut self) {
        let head = std::mem::take(&mut self.head);
        self.pass(head.bytes());
        self.head = head;
    }

    /// Passes this for what was held back, then what comes of the statement.
    fn pass(&mut self, beginning: &[u8]) {
        if self.is_post_data_due {
            self.inject_before_post_data();
        }
        self.write(beginning);
        self.fate = Fate::Passed;
    }

    fn take_rows(&mut self, kind: Kind, bytes: &[u8]) {
        match &mut self.rows {
            Rows::Passed => self.write(bytes),
            Rows::LeftOut(table) if kind == Kind::Rows => {
                if let Some(table) = table.take() {
                    self.rules.miss_rows(table);
                }
            }
            Rows::LeftOut(_) => {}
        }
    }

    fn take_comment(&mut self, piece: Piece, bytes: &[u8]) {
        self.write(bytes);
        let room = HEAD_BYTES.saturating_sub(self.comment.len());
        self.comment.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if !piece.is_last {
            return;
        }
        self.is_post_data_due |= self.outline.take(&self.comment);
        self.comment.clear();
    }

    /// Leaves out the two commands that `pg_dump` writes.
    fn take_command(&mut self, line: &[u8]) -> Result<()> {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_ascii_whitespace();
        let (name, key, rest) = (words.next().unwrap_or("\\"), words.next().unwrap_or_default(), words.next());
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_ours = matches!(name, "\\restrict" | "\\unrestrict") && is_key && rest.is_none();
        if is_ours && self.fate == Fate::Outside && line.len() < TOKEN_BYTES {
            return Ok(());
        }
        // psql takes `\!ls` and `\connect\echo` for commands, too: the name ends at what cannot belong to it.
        let letters = name.get(1..).unwrap_or_default().bytes().take_while(u8::is_ascii_alphabetic).count();
        let name: String = name.chars().take(letters.clamp(1, NAME_CHARS) + 1).collect();
        let error = foreign(format!("the command `{name}`"));
        Err(match name.as_str() {
            "\\connect" | "\\c" => error.hint("pg_dump wrote it with `--create`: dump without it"),
            _ => error,
        })
    }

    fn inject_before_post_data(&mut self) {
        self.is_post_data_due = false;
        if let Some(sql) = self.before_post_data.take() {
            self.inject(&sql);
        }
    }

    /// Puts in SQL of the session's own user and in the session's own encoding, in lines of its own.
    fn inject(&mut self, sql: &str) {
        if sql.is_empty() {
            return;
        }
        let (acting, encoding) = (self.rules.acting.clone(), self.rules.encoding.clone());
        let sql = unspelled(sql);
        let ours = encoding.as_ref().map(|_| self.rules.own_encoding());
        let before = [ours.as_deref(), acting.as_ref().map(|_| NOBODY_ELSE)];
        for line in before.into_iter().chain([Some(&*sql), acting.as_deref(), encoding.as_deref()]).flatten() {
            if !self.ends_with_line {
                self.write(b"\n");
            }
            self.write(line);
        }
        if !self.ends_with_line {
            self.write(b"\n");
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.ends_with_line = bytes.last().map_or(self.ends_with_line, |&byte| byte == b'\n');
    }
}

/// As a name; psql takes the word for the begin of a function's body, and all up to the next `END` for the body.
const QUOTED_BEGIN: &[u8] = b"\"begin\"";
/// Letters of a command's name that an error shows.
const NAME_CHARS: usize = 32;
