//! Real MariaDB servers, shared by all tests that run at a time, and databases that each test has for itself.

mod zoo;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use fs_err as fs;

use crate::killed::{eventually, send};
use crate::server::{Kind, Running, bytes_of, can_keep, encoded, output_of, skipped, unique};

pub use crate::server::PASSWORD;
pub use zoo::Zoo;

/// A server on loopback and on a socket, which asks everybody for a password. It ends after its last user.
#[derive(Clone)]
pub struct Server(Arc<Installed>);

struct Installed {
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
    pub fn start() -> Option<Self> {
        Self::having(&["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF"], true)
    }

    /// Starts one for this test alone, with more `options` (`--lower-case-table-names=1`), which may be stopped and may
    /// crash: what is committed is written.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn alone(options: &[&str]) -> Option<Self> {
        Self::having(options, false)
    }

    fn having(options: &[&str], is_shared: bool) -> Option<Self> {
        let bin = match can_keep().and_then(|()| installed()) {
            Ok(bin) => bin,
            Err(reason) => return skipped(&reason),
        };
        let kind = Kind {
            name: "mysql".to_owned(),
            script: SCRIPT,
            home: home(),
            socket: |_| SOCKET.to_owned(),
            language: None,
        };
        let running = Running::join(&kind, &bin, options, is_shared);
        Some(Self(Arc::new(Installed { bin, running })))
    }

    /// Returns the folder of its client's programs: `mariadb`, `mariadb-dump` and the others.
    pub fn bin(&self) -> &Path {
        &self.0.bin
    }

    /// Returns the address that it listens on.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.0.running.port()
    }

    /// Returns the path of its socket.
    pub fn socket(&self) -> PathBuf {
        self.0.running.folder().join(SOCKET)
    }

    /// Returns the name of its superuser.
    pub fn superuser(&self) -> &'static str {
        "root"
    }

    /// Returns the password of the superuser and of every user made here.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Returns the URL of a database, as `user`, with the password.
    pub fn url(&self, database: &str, user: &str) -> String {
        let [user, password, database] = [user, PASSWORD, database].map(encoded);
        format!("mysql://{user}:{password}@{}:{}/{database}", self.host(), self.port())
    }

    /// Makes a database for one test, in `utf8mb4`. To keep it apart from others', its name gets an end of its own.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn database(&self, name: &str) -> Database {
        let name = unique(name);
        self.query("", &format!("CREATE DATABASE {} CHARACTER SET utf8mb4", quoted(&name)));
        Database { server: self.clone(), name, users: Mutex::default() }
    }

    /// Runs statements as the superuser; returns their rows, columns parted by tabs. An empty `database` is none.
    ///
    /// # Panics
    ///
    /// If one of them fails.
    pub fn query(&self, database: &str, sql: &str) -> String {
        self.try_query(database, self.superuser(), sql).unwrap_or_else(|error| panic!("mariadb, {sql}: {error}"))
    }

    /// Runs statements as `user`; returns their rows, or what the first that failed says.
    ///
    /// # Errors
    ///
    /// What `mariadb` wrote to standard error.
    ///
    /// # Panics
    ///
    /// If there is no `mariadb`.
    pub fn try_query(&self, database: &str, user: &str, sql: &str) -> Result<String, String> {
        let mut command = self.client(user);
        command.args(["--batch", "--skip-column-names", "--binary-mode", database]);
        output_of(&mut command, sql)
    }

    /// Returns the `mariadb` that connects as `user`; a database has to follow.
    pub fn client(&self, user: &str) -> Command {
        self.tool("mariadb", user)
    }

    /// Returns one of its programs, to connect as `user`.
    pub fn tool(&self, program: &str, user: &str) -> Command {
        let mut command = Command::new(self.bin().join(program));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("MYSQL_") || name.starts_with("MARIADB_")) {
                command.env_remove(name);
            }
        }
        command.args(["--no-defaults", "--default-character-set=utf8mb4", "--max-allowed-packet=64M"]);
        command.args(["--protocol=tcp", "--host", self.host(), "--user", user]);
        command.arg(format!("--port={}", self.port())).env("MYSQL_PWD", PASSWORD).env("LC_ALL", "C.UTF-8");
        command
    }

    /// Returns the text of a database, written by `mariadb-dump`: the rows of a table in the order of their text,
    /// another name in place of the database's, and its character set and comment before everything.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn dump_text(&self, database: &str) -> String {
        let of = format!(
            "SELECT 'schema', default_collation_name, schema_comment FROM information_schema.schemata
            WHERE schema_name = {} COLLATE utf8mb4_bin",
            literal(database)
        );
        let mut text = self.query("", &of);
        let mut rows = Vec::new();
        for line in readable(&self.dump(database, &["--skip-extended-insert", "--skip-comments"])).split_inclusive('\n')
        {
            if line.starts_with("INSERT INTO ") {
                rows.push(line.to_owned());
                continue;
            }
            rows.sort_unstable();
            text.extend(rows.drain(..));
            text.push_str(line);
        }
        text.replace(&quoted(database), "`this database`")
    }

    /// Returns what `mariadb-dump` writes of a database, with more `options`, and nothing that differs from run to run. It is
    /// no text where a column of bytes has a default.
    ///
    /// It cannot dump events of a database with a quote or a backslash in its name (10.11: "Unknown database").
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn dump(&self, database: &str, options: &[&str]) -> Vec<u8> {
        let mut command = self.tool("mariadb-dump", self.superuser());
        command.args(["--routines", "--events", "--triggers", "--hex-blob", "--single-transaction"]);
        command.arg("--skip-dump-date").args(options).args(["--", database]);
        bytes_of(&mut command, b"").unwrap_or_else(|error| panic!("mariadb-dump: {error}"))
    }

    /// Ends all sessions in a database; returns how many there were.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn kill_connections(&self, database: &str) -> usize {
        let others = format!(
            "SELECT id FROM information_schema.processlist
            WHERE id <> connection_id() AND command <> 'Daemon' AND db = {} COLLATE utf8mb4_bin",
            literal(database)
        );
        let ended = |id: &&str| self.try_query("", self.superuser(), &format!("KILL {id}")).is_ok();
        self.query("", &others).lines().filter(ended).count()
    }

    /// Kills the server, starts it again on the same data and the same port, and waits until it has recovered.
    ///
    /// # Panics
    ///
    /// If it is shared, or does not recover.
    pub fn crash(&self) {
        self.end("KILL");
        self.restart();
    }

    /// Ends it as its service would: what is committed is in its files.
    ///
    /// # Panics
    ///
    /// If it is shared, or does not end.
    pub fn stop(&self) {
        self.end("TERM");
    }

    /// Starts it again after [`stop`](Self::stop), on the same data and the same port.
    ///
    /// # Panics
    ///
    /// If it is shared, or does not come back.
    pub fn restart(&self) {
        self.0.running.start_again();
        let is_back = || self.try_query("", self.superuser(), "SELECT 1").is_ok();
        assert!(eventually(is_back), "it stays away");
    }

    fn end(&self, signal: &str) {
        self.0.running.require_alone();
        let file = self.0.running.folder().join("pid");
        let daemon = fs::read_to_string(&file).expect("it runs").trim().parse().expect("it is a number");
        send(daemon, signal);
        // A keeper that has not noticed would not start another.
        assert!(eventually(|| !Path::new("/proc").join(daemon.to_string()).exists()), "it goes on");
        let _already_gone = fs::remove_file(&file);
    }
}

