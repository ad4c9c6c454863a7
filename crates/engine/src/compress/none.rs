//! No compression: a stage like the others, so that the line has no branch.

use std::io::Read;

/// Passes plain bytes on.
pub(super) fn encode<'a>(plain: impl Read + Send + 'a) -> Box<dyn Read + Send + 'a> {
    Box::new(plain)
}

/// Passes stored bytes on.
pub(super) fn decode<'a>(stored: impl Read + Send + 'a) -> Box<dyn Read + Send + 'a> {
    Box::new(stored)
}
