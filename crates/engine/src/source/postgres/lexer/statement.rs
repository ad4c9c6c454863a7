//! Where psql ends a statement.

use super::{Kind, foreign};
use crate::error::Result;

/// What psql knows of the statement under way, to find its end.
#[derive(Default)]
pub(super) struct Statement {
    is_open: bool,
    parentheses: usize,
    /// Words so far, and of the first four those that make up `CREATE OR REPLACE FUNCTION`, by their first letters.
    words: usize,
    letters: [u8; 4],
    /// `BEGIN`s and `CASE`s that wait for their `END`.
    blocks: usize,
    copy: Copy,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Copy {
    #[default]
    No,
    Begun,
    From,
    Stdin,
}

impl Statement {
    /// Whether something of it has come.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether a `;` here ends it.
    pub(super) fn may_end(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    /// Takes the first piece of a token; returns whether rows follow the statement that it ends.
    pub(super) fn take(&mut self, kind: Kind, bytes: &[u8]) -> Result<bool> {
        let word = if kind == Kind::Word { bytes } else { b"" };
        let is = |wanted: &str| word.eq_ignore_ascii_case(wanted.as_bytes());
        if kind == Kind::End {
            let has_rows = self.copy == Copy::Stdin;
            *self = Self::default();
            return Ok(has_rows);
        }
        self.copy = match self.copy {
            Copy::No if !self.is_open && is("copy") => Copy::Begun,
            Copy::Begun if self.words == 1 && is("binary") => return Err(foreign("`COPY BINARY`")),
            Copy::Begun if self.parentheses == 0 && is("from") => Copy::From,
            Copy::From if is("stdin") || is("stdout") => Copy::Stdin,
            Copy::From => Copy::No,
            Copy::Stdin => return Err(foreign("options behind `COPY … FROM stdin`")),
            other => other,
        };
        self.is_open = true;
        match (kind, bytes) {
            (Kind::Symbol, b"(") => self.parentheses += 1,
            (Kind::Symbol, b")") => self.parentheses = self.parentheses.saturating_sub(1),
            (Kind::Word, _) => self.take_word(word),
            _ => {}
        }
        Ok(false)
    }

    /// Whether psql takes the word `begin` for the begin of a body, which only the END after it ends.
    pub(super) fn counts_blocks(&self) -> bool {
        let makes_routine = matches!(self.letters, [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p']);
        makes_routine && self.parentheses == 0
    }

    fn take_word(&mut self, word: &[u8]) {
        let is = |wanted: &str| word.eq_ignore_ascii_case(wanted.as_bytes());
        if let Some(letter) = self.letters.get_mut(self.words)
            && ["create", "or", "replace", "function", "procedure"].into_iter().any(is)
        {
            *letter = word[0].to_ascii_lowercase();
        }
        self.words += 1;
        if !self.counts_blocks() {
            return;
        }
        if is("begin") || is("case") && self.blocks > 0 {
            self.blocks += 1;
        } else if is("end") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }
}
