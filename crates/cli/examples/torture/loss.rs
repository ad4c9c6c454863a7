//! What must not happen, and did.

use std::fmt::{self, Display, Formatter};

/// A broken promise: what was expected, what was found, and where.
#[derive(Debug)]
pub(crate) struct Loss {
    /// From the innermost outwards.
    during: Vec<String>,
    expected: String,
    found: String,
}

pub(crate) type Result<T> = std::result::Result<T, Loss>;

impl Loss {
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { during: Vec::new(), expected: expected.into(), found: found.into() }
    }
}

impl Display for Loss {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for during in self.during.iter().rev() {
            writeln!(f, "  during:   {during}")?;
        }
        write!(f, "  expected: {}\n  found:    {}", self.expected, self.found.replace('\n', "\n            "))
    }
}

/// What SQLite or the operating system refuses to this program is a loss, too: a database that cannot be opened.
impl<E: std::error::Error> From<E> for Loss {
    fn from(error: E) -> Self {
        Self::new("no error", error.to_string())
    }
}

/// Says what was going on when something was lost.
pub(crate) trait During {
    fn during(self, what: impl FnOnce() -> String) -> Self;
}

impl<T> During for Result<T> {
    fn during(self, what: impl FnOnce() -> String) -> Self {
        self.map_err(|mut loss| {
            loss.during.push(what());
            loss
        })
    }
}

/// Fails unless `is_kept`.
pub(crate) fn require(is_kept: bool, expected: &str, found: impl FnOnce() -> String) -> Result<()> {
    if is_kept { Ok(()) } else { Err(Loss::new(expected, found())) }
}
