//! The client programs of MySQL and MariaDB: which there are, and what each of them understands.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use command_fds::{CommandFdExt as _, FdMapping};

use super::connection::Connection;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::secret::Secret;

/// How the client programs are called.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// Folders beside `PATH`.
    pub folders: Vec<PathBuf>,
    /// The user's own command for `mariadb-dump` or `mysqldump`, with its first arguments: taken as it is.
    pub dump: Vec<OsString>,
    /// The same for `mariadb` or `mysql`.
    pub client: Vec<OsString>,
    /// What stands before every command, such as `docker exec -i db`. The environment does not go with it.
    pub prefix: Vec<OsString>,
    /// Variables for every program.
    pub env: Vec<(OsString, OsString)>,
    /// Whether programs do not get this process's environment.
    pub clean_env: bool,
}

/// Whose program, or server, it is. They have parted: each has options that the other refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    MariaDb,
    MySql,
}

impl Family {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::MariaDb => "MariaDB",
            Self::MySql => "MySQL",
        }
    }
}

/// One of the programs that are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// Writes a database as SQL.
    Dump,
    /// Asks the server, and runs SQL.
    Client,
}

impl Program {
    /// Its names, the one that MariaDB alone uses first.
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Dump => ["mariadb-dump", "mysqldump"],
            Self::Client => ["mariadb", "mysql"],
        }
    }
}

/// A program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    argv: Vec<OsString>,
    pub(super) family: Family,
    /// As it calls itself: `10.11.14-MariaDB`, `8.0.40`.
    pub(super) version: String,
    /// 10, 11
    pub(super) release: (u32, u32),
    /// The option files that it reads by itself, as far as they are there.
    option_files: Vec<PathBuf>,
}

/// Where a program reads its options from: the text stands on no command line, in no environment and in no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionsFrom {
    /// Its standard input, which is for nothing else then. Arrives behind every prefix.
    Stdin,
    /// A pipe of its own. Arrives in programs on this machine.
    Pipe,
}

