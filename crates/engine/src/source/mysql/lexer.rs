//! SQL text, cut where the `mysql` client cuts it.

use memchr::{memchr, memchr2, memmem};

use super::statement::Quoting;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Cuts the text that the `mysql` client reads into pieces, and knows where it ends a statement.
///
/// Holds nothing of the text but the delimiter, and whether backslashes escape: the client heeds no more of `sql_mode`. What may be long (strings, comments, all of a statement) comes in
/// pieces as it arrives.
///
/// Source: `add_line` in MariaDB's `client/mysql.cc`; <https://dev.mysql.com/doc/refman/8.4/en/comments.html>.
pub(super) struct Lexer {
    mode: Mode,
    delimiter: Vec<u8>,
    keeps_backslashes: bool,
    /// Something of a statement was seen.
    in_statement: bool,
    at_line_start: bool,
    /// Open brackets of the statement.
    depth: usize,
    /// Pairs of brackets of the statement that stand in no other.
    groups: u64,
}

/// The next bytes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Blanks, comments and what the client obeys, between two statements.
    Between,
    /// A part of a statement.
    Part,
    /// What ends it.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Sql,
    Quoted(u8),
    LineComment,
    BlockComment,
}

impl Lexer {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::Sql,
            delimiter: b";".to_vec(),
            keeps_backslashes: false,
            in_statement: false,
            at_line_start: true,
            depth: 0,
            groups: 0,
        }
    }

    /// Takes what the last statement has made of quotes.
    pub(super) fn quote_as(&mut self, quoting: Quoting) {
        self.keeps_backslashes = quoting.keeps_backslashes;
    }

    /// Returns how many pairs of brackets the statement has had so far that stand in no other: the rows of an `INSERT`.
    pub(super) fn groups(&self) -> u64 {
        self.groups
    }

    /// Returns what the text ends inside of, if it may not end here.
    pub(super) fn open_part(&self) -> Option<&'static str> {
        match self.mode {
            Mode::Quoted(_) => Some("a string"),
            Mode::BlockComment => Some("a comment"),
            Mode::Sql | Mode::LineComment => self.in_statement.then_some("a statement"),
        }
    }

    /// Returns the piece that `input` begins with; `None` if more is needed to tell.
    ///
    /// With `is_last` nothing follows `input`, and `None` is the end.
    ///
    /// # Errors
    ///
    /// `Refused` for a delimiter that cannot be.
    pub(super) fn next(&mut self, input: &[u8], is_last: bool) -> Result<Option<Piece>> {
        if input.is_empty() {
            return Ok(None);
        }
        let piece = match self.mode {
            Mode::Sql => self.sql(input, is_last)?,
            Mode::Quoted(quote) => Some(self.quoted(input, quote, is_last)),
            Mode::LineComment => Some(self.line_comment(input)),
            Mode::BlockComment => Some(self.block_comment(input, is_last)),
        };
        let piece = piece.filter(|piece| piece.bytes > 0);
        if let Some(piece) = piece {
            self.at_line_start = input[piece.bytes - 1] == b'\n';
        }
        Ok(piece)
    }

    fn sql(&mut self, input: &[u8], is_last: bool) -> Result<Option<Piece>> {
        if !self.in_statement {
            let blanks = input.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if blanks > 0 {
                return Ok(Some(Piece { kind: Kind::Between, bytes: blanks }));
            }
            // An order for the client alone, without an end of its own.
            let may_be_sandbox = SANDBOX.starts_with(&input[..input.len().min(SANDBOX.len())]);
            if may_be_sandbox && (input.len() >= SANDBOX.len() || !is_last) {
                if input.len() < SANDBOX.len() {
                    return Ok(None);
                }
                self.mode = Mode::BlockComment;
                return Ok(Some(Piece { kind: Kind::Between, bytes: SANDBOX.len() }));
            }
            if self.at_line_start {
                match self.command(input, is_last)? {
                    Command::Is(bytes) => return Ok(Some(Piece { kind: Kind::Between, bytes })),
                    Command::MayBe => return Ok(None),
                    Command::No => {}
                }
            }
        }
        // The longest thing that must be seen whole: `/*M!`, or a delimiter.
        let needed = LOOK_AHEAD.max(self.delimiter.len());
        let mut at = 0;
        while at < input.len() {
            let Some(found) = input[at..].iter().position(|&byte| is_special(byte, self.delimiter[0])) else {
                at = input.len();
                break;
            };
            at += found;
            let rest = &input[at..];
            if rest.len() < needed && !is_last {
                break;
            }
            if rest.starts_with(&self.delimiter) {
                return Ok(Some(if at == 0 { self.end() } else { self.part(at) }));
            }
            match rest[0] {
                quote @ (b'\'' | b'"' | b'`') => {
                    self.mode = Mode::Quoted(quote);
                    return Ok(Some(self.part(at + 1)));
                }
                b'#' => return Ok(Some(self.comment(at, Mode::LineComment))),
                b'-' if rest.starts_with(b"--") && rest.get(2).is_none_or(u8::is_ascii_whitespace) => {
                    return Ok(Some(self.comment(at, Mode::LineComment)));
                }
                b'/' if rest.starts_with(b"/*") && !is_executed(rest) => {
                    return Ok(Some(self.comment(at, Mode::BlockComment)));
                }
                b'(' => {
                    self.groups += u64::from(self.depth == 0);
                    self.depth += 1;
                }
                b')' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        Ok((at > 0).then(|| self.part(at)))
    }

    /// Recognises `DELIMITER ;;`, which stands on a line of its own.
    fn command(&mut self, input: &[u8], is_last: bool) -> Result<Command> {
        let word = input.len().min(DELIMITER.len());
        if !input[..word].eq_ignore_ascii_case(&DELIMITER[..word]) {
            return Ok(Command::No);
        }
        let Some(end) = memchr(b'\n', input).or_else(|| is_last.then_some(input.len())) else {
            return if input.len() > COMMAND_BYTES { Ok(Command::No) } else { Ok(Command::MayBe) };
        };
        let Some(rest) = input[..end].get(DELIMITER.len()..) else { return Ok(Command::No) };
        let delimiter = rest.trim_ascii();
        if delimiter.is_empty() || delimiter.len() > DELIMITER_BYTES || delimiter.contains(&b'\\') {
            return Err(Error::new(
                ErrorKind::Refused,
                "cannot restore the backup: its text has an unusable DELIMITER",
            )
            .at(Stage::Archive));
        }
        self.delimiter = delimiter.to_vec();
        Ok(Command::Is((end + 1).min(input.len())))
    }

    fn part(&mut self, bytes: usize) -> Piece {
        self.in_statement = true;
        Piece { kind: Kind::Part, bytes }
    }

    fn end(&mut self) -> Piece {
        let kind = if self.in_statement { Kind::End } else { Kind::Between };
        self.in_statement = false;
        self.depth = 0;
        self.groups = 0;
        Piece { kind, bytes: self.delimiter.len() }
    }

    /// Ends the piece before a comment, or begins the comment.
    fn comment(&mut self, at: usize, mode: Mode) -> Piece {
        if at > 0 {
            return self.part(at);
        }
        self.mode = mode;
        // A `#` alone may be all of it.
        Piece { kind: self.kind(), bytes: if mode == Mode::LineComment { 1 } else { 2 } }
    }

    fn kind(&self) -> Kind {
        if self.in_statement { Kind::Part } else { Kind::Between }
    }

    fn line_comment(&mut self, input: &[u8]) -> Piece {
        let bytes = memchr(b'\n', input).map_or(input.len(), |at| at + 1);
        if input[bytes - 1] == b'\n' {
            self.mode = Mode::Sql;
        }
        Piece { kind: self.kind(), bytes }
    }

    fn block_comment(&mut self, input: &[u8], is_last: bool) -> Piece {
        let bytes = match memmem::find(input, b"*/") {
            Some(at) => {
                self.mode = Mode::Sql;
                at + 2
            }
            None if is_last => input.len(),
            // Its end may be cut in two.
            None => input.len() - usize::from(input.ends_with(b"*")),
        };
        Piece { kind: self.kind(), bytes }
    }

    /// Goes to the end of a string or a quoted name. Two quotes are one: the second begins a string that goes on.
    fn quoted(&mut self, input: &[u8], quote: u8, is_last: bool) -> Piece {
        let mut at = 0;
        loop {
            let is_plain = quote == b'`' || self.keeps_backslashes;
            let found = if is_plain { memchr(quote, &input[at..]) } else { memchr2(quote, b'\\', &input[at..]) };
            let Some(found) = found else { return Piece { kind: Kind::Part, bytes: input.len() } };
            at += found;
            if input[at] == quote {
                self.mode = Mode::Sql;
                return Piece { kind: Kind::Part, bytes: at + 1 };
            }
            if at + 1 == input.len() {
                // The character that it escapes is still to come.
                return Piece { kind: Kind::Part, bytes: if is_last { at + 1 } else { at } };
            }
            at += 2;
        }
    }
}

enum Command {
    Is(usize),
    MayBe,
    No,
}

/// Whether it may begin something other than a part of a statement.
fn is_special(byte: u8, delimiter: u8) -> bool {
    byte == delimiter || SPECIAL[usize::from(byte)]
}

/// Whether a comment's content is run: `/*!50003 …`, `/*M!100100 …`. A hint, `/*+ …`, is as good as a comment.
fn is_executed(rest: &[u8]) -> bool {
    rest.starts_with(b"/*!") || rest.starts_with(b"/*M!")
}

const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"'\"`#-/()";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

const SANDBOX: &[u8] = b"/*M!999999\\-";
const DELIMITER: &[u8] = b"DELIMITER ";
/// Longest one that is taken; dumps have `;;`.
const DELIMITER_BYTES: usize = 15;
/// Longest line that may be a command.
const COMMAND_BYTES: usize = 1024;
/// `/*M!`
const LOOK_AHEAD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts `text`, given in parts of `step` bytes, into statements.
    fn statements(text: &str, step: usize) -> Vec<String> {
        let (mut lexer, mut found, mut open) = (Lexer::new(), Vec::new(), Vec::new());
        let (mut start, mut end) = (0, 0);
        loop {
            let is_last = end == text.len();
            match lexer.next(&text.as_bytes()[start..end], is_last).unwrap() {
                Some(piece) => {
                    let bytes = &text.as_bytes()[start..start + piece.bytes];
                    match piece.kind {
                        Kind::Between => assert!(open.is_empty()),
                        Kind::Part => open.extend_from_slice(bytes),
                        Kind::End => found.push(String::from_utf8(std::mem::take(&mut open)).unwrap()),
                    }
                    start += piece.bytes;
                }
                None if is_last => break,
                None => end = (end + step).min(text.len()),
            }
        }
        assert_eq!(start, text.len());
        assert_eq!(open.is_empty(), lexer.open_part().is_none() || !lexer.in_statement);
        found
    }

    #[test]
    fn statements_end_where_the_client_ends_them() {
        let text = "-- a; comment\n/* b; */ SELECT ';''x', \"a\\\";\", `c;``d` # e;\n, 1--1, -- f;\n 2;\n\
                    DELIMITER ;;\nCREATE x BEGIN a; b; END ;;\ndelimiter //\nx;;y//\nDELIMITER ;\n\
                    /*!50003 SET a = 1 */;/*M!100 b */ ;;\n  ; c";
        let expected = [
            "SELECT ';''x', \"a\\\";\", `c;``d` # e;\n, 1--1, -- f;\n 2",
            "CREATE x BEGIN a; b; END ",
            "x;;y",
            "/*!50003 SET a = 1 */",
            "/*M!100 b */ ",
        ];
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(statements(text, step), expected, "{step}");
        }
    }

    #[test]
    fn a_word_that_begins_as_a_command_is_none() {
        for text in ["DELIMITERS x;", "delim;", "DELIMITER", "SELECT 1; DELIMITER ;"] {
            assert!(statements(text, 1).len() <= 2, "{text}");
        }
        assert!(Lexer::new().next(b"DELIMITER \n", true).is_err());
    }

    #[test]
    fn backslashes_escape_unless_the_mode_keeps_them() {
        for (keeps_backslashes, expected) in [(false, r"SELECT 'a\';', 1"), (true, r"SELECT 'a\'")] {
            let text = br"SELECT 'a\';', 1;";
            let (mut lexer, mut at) = (Lexer::new(), 0);
            lexer.quote_as(Quoting { is_ansi: false, keeps_backslashes });
            while let Some(piece) = lexer.next(&text[at..], true).unwrap().filter(|piece| piece.kind == Kind::Part) {
                at += piece.bytes;
            }
            assert_eq!(std::str::from_utf8(&text[..at]).unwrap(), expected);
        }
    }

    #[test]
    fn rows_are_brackets_in_no_others() {
        let text = b"INSERT INTO `t(` VALUES (1,'(',f(2)),\n(2,')\\'',x'00'), (3,\"(\",'')";
        let mut lexer = Lexer::new();
        let mut at = 0;
        while let Some(piece) = lexer.next(&text[at..], true).unwrap() {
            at += piece.bytes;
        }
        assert_eq!(lexer.groups(), 3);
        assert_eq!(lexer.open_part(), Some("a statement"));
    }

    #[test]
    fn an_open_part_has_a_name() {
        for (text, part) in [("SELECT 'a", Some("a string")), ("/* a", Some("a comment")), ("a;", None), ("-- a", None)]
        {
            let mut lexer = Lexer::new();
            let mut at = 0;
            while let Some(piece) = lexer.next(&text.as_bytes()[at..], true).unwrap() {
                at += piece.bytes;
            }
            assert_eq!((lexer.open_part(), at), (part, text.len()), "{text}");
        }
    }
}
