//! What a text may do: nothing outside of the one database.

use super::statement::Token;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Fails if a name among the tokens is one in another database: the text would write there. What a foreign key refers to
/// may be anywhere.
pub(super) fn require_own(tokens: &[Token<'_>]) -> Result<()> {
    let qualified = tokens.windows(4).find(|four| {
        !four[0].is("REFERENCES") && is_name(four[1]) && four[2] == Token::Symbol(b'.') && is_name(four[3])
    });
    match qualified {
        Some(four) => {
            let name = four[1].name().unwrap_or_default();
            Err(refused(&format!("a statement for a database that it names, `{name}`")))
        }
        None => Ok(()),
    }
}

/// Whether it can be the name of something in a database: no number, and no variable.
fn is_name(token: Token<'_>) -> bool {
    match token {
        Token::Word(text) => !text.starts_with(b"@") && !text[0].is_ascii_digit(),
        token => matches!(token, Token::Name(_)),
    }
}

/// Whether a `SET` is for the whole server; such are left out.
///
/// # Errors
///
/// `Refused` for one that sets no variable.
pub(super) fn concerns_server(statement: &[u8], tokens: &[Token<'_>]) -> Result<bool> {
    let second = tokens.get(1).copied().unwrap_or(Token::Symbol(b' '));
    if let Some(word) = NO_VARIABLES.iter().find(|word| second.is(word)) {
        return Err(refused(&format!("`SET {word}`")));
    }
    let text = String::from_utf8_lossy(statement).to_uppercase();
    Ok(tokens.iter().any(|token| OF_SERVER.iter().any(|word| token.is(word)))
        || VARIABLES_OF_SERVER.iter().any(|word| text.contains(word)))
}

/// Says of a text what keeps it from being restored.
pub(super) fn refused(what: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("cannot restore the backup: its text has {what}"))
        .at(Stage::Archive)
        .hint("only a dump of one database, as `mariadb-dump` and `mysqldump` write it, can be restored whole")
}

/// What `SET` sets beside variables.
const NO_VARIABLES: [&str; 4] = ["PASSWORD", "ROLE", "DEFAULT", "STATEMENT"];
const OF_SERVER: [&str; 3] = ["GLOBAL", "PERSIST", "PERSIST_ONLY"];
const VARIABLES_OF_SERVER: [&str; 4] = ["@@GLOBAL", "SQL_LOG_BIN", "GTID", "@@PERSIST"];
