//! Where a database is and who asks: options of MySQL's own programs, and a password that stands on no command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::tools::Family;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;
use crate::url::{self, split_port};

/// A database, and how the client programs of MySQL and MariaDB reach it: their options, by long name (`host`, `port`,
/// `socket`, `user`, `ssl-ca` …). What is not given comes from the files that they read, such as `~/.my.cnf`.
///
/// `ssl-mode` has MySQL's values (`DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`), for both.
///
/// Source: <https://mariadb.com/docs/server/clients-and-utilities/mariadb-client/mariadb-command-line-client>,
/// <https://dev.mysql.com/doc/refman/8.4/en/connection-options.html>.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    database: String,
    options: BTreeMap<String, String>,
    password: Option<Secret>,
    /// Read after the usual option files, and before what stands here.
    defaults_file: Option<PathBuf>,
}

impl Connection {
    /// Names a database.
    pub fn new(database: impl Into<String>) -> Self {
        Self { database: database.into(), ..Self::default() }
    }

    /// Names another database of the server.
    #[must_use]
    pub(super) fn of(mut self, database: &str) -> Self {
        database.clone_into(&mut self.database);
        self
    }

    /// Sets one option.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }

    /// Sets the password.
    #[must_use]
    pub fn with_password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// Reads this option file, too: what is set here stands above it.
    #[must_use]
    pub fn with_defaults_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.defaults_file = Some(path.into());
        self
    }

    /// Reads `mysql://user:password@host:port/database?option=value` (or `mariadb://`), each part percent-encoded.
    ///
    /// # Errors
    ///
    /// `Config` for what is no such URL. No error repeats it: it may hold a password.
    pub fn from_url(url: &str) -> Result<Self> {
        let connection = Self::from_server_url(url)?;
        if connection.database.is_empty() { Err(unreadable("it names no database")) } else { Ok(connection) }
    }

    /// Reads the URL of a server, which may name a database: `mysql://user@host/`.
    ///
    /// # Errors
    ///
    /// As [`from_url`](Self::from_url).
    pub fn from_server_url(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("mysql://").or_else(|| url.strip_prefix("mariadb://"));
        let rest = rest.ok_or_else(|| unreadable("it does not begin with `mysql://`"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = user.split_once(':').map_or((user, None), |(user, password)| (user, Some(password)));
        let (host, port) = split_port(host);

        let mut connection = Self::new(decoded(database)?);
        for (key, value) in [("user", user), ("host", host), ("port", port)] {
            if !value.is_empty() {
                connection.options.insert(key.to_owned(), decoded(value)?);
            }
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| unreadable("an option has no `=`"))?;
            connection.options.insert(decoded(key)?.replace('_', "-"), decoded(value)?);
        }
        connection.password = password.map(decoded).transpose()?.map(Secret::new);
        if let Some(password) = connection.options.remove("password") {
            connection.password = Some(Secret::new(password));
        }
        if let Some(file) = connection.options.remove("defaults-file") {
            connection.defaults_file = Some(file.into());
        }
        match connection.options.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            Some(key) => Err(unreadable(&format!("it has an option that is not known, `{key}`"))),
            None => Ok(connection),
        }
    }

    /// Returns the database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Returns an option that was given.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str)
    }

    pub(super) fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// Returns it as errors name it: `shop on db.example.org`.
    pub(super) fn describe(&self) -> String {
        let place = self.get("host").or_else(|| self.get("socket")).filter(|place| !place.is_empty());
        match (self.database.as_str(), place) {
            ("", place) => format!("`{}`", place.unwrap_or("localhost")),
            (database, None) => format!("`{database}`"),
            (database, Some(place)) => format!("`{database}` on `{place}`"),
        }
    }

    /// Returns the text of an option file for programs of `family`: everything but the database.
    ///
    /// `usual` are the files that the program reads by itself: named here, they come before what stands here, where an
    /// extra file would come before `~/.my.cnf`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that no line can hold.
    pub(super) fn option_file(&self, family: Family, usual: &[PathBuf]) -> Result<Secret> {
        let mut text = String::new();
        for file in usual.iter().map(PathBuf::as_path).chain(self.defaults_file.as_deref()) {
            let path = file.to_str().filter(|path| !path.contains(['\n', '\r']) && path.trim() == *path);
            let path = path.ok_or_else(|| unusable(&file.display().to_string()))?;
            let _ = writeln!(text, "!include {path}");
        }
        text.push_str("[client]\n");
        for (key, value) in self.told(family)? {
            option(&mut text, key, value.as_deref())?;
        }
        if let Some(password) = &self.password {
            option(&mut text, "password", Some(password.reveal()))?;
        }
        Ok(Secret::new(text))
    }

    /// Returns the same as arguments for programs of `family`, the option file first; `None`: there is a password, which
    /// stands on no command line.
    ///
    /// # Errors
    ///
    /// `Config` for an option that cannot be.
    pub(super) fn arguments(&self, family: Family) -> Result<Option<Vec<OsString>>> {
        if self.password.is_some() {
            return Ok(None);
        }
        let mut arguments = Vec::new();
        if let Some(file) = &self.defaults_file {
            let mut argument = OsString::from("--defaults-extra-file=");
            argument.push(file);
            arguments.push(argument);
        }
        for (key, value) in self.told(family)? {
            arguments.push(value.map_or_else(|| format!("--{key}"), |value| format!("--{key}={value}")).into());
        }
        Ok(Some(arguments))
    }

    /// Returns the options as programs of `family` know them.
    fn told(&self, family: Family) -> Result<Vec<(&str, Option<String>)>> {
        let mut told = Vec::new();
        for (key, value) in &self.options {
            if key.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
                return Err(unusable(key));
            }
            match key.as_str() {
                "ssl-mode" => told.extend(tls(family, value)),
                key => told.push((key, Some(value.clone()))),
            }
        }
        Ok(told)
    }

    /// Fails if an option file that was named is not there: the programs say nothing.
    pub(super) fn require_defaults_file(&self) -> Result<()> {
        let missing = |path: &Path| {
            Error::new(ErrorKind::Config, format!("cannot read the option file `{}`", path.display()))
                .hint("correct `read_default_file`, or leave it out")
        };
        match &self.defaults_file {
            Some(path) => fs_err::File::open(path).map(drop).map_err(|source| missing(path).because(source)),
            None => Ok(()),
        }
    }
}

