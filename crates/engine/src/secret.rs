//! A password: used, and never shown.

use std::fmt;

use zeroize::Zeroizing;

/// A password. `Debug` does not show it, and it is wiped from memory when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns it, for the one place that needs it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns `text` without it.
    pub(crate) fn masked(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&*self.0, "***") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_shown() {
        let secret = Secret::new("canary");
        assert_eq!(secret.reveal(), "canary");
        assert!(!format!("{secret:?}").contains("canary"));
        assert_eq!(secret.masked("wrong password canary!"), "wrong password ***!");
        assert_eq!(Secret::new("").masked("as it is"), "as it is");
    }
}
