//! What real servers for tests have in common: how they are started, found, shared and ended.
//!
//! `keeper.sh` beside this file keeps a server as long as one of its users lives; see there. Tests may be threads of
//! one process or processes of their own: the first starts the server (a second), the others find it.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use fs_err as fs;

use crate::killed::send;

/// The password of the superusers and of everybody that is made for a test. It must never be printed.
pub const PASSWORD: &str = "secret of the server: 100%/'@\"\\";

/// What a server is, and how it is run.
pub(crate) struct Kind {
    /// Of its folder.
    pub(crate) name: String,
    /// Its part of the script.
    pub(crate) script: &'static str,
    /// Where its folder is made.
    pub(crate) home: &'static str,
    /// Returns the name of the socket of a server with this port.
    pub(crate) socket: fn(u16) -> String,
    /// What it speaks, where the system has its words; English without this.
    pub(crate) language: Option<String>,
}

/// A server that runs. It ends after its last user.
pub(crate) struct Running {
    folder: PathBuf,
    port: u16,
    is_shared: bool,
    /// The lock on it says that the server is used.
    _users: File,
}

impl Running {
    /// Starts the server of the programs in `bin`, or finds the one that others have started so.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub(crate) fn join(kind: &Kind, bin: &Path, options: &[&str], is_shared: bool) -> Self {
        let launch = Launch { folder: folder_of(kind, bin, options, is_shared), kind, bin, options, is_shared };
        let (users, port) = launch.join();
        Self { folder: launch.folder, port, is_shared, _users: users }
    }

    /// Returns the port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder of its socket and its log.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.join("server")
    }

    /// Starts the server again that was stopped or has crashed; it takes a moment to be there.
    ///
    /// # Panics
    ///
    /// If it is shared.
    pub(crate) fn start_again(&self) {
        self.require_alone();
        let keeper = fs::read_to_string(self.folder().join("keeper")).expect("it was ready");
        send(keeper.trim().parse().expect("it is a number"), "USR1");
    }

    /// Fails if other tests use it.
    ///
    /// # Panics
    ///
    /// If it is shared.
    pub(crate) fn require_alone(&self) {
        assert!(!self.is_shared, "others use this server");
    }
}

/// Returns why no server can be kept here.
pub(crate) fn can_keep() -> Result<(), String> {
    ["setsid", "setpriv", "flock"].into_iter().try_for_each(|tool| {
        let output = Command::new(tool).arg("--version").output();
        output.map(|_| ()).map_err(|_| format!("there is no `{tool}`: apt-get install util-linux"))
    })
}

/// Says why a test is skipped: on a user's machine, never in CI.
pub(crate) fn skipped<T>(reason: &str) -> Option<T> {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs it: {reason}");
    writeln!(std::io::stderr(), "skipped: {reason}").expect("standard error is there");
    None
}

/// Returns `name` with an end that no other living process has.
pub(crate) fn unique(name: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let end = format!("-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    // PostgreSQL cuts a name after 63 bytes, MariaDB takes 64 characters.
    let mut length = name.len().min(63 - end.len());
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    format!("{}{end}", &name[..length])
}

/// Returns a part of a URL.
pub(crate) fn encoded(part: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let bytes = part.bytes();
    bytes.map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Runs a program with `input`; returns the text that it wrote, or what it said when it failed.
pub(crate) fn output_of(command: &mut Command, input: &str) -> Result<String, String> {
    Ok(String::from_utf8(bytes_of(command, input.as_bytes())?).expect("it is UTF-8"))
}

/// The same for what may be no text.
pub(crate) fn bytes_of(command: &mut Command, input: &[u8]) -> Result<Vec<u8>, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the server's programs are there");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let input = input.to_owned();
    // It may end before it has read everything.
    let feeder = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().expect("it ends");
    feeder.join().expect("it does not panic");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(output.stdout)
}

/// How a server is found or started.
struct Launch<'a> {
    folder: PathBuf,
    kind: &'a Kind,
    bin: &'a Path,
    options: &'a [&'a str],
    is_shared: bool,
}

