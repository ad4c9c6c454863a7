//! SQL text, cut where psql cuts it.

mod statement;

use memchr::{memchr, memchr2, memmem};

use crate::error::{Error, ErrorKind, Result, Stage};
use statement::Statement;

/// Cuts the text that psql reads into pieces, and knows where psql ends a statement and where rows begin.
///
/// Holds nothing of the text but the tag of an open dollar quote. What may be long (strings, numbers, comments, rows)
/// comes in pieces as it arrives; what is cut nowhere (words, tags, backslash commands) may be 1 KiB long.
///
/// Source: `psqlscan.l` and `copy.c` of PostgreSQL 15 to 18. Where psql and the server could read a text in two
/// ways, and `pg_dump` never writes such text, it is refused.
pub(super) struct Lexer {
    mode: Mode,
    /// Whether a backslash escapes in `'…'`: `standard_conforming_strings` is off.
    escapes: bool,
    statement: Statement,
    /// The last piece that was no blank and no comment ended an `E'…'`.
    is_behind_escapes: bool,
    rows_end: memmem::Finder<'static>,
}

/// The next bytes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) bytes: usize,
    /// Whether the token ends with it.
    pub(super) is_last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Blank,
    /// `--` to before the end of the line.
    LineComment,
    /// `/* */`
    BlockComment,
    /// A keyword or a name without quotes.
    Word,
    /// The name `begin` without quotes, which psql would take for the begin of a body.
    NameBegin,
    Number,
    /// `"…"`
    Quoted,
    /// `'…'` and its prefixed kinds, `$tag$…$tag$`.
    Text,
    /// One byte: an operator's, a bracket, a comma.
    Symbol,
    /// The `;` that ends a statement.
    End,
    /// A backslash outside of quotes, and the rest of its line.
    Command,
    /// Rows behind `COPY … FROM stdin;`.
    Rows,
    /// The line `\.`.
    RowsEnd,
}

#[derive(Debug, PartialEq, Eq)]
enum Mode {
    Sql,
    LineComment,
    BlockComment {
        depth: usize,
    },
    /// `is_prefixed`: as `E'…'`.
    Text {
        escapes: bool,
        is_prefixed: bool,
    },
    Quoted,
    Number,
    Dollar {
        delimiter: Vec<u8>,
    },
    BehindCopy,
    Rows {
        at_line_start: bool,
    },
}