/// Appends one option. In quotes, everything but an escape stands for itself.
fn option(text: &mut String, key: &str, value: Option<&str>) -> Result<()> {
    let Some(value) = value else {
        let _ = writeln!(text, "{key}");
        return Ok(());
    };
    if value.contains('\0') {
        return Err(unusable(key));
    }
    let _ = write!(text, "{key}=\"");
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ => text.push(character),
        }
    }
    text.push_str("\"\n");
    Ok(())
}

/// Returns the options that mean `ssl-mode`.
fn tls(family: Family, mode: &str) -> Vec<(&'static str, Option<String>)> {
    let mode = mode.to_ascii_uppercase();
    match (family, mode.as_str()) {
        (Family::MySql, _) => vec![("ssl-mode", Some(mode))],
        (Family::MariaDb, "DISABLED") => vec![("skip-ssl", None)],
        (Family::MariaDb, "REQUIRED") => vec![("ssl", None)],
        (Family::MariaDb, "VERIFY_CA" | "VERIFY_IDENTITY") => vec![("ssl", None), ("ssl-verify-server-cert", None)],
        (Family::MariaDb, _) => Vec::new(),
    }
}

fn decoded(text: &str) -> Result<String> {
    url::decoded(text).map_err(unreadable)
}

fn unreadable(why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("cannot use the database's URL: {why}"))
        .hint("mysql://user@host:3306/database; an awkward character in a part of it is percent-encoded")
}

fn unusable(key: &str) -> Error {
    Error::new(ErrorKind::Config, format!("cannot use the connection's `{key}`: no option file can hold it"))
}

