//! The one question: whether to replace what is there. The default is no.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use dbbackup::units::ByteSize;
use dbbackup::{Listed, Result};
use fs_err as fs;
use jiff::Timestamp;

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

/// Asks whether `backup` may replace the database at `target`, which is there.
pub(crate) fn may_replace(target: &Path, backup: &Listed) -> Result<Answer> {
    if !io::stdin().is_terminal() {
        return Ok(Answer::Nobody);
    }
    let mut error = io::stderr().lock();
    let asked = writeln!(error, "{}", question(target, backup)).and_then(|()| write!(error, "Replace it? [y/N] "));
    if asked.and_then(|()| error.flush()).is_err() {
        return Ok(Answer::Nobody);
    }
    let mut answer = String::new();
    // A closed terminal answers nothing, which is no.
    let _closed = io::stdin().lock().read_line(&mut answer);
    Ok(if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") { Answer::Yes } else { Answer::No })
}

fn question(target: &Path, backup: &Listed) -> String {
    let now = Timestamp::now();
    let there = match fs::metadata(target) {
        Ok(there) => {
            let changed = there.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
            let changed = changed.map_or(String::new(), |changed| format!(", changed {}", age(changed, now)));
            format!("{}{changed}", ByteSize(there.len()))
        }
        Err(_) => "not readable".to_owned(),
    };
    let made = backup.created_at.map_or("at an unknown time".to_owned(), |made| age(made, now));
    let server = backup.servername.as_deref().map_or(String::new(), |server| format!(" on {server}"));
    format!(
        "The database `{}` ({there})\nwill be replaced by `{}` ({}, made {made}{server}).",
        target.display(),
        backup.name,
        ByteSize(backup.stored_bytes),
    )
}
