//! The one question: whether to replace what is there. The default is no.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use dbbackup::units::ByteSize;
use dbbackup::{Cancel, Listed, Result};
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::render::age;

/// What the answer was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Go on.
    Yes,
    /// Nothing is changed.
    No,
    /// Nobody is there to answer.
    Nobody,
}

impl Answer {
    /// Returns why nothing is done; `None` for a yes.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Yes => None,
            Self::No => Some("nothing was changed"),
            Self::Nobody => Some("nothing was changed: nobody is there to answer, and --yes was not given"),
        }
    }
}

/// Asks whether `backup` may replace the database `target`; `there` says what it holds, `more` what else to know.
///
/// # Errors
///
/// `Interrupted` for Ctrl-C instead of an answer.
pub(crate) fn may_replace(
    target: &str,
    there: &str,
    backup: &Listed,
    more: &[String],
    cancel: &Cancel,
) -> Result<Answer> {
    ask(&question(target, there, backup, more), "Replace it?", cancel)
}

/// Asks whether files of `backup` may replace those in `folder`.
///
/// # Errors
///
/// `Interrupted` for Ctrl-C instead of an answer.
pub(crate) fn may_replace_files(folder: &Path, backup: &Listed, cancel: &Cancel) -> Result<Answer> {
    let question = format!(
        "Files in `{}` that differ from `{}`\nwill be replaced by it ({}). Other files stay.",
        folder.display(),
        backup.name,
        provenance(backup),
    );
    ask(&question, "Replace them?", cancel)
}

fn ask(question: &str, what: &str, cancel: &Cancel) -> Result<Answer> {
    if !io::stdin().is_terminal() {
        return Ok(Answer::Nobody);
    }
    let mut error = io::stderr().lock();
    let asked = writeln!(error, "{question}").and_then(|()| write!(error, "{what} [y/N] "));
    if asked.and_then(|()| error.flush()).is_err() {
        return Ok(Answer::Nobody);
    }
    if let Err(stopped) = wait_for_answer(cancel) {
        let _closed = writeln!(error);
        return Err(stopped);
    }
    let mut answer = String::new();
    // A closed terminal answers nothing, which is no.
    if !matches!(io::stdin().lock().read_line(&mut answer), Ok(1..)) {
        let _closed = writeln!(error);
    }
    Ok(if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") { Answer::Yes } else { Answer::No })
}

/// Waits for a line. A read would go on after a signal, whose handler only takes a note of it.
pub(crate) fn wait_for_answer(cancel: &Cancel) -> Result<()> {
    let stdin = io::stdin();
    loop {
        cancel.check()?;
        // What cannot be waited for is read at once.
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&PATIENCE)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) | Err(_) => return cancel.check(),
        }
    }
}

fn question(target: &str, there: &str, backup: &Listed, more: &[String]) -> String {
    let replaced =
        format!("The database `{target}` ({there})\nwill be replaced by `{}` ({}).", backup.name, provenance(backup));
    [&[replaced], more].concat().join("\n")
}

/// `2.00 MiB, made 5 minutes ago on web-1`
fn provenance(backup: &Listed) -> String {
    let made = backup.created_at.map_or("at an unknown time".to_owned(), |made| age(made, Timestamp::now()));
    let server = backup.servername.as_deref().map_or(String::new(), |server| format!(" on {server}"));
    format!("{}, made {made}{server}", ByteSize(backup.stored_bytes.unwrap_or_default()))
}

/// Between two looks whether the run is to stop; nobody notices a tenth of a second.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
