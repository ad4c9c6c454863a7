//! Routines, triggers, views and events: what is made of other text than rows.

use serde::{Deserialize, Serialize};

use super::identifier;
use super::own::refused;
use super::session::QUIET;
use super::statement::{Quoting, Token, Tokens};
use crate::error::Result;

/// A routine, a trigger, a view or an event, and what it is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Object {
    pub(super) kind: ObjectKind,
    pub(super) name: String,
    /// What has to be set before it is made.
    pub(super) context: String,
    /// The database's own character set and collation at that time, where it is not what the database has now.
    pub(super) database_charset: Option<String>,
    pub(super) sql: Sql,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ObjectKind {
    Procedure,
    Function,
    Package,
    PackageBody,
    Trigger,
    Event,
    View,
}

impl ObjectKind {
    /// Returns the words that name it in a statement.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Procedure => "PROCEDURE",
            Self::Function => "FUNCTION",
            Self::Package => "PACKAGE",
            Self::PackageBody => "PACKAGE BODY",
            Self::Trigger => "TRIGGER",
            Self::Event => "EVENT",
            Self::View => "VIEW",
        }
    }

    /// Returns the statement that drops one, if it is there.
    pub(super) fn dropping(self, schema: &str, name: &str) -> String {
        self.dropping_path(&format!("{}.{}", identifier(schema), identifier(name)))
    }

    fn dropping_path(self, path: &str) -> String {
        let drop = format!("DROP {} IF EXISTS {path}", self.words());
        match self {
            // The word is known in this mode alone.
            Self::Package | Self::PackageBody => format!("SET sql_mode = 'ORACLE';\n{drop};\nSET sql_mode = ''"),
            _ => drop,
        }
    }
}

impl Object {
    /// Returns the statements that make it, whatever was there, to be sent as they are.
    pub(super) fn statements(&self) -> Vec<u8> {
        let Self { kind, name, context, sql, .. } = self;
        let drop = format!("{};\n", kind.dropping_path(&identifier(name)));
        [drop.as_bytes(), context.as_bytes(), &sql.delimited()].concat()
    }

    /// Returns the statements that make it where it is only tried, in a session that has not read the text before it.
    pub(super) fn tried_anywhere(&self) -> Vec<u8> {
        [self.context.as_bytes(), &self.tried(), QUIET.as_bytes(), b";\n"].concat()
    }

    /// Returns the statement that makes it where it is only tried: an event must not run there.
    pub(super) fn tried(&self) -> Vec<u8> {
        if self.kind == ObjectKind::Event {
            self.sql.disabled(Quoting::of(&self.context)).delimited()
        } else {
            self.sql.delimited()
        }
    }

    /// Returns it as it is where nothing may run by itself.
    pub(super) fn asleep(self) -> Self {
        if self.kind != ObjectKind::Event {
            return self;
        }
        Self { sql: self.sql.disabled(Quoting::of(&self.context)), ..self }
    }
}

/// Finds out whether a `CREATE` makes something of other text than rows, and its name.
pub(super) fn object_of(tokens: &[Token<'_>]) -> Result<Option<(ObjectKind, String)>> {
    let mut at = 1;
    // `OR REPLACE ALGORITHM=… DEFINER=…@… SQL SECURITY … AGGREGATE`, in this order.
    while let Some(token) = tokens.get(at) {
        let words = ["OR", "REPLACE", "SQL", "SECURITY", "DEFINER", "INVOKER", "AGGREGATE", "ALGORITHM", "UNDEFINED"];
        let more = ["MERGE", "TEMPTABLE", "CURRENT_USER", "CURRENT_ROLE"];
        let is_word = words.iter().chain(&more).any(|word| token.is(word));
        let is_rest = matches!(token, Token::Symbol(_) | Token::Text(_) | Token::Name(_))
            || matches!(token, Token::Word(text) if text.starts_with(b"@"));
        let is_user = at >= 2 && tokens[at - 1] == Token::Symbol(b'=');
        if !is_word && !is_rest && !is_user {
            break;
        }
        at += 1;
    }
    let Some(word) = tokens.get(at) else { return Ok(None) };
    let kinds = [
        ("PROCEDURE", ObjectKind::Procedure),
        ("FUNCTION", ObjectKind::Function),
        ("TRIGGER", ObjectKind::Trigger),
        ("EVENT", ObjectKind::Event),
        ("VIEW", ObjectKind::View),
        ("PACKAGE", ObjectKind::Package),
    ];
    let Some(mut kind) = kinds.into_iter().find(|(name, _)| word.is(name)).map(|(_, kind)| kind) else {
        return Ok(None);
    };
    at += 1;
    if kind == ObjectKind::Package && tokens.get(at).is_some_and(|token| token.is("BODY")) {
        kind = ObjectKind::PackageBody;
        at += 1;
    }
    while tokens.get(at).is_some_and(|token| token.is_if()) {
        at += 1;
    }
    let Some(name) = tokens.get(at).and_then(|token| token.name()) else { return Ok(None) };
    if tokens.get(at + 1) == Some(&Token::Symbol(b'.')) {
        return Err(refused(&format!("a {} of a database that it names, `{name}`", kind.words().to_lowercase())));
    }
    Ok(Some((kind, name)))
}

/// A statement, in whatever encoding its text was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", from = "Written")]
pub(super) struct Sql(pub(super) Vec<u8>);

/// How a journal has it: as text where it is UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<Sql> for Written {
    fn from(sql: Sql) -> Self {
        String::from_utf8(sql.0).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }
}

