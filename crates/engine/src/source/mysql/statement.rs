//! Statements, as tokens.

/// A token of a statement. Comments are left out; of those that are run only the frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword or a name without quotes.
    Word(&'a [u8]),
    /// A name in quotes, with them.
    Name(&'a [u8]),
    /// A string, with its quotes.
    Text(&'a [u8]),
    /// One byte: an operator's, a bracket, a comma.
    Symbol(u8),
}

/// Where a token stands in the text of its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token<'_> {
    /// Whether it is this keyword.
    pub(super) fn is(self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether it is a word of `IF NOT EXISTS`.
    pub(super) fn is_if(self) -> bool {
        ["IF", "NOT", "EXISTS"].iter().any(|word| self.is(word))
    }

    /// Returns the name that it is, without quotes.
    pub(super) fn name(self) -> Option<String> {
        match self {
            Self::Word(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Self::Name([b'`', inner @ .., b'`']) => Some(String::from_utf8_lossy(inner).replace("``", "`")),
            Self::Name([_, inner @ .., _]) => Some(String::from_utf8_lossy(inner).replace("\"\"", "\"")),
            Self::Name(_) | Self::Text(_) | Self::Symbol(_) => None,
        }
    }
}

/// What quotes and backslashes are, which the session's `sql_mode` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quoting {
    /// `"` quotes names.
    pub(super) is_ansi: bool,
    /// A backslash is one, and escapes nothing.
    pub(super) keeps_backslashes: bool,
}

impl Quoting {
    /// Reads a value of `sql_mode`, or a statement that sets it.
    pub(super) fn of(mode: &str) -> Self {
        let mode = mode.to_ascii_uppercase();
        let is_ansi = ANSI.iter().any(|word| mode.contains(word));
        Self { is_ansi, keeps_backslashes: mode.contains("NO_BACKSLASH_ESCAPES") }
    }
}

/// Modes that are `ANSI_QUOTES`, or bring it.
const ANSI: [&str; 6] = ["ANSI", "ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL"];

/// Tokens of a statement, with their places.
pub(super) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    quoting: Quoting,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self::quoted(text, Quoting::default())
    }

    pub(super) fn quoted(text: &'a [u8], quoting: Quoting) -> Self {
        Self { text, at: 0, quoting }
    }

    /// Returns how far `count` bytes that are like the first one's kind go.
    fn while_at(&self, is_like: impl Fn(u8) -> bool) -> usize {
        self.text[self.at..].iter().take_while(|&&byte| is_like(byte)).count()
    }

    fn skip_comment(&mut self) -> bool {
        let rest = &self.text[self.at..];
        if rest.starts_with(b"/*!") || rest.starts_with(b"/*M!") {
            self.at += if rest.starts_with(b"/*!") { 3 } else { 4 };
            self.at += self.while_at(|byte| byte.is_ascii_digit());
            return true;
        }
        let bytes = if rest.starts_with(b"*/") {
            2
        } else if rest.starts_with(b"/*") {
            memchr::memmem::find(rest, b"*/").map_or(rest.len(), |at| at + 2)
        } else if rest.starts_with(b"#") || rest.starts_with(b"--") && rest.get(2).is_none_or(u8::is_ascii_whitespace) {
            memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1)
        } else {
            return false;
        };
        self.at += bytes;
        true
    }

    /// Whether a quote is one of a name.
    fn is_name(&self, quote: u8) -> bool {
        quote == b'`' || quote == b'"' && self.quoting.is_ansi
    }

    fn quoted_bytes(&self, quote: u8) -> usize {
        let rest = &self.text[self.at..];
        let escapes = !self.is_name(quote) && !self.quoting.keeps_backslashes;
        let mut at = 1;
        while let Some(&byte) = rest.get(at) {
            at += 1;
            if byte == b'\\' && escapes {
                at += 1;
            } else if byte == quote {
                if rest.get(at) != Some(&quote) {
                    break;
                }
                at += 1;
            }
        }
        at.min(rest.len())
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Token<'a>, Place);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.at += self.while_at(|byte| byte.is_ascii_whitespace());
            if !self.skip_comment() {
                break;
            }
        }
        let first = *self.text.get(self.at)?;
        let bytes = match first {
            b'`' | b'\'' | b'"' => self.quoted_bytes(first),
            byte if is_word(byte) => self.while_at(is_word),
            _ => 1,
        };
        let place = Place { start: self.at, end: self.at + bytes };
        self.at = place.end;
        let text = &self.text[place.start..place.end];
        let token = match first {
            b'`' | b'"' if self.is_name(first) => Token::Name(text),
            b'\'' | b'"' => Token::Text(text),
            byte if is_word(byte) => Token::Word(text),
            byte => Token::Symbol(byte),
        };
        Some((token, place))
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'@') || byte >= 0x80
}