impl Client {
    /// Returns the name of the program, for errors.
    pub(super) fn name(&self) -> String {
        let path = self.argv.first().map(PathBuf::from).unwrap_or_default();
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Tools {
    /// Returns the command of a program that was found, and what it has to be sent first if it reads its options from
    /// its standard input. Its standard error is a pipe.
    ///
    /// # Errors
    ///
    /// `Config` for options that cannot be, `Tool` without a pipe.
    pub(super) fn command(
        &self,
        client: &Client,
        connection: &Connection,
        from: OptionsFrom,
    ) -> Result<(Command, Option<Secret>)> {
        let mut command = self.bare(&client.argv);
        // Where the prefix leads to, no pipe may arrive: without a password none is needed.
        if from == OptionsFrom::Pipe
            && !self.prefix.is_empty()
            && let Some(arguments) = connection.arguments(client.family)?
        {
            command.args(arguments);
            return Ok((command, None));
        }
        let options = connection.option_file(client.family, &client.option_files)?;
        // Behind a prefix, the files of the place that it leads to are read as well: nobody here knows their names.
        let option = if self.prefix.is_empty() { "--defaults-file" } else { "--defaults-extra-file" };
        match from {
            OptionsFrom::Stdin => {
                command.arg(format!("{option}=/dev/stdin")).stdin(Stdio::piped());
                Ok((command, Some(options)))
            }
            OptionsFrom::Pipe => {
                let broken = |source: std::io::Error| {
                    Error::new(ErrorKind::Tool, "cannot make a pipe for a password").at(Stage::Target).because(source)
                };
                let (parent_fd, mut writer) = std::io::pipe().map_err(broken)?;
                // A pipe holds 64 KiB; more than that would wait for a child that is not there yet.
                if options.reveal().len() > PIPE_BYTES {
                    return Err(Error::new(ErrorKind::Config, "cannot use options that are so long").at(Stage::Target));
                }
                writer.write_all(options.reveal().as_bytes()).map_err(broken)?;
                drop(writer);
                command.arg(format!("{option}=/dev/fd/{CHILD_FD}"));
                let mapping = FdMapping { parent_fd: parent_fd.into(), child_fd: CHILD_FD };
                command.fd_mappings(vec![mapping]).map_err(|source| {
                    Error::new(ErrorKind::Bug, "cannot hand a pipe on").at(Stage::Target).because(source)
                })?;
                Ok((command, None))
            }
        }
    }

    fn bare(&self, argv: &[OsString]) -> Command {
        let words: Vec<&OsString> = self.prefix.iter().chain(argv).collect();
        let mut command = Command::new(words.first().map_or(OsStr::new(""), |word| word));
        if self.clean_env {
            command.env_clear();
        }
        // Taken where no option file has a password, and shown to every process of the user: ours has its own way.
        command.env_remove("MYSQL_PWD").env("LC_ALL", "C");
        command.args(words.iter().skip(1)).envs(self.env.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Returns the newest program, of `family` if there is one.
    ///
    /// # Errors
    ///
    /// `Config` if there is none; what to install.
    pub(super) fn find(&self, program: Program, family: Option<Family>) -> Result<Client> {
        let mut found = self.all(program);
        found.sort_by_key(|client| (Some(client.family) == family, client.release));
        found.pop().ok_or_else(|| {
            let [first, second] = program.names();
            let own = self.prefix.iter().chain(self.own(program)).next();
            if let Some(own) = own {
                let own = own.to_string_lossy();
                return Error::new(
                    ErrorKind::Config,
                    format!("cannot run `{own}`, or it is no `{first}` or `{second}`"),
                )
                .subject(own)
                .hint("correct the command, or what stands before it");
            }
            Error::new(ErrorKind::Config, format!("cannot find `{first}` or `{second}`"))
                .subject(first)
                .hint("install the client programs: the package `mariadb-client` or `mysql-client`")
        })
    }

    /// Returns the user's own command for it; nothing without one.
    fn own(&self, program: Program) -> &[OsString] {
        match program {
            Program::Dump => &self.dump,
            Program::Client => &self.client,
        }
    }

    /// Returns every program that answers; only the user's own if there is one.
    fn all(&self, program: Program) -> Vec<Client> {
        let own = self.own(program);
        if !own.is_empty() {
            return self.client_at(own.to_vec()).into_iter().collect();
        }
        if !self.prefix.is_empty() {
            return program
                .names()
                .into_iter()
                .find_map(|name| self.client_at(vec![name.into()]))
                .into_iter()
                .collect();
        }
        let path = self.env.iter().find(|(key, _)| key == "PATH").map(|(_, value)| value.clone());
        let path = path.or_else(|| std::env::var_os("PATH")).unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(self.folders.clone()).collect();
        let paths = folders.iter().flat_map(|folder| program.names().map(|name| folder.join(name)));
        let mut paths: Vec<PathBuf> = paths.filter_map(|path| fs_err::canonicalize(path).ok()).collect();
        paths.sort();
        paths.dedup();
        paths.into_iter().filter_map(|path| self.client_at(vec![path.into()])).collect()
    }

    fn client_at(&self, argv: Vec<OsString>) -> Option<Client> {
        let mut command = self.bare(&argv);
        // Above its help stands the version.
        command.args(["--no-defaults", "--help"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let said = String::from_utf8_lossy(&command.output().ok()?.stdout).into_owned();
        let (family, version) = version_in(&said)?;
        let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
        let release = (numbers.next()?, numbers.next()?);
        let home = self.env.iter().find(|(key, _)| key == "HOME").map(|(_, value)| value.clone());
        let home = home.or_else(|| std::env::var_os("HOME")).map(PathBuf::from);
        // Behind a prefix they may be on another machine, or in a container: none are named, and none are read.
        let option_files = if self.prefix.is_empty() { option_files(&said, home.as_deref()) } else { Vec::new() };
        Some(Client { argv, family, version, release, option_files })
    }
}

/// Returns what a program calls itself: `mariadb-dump  Ver 10.19 Distrib 10.11.14-MariaDB, for …`, `mariadb from
/// 11.4.2-MariaDB, client 15.2 for …`, `mysqldump  Ver 8.0.40 for Linux on x86_64 (MySQL Community Server - GPL)`.
fn version_in(said: &str) -> Option<(Family, String)> {
    let line = said.lines().find(|line| line.contains(" Ver ") || line.contains(" from "))?;
    let words: Vec<&str> = line.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let behind = |word: &str| words.iter().position(|each| *each == word).and_then(|at| words.get(at + 1));
    let version = behind("Distrib").or_else(|| behind("from")).or_else(|| behind("Ver"))?;
    let family = if line.contains("MariaDB") { Family::MariaDb } else { Family::MySql };
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| (family, (*version).to_owned()))
}

/// Returns the files that the help names and that are there.
fn option_files(help: &str, home: Option<&Path>) -> Vec<PathBuf> {
    let mut lines = help.lines().skip_while(|line| !line.starts_with("Default options are read from"));
    let names = lines.nth(1).unwrap_or_default().split_whitespace();
    let paths = names.filter_map(|name| match name.strip_prefix("~/") {
        Some(rest) => home.map(|home| home.join(rest)),
        None => Some(PathBuf::from(name)),
    });
    let mut seen = Vec::new();
    for path in paths.filter(|path| path.is_file()) {
        if !seen.contains(&path) {
            seen.push(path);
        }
    }
    seen
}

/// The number that a child finds its options under.
const CHILD_FD: i32 = 3;
/// What a pipe takes before anybody reads it.
const PIPE_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_tells_its_family_and_version() {
        for (said, family, version) in [
            (
                "mariadb-dump  Ver 10.19 Distrib 10.11.14-MariaDB, for debian-linux-gnu (x86_64)",
                Family::MariaDb,
                "10.11.14-MariaDB",
            ),
            ("mariadb from 11.4.2-MariaDB, client 15.2 for Linux (x86_64)", Family::MariaDb, "11.4.2-MariaDB"),
            ("mysql  Ver 15.1 Distrib 10.3.39-MariaDB, for Linux (x86_64)", Family::MariaDb, "10.3.39-MariaDB"),
            ("mysqldump  Ver 8.0.40 for Linux on x86_64 (MySQL Community Server - GPL)", Family::MySql, "8.0.40"),
            ("/usr/bin/mysql  Ver 8.4.3 for macos15 on arm64 (Homebrew)", Family::MySql, "8.4.3"),
            (
                "mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)\nCopyright (c) 2000, 2023",
                Family::MySql,
                "5.7.44",
            ),
        ] {
            assert_eq!(version_in(said), Some((family, version.to_owned())), "{said}");
        }
        assert_eq!(version_in("bash: mysql: command not found"), None);
    }

    #[test]
    fn a_program_tells_which_option_files_it_reads() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".my.cnf");
        fs_err::write(&file, "").unwrap();
        let help = "x\nDefault options are read from the following files in the given order:\n/no/my.cnf ~/.my.cnf ~/.my.cnf \ny";
        assert_eq!(option_files(help, Some(folder.path())), [file]);
        assert!(option_files("nothing", None).is_empty());
    }
}
