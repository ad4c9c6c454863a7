//! Exit statuses: the engine's table, and those that only a command can have.

use dbbackup::{Cancel, Error, ErrorKind};

/// Everything asked for was done.
pub const DONE: u8 = 0;
/// The arguments are wrong.
pub const USAGE: u8 = 2;
/// Finished, but something was skipped.
pub const SKIPPED: u8 = 3;
/// The question was answered with no.
pub const DECLINED: u8 = 7;
/// Some of several databases failed.
pub const SOME_FAILED: u8 = 11;
/// A mistake in dbbackup.
pub const BUG: u8 = 70;
/// Ended by SIGTERM.
pub const TERMINATED: u8 = 143;

/// Statuses without an error kind, for the reference page: number and meaning.
pub const OTHERS: &[(u8, &str)] = &[
    (DONE, "Everything asked for was done."),
    (SKIPPED, "Finished, but something was skipped; the report says what."),
    (DECLINED, "The question was answered with no; nothing was changed."),
    (SOME_FAILED, "Some of several databases failed; the others were done."),
    (TERMINATED, "Ended by SIGTERM; nothing is left half-done, nothing is left behind."),
];

/// Returns the exit status for an error.
pub fn of(error: &Error, cancel: &Cancel) -> u8 {
    match error.kind() {
        ErrorKind::Interrupted if cancel.signal() == Some(15) => TERMINATED,
        kind => kind.info().exit_code,
    }
}
