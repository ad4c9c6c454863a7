//! Where a database is and who asks: libpq's parameters, and a password that stands on no command line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;
use crate::url::{self, split_port};

/// libpq's parameters. What is not given comes from where libpq takes it: `PG…` variables, a service file, `~/.pgpass`.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-connect.html>, "Parameter Key Words".
#[derive(Clone, Debug, Default)]
pub struct Connection {
    parameters: BTreeMap<String, String>,
    password: Option<Secret>,
}

impl Connection {
    /// Sets one parameter, such as `host`, `port`, `user`, `dbname`, `sslmode` or `service`.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(key.into(), value.into());
        self
    }

    /// Sets the password.
    #[must_use]
    pub fn with_password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// Reads `postgresql://user:password@host:port/database?parameter=value`, each part percent-encoded; several hosts
    /// are separated by commas.
    ///
    /// # Errors
    ///
    /// `Config` for what is no such URL. No error repeats it: it may hold a password.
    pub fn from_url(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("postgresql://").or_else(|| url.strip_prefix("postgres://"));
        let rest = rest.ok_or_else(|| unreadable("it does not begin with `postgresql://`"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = user.split_once(':').map_or((user, None), |(user, password)| (user, Some(password)));

        let mut connection = Self::default();
        let mut take = |key: &str, value: &str| -> Result<()> {
            if !value.is_empty() {
                connection.parameters.insert(key.to_owned(), decoded(value)?);
            }
            Ok(())
        };
        take("user", user)?;
        take("dbname", database)?;
        let hosts: Vec<(&str, &str)> = hosts.split(',').map(split_port).collect();
        take("host", &hosts.iter().map(|(host, _)| *host).collect::<Vec<_>>().join(","))?;
        if hosts.iter().any(|(_, port)| !port.is_empty()) {
            take("port", &hosts.iter().map(|(_, port)| *port).collect::<Vec<_>>().join(","))?;
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| unreadable("a parameter has no `=`"))?;
            connection.parameters.insert(decoded(key)?, decoded(value)?);
        }
        connection.password = password.map(decoded).transpose()?.map(Secret::new);
        if let Some(password) = connection.parameters.remove("password") {
            connection.password = Some(Secret::new(password));
        }
        Ok(connection)
    }

    /// Returns a parameter that was given.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.parameters.get(key).map(String::as_str)
    }

    pub(super) fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// Returns it with an application's name that no other session has, and that name: a name that was given, with a
    /// number behind it. The server has room for 63 bytes, and for ASCII only.
    pub(super) fn named_for(&self, program: &str) -> (Self, String) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let given = self.get("application_name").map(|name| name.replace(|c: char| !matches!(c, ' '..='~'), "?"));
        let base = given.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("{program} for dbbackup"));
        let number = format!(" {}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let name = format!("{}{number}", &base[..base.len().min(NAME_BYTES.saturating_sub(number.len()))]);
        (self.clone().with("application_name", &name), name)
    }

    /// Returns it as errors name it: `shop on db.example.org`.
    pub(super) fn describe(&self) -> String {
        let part = |key: &str| self.get(key).filter(|value| !value.is_empty());
        let name = part("dbname").or(part("service")).or(part("user")).unwrap_or("the default database");
        part("host").map_or_else(|| format!("`{name}`"), |host| format!("`{name}` on `{host}`"))
    }

    /// Returns libpq's connection string, without the password.
    ///
    /// # Errors
    ///
    /// `Config` for a value with a zero byte, which no argument can hold.
    pub(super) fn conninfo(&self) -> Result<String> {
        let mut text = String::from("fallback_application_name=dbbackup");
        for (key, value) in &self.parameters {
            if value.contains('\0') || key.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                return Err(Error::new(ErrorKind::Config, format!("cannot use the connection's `{key}`")));
            }
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            let _ = write!(text, " {key}='{value}'");
        }
        Ok(text)
    }
}

/// What the server keeps of an application's name.
const NAME_BYTES: usize = 63;

fn decoded(text: &str) -> Result<String> {
    url::decoded(text).map_err(unreadable)
}

fn unreadable(why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("cannot use the database's URL: {why}"))
        .hint("postgresql://user@host:5432/database; an awkward character in a part of it is percent-encoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_its_parts_decoded() {
        let url =
            "postgresql://a%20user:p%40ss%27w%20%22ord%2541%2F%3A%23%24@db.example.org:6543/my%2Fshop?sslmode=require";
        let connection = Connection::from_url(url).unwrap();
        assert_eq!(connection.password().unwrap().reveal(), "p@ss'w \"ord%41/:#$");
        assert_eq!(
            connection.conninfo().unwrap(),
            "fallback_application_name=dbbackup dbname='my/shop' host='db.example.org' port='6543' sslmode='require' \
             user='a user'"
        );
    }

    #[test]
    fn hosts_may_be_several_addresses_and_sockets() {
        for (url, host, port) in [
            ("postgres://[::1]:5433/x", Some("::1"), Some("5433")),
            ("postgres://%2Fvar%2Frun/x", Some("/var/run"), None),
            ("postgres:///x?host=/var/run", Some("/var/run"), None),
            ("postgres://one:1,two/x", Some("one,two"), Some("1,")),
            ("postgres://", None, None),
        ] {
            let connection = Connection::from_url(url).unwrap();
            assert_eq!((connection.get("host"), connection.get("port")), (host, port), "{url}");
        }
    }

    #[test]
    fn values_are_quoted_and_passwords_stay_out() {
        let connection = Connection::default().with("dbname", r"it's \ a=b").with_password(Secret::new("canary"));
        assert_eq!(connection.conninfo().unwrap(), r"fallback_application_name=dbbackup dbname='it\'s \\ a=b'");
        assert!(!format!("{connection:?}").contains("canary"));
        assert!(Connection::default().with("dbname", "a\0b").conninfo().is_err());
        let in_query = Connection::from_url("postgresql:///x?password=canary").unwrap();
        assert!(!in_query.conninfo().unwrap().contains("canary"));
        assert_eq!(in_query.password().unwrap().reveal(), "canary");
    }

    #[test]
    fn a_session_has_a_name_of_its_own() {
        let long = "größe ".repeat(20);
        for (given, start) in [(None, "pg_dump for dbbackup "), (Some("web"), "web "), (Some(&*long), "gr??e gr")] {
            let connection =
                given.map_or(Connection::default(), |name| Connection::default().with("application_name", name));
            let (named, first) = connection.named_for("pg_dump");
            let (_, second) = connection.named_for("pg_dump");
            assert!(first.starts_with(start) && first.len() <= NAME_BYTES && first.is_ascii(), "{first}");
            assert_ne!(first, second);
            assert_eq!(named.get("application_name"), Some(&*first));
        }
    }

    #[test]
    fn a_bad_url_is_never_repeated() {
        for url in ["mysql://u:canary@h/d", "postgresql://u:canary%zz@h/d", "postgresql://u:canary@h/d?sslmode"] {
            let error = Connection::from_url(url).unwrap_err();
            assert!(!format!("{error:?}").contains("canary"), "{error}");
        }
    }
}