impl Lexer {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::Sql,
            escapes: false,
            statement: Statement::default(),
            is_behind_escapes: false,
            rows_end: memmem::Finder::new(b"\n\\."),
        }
    }

    /// Says whether a backslash escapes in `'…'` from here on.
    pub(super) fn set_escapes(&mut self, escapes: bool) {
        self.escapes = escapes;
    }

    /// Returns what the text ends inside of, if it may not end here.
    pub(super) fn open_part(&self) -> Option<&'static str> {
        match self.mode {
            Mode::Rows { .. } | Mode::BehindCopy => Some("the rows of a table"),
            Mode::BlockComment { .. } => Some("a comment"),
            Mode::Text { .. } | Mode::Quoted | Mode::Dollar { .. } => Some("a string"),
            Mode::Sql | Mode::LineComment | Mode::Number => self.statement.is_open().then_some("a statement"),
        }
    }

    /// Returns the piece that `input` begins with; `None` if more is needed to tell.
    ///
    /// With `is_last` nothing follows `input`, and `None` is the end.
    ///
    /// # Errors
    ///
    /// `Refused` for what `pg_dump` does not write and psql would read in a way of its own; `Corrupt` for a NUL byte.
    pub(super) fn next(&mut self, input: &[u8], is_last: bool) -> Result<Option<Piece>> {
        let piece = match &mut self.mode {
            Mode::LineComment => Some(self.line_comment(input, is_last)),
            Mode::Number => Some(self.number(input, is_last)?),
            _ if input.is_empty() => None,
            Mode::Sql => self.sql(input, is_last)?,
            Mode::BlockComment { .. } => self.block_comment(input, is_last),
            Mode::Text { .. } | Mode::Quoted => self.text(input, is_last),
            Mode::Dollar { .. } => self.dollar(input, is_last),
            Mode::BehindCopy => self.behind_copy(input)?,
            Mode::Rows { at_line_start } => {
                let at_line_start = *at_line_start;
                self.rows(input, at_line_start, is_last)
            }
        };
        // A part of no bytes says something only where it ends a comment or a number.
        let piece = piece.filter(|piece| piece.bytes > 0 || piece.is_last);
        match piece {
            Some(piece) if memchr(0, &input[..piece.bytes]).is_some() => {
                Err(Error::new(ErrorKind::Corrupt, "cannot restore the backup: its text has a NUL byte")
                    .at(Stage::Archive))
            }
            _ => Ok(piece),
        }
    }

    fn sql(&mut self, input: &[u8], is_last: bool) -> Result<Option<Piece>> {
        let second = input.get(1).copied();
        if second.is_none() && !is_last && matches!(input[0], b'-' | b'/') {
            return Ok(None);
        }
        let piece = match input[0] {
            byte if is_blank(byte) => {
                let bytes = input.iter().position(|&byte| !is_blank(byte)).unwrap_or(input.len());
                return Ok(Some(Piece::whole(Kind::Blank, bytes)));
            }
            b'-' if second == Some(b'-') => {
                self.mode = Mode::LineComment;
                return Ok(Some(Piece::part(Kind::LineComment, 2)));
            }
            b'/' if second == Some(b'*') => {
                self.mode = Mode::BlockComment { depth: 1 };
                return Ok(Some(Piece::part(Kind::BlockComment, 2)));
            }
            b'\\' => return Ok(command(input, is_last)),
            b'\'' => {
                // psql takes what follows `E'…'` for a string of its own, the server for more of the same.
                if self.is_behind_escapes {
                    return Err(foreign("a string in several parts"));
                }
                self.open(1, Mode::Text { escapes: self.escapes, is_prefixed: false }, Kind::Text)
            }
            b'"' => self.open(1, Mode::Quoted, Kind::Quoted),
            b'$' => match self.behind_dollar(input, is_last)? {
                Some(piece) => piece,
                None => return Ok(None),
            },
            byte if is_word_start(byte) => match self.word(input, is_last)? {
                Some(piece) => piece,
                None => return Ok(None),
            },
            byte if byte.is_ascii_digit() => self.number(input, is_last)?,
            b';' if self.statement.may_end() => Piece::whole(Kind::End, 1),
            _ => Piece::whole(Kind::Symbol, 1),
        };
        self.is_behind_escapes = false;
        if self.statement.take(piece.kind, &input[..piece.bytes])? {
            self.mode = Mode::BehindCopy;
        }
        Ok(Some(piece))
    }

    fn open(&mut self, bytes: usize, mode: Mode, kind: Kind) -> Piece {
        self.mode = mode;
        Piece::part(kind, bytes)
    }

    /// Reads a word, or the prefix of a string that looks like one.
    fn word(&mut self, input: &[u8], is_last: bool) -> Result<Option<Piece>> {
        let Some(bytes) = run(input, 1, is_last, is_word)? else { return Ok(None) };
        let rest = &input[bytes..];
        let is_unicode = bytes == 1 && matches!(input[0], b'u' | b'U');
        if is_unicode && rest.len() < 2 && !is_last {
            return Ok(None);
        }
        let text = |escapes| Mode::Text { escapes, is_prefixed: escapes };
        Ok(Some(match (input[0], rest) {
            (b'e' | b'E', [b'\'', ..]) if bytes == 1 => self.open(2, text(true), Kind::Text),
            (b'b' | b'B' | b'x' | b'X', [b'\'', ..]) if bytes == 1 => self.open(2, text(false), Kind::Text),
            (_, [b'&', b'\'', ..]) if is_unicode => self.open(3, text(false), Kind::Text),
            (_, [b'&', b'"', ..]) if is_unicode => self.open(3, Mode::Quoted, Kind::Quoted),
            _ if input[..bytes].eq_ignore_ascii_case(b"begin") && self.statement.counts_blocks() => {
                let Some(begins_body) = is_atomic_next(rest, is_last) else { return Ok(None) };
                Piece::whole(if begins_body { Kind::Word } else { Kind::NameBegin }, bytes)
            }
            _ => Piece::whole(Kind::Word, bytes),
        }))
    }

    /// Reads on in a number: a value of type `numeric` may have 100,000 digits.
    fn number(&mut self, input: &[u8], is_last: bool) -> Result<Piece> {
        let end = input.iter().position(|&byte| !is_number(byte));
        let is_whole = end.is_some() || is_last;
        self.mode = if is_whole { Mode::Sql } else { Mode::Number };
        match end {
            // Versions differ in where the number ends and a dollar quote begins.
            Some(end) if input[end] == b'$' => Err(foreign("`$` right behind a number")),
            _ => Ok(Piece { kind: Kind::Number, bytes: end.unwrap_or(input.len()), is_last: is_whole }),
        }
    }

    /// Reads a parameter, what opens a dollar quote, or a lone `$`.
    fn behind_dollar(&mut self, input: &[u8], is_last: bool) -> Result<Option<Piece>> {
        if input.get(1).is_some_and(u8::is_ascii_digit) {
            let number = self.number(&input[1..], is_last)?;
            return Ok(Some(Piece { bytes: number.bytes + 1, ..number }));
        }
        let Some(bytes) = run(input, 1, is_last, is_number)? else { return Ok(None) };
        if input.get(bytes) != Some(&b'$') {
            return Ok(Some(Piece::whole(Kind::Symbol, 1)));
        }
        let delimiter = input[..=bytes].to_vec();
        Ok(Some(self.open(bytes + 1, Mode::Dollar { delimiter }, Kind::Text)))
    }

    fn line_comment(&mut self, input: &[u8], is_last: bool) -> Piece {
        let end = memchr2(b'\n', b'\r', input);
        let is_whole = end.is_some() || is_last;
        if is_whole {
            self.mode = Mode::Sql;
        }
        Piece { kind: Kind::LineComment, bytes: end.unwrap_or(input.len()), is_last: is_whole }
    }

    fn block_comment(&mut self, input: &[u8], is_last: bool) -> Option<Piece> {
        let Mode::BlockComment { depth } = &mut self.mode else { return None };
        let mut at = 0;
        while let Some(found) = memchr2(b'*', b'/', &input[at..]) {
            at += found;
            match input.get(at..at + 2) {
                None if !is_last => return (at > 0).then_some(Piece::part(Kind::BlockComment, at)),
                Some(b"/*") => {
                    *depth += 1;
                    at += 2;
                }
                Some(b"*/") => {
                    *depth -= 1;
                    at += 2;
                    if *depth == 0 {
                        self.mode = Mode::Sql;
                        return Some(Piece::whole(Kind::BlockComment, at));
                    }
                }
                _ => at += 1,
            }
        }
        Some(Piece::part(Kind::BlockComment, input.len()))
    }

    /// Reads on in `'…'` or `"…"`.
    fn text(&mut self, input: &[u8], is_last: bool) -> Option<Piece> {
        let (kind, quote, escape, is_prefixed) = match self.mode {
            Mode::Text { escapes: true, is_prefixed } => (Kind::Text, b'\'', b'\\', is_prefixed),
            Mode::Text { .. } => (Kind::Text, b'\'', b'\'', false),
            _ => (Kind::Quoted, b'"', b'"', false),
        };
        let mut at = 0;
        while let Some(found) = memchr2(quote, escape, &input[at..]) {
            at += found;
            let next = input.get(at + 1);
            if next.is_none() && !is_last {
                return (at > 0).then_some(Piece::part(kind, at));
            }
            if input[at] == quote && next != Some(&quote) {
                self.mode = Mode::Sql;
                self.is_behind_escapes = is_prefixed;
                return Some(Piece::whole(kind, at + 1));
            }
            at = (at + 2).min(input.len());
        }
        Some(Piece::part(kind, input.len()))
    }

    fn dollar(&mut self, input: &[u8], is_last: bool) -> Option<Piece> {
        let Mode::Dollar { delimiter } = &self.mode else { return None };
        let mut at = 0;
        while let Some(found) = memchr(b'$', &input[at..]) {
            at += found;
            let rest = &input[at..];
            if rest.starts_with(delimiter) {
                let bytes = at + delimiter.len();
                self.mode = Mode::Sql;
                return Some(Piece::whole(Kind::Text, bytes));
            }
            if !is_last && delimiter.starts_with(rest) {
                return (at > 0).then_some(Piece::part(Kind::Text, at));
            }
            at += 1;
        }
        Some(Piece::part(Kind::Text, input.len()))
    }

    /// Passes the end of the line behind `COPY … FROM stdin;`: psql would read its rest after the rows.
    fn behind_copy(&mut self, input: &[u8]) -> Result<Option<Piece>> {
        let end = memchr(b'\n', input);
        let bytes = end.map_or(input.len(), |end| end + 1);
        if !input[..bytes].iter().all(|&byte| is_blank(byte)) {
            return Err(foreign("something behind `COPY … FROM stdin;` on its line"));
        }
        if end.is_some() {
            self.mode = Mode::Rows { at_line_start: true };
        }
        Ok(Some(Piece::whole(Kind::Blank, bytes)))
    }

    fn rows(&mut self, input: &[u8], at_line_start: bool, is_last: bool) -> Option<Piece> {
        const ENDS: [&[u8]; 2] = [b"\\.\n", b"\\.\r\n"];
        if at_line_start {
            if let Some(end) = ENDS.iter().find(|end| input.starts_with(end)) {
                self.mode = Mode::Sql;
                return Some(Piece::whole(Kind::RowsEnd, end.len()));
            }
            if is_last && matches!(input, b"\\." | b"\\.\r") {
                self.mode = Mode::Sql;
                return Some(Piece::whole(Kind::RowsEnd, input.len()));
            }
            if !is_last && ENDS.iter().any(|end| end.starts_with(input)) {
                return None;
            }
        }
        let bytes = match self.rows_end.find(input) {
            Some(end) => end + 1,
            None if input.ends_with(b"\n\\") => input.len() - 1,
            None => input.len(),
        };
        self.mode = Mode::Rows { at_line_start: input[bytes - 1] == b'\n' };
        Some(Piece::part(Kind::Rows, bytes))
    }
}

