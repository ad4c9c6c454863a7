//! The passphrase of a secret key, or of a message that was encrypted with one.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result, Stage};

/// A passphrase: never shown, and wiped from memory when it is dropped.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase.
    ///
    /// # Errors
    ///
    /// `Config` if it has a line break: GnuPG reads one line.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        if text.contains('\n') {
            return Err(Error::new(ErrorKind::Config, "cannot use a passphrase that holds a line break")
                .at(Stage::Encrypt)
                .hint("GnuPG takes the first line only: give the passphrase without what follows"));
        }
        Ok(Self(text))
    }

    /// Returns it as the line that GnuPG reads.
    pub(super) fn line(&self) -> Zeroizing<Vec<u8>> {
        let mut line = Zeroizing::new(Vec::with_capacity(self.0.len() + 1));
        line.extend_from_slice(self.0.as_bytes());
        line.push(b'\n');
        line
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_line_and_never_shown() {
        let passphrase = Passphrase::new("canary ä").unwrap();
        assert_eq!(*passphrase.line(), "canary ä\n".as_bytes());
        assert!(!format!("{passphrase:?}").contains("canary"));
        let refused = Passphrase::new("canary\nsecond").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Config);
        assert!(!format!("{refused} {refused:?}").contains("canary"));
    }
}
