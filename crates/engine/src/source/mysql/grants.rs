//! What the user may read of a database, beside its tables: some of it is left out of a dump without a word.

use super::server::Server;
use super::statement::{Token, Tokens};
use super::tools::Family;

/// The user's rights that concern a backup of one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants {
    /// Rights, in capitals, that hold for all databases.
    global: Vec<String>,
    /// Those that hold for the database.
    own: Vec<String>,
    /// Whether the tables of the server itself may be read, where MariaDB keeps its routines.
    reads_system: bool,
}

/// A kind of object that the user may not read, and what has to be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// `triggers`, `events`, `routines`
    pub(super) what: &'static str,
    /// The option of a dump that leaves them out.
    pub(super) option: &'static str,
    pub(super) grant: String,
}

impl Grants {
    /// Reads the lines of `SHOW GRANTS`.
    pub(super) fn read(lines: &str, database: &str) -> Self {
        let mut grants = Self::default();
        for line in lines.lines() {
            grants.take(line, database);
        }
        grants
    }

    fn take(&mut self, line: &str, database: &str) -> Option<()> {
        let tokens: Vec<Token<'_>> = Tokens::of(line.as_bytes()).map(|(token, _)| token).collect();
        let on = tokens.iter().position(|token| token.is("ON"))?;
        let mut rights = vec![String::new()];
        for token in tokens.get(1..on)? {
            match token {
                Token::Symbol(b',') => rights.push(String::new()),
                Token::Word(word) => {
                    let right = rights.last_mut()?;
                    let space = if right.is_empty() { "" } else { " " };
                    *right = format!("{right}{space}{}", String::from_utf8_lossy(word).to_uppercase());
                }
                _ => {}
            }
        }
        let scope = tokens.get(on + 1..on + 4)?;
        let is_all_tables = scope[1] == Token::Symbol(b'.') && scope[2] == Token::Symbol(b'*');
        match scope[0] {
            Token::Symbol(b'*') if is_all_tables => self.global.extend(rights),
            Token::Name(_) | Token::Word(_) => {
                let name = scope[0].name()?;
                let reads = rights.iter().any(|right| right == "SELECT" || right.starts_with("ALL"));
                let is_proc = scope[2].name().is_some_and(|table| table == "proc");
                self.reads_system |= name == "mysql" && (is_all_tables || is_proc) && reads;
                if is_all_tables && is_like(database, &name) {
                    self.own.extend(rights);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn has(&self, rights: &[&str]) -> bool {
        let is_meant = |right: &String| right.starts_with("ALL") || rights.contains(&right.as_str());
        self.global.iter().chain(&self.own).any(is_meant)
    }

    pub(super) fn has_globally(&self, rights: &[&str]) -> bool {
        self.global.iter().any(|right| right.starts_with("ALL") || rights.contains(&right.as_str()))
    }

    fn shows_routines(&self, family: Family) -> bool {
        let by_right = match family {
            Family::MariaDb => self.own.iter().chain(&self.global).any(|right| right == "SHOW CREATE ROUTINE"),
            Family::MySql => self.has_globally(&["SHOW_ROUTINE"]),
        };
        by_right || self.reads_system || self.has_globally(&["SELECT"])
    }

    /// Whether a routine that is there is seen, if not what is in it.
    fn lists_routines(&self) -> bool {
        self.has(&["EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE"])
    }
}

impl Server {
    /// Returns what of the database the user may not read.
    pub(super) fn missing(&self, database: &str) -> Vec<Missing> {
        let (grants, family, on) = (&self.grants, self.family(), super::identifier(database));
        let mut missing = Vec::new();
        for (right, what, option) in [("TRIGGER", "triggers", "--skip-triggers"), ("EVENT", "events", "--skip-events")]
        {
            if !grants.has(&[right]) {
                missing.push(Missing { what, option, grant: format!("GRANT {right} ON {on}.* TO …") });
            }
        }
        let are_known = grants.lists_routines() && !self.hides_routines;
        if !grants.shows_routines(family) && !are_known {
            let grant = match family {
                Family::MariaDb => "GRANT SELECT ON `mysql`.`proc` TO …".to_owned(),
                Family::MySql => "GRANT SHOW_ROUTINE ON *.* TO …".to_owned(),
            };
            missing.push(Missing { what: "routines", option: "--skip-routines", grant });
        }
        missing
    }
}

/// Whether a database is meant by the name in a grant, where `_` and `%` stand for others unless a backslash is before
/// them.
fn is_like(database: &str, pattern: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = database.chars().collect();
    matches(&text, &pattern)
}

fn matches(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|at| matches(&text[at..], rest)),
        ['_', rest @ ..] => !text.is_empty() && matches(&text[1..], rest),
        ['\\', escaped, rest @ ..] | [escaped, rest @ ..] => text.first() == Some(escaped) && matches(&text[1..], rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(version: &str, hides_routines: bool, lines: &str) -> Vec<&'static str> {
        let server = Server {
            version: version.to_owned(),
            charset: String::new(),
            collation: String::new(),
            bytes: 0,
            tables: std::collections::BTreeMap::new(),
            hides_routines,
            schemas: Vec::new(),
            grants: Grants::read(lines, "shop_eu"),
            migrations: std::collections::BTreeMap::new(),
        };
        server.missing("shop_eu").into_iter().map(|missing| missing.what).collect()
    }

    #[test]
    fn what_may_not_be_read_is_named() {
        let usage = "GRANT USAGE ON *.* TO `b`@`%` IDENTIFIED BY PASSWORD '*x'\n";
        let (maria, mysql) = ("10.11.14-MariaDB", "8.0.40");
        let all: [&str; 3] = ["triggers", "events", "routines"];
        for (version, hides, lines, expected) in [
            (maria, false, "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", &[][..]),
            (maria, false, "GRANT SELECT, TRIGGER, EVENT ON *.* TO `b`@`%`", &[]),
            (maria, false, "GRANT ALL PRIVILEGES ON `shop\\_eu`.* TO `b`@`%`", &[]),
            (maria, true, "GRANT ALL PRIVILEGES ON `shop%`.* TO `b`@`%`", &["routines"]),
            (maria, false, "GRANT ALL PRIVILEGES ON `shop`.* TO `b`@`%`", &all),
            (maria, false, "GRANT SELECT, LOCK TABLES, SHOW VIEW ON `shop_eu`.* TO `b`@`%`", &all),
            (
                maria,
                false,
                "GRANT SELECT, EVENT ON `shop_eu`.* TO b\nGRANT SELECT ON `mysql`.`proc` TO b",
                &["triggers"],
            ),
            (maria, false, "GRANT SELECT, EVENT, TRIGGER, SHOW CREATE ROUTINE ON `shop_eu`.* TO b", &[]),
            (mysql, false, "GRANT SELECT, EVENT, TRIGGER ON `shop_eu`.* TO `b`@`%`", &["routines"]),
            (mysql, false, "GRANT EVENT, TRIGGER ON `shop_eu`.* TO b\nGRANT SHOW_ROUTINE ON *.* TO b", &[]),
            (mysql, false, "GRANT SELECT ON `shop_eu`.`ev` TO b", &all),
        ] {
            assert_eq!(missing(version, hides, &format!("{usage}{lines}")), expected, "{lines}");
        }
    }

    #[test]
    fn patterns_in_grants_are_those_of_like() {
        for (pattern, is) in
            [("a_c", true), ("a\\_c", false), ("%", true), ("a%c", true), ("ab", false), ("abc_", false)]
        {
            assert_eq!(is_like("abc", pattern), is, "{pattern}");
        }
    }
}
