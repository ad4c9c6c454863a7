//! What a dump sets before it makes an object, so that the object can be made elsewhere, later.

use std::collections::BTreeMap;

use super::statement::{Quoting, Token, Tokens};

/// The variables of a session that an object depends on, as the text has set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Context {
    set: BTreeMap<String, String>,
    /// What the text has put aside: `@saved_sql_mode`. `None`: what the session had before the text.
    saved: BTreeMap<String, Option<String>>,
}

/// What a variable is set to.
enum Value {
    Known(String),
    /// What the session had before the text.
    Unset,
}

impl Context {
    /// Takes a `SET` statement.
    pub(super) fn take(&mut self, statement: &[u8]) {
        let tokens: Vec<(Token<'_>, String)> = Tokens::of(statement)
            .map(|(token, place)| (token, String::from_utf8_lossy(&statement[place.start..place.end]).into_owned()))
            .collect();
        if tokens.get(1).is_some_and(|(token, _)| token.is("NAMES")) {
            if let Some((_, charset)) = tokens.get(2) {
                for variable in ["character_set_client", "character_set_results", "character_set_connection"] {
                    self.set.insert(variable.to_owned(), charset.clone());
                }
                self.set.remove("collation_connection");
            }
            return;
        }
        for assignment in tokens[1.min(tokens.len())..].split(|(token, _)| *token == Token::Symbol(b',')) {
            let Some(at) = assignment.iter().position(|(token, _)| *token == Token::Symbol(b'=')) else { continue };
            let variable: String = assignment[..at].iter().map(|(_, text)| text.to_lowercase()).collect();
            let value: String = assignment[at + 1..].iter().map(|(_, text)| text.clone()).collect::<Vec<_>>().join(" ");
            let value = value.trim().to_owned();
            let variable = variable.trim_end_matches(':').to_owned();
            if let Some(name) = variable.strip_prefix('@').filter(|name| !name.starts_with('@')) {
                let kept = match self.value_of(&value) {
                    Value::Known(kept) => Some(kept),
                    Value::Unset => None,
                };
                self.saved.insert(name.to_owned(), kept);
            } else {
                let variable = variable.trim_start_matches("@@").trim_start_matches("session").trim_start_matches('.');
                match self.value_of(&value) {
                    Value::Unset => drop(self.set.remove(variable)),
                    Value::Known(value) => drop(self.set.insert(variable.to_owned(), value)),
                }
            }
        }
    }

    /// Returns what a value is: `@saved` and `@@variable` stand for others.
    fn value_of(&self, value: &str) -> Value {
        let known = if let Some(variable) = value.strip_prefix("@@") {
            self.set.get(&variable.to_lowercase()).cloned()
        } else if let Some(name) = value.strip_prefix('@') {
            self.saved.get(&name.to_lowercase()).cloned().flatten()
        } else {
            Some(value.to_owned())
        };
        known.map_or(Value::Unset, Value::Known)
    }

    /// Returns what quotes are for the statements that follow.
    pub(super) fn quoting(&self) -> Quoting {
        self.set.get("sql_mode").map(|mode| Quoting::of(mode)).unwrap_or_default()
    }

    /// Returns the statement that makes a session so.
    pub(super) fn sql(&self) -> String {
        let kept = DEPENDED_ON.into_iter().filter_map(|variable| Some((variable, self.set.get(variable)?)));
        let set: Vec<String> = kept.map(|(variable, value)| format!("{variable} = {value}")).collect();
        if set.is_empty() { String::new() } else { format!("SET {};\n", set.join(", ")) }
    }
}

/// What a routine, a trigger, a view or an event keeps of the session that makes it.
const DEPENDED_ON: [&str; 6] = [
    "sql_mode",
    "character_set_client",
    "character_set_results",
    "character_set_connection",
    "collation_connection",
    "time_zone",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_followed_through_what_is_put_aside() {
        let mut context = Context::default();
        for statement in [
            "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */",
            "/*!40101 SET NAMES utf8mb4 */",
            "/*!50003 SET @saved_sql_mode       = @@sql_mode */ ",
            "/*!50003 SET @saved_cs_client      = @@character_set_client */ ",
            "/*!50003 SET character_set_client  = latin1 */ ",
            "SET SESSION x = 1",
            "/*!50003 SET sql_mode              = 'ANSI,A' */ ",
        ] {
            context.take(statement.as_bytes());
        }
        let expected = "SET sql_mode = 'ANSI,A', character_set_client = latin1, character_set_results = utf8mb4, \
                        character_set_connection = utf8mb4;\n";
        assert_eq!(context.sql(), expected);
        for statement in [
            "/*!50003 SET sql_mode              = @saved_sql_mode */ ",
            "/*!50003 SET character_set_client  = @saved_cs_client */ ",
        ] {
            context.take(statement.as_bytes());
        }
        assert!(context.sql().starts_with("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO', character_set_client = utf8mb4,"));
        context.take(b"/*!40101 SET SQL_MODE=@OLD_SQL_MODE */");
        assert!(!context.sql().contains("sql_mode"));
    }
}