impl From<Written> for Sql {
    fn from(written: Written) -> Self {
        match written {
            Written::Text(text) => Self(text.into_bytes()),
            Written::Bytes(bytes) => Self(bytes),
        }
    }
}

impl Sql {
    /// Returns it with a delimiter that is not in it.
    fn delimited(&self) -> Vec<u8> {
        let has = |text: &str| memchr::memmem::find(&self.0, text.as_bytes()).is_some();
        if !has(";") {
            return [&self.0, b";\n".as_slice()].concat();
        }
        let delimiter = [";;", "$$", "//", "~~", "^^;"].into_iter().find(|delimiter| !has(delimiter));
        let delimiter = delimiter.unwrap_or("$dbbackup$");
        let (before, after) = (format!("DELIMITER {delimiter}\n"), format!("\n{delimiter}\nDELIMITER ;\n"));
        [before.as_bytes(), &self.0, after.as_bytes()].concat()
    }

    /// Returns a `CREATE EVENT` that does not run.
    fn disabled(&self, quoting: Quoting) -> Self {
        let sql = &self.0;
        let tokens: Vec<_> = Tokens::quoted(sql, quoting).collect();
        let until = tokens.iter().position(|(token, _)| token.is("DO")).unwrap_or(tokens.len());
        let state = tokens[..until].iter().rev().find(|(token, _)| token.is("ENABLE") || token.is("DISABLE"));
        Self(match (state, tokens.get(until)) {
            (Some((_, place)), _) => [&sql[..place.start], b"DISABLE", &sql[place.end..]].concat(),
            (None, Some((_, place))) => [&sql[..place.start], b"DISABLE ", &sql[place.start..]].concat(),
            (None, None) => sql.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sql: &[u8]) -> &str {
        std::str::from_utf8(sql).unwrap()
    }

    #[test]
    fn an_event_is_tried_disabled() {
        for (sql, disabled) in [
            ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY ENABLE DO SELECT 'ENABLE'", "DAY DISABLE DO SELECT 'ENABLE'"),
            ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "DAY DISABLE DO SELECT 1"),
            (
                "CREATE EVENT e ON SCHEDULE EVERY 1 DAY COMMENT 'DO ENABLE' ENABLE DO x",
                "COMMENT 'DO ENABLE' DISABLE DO x",
            ),
        ] {
            assert!(text(&Sql(sql.into()).disabled(Quoting::default()).0).ends_with(disabled), "{sql}");
        }
    }

    #[test]
    fn a_delimiter_is_not_in_what_it_ends() {
        let delimited = |sql: &str| text(&Sql(sql.into()).delimited()).to_owned();
        assert_eq!(delimited("a"), "a;\n");
        assert_eq!(delimited("a; b"), "DELIMITER ;;\na; b\n;;\nDELIMITER ;\n");
        assert_eq!(delimited("a;; b"), "DELIMITER $$\na;; b\n$$\nDELIMITER ;\n");
    }

    #[test]
    fn a_statement_keeps_its_bytes_in_a_journal() {
        for (sql, json) in [("ä'".as_bytes(), "\"ä'\""), (&[b'a', 0xe4], "[97,228]")] {
            let sql = Sql(sql.to_vec());
            assert_eq!(serde_json::to_string(&sql).unwrap(), json);
            assert_eq!(serde_json::from_str::<Sql>(json).unwrap(), sql);
        }
    }
}