/// A database of one test. Dropped, it is removed, and so are its users and every schema `<name>__dbbackup_…`.
pub struct Database {
    server: Server,
    name: String,
    users: Mutex<Vec<String>>,
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

    /// Returns its URL, as the superuser.
    pub fn url(&self) -> String {
        self.server.url(&self.name, self.server.superuser())
    }

    /// Returns its URL, as `user`.
    pub fn url_of(&self, user: &str) -> String {
        self.server.url(&self.name, user)
    }

    /// Makes a user who may do what `grants` say, and returns the name, which begins with `name`.
    ///
    /// In a clause, `{database}` is this one (`SELECT, LOCK TABLES ON {database}.*`) and `{seconds}` every schema that is
    /// named after it (`ALL ON {seconds}.*`), whose pattern has to be shorter than 65 characters.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn user(&self, name: &str, grants: &[&str]) -> String {
        let name = unique(name);
        let account = format!("{}@'%'", literal(&name));
        self.server.query("", &format!("CREATE USER {account} IDENTIFIED BY {}", literal(PASSWORD)));
        self.users.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        // Where all tables of a schema are meant, its name is a pattern.
        let plain = |name: &str| {
            ["\\", "_", "%"].iter().fold(name.to_owned(), |name, sign| name.replace(sign, &format!("\\{sign}")))
        };
        let pattern = |name: &str, end: &str| quoted(&(plain(name) + end));
        let seconds = pattern(&format!("{}{SECOND}", self.name), "%");
        for clause in grants {
            let clause = clause.replace("{database}.*", &format!("{}.*", pattern(&self.name, "")));
            let clause = clause.replace("{database}", &quoted(&self.name)).replace("{seconds}", &seconds);
            self.server.query("", &format!("GRANT {clause} TO {account}"));
        }
        name
    }

    /// Runs statements as the superuser; returns their rows, columns parted by tabs.
    ///
    /// # Panics
    ///
    /// If one of them fails.
    pub fn query(&self, sql: &str) -> String {
        self.server.query(&self.name, sql)
    }

    /// Runs a script or a dump as the superuser.
    ///
    /// # Panics
    ///
    /// If a statement fails.
    pub fn load(&self, script: &[u8]) {
        let mut command = self.server.client(self.server.superuser());
        let done = bytes_of(command.args(["--batch", "--binary-mode", &self.name]), script);
        done.unwrap_or_else(|error| panic!("mariadb: {error}"));
    }

    /// Returns its text, as [`Server::dump_text`] does.
    ///
    /// # Panics
    ///
    /// If `mariadb-dump` fails.
    pub fn dump_text(&self) -> String {
        self.server.dump_text(&self.name)
    }

    /// Returns the names of the schemas named after it: those of a restore that has not ended.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn seconds(&self) -> Vec<String> {
        self.try_seconds().unwrap_or_else(|error| panic!("mariadb: {error}"))
    }

    /// Ends all sessions in it; returns how many there were.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn kill_connections(&self) -> usize {
        self.server.kill_connections(&self.name)
    }

    fn try_seconds(&self) -> Result<Vec<String>, String> {
        let start = literal(&format!("{}{SECOND}", self.name));
        let asked = format!(
            "SELECT schema_name FROM information_schema.schemata
            WHERE LEFT(schema_name, CHAR_LENGTH({start})) = {start} COLLATE utf8mb4_bin"
        );
        let names = self.server.try_query("", self.server.superuser(), &asked)?;
        Ok(names.lines().map(|name| name.replace("\\\\", "\\")).collect())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test may have stopped the server.
        let schemas = self.try_seconds().unwrap_or_default().into_iter().chain([self.name.clone()]);
        let mut gone: Vec<_> = schemas.map(|schema| format!("DROP DATABASE IF EXISTS {}", quoted(&schema))).collect();
        let users = self.users.get_mut().unwrap_or_else(PoisonError::into_inner);
        gone.extend(users.iter().map(|user| format!("DROP USER IF EXISTS {}@'%'", literal(user))));
        let _stopped = self.server.try_query("", self.server.superuser(), &gone.join(";\n"));
    }
}