impl Launch<'_> {
    /// Returns the lock of a user, and the port.
    fn join(&self) -> (File, u16) {
        let mut failures = Vec::new();
        loop {
            let Some(users) = self.open() else { continue };
            if self.is_shared {
                users.lock_shared().expect("it can be locked");
                match (self.is(&users), self.port()) {
                    (true, Some(port)) => return (users, port),
                    (true, None) => users.unlock().expect("it was locked"),
                    (false, _) => continue,
                }
            }
            users.lock().expect("it can be locked");
            if self.is(&users) && self.port().is_none() {
                match self.run() {
                    // The lock of a test that is alone stays as it is.
                    Ok(port) if !self.is_shared => return (users, port),
                    Ok(_) => {}
                    Err(said) => {
                        failures.push(said);
                        fs::remove_dir_all(&self.folder).expect("it is ours");
                    }
                }
            }
            assert!(failures.len() < ATTEMPTS, "cannot start {}: {failures:?}", self.kind.name);
        }
    }

    /// `None`: it was removed meanwhile.
    fn open(&self) -> Option<File> {
        match fs::create_dir(&self.folder) {
            Ok(()) => {
                // The server's user has to pass.
                let passable = std::fs::Permissions::from_mode(0o711);
                fs::set_permissions(&self.folder, passable).ok()?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => panic!("cannot make a folder: {error}"),
        }
        let ours = std::fs::symlink_metadata(&self.folder).ok()?;
        let is_ours = ours.is_dir() && ours.uid() == rustix::process::geteuid().as_raw();
        assert!(is_ours, "somebody else made `{}`", self.folder.display());
        let users = self.folder.join("users");
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(users).ok()
    }

    /// Whether it is the file of today: a server that ends removes it.
    fn is(&self, users: &File) -> bool {
        let known = users.metadata().expect("it is open");
        std::fs::symlink_metadata(self.folder.join("users")).is_ok_and(|there| there.ino() == known.ino())
    }

    /// Returns the port, if a server runs.
    fn port(&self) -> Option<u16> {
        let server = self.folder.join("server");
        let port = fs::read_to_string(server.join("port")).ok()?.trim().parse().ok()?;
        UnixStream::connect(server.join((self.kind.socket)(port))).is_ok().then_some(port)
    }

    fn run(&self) -> Result<u16, String> {
        let port = free_port();
        let password = self.folder.join("password");
        fs::write(&password, PASSWORD).expect("it can be written");
        fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
        let linger = if self.is_shared { LINGER_SECONDS } else { "0" };
        let mut command = Command::new("setsid");
        let script = [self.kind.script, KEEPER].concat();
        command.args(["--fork", "sh", "-c", &script, "keeper"]).arg(&self.folder).arg(self.bin);
        command.args([&port.to_string(), linger]).args(self.options).stderr(Stdio::inherit());
        if let Some(language) = &self.kind.language {
            command.env("LC_ALL", "C.UTF-8").env("LANGUAGE", language);
        }
        let said = command.stdin(Stdio::null()).output().expect("setsid is there").stdout;
        if said == b"ready\n" { Ok(port) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
    }
}

/// Returns a port on which nobody listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}

/// Servers that are started the same way share a folder. The socket lies in it, whose path may have 107 bytes.
fn folder_of(kind: &Kind, bin: &Path, options: &[&str], is_shared: bool) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (kind.script, KEEPER, PASSWORD, LINGER_SECONDS, bin, options).hash(&mut hasher);
    let user = rustix::process::geteuid().as_raw();
    let mut name = format!("dbbackup-{}-{user}-{:016x}", kind.name, hasher.finish());
    if !is_shared {
        name = unique(&name);
    }
    Path::new(kind.home).join(name)
}

const KEEPER: &str = include_str!("keeper.sh");

/// How long a server waits for another user. The next test starts within milliseconds.
const LINGER_SECONDS: &str = "2";

/// Ports that are tried: another program may take a free one first.
const ATTEMPTS: usize = 3;
