//! The beginning of a statement, as far as a rule must see it.

use std::ops::Range;

use super::super::lexer::{Kind, Piece};
use super::super::spelling::spelled;

/// The bytes of a statement that were held back so far, and the tokens in them.
#[derive(Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    tokens: Vec<Token>,
    /// The first two tokens where they are keywords, in lower case.
    keywords: [String; 2],
    /// A token has begun that did not end.
    is_inside: bool,
}

#[derive(Debug)]
struct Token {
    kind: Kind,
    range: Range<usize>,
}

/// How much of the statement a [`Head`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// More may come.
    Growing,
    /// All of it.
    Whole,
    /// Less than all, and no more is held back.
    Full,
}

impl Head {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.tokens.clear();
        self.keywords.iter_mut().for_each(String::clear);
        self.is_inside = false;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns what it takes, tokens included.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.tokens.capacity() * size_of::<Token>()
    }

    /// Whether the piece would make it longer than [`HEAD_BYTES`].
    pub(super) fn has_room_for(&self, piece: Piece) -> bool {
        self.bytes.len() + piece.bytes <= HEAD_BYTES
    }

    /// Takes a piece; returns whether a token ended with it.
    pub(super) fn push(&mut self, piece: Piece, bytes: &[u8]) -> bool {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len();
        if matches!(piece.kind, Kind::Blank | Kind::LineComment | Kind::BlockComment) {
            return false;
        }
        match self.tokens.last_mut() {
            Some(token) if self.is_inside => token.range.end = end,
            _ => {
                let at = self.tokens.len();
                self.tokens.push(Token { kind: piece.kind, range: start..end });
                if let Some(keyword) = self.keywords.get_mut(at).filter(|_| piece.kind == Kind::Word) {
                    keyword.push_str(&String::from_utf8_lossy(bytes));
                    keyword.make_ascii_lowercase();
                }
            }
        }
        self.is_inside = !piece.is_last;
        piece.is_last
    }

    /// Returns the count of tokens that are whole.
    pub(super) fn count(&self) -> usize {
        self.tokens.len() - usize::from(self.is_inside)
    }

    /// Returns where the token stands in [`Head::bytes`].
    pub(super) fn range(&self, at: usize) -> Range<usize> {
        self.tokens.get(at).map_or(0..0, |token| token.range.clone())
    }

    /// Returns the first two keywords, in lower case; empty where something else stands.
    pub(super) fn keywords(&self) -> (&str, &str) {
        (&self.keywords[0], &self.keywords[1])
    }

    /// Returns a keyword or a name without quotes, in lower case.
    pub(super) fn word(&self, at: usize) -> Option<String> {
        let (kind, bytes) = self.token(at)?;
        (kind == Kind::Word).then(|| spelled(&bytes.to_ascii_lowercase()))
    }

    /// Whether this keyword stands there.
    pub(super) fn is(&self, at: usize, keyword: &str) -> bool {
        self.token(at).is_some_and(|(kind, bytes)| kind == Kind::Word && bytes.eq_ignore_ascii_case(keyword.as_bytes()))
    }

    /// Whether these keywords stand there.
    pub(super) fn has(&self, at: usize, keywords: &[&str]) -> bool {
        keywords.iter().enumerate().all(|(place, keyword)| self.is(at + place, keyword))
    }

    /// Returns the place behind these keywords where they stand there, else the place itself.
    pub(super) fn past(&self, at: usize, keywords: &[&str]) -> usize {
        if self.has(at, keywords) { at + keywords.len() } else { at }
    }

    /// Whether this operator, bracket or comma stands there.
    pub(super) fn is_symbol(&self, at: usize, symbol: u8) -> bool {
        self.token(at).is_some_and(|(kind, bytes)| kind == Kind::Symbol && bytes == [symbol])
    }

    /// Whether the statement ends there.
    pub(super) fn is_end(&self, at: usize) -> bool {
        self.token(at).is_some_and(|(kind, _)| kind == Kind::End)
    }

    /// Returns a name: folded to lower case without quotes, as it is with them.
    pub(super) fn name(&self, at: usize) -> Option<String> {
        match self.token(at)? {
            (Kind::Word, _) => self.word(at),
            (Kind::Quoted, bytes) => unquote(bytes, '"'),
            _ => None,
        }
    }

    /// Returns a name, or the content of a string.
    pub(super) fn value(&self, at: usize) -> Option<String> {
        match self.token(at)? {
            (Kind::Text, bytes) => unquote(bytes, '\''),
            (Kind::Number, bytes) => Some(spelled(bytes)),
            _ => self.name(at),
        }
    }

    /// Returns a schema, where one is named, a name, and the place behind both.
    pub(super) fn qualified(&self, at: usize) -> Option<(Option<String>, String, usize)> {
        let first = self.name(at)?;
        if self.is_symbol(at + 1, b'.') {
            return Some((Some(first), self.name(at + 2)?, at + 3));
        }
        Some((None, first, at + 1))
    }

    /// Returns the place of the first of these keywords outside of parentheses.
    pub(super) fn find(&self, from: usize, keywords: &[&str]) -> Option<usize> {
        let mut depth = 0_usize;
        (from..self.count()).find(|&at| {
            if self.is_symbol(at, b'(') {
                depth += 1;
            } else if self.is_symbol(at, b')') {
                depth = depth.saturating_sub(1);
            }
            depth == 0 && keywords.iter().any(|keyword| self.is(at, keyword))
        })
    }

    fn token(&self, at: usize) -> Option<(Kind, &[u8])> {
        let token = self.tokens.get(at).filter(|_| at < self.count())?;
        Some((token.kind, &self.bytes[token.range.clone()]))
    }
}

/// Reads a qualified name out of a string, as in `setval('public."Seq"', …)`.
pub(super) fn split_qualified(text: &str) -> Option<(Option<String>, String)> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let part_end = if rest.starts_with('"') {
            let mut quotes = rest.match_indices('"').map(|(at, _)| at).skip(1).peekable();
            loop {
                let quote = quotes.next()?;
                // A doubled one stands for itself.
                if quotes.next_if_eq(&(quote + 1)).is_none() {
                    break quote + 1;
                }
            }
        } else {
            rest.find('.').unwrap_or(rest.len())
        };
        let (part, tail) = rest.split_at(part_end);
        parts.push(unquote(part.as_bytes(), '"').unwrap_or_else(|| part.to_ascii_lowercase()));
        match tail.strip_prefix('.') {
            Some(tail) => rest = tail,
            None => break,
        }
    }
    let name = parts.pop()?;
    Some((parts.pop(), name))
}

fn unquote(bytes: &[u8], quote: char) -> Option<String> {
    let text = spelled(bytes);
    let content = text.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(content.replace(&format!("{quote}{quote}"), &quote.to_string()))
}

/// What is held back of a statement at most. The longest that a rule must see whole is the `ALTER FUNCTION … OWNER TO`
/// of a function with 100 arguments: 20 KiB.
pub(super) const HEAD_BYTES: usize = 64 * 1024;
