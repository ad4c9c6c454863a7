//! Runs that go on when another was asked to stop: what was begun has to be put right.

use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Stage};
use crate::run::{Cancel, Run};

/// Returns a run that nobody stops, and that does not wait for a dead server longer than `patience`.
pub(crate) fn unstoppable(patience: Duration) -> Run {
    let deadline = Instant::now() + patience;
    Run { cancel: Cancel::watching(move || (Instant::now() > deadline).then_some(SIGTERM)), ..Run::default() }
}

/// Says what really stopped a run that nobody stops.
pub(crate) fn given_up(error: Error, patience: Duration) -> Error {
    if error.kind() != ErrorKind::Interrupted {
        return error;
    }
    Error::new(ErrorKind::Busy, format!("the server did not answer for {} s", patience.as_secs())).at(Stage::Target)
}

const SIGTERM: usize = 15;
