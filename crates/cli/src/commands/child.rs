//! `dbbackup sqlite-dump` and `sqlite-load`: the Django app's child, which has SQLite to itself.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use dbbackup::source::process::{serve_dump, serve_load};
use dbbackup::source::sqlite::Sqlite;
use dbbackup::{Cancel, Event, Progress, Result, Run};
use rustix::process::{Signal, set_parent_process_death_signal};

use super::run as surroundings;
use crate::args::{ChildArgs, DumpArgs};
use crate::exit_code;

pub(crate) fn dump(verb: &DumpArgs, cancel: &Cancel) -> u8 {
    status(&verb.child, cancel, |sqlite, run| {
        let mut sqlite = sqlite.clone().excluding(&verb.exclude);
        serve_dump(&mut sqlite, io::stdout().lock(), io::stderr(), run)
    })
}

pub(crate) fn load(verb: &ChildArgs, cancel: &Cancel) -> u8 {
    status(verb, cancel, |sqlite, run| serve_load(sqlite, io::stdin(), io::stderr(), run))
}

fn status(verb: &ChildArgs, cancel: &Cancel, serve: impl FnOnce(&mut Sqlite, &Run) -> Result<()>) -> u8 {
    // A parent that is killed takes the child along, even while it waits for a lock; where that cannot be
    // asked for, the closed pipes end it.
    let _unsupported = set_parent_process_death_signal(Some(Signal::TERM));
    let mut sqlite = Sqlite::new(&verb.path).with_lock_timeout(Duration::from_secs(verb.work.lock_timeout.into()));
    let run = surroundings(Some(&verb.work), Arc::new(Silent), cancel);
    match serve(&mut sqlite, &run) {
        Ok(()) => exit_code::DONE,
        Err(error) => exit_code::of(&error, cancel),
    }
}

/// Progress goes to the parent as messages.
struct Silent;

impl Progress for Silent {
    fn tell(&self, _event: Event) {}
}