/// Options of a URL: what concerns the connection, and means the same to both families.
const KNOWN: [&str; 20] = [
    "bind-address",
    "connect-timeout",
    "default-auth",
    "get-server-public-key",
    "host",
    "plugin-dir",
    "port",
    "protocol",
    "server-public-key-path",
    "socket",
    "ssl-ca",
    "ssl-capath",
    "ssl-cert",
    "ssl-cipher",
    "ssl-crl",
    "ssl-crlpath",
    "ssl-key",
    "ssl-mode",
    "tls-version",
    "user",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn text(connection: &Connection, family: Family) -> String {
        connection.option_file(family, &[]).unwrap().reveal().to_owned()
    }

    #[test]
    fn a_url_has_its_parts_decoded() {
        let url =
            "mysql://a%20user:p%40ss%27w%20%22ord%2541%2F%3A%23%24%5C@db.example.org:3307/my%2Fshop?ssl-ca=/ca.pem";
        let connection = Connection::from_url(url).unwrap();
        assert_eq!(connection.database(), "my/shop");
        let expected = "[client]\nhost=\"db.example.org\"\nport=\"3307\"\nssl-ca=\"/ca.pem\"\nuser=\"a user\"\n\
                        password=\"p@ss'w \\\"ord%41/:#$\\\\\"\n";
        assert_eq!(text(&connection, Family::MariaDb), expected);
        let connection = Connection::from_url("mariadb://[::1]/x?socket=%2Frun%2Fs&password=canary").unwrap();
        assert_eq!((connection.get("host"), connection.get("socket")), (Some("::1"), Some("/run/s")));
        assert_eq!(connection.password().unwrap().reveal(), "canary");
    }

    #[test]
    fn a_bad_url_is_never_repeated() {
        for url in [
            "postgresql://u:canary@h/d",
            "mysql://u:canary%zz@h/d",
            "mysql://u:canary@h/d?ssl-ca",
            "mysql://u:canary@h",
            "mysql://u:canary@h/d?init-command=x",
        ] {
            let error = Connection::from_url(url).unwrap_err();
            assert!(!format!("{error:?}").contains("canary"), "{error}");
        }
    }

    #[test]
    fn the_url_of_a_server_needs_no_database() {
        for url in ["mysql://ada@db.example.org/", "mysql://ada@db.example.org"] {
            let connection = Connection::from_server_url(url).unwrap();
            assert_eq!((connection.database(), connection.get("user")), ("", Some("ada")));
            assert_eq!(connection.describe(), "`db.example.org`");
            assert_eq!(connection.of("shop").describe(), "`shop` on `db.example.org`");
        }
        assert!(Connection::from_server_url("postgresql://ada@db.example.org/").is_err());
    }

    #[test]
    fn files_of_the_user_come_first() {
        let connection = Connection::new("shop").with("user", "app").with_defaults_file("/srv/shop.cnf");
        let file = connection.option_file(Family::MariaDb, &["/etc/my.cnf".into()]).unwrap();
        assert_eq!(file.reveal(), "!include /etc/my.cnf\n!include /srv/shop.cnf\n[client]\nuser=\"app\"\n");
        assert!(connection.require_defaults_file().is_err());
        assert!(connection.option_file(Family::MySql, &["/a\nb".into()]).is_err());
        assert!(Connection::new("x").with("a\nb", "c").option_file(Family::MySql, &[]).is_err());
        assert!(Connection::new("x").with("user", "a\0").option_file(Family::MySql, &[]).is_err());
    }

    #[test]
    fn what_is_no_secret_can_be_on_a_command_line() {
        let connection = Connection::new("x").with("user", "a \"b\"").with("ssl-mode", "required");
        let arguments = connection.clone().with_defaults_file("/a.cnf").arguments(Family::MariaDb).unwrap();
        assert_eq!(arguments.unwrap(), ["--defaults-extra-file=/a.cnf", "--ssl", "--user=a \"b\""]);
        assert_eq!(connection.with_password(Secret::new("x")).arguments(Family::MySql).unwrap(), None);
    }

    #[test]
    fn tls_is_asked_for_in_the_words_of_the_family() {
        for (mode, maria) in [
            ("DISABLED", "skip-ssl\n"),
            ("preferred", ""),
            ("REQUIRED", "ssl\n"),
            ("VERIFY_CA", "ssl\nssl-verify-server-cert\n"),
            ("VERIFY_IDENTITY", "ssl\nssl-verify-server-cert\n"),
        ] {
            let connection = Connection::new("x").with("ssl-mode", mode);
            assert_eq!(text(&connection, Family::MariaDb), format!("[client]\n{maria}"));
            let mysql = format!("[client]\nssl-mode=\"{}\"\n", mode.to_uppercase());
            assert_eq!(text(&connection, Family::MySql), mysql);
        }
    }
}
