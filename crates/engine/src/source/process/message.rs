//! What our own child says on its standard error: one JSON object a line.

use serde::{Deserialize, Serialize};

use crate::error::ErrorReport;
use crate::run::Event;
use crate::source::{DumpFacts, LoadFacts};

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// The source is open, or the target is locked and has room: data may flow.
    Opened {
        /// Bytes to come, where known.
        expected_bytes: Option<u64>,
    },
    /// Progress.
    Progress(Event),
    /// The dump is whole.
    Dumped(DumpFacts),
    /// The load is committed.
    Loaded(LoadFacts),
    /// Nothing was done, or it was undone.
    Failed(ErrorReport),
}