impl Piece {
    fn whole(kind: Kind, bytes: usize) -> Self {
        Self { kind, bytes, is_last: true }
    }

    fn part(kind: Kind, bytes: usize) -> Self {
        Self { kind, bytes, is_last: false }
    }
}

/// Makes the error for text that `pg_dump` does not write.
pub(super) fn foreign(what: impl std::fmt::Display) -> Error {
    let message = format!("cannot restore the backup: it has {what}, which pg_dump does not write");
    Error::new(ErrorKind::Refused, message).at(Stage::Archive)
}

/// Reads a backslash command with the rest of its line.
fn command(input: &[u8], is_last: bool) -> Option<Piece> {
    let end = memchr(b'\n', input);
    if end.is_none() && !is_last && input.len() <= TOKEN_BYTES {
        return None;
    }
    Some(Piece::whole(Kind::Command, end.unwrap_or(input.len()).min(TOKEN_BYTES)))
}

/// Whether the next word is `ATOMIC`, with nothing but blanks before it; `None` if more is needed to tell.
fn is_atomic_next(input: &[u8], is_last: bool) -> Option<bool> {
    let blanks = input.iter().take(TOKEN_BYTES).take_while(|&&byte| is_blank(byte)).count();
    if blanks == TOKEN_BYTES {
        return Some(false);
    }
    let rest = &input[blanks..];
    let letters = rest.iter().take(ATOMIC.len() + 1).take_while(|&&byte| is_word(byte)).count();
    let is_whole = is_last || letters < rest.len() || letters > ATOMIC.len();
    is_whole.then(|| rest[..letters].eq_ignore_ascii_case(ATOMIC))
}

const ATOMIC: &[u8] = b"atomic";

/// Returns where the bytes of a token end that began before `from`; `None` if the input ends first.
fn run(input: &[u8], from: usize, is_last: bool, belongs: impl Fn(u8) -> bool) -> Result<Option<usize>> {
    match input[from..].iter().position(|&byte| !belongs(byte)) {
        Some(count) if from + count <= TOKEN_BYTES => Ok(Some(from + count)),
        None if input.len() <= TOKEN_BYTES => Ok(is_last.then_some(input.len())),
        _ => Err(foreign("a name of more than 1 KiB")),
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c')
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

fn is_word(byte: u8) -> bool {
    is_number(byte) || byte == b'$'
}

/// Whether a byte goes on in a number or in the tag of a dollar quote.
fn is_number(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit()
}

/// The longest word, tag or command: names have 63 bytes.
pub(super) const TOKEN_BYTES: usize = 1024;