/// An `INSERT` or `REPLACE` with rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Insert {
    pub(super) table: String,
    /// Whether a list of columns stands before the rows.
    pub(super) names_columns: bool,
}

/// What a statement turns out to be by its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Insert(Insert),
    /// It makes the table.
    Table(String),
    /// It sets variables.
    Set,
    Other,
}

/// Reads the beginning of a statement; `None` needs more to tell.
pub(super) fn head_of(head: &[u8]) -> Option<Head> {
    // The last token may go on behind what is there.
    let mut tokens = Tokens::of(head).map_while(|(token, place)| (place.end < head.len()).then_some(token));
    let first = tokens.next()?;
    if first.is("CREATE") {
        // What stands for a view, until the view is made, is in a comment that is run.
        let is_plain = head.trim_ascii_start().starts_with(b"C");
        if !is_plain || !tokens.next()?.is("TABLE") {
            return Some(Head::Other);
        }
        return Some(tokens.next()?.name().map_or(Head::Other, Head::Table));
    }
    if first.is("SET") {
        return Some(Head::Set);
    }
    if !first.is("INSERT") && !first.is("REPLACE") {
        return Some(Head::Other);
    }
    let mut token = tokens.next()?;
    while ["INTO", "IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED"].iter().any(|word| token.is(word)) {
        token = tokens.next()?;
    }
    let Some(mut table) = token.name() else { return Some(Head::Other) };
    token = tokens.next()?;
    if token == Token::Symbol(b'.') {
        let Some(name) = tokens.next()?.name() else { return Some(Head::Other) };
        table = name;
        token = tokens.next()?;
    }
    let names_columns = token == Token::Symbol(b'(');
    if names_columns {
        while token != Token::Symbol(b')') {
            token = tokens.next()?;
        }
        token = tokens.next()?;
    }
    let is_rows = token.is("VALUES") || token.is("VALUE");
    Some(if is_rows { Head::Insert(Insert { table, names_columns }) } else { Head::Other })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_statement_is_known_once_it_is_whole() {
        let insert = |table: &str, names_columns| Some(Head::Insert(Insert { table: table.to_owned(), names_columns }));
        for (head, expected) in [
            ("INSERT INTO `a` VALUES\n(", insert("a", false)),
            ("INSERT INTO `a` (`b`,`c`) VALUES (", insert("a", true)),
            ("REPLACE IGNORE INTO d.e VALUES (", insert("e", false)),
            ("INSERT INTO `a`", None),
            ("INSERT INTO `a` VALU", None),
            ("INS", None),
            ("CREATE TABLE `a b", None),
            ("CREATE TABLE `a b` (", Some(Head::Table("a b".to_owned()))),
            ("/*!50001 CREATE TABLE `a` (", Some(Head::Other)),
            ("CREATE VIEW ", Some(Head::Other)),
            ("INSERT INTO a SELECT 1", Some(Head::Other)),
            ("/*!50003 SET sql_mode", Some(Head::Set)),
        ] {
            assert_eq!(head_of(head.as_bytes()), expected, "{head}");
        }
    }

    #[test]
    fn tokens_are_those_of_what_is_run() {
        let text = b"/*!50003 CREATE*/ /* no */ /*M!100 x*/ DEFINER=`a``b`@'c''\\'d' -- no\n # no\n \"e\" y";
        let found: Vec<String> = Tokens::of(text)
            .map(|(_, place)| String::from_utf8_lossy(&text[place.start..place.end]).into_owned())
            .collect();
        assert_eq!(
            found,
            ["CREATE", "x", "DEFINER", "=", "`a``b`", "@'c''\\'d'".split_at(1).0, "'c''\\'d'", "\"e\"", "y"]
        );
    }

    #[test]
    fn quotes_are_what_the_mode_says() {
        let text = br#"CREATE "a""b`\" 'it\' `c\` "d""#;
        let names = |mode: &str| -> Vec<String> {
            Tokens::quoted(text, Quoting::of(mode)).filter_map(|(token, _)| token.name()).collect()
        };
        assert_eq!(names("ORACLE,NO_BACKSLASH_ESCAPES"), ["CREATE", r#"a"b`\"#, r"c\", "d"]);
        assert_eq!(names("STRICT_TRANS_TABLES"), ["CREATE", "d"]);
        assert_eq!(Quoting::of("no_backslash_escapes"), Quoting { is_ansi: false, keeps_backslashes: true });
    }
}
