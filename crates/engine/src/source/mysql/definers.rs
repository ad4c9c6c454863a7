//! Who objects are made as: other users than one's own take a right that few have.

use std::collections::BTreeSet;

use super::Mysql;
use super::create_table::CreateTable;
use super::grants::Grants;
use super::object::{Object, Sql};
use super::script::Loader;
use super::statement::{Token, Tokens};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;

/// The definers that a text names: takes all of it, and does nothing.
#[derive(Debug, Default)]
pub(super) struct Definers(BTreeSet<String>);

impl Loader for Definers {
    fn send(&mut self, _sql: &[u8]) -> Result<()> {
        Ok(())
    }

    fn make(&mut self, _table: CreateTable) -> Result<()> {
        Ok(())
    }

    fn object(&mut self, object: Object) -> Result<()> {
        self.0.extend(definer(&object.sql));
        Ok(())
    }
}

impl Definers {
    /// Fails if the user may not make what they define: in place, what was there would be dropped before that is told.
    ///
    /// # Errors
    ///
    /// `Denied`; those of a connection.
    pub(super) fn require_rights(&self, mysql: &Mysql, run: &Run) -> Result<()> {
        let answer = mysql.ask_once("SELECT CURRENT_USER(); SHOW GRANTS", run)?;
        let (user, grants) = answer.split_once('\n').unwrap_or((&answer, ""));
        let others: Vec<&str> = self.0.iter().map(String::as_str).filter(|definer| *definer != user).collect();
        let database = mysql.connection.database();
        if others.is_empty() || Grants::read(grants, database).has_globally(&RIGHTS) {
            return Ok(());
        }
        let message = format!(
            "cannot restore {} in place: it has views, routines, triggers or events of `{}`",
            mysql.connection.describe(),
            others.join("`, `")
        );
        Err(Error::new(ErrorKind::Denied, message)
            .at(Stage::Target)
            .subject(database)
            .hint("connect as that user, or as one who may SET USER (MariaDB) or SET_USER_ID (MySQL)"))
    }
}

/// Returns `user@host`.
fn definer(sql: &Sql) -> Option<String> {
    let tokens: Vec<Token<'_>> = Tokens::of(&sql.0).map(|(token, _)| token).collect();
    let at = tokens.windows(2).position(|pair| pair[0].is("DEFINER") && pair[1] == Token::Symbol(b'='))?;
    let [user, sign, host] = tokens.get(at + 2..at + 5)? else { return None };
    sign.is("@").then(|| Some(format!("{}@{}", user.name()?, host.name()?)))?
}

/// Each of them lets a user name another one as definer: of all servers that have it, in their own words.
const RIGHTS: [&str; 4] = ["SUPER", "SET USER", "SET_USER_ID", "SET_ANY_DEFINER"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definer_is_read_in_whatever_comment_it_stands() {
        for (sql, found) in [
            ("/*!50003 CREATE*/ /*!50017 DEFINER=`a``b`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x */", Some("a`b@%")),
            ("CREATE DEFINER=`root`@`localhost` PROCEDURE `p`() SELECT 1", Some("root@localhost")),
            ("/*!50013 DEFINER=`r`@`h` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */", Some("r@h")),
            ("CREATE SQL SECURITY DEFINER VIEW v AS SELECT 1", None),
        ] {
            assert_eq!(definer(&Sql(sql.into())).as_deref(), found, "{sql}");
        }
    }
}
