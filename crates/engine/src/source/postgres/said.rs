//! What `psql` and the server say when something fails, and what that means.
//!
//! Source: <https://www.postgresql.org/docs/current/errcodes-appendix.html>. `VERBOSITY=verbose` puts the code before the
//! message, whatever its language; what fails before there is a session has no code.

use std::process::ExitStatus;

use super::Postgres;
use crate::error::{Error, ErrorKind};

/// Turns the last words of a `psql` that failed into an error.
pub(super) fn explain(postgres: &Postgres, said: &str, status: ExitStatus) -> Error {
    let place = postgres.connection.describe();
    let error = match Report::find(said) {
        Some(report) => {
            let error = Error::new(report.kind(), format!("PostgreSQL, {place}: {}", report.text));
            match report.hint() {
                Some(hint) => error.hint(hint),
                None => error,
            }
        }
        None if said.is_empty() => Error::new(ErrorKind::Tool, format!("`psql` failed ({status})")),
        None => unconnected(said, postgres, &place),
    };
    error.subject(place)
}

/// An error of the server.
struct Report<'a> {
    code: &'a str,
    text: String,
}

impl<'a> Report<'a> {
    /// Finds `ERROR:  42501: permission denied for …` and what it says of the details.
    fn find(said: &'a str) -> Option<Self> {
        let coded = |line: &'a str| {
            let (_, rest) = line.split_once(":  ")?;
            let (code, message) = rest.split_once(": ")?;
            let is_code = code.len() == 5 && code.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
            is_code.then_some((code, message))
        };
        // The last one ended it.
        let lines: Vec<&str> = said.lines().collect();
        let (at, (code, message)) = lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, coded(line)?)))?;
        let rest: Vec<&str> =
            lines[at + 1..].iter().copied().take_while(|line| !line.starts_with("LOCATION:") && code != OURS).collect();
        let text = std::iter::once(message).chain(rest).collect::<Vec<_>>().join("; ");
        Some(Self { code, text })
    }

    fn kind(&self) -> ErrorKind {
        match self.code {
            "55P03" => ErrorKind::Busy,
            "42501" => ErrorKind::Denied,
            "53100" => ErrorKind::NoSpace,
            OURS => ErrorKind::Refused,
            code if code.starts_with("28") => ErrorKind::Denied,
            _ => ErrorKind::Tool,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self.code {
            "55P03" => Some("try again when that has ended, or give --terminate-connections"),
            "42501" => Some("connect as the owner of what is there, or as a superuser"),
            "53100" => Some("make room on the server; nothing was changed"),
            "53200" => Some("raise max_locks_per_transaction on the server: every object takes a lock"),
            "0A000" | "58P01" if self.text.contains("extension") => Some("install the extension on the server first"),
            "42704" if self.text.contains("role") => Some("create the role on the server first"),
            "22P05" | "22021" => Some("restore into a database of the backup's encoding, or into one of UTF8"),
            _ => None,
        }
    }
}

/// Tells why there is no connection, for which there is no code.
///
/// libpq's own words are English; the server's are in its language, where the name of what it is about stands in quotes.
fn unconnected(said: &str, postgres: &Postgres, place: &str) -> Error {
    let is_foreign = !said.is_ascii();
    let is_about = |key: &str| {
        let name = postgres.connection.get(key).filter(|name| is_foreign && !name.is_empty());
        name.is_some_and(|name| {
            said.match_indices(name).any(|(at, _)| is_quoted(&said[..at], &said[at + name.len()..]))
        })
    };
    let denied = ["password", "authentication", "pg_hba", "role \"", "permission"];
    let is_denied = denied.iter().any(|word| said.contains(word)) || is_about("user");
    let is_missing = said.contains("database \"") && said.contains("does not exist");
    let is_unknown = is_missing || !is_denied && is_about("dbname");
    let (kind, hint) = if is_unknown {
        (ErrorKind::Config, "create the database first, or correct its name")
    } else if is_denied {
        (ErrorKind::Denied, "check user and password: in the settings, the environment (PGPASSWORD) or ~/.pgpass")
    } else {
        (ErrorKind::Tool, "check host and port, and that the server runs")
    };
    let said = said.trim().trim_start_matches("psql: error: ").replace('\n', " ");
    Error::new(kind, format!("cannot connect to PostgreSQL, {place}: {said}")).hint(hint)
}

/// Whether what stands between these two stands in quotes of some language.
fn is_quoted(before: &str, behind: &str) -> bool {
    const QUOTES: &str = "\"'«»„“”‚‘’「」";
    let is_quote = |character: Option<char>| character.is_some_and(|character| QUOTES.contains(character));
    let (before, behind) = (before.trim_end_matches(['\u{a0}', ' ']), behind.trim_start_matches(['\u{a0}', ' ']));
    is_quote(before.chars().next_back()) && is_quote(behind.chars().next())
}

/// The code of errors that our own SQL raises.
pub(super) const OURS: &str = "DBBKP";

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(said: &str) -> Error {
        use std::os::unix::process::ExitStatusExt as _;
        let connection = super::super::Connection::default().with("dbname", "shop").with("user", "ada");
        explain(&Postgres::new(connection), said, ExitStatus::from_raw(3 << 8))
    }

    #[test]
    fn a_code_tells_the_kind_in_every_language() {
        for (said, kind) in [
            ("FEHLER:  55P03: storniere Anfrage wegen Zeitüberschreitung\nLOCATION:  x.c", ErrorKind::Busy),
            ("ERROR:  42501: must be owner of table t\nLOCATION:  aclcheck_error, aclchk.c:3", ErrorKind::Denied),
            (
                "ERROR:  53100: could not extend file: No space left on device\nHINT:  Check free disk space.",
                ErrorKind::NoSpace,
            ),
            ("ERROR:  DBBKP: cannot drop schema", ErrorKind::Refused),
            ("psql: error: connection to server failed: FATAL:  password authentication failed", ErrorKind::Denied),
            ("psql: error: FATAL:  database \"shop\" does not exist", ErrorKind::Config),
            ("psql: error: connection to server at \"::1\" failed: Connection refused", ErrorKind::Tool),
            ("… fehlgeschlagen: FATAL:  Datenbank »shop« existiert nicht", ErrorKind::Config),
            ("… : FATAL:  le rôle « ada » n'existe pas", ErrorKind::Denied),
            ("… : ВАЖНО:  база данных \"shop\" не существует", ErrorKind::Config),
            ("… : FATAL:  Verbindung zu »shopping« abgelehnt", ErrorKind::Tool),
            ("", ErrorKind::Tool),
        ] {
            assert_eq!(explained(said).kind(), kind, "{said}");
        }
    }

    #[test]
    fn details_stay_and_places_in_the_servers_code_go() {
        let said =
            "ERROR:  23505: duplicate key\nDETAIL:  Key (id)=(1) exists.\nLOCATION:  _bt_check_unique, nbtinsert.c";
        assert_eq!(explained(said).to_string(), "PostgreSQL, `shop`: duplicate key; DETAIL:  Key (id)=(1) exists.");
    }
}