/// Returns a name as SQL wants it.
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Returns a text as SQL wants it, in the usual `sql_mode`.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Returns the folder of the client's programs; the server may be in another, see `mysql.sh`.
fn installed() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = || std::env::split_paths(&path).chain(["/usr/bin", "/usr/local/bin"].map(PathBuf::from));
    let programs = ["mariadb", "mariadb-dump", "mariadb-install-db"];
    let found = folders().find(|folder| programs.iter().all(|program| folder.join(program).exists()));
    let daemons = folders().chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let has_daemon = daemons.into_iter().any(|folder| folder.join("mariadbd").exists());
    let missing = || "there is no MariaDB: apt-get install mariadb-server".to_owned();
    found.filter(|_| has_daemon).ok_or_else(missing)
}

/// Returns where servers have their files: in memory, where there is enough of it. A new one writes 130 MB.
///
/// On a disk that others wrote to at the same time, these tests took 180 s instead of 5, without any syncing.
fn home() -> &'static str {
    let memory = "/dev/shm";
    let has_space = rustix::fs::statvfs(memory).is_ok_and(|there| there.f_bavail * there.f_frsize > SPACE_BYTES);
    if has_space { memory } else { "/tmp" }
}

/// Returns a dump as text: bytes that are none are escaped.
fn readable(dump: &[u8]) -> String {
    let mut text = String::with_capacity(dump.len());
    for chunk in dump.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    text
}

const SCRIPT: &str = include_str!("mysql.sh");

const SOCKET: &str = "mysql.sock";

/// For a few servers at a time, and what tests put into them.
const SPACE_BYTES: u64 = 4 << 30;

/// What is between a database's name and the rest in the names of the schemas of its restores.
const SECOND: &str = "__dbbackup_";
