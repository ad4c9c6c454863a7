//! What the client programs and the server say when something fails, and what that means.
//!
//! Source: <https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference>,
//! <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>. The numbers below 1900 are the same for
//! both families.

use std::process::ExitStatus;

use super::connection::Connection;
use crate::error::{Error, ErrorKind};

/// Turns the last words of a program that failed into an error.
pub(super) fn explain(connection: &Connection, program: &str, said: &str, status: ExitStatus) -> Error {
    let said = connection.password().map_or_else(|| said.to_owned(), |password| password.masked(said));
    let place = connection.describe();
    // Before it, MariaDB's client repeats the statement: rows of the user's.
    let said = said.rfind("\nERROR ").map_or(&*said, |at| &said[at + 1..]);
    let said = said.lines().filter(|line| !is_warning(line)).collect::<Vec<_>>().join("; ");
    let error = match number(&said) {
        Some(number) => {
            let number = if is_full(&said) { DISK_FULL } else { number };
            let error = Error::new(kind(number), format!("MySQL, {place}: {}", without_line(&said)));
            match hint(number) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        }
        None if said.is_empty() => Error::new(ErrorKind::Tool, format!("`{program}` failed ({status})")),
        None if said.contains("/dev/fd/") => {
            let message = format!("`{program}` cannot read its options: {said}");
            Error::new(ErrorKind::Config, message).hint(
                "behind a prefix that leads into another machine or container, leave the password out of the settings \
                 and put it into ~/.my.cnf there",
            )
        }
        None if said.contains("unknown variable") || said.contains("unknown option") => {
            Error::new(ErrorKind::Config, format!("`{program}` failed: {said}"))
                .hint("an option or an option file has what this program does not know")
        }
        None => Error::new(ErrorKind::Tool, format!("`{program}` failed ({status}): {said}")),
    };
    error.subject(connection.database())
}

/// Finds the number in `ERROR 1045 (28000): …`, `mariadb-dump: Got error: 1045: "…" when …`, `… (1045)`.
pub(super) fn number(said: &str) -> Option<u32> {
    let mark = ["ERROR ", "Got error: ", "Error "].into_iter().find_map(|mark| Some(said.rfind(mark)? + mark.len()));
    let behind = mark.map(|at| &said[at..]);
    behind.and_then(leading_number).or_else(|| {
        let (_, rest) = said.rsplit_once('(')?;
        leading_number(rest).filter(|number| *number >= 1000)
    })
}

/// Whether the system has told the server that a disk is full, whatever the server was doing.
fn is_full(said: &str) -> bool {
    ["errno: 28", "No space left on device"].iter().any(|words| said.contains(words))
}

/// Returns the number that a text begins with; many begin with none.
fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Leaves out where in its input the client was: that is not where in the backup.
fn without_line(said: &str) -> String {
    let Some((before, rest)) = said.split_once(" at line ") else { return said.to_owned() };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{rest}")
}

/// Whether it is advice on passwords, or about options that are deprecated.
fn is_warning(line: &str) -> bool {
    line.contains("[Warning]") || line.starts_with("WARNING:") || line.to_ascii_lowercase().contains("deprecated")
}

/// `ER_DISK_FULL`
const DISK_FULL: u32 = 1021;

fn kind(number: u32) -> ErrorKind {
    match number {
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1419 | 1698 => ErrorKind::Denied,
        1049 => ErrorKind::Config,
        1205 | 1213 | 1412 | 3572 => ErrorKind::Busy,
        1021 | 1114 => ErrorKind::NoSpace,
        _ => ErrorKind::Tool,
    }
}

fn hint(number: u32) -> Option<&'static str> {
    Some(match number {
        1045 | 1698 => "check user and password: in the settings, dbbackup.toml or ~/.my.cnf",
        1044 | 1142 | 1143 | 1370 => "GRANT the user what is missing, or connect as another one",
        1227 => "a definer is another user: connect as one who may SET USER (MariaDB) or SET_USER_ID (MySQL)",
        1419 => "set log_bin_trust_function_creators on the server, or connect as one with SUPER",
        1049 => "create the database first, or correct its name",
        1153 | 2020 => {
            "raise max_allowed_packet on the server above the largest row: SET GLOBAL max_allowed_packet = …"
        }
        1205 => "another session holds a lock: try again when that has ended",
        1412 => "a table was altered, or a restore ended, while it was read: try again",
        1021 | 1114 => "make room on the server",
        1118 => "the server's innodb_page_size or row format is another one: restore into a server with the same",
        2002 | 2003 | 2005 => "check host, port and socket, and that the server runs",
        2006 | 2013 => {
            "the server went away: look into its error log; where a row is larger than its max_allowed_packet, raise that"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn explained(said: &str) -> Error {
        use std::os::unix::process::ExitStatusExt as _;
        let connection = Connection::new("shop").with_password(Secret::new("canary"));
        explain(&connection, "mariadb", said, ExitStatus::from_raw(1 << 8))
    }

    #[test]
    fn numbers_tell_the_kind() {
        for (said, kind) in [
            ("ERROR 1045 (28000): Access denied for user 'app'@'localhost' (using password: YES)", ErrorKind::Denied),
            ("ERROR 1049 (42000): Unknown database 'shop'", ErrorKind::Config),
            ("ERROR 1205 (HY000) at line 7: Lock wait timeout exceeded; try restarting", ErrorKind::Busy),
            ("ERROR 1114 (HY000) at line 3: The table 't' is full", ErrorKind::NoSpace),
            (
                "ERROR 1005 (HY000) at line 3: Can't create table `a`.`b` (errno: 28 \"No space left on device\")",
                ErrorKind::NoSpace,
            ),
            ("mariadb-dump: Got error: 1045: \"Access denied\" when trying to connect", ErrorKind::Denied),
            (
                "mysqldump: Couldn't execute 'SHOW EVENTS': Access denied for user to database 'x' (1044)",
                ErrorKind::Denied,
            ),
            ("ERROR 2002 (HY000): Can't connect to local server through socket '/x' (2)", ErrorKind::Tool),
            ("ERROR: Could not open required defaults file: /dev/fd/3\nFatal error", ErrorKind::Config),
            ("mysql: unknown variable 'ssl-mode=REQUIRED'", ErrorKind::Config),
            ("", ErrorKind::Tool),
        ] {
            assert_eq!(explained(said).kind(), kind, "{said}");
        }
    }

    #[test]
    fn warnings_lines_and_passwords_are_left_out() {
        let said =
            "mysql: [Warning] Using a password on the command line\nERROR 1064 (42000) at line 12: near 'canary'";
        assert_eq!(explained(said).to_string(), "MySQL, `shop`: ERROR 1064 (42000): near '***'");
    }

    #[test]
    fn statements_are_left_out() {
        let said = "0FF),\n(2,'private\nERROR 7')\n--------------\n\nERROR 1062 (23000) at line 7: Duplicate entry";
        assert_eq!(explained(said).to_string(), "MySQL, `shop`: ERROR 1062 (23000): Duplicate entry");
    }
}
