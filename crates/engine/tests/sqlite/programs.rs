//! Other programs: an application in Python with functions of its own, and this test binary under another user.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A Python program that works on a database, ended with the test.
pub(crate) struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    /// Runs `script` with `db`, an autocommit connection to `path` that knows `f`, `regexp` and the collation
    /// `backwards`, and waits until it prints `ready`.
    pub(crate) fn start(path: &Path, script: &str) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", &format!("{PRELUDE}{script}\nprint('ready', flush=True)\nsys.stdin.read()")])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the project's tests need python3");
        let mut program = Self { stdout: BufReader::new(child.stdout.take().unwrap()), child };
        let line = program.line();
        assert_eq!(line, "ready", "the program failed");
        program
    }

    /// Prints the first row that answers `question`.
    pub(crate) fn start_and_ask(path: &Path, question: &str) -> Self {
        Self::start(
            path,
            &format!("row = db.execute({question:?}).fetchone()\nprint('ready', row, sep='\\n', flush=True)"),
        )
    }

    /// Returns the next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power failure of its own would: nothing is flushed, rolled back or checkpointed.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Runs `script` to its end; see [`Program::start`].
pub(crate) fn run(path: &Path, script: &str) {
    Program::start(path, script);
}

/// The functions' results do not depend on SQLite's own, so that a stand-in for them is noticed.
const PRELUDE: &str = "\
import re, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.create_function('regexp', 2, lambda pattern, text: re.search(pattern, str(text)) is not None, deterministic=True)
db.create_function('f', 1, lambda x: f'f({x})', deterministic=True)
db.create_collation('backwards', lambda a, b: (a < b) - (a > b))
";
