//! The encrypt stage: `none`, or OpenPGP by the user's own GnuPG; and whatever anybody encrypted, back.

mod openpgp;
mod passphrase;

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::archive::tar::is_tar;
use crate::count::peek;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;
pub use passphrase::Passphrase;

/// How a backup is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// Not at all.
    #[default]
    None,
    /// With GnuPG: `gpg` opens it.
    Openpgp,
    /// With age; listed, neither made nor opened by this version.
    Age,
}

impl Encryption {
    /// Every encryption.
    pub const ALL: [Self; 3] = [Self::None, Self::Openpgp, Self::Age];

    /// Returns the word in the manifest.
    pub fn id(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Openpgp => "openpgp",
            Self::Age => "age",
        }
    }

    /// Returns what it appends to a file name.
    pub fn ending(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Openpgp => ".gpg",
            Self::Age => ".age",
        }
    }
}

/// Who is meant to open a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recipients {
    /// Everybody who can read the store.
    #[default]
    Everybody,
    /// Whoever has the secret half of one of these OpenPGP keys.
    Openpgp {
        /// Fingerprints, key ids, addresses or names, as `gpg --recipient` takes them: at least one, each for
        /// exactly one key.
        keys: Vec<String>,
        /// Whether keys are used of which GnuPG does not know that they belong to their names.
        always_trust: bool,
    },
}

impl Recipients {
    /// Returns how a backup for them is encrypted.
    pub fn encryption(&self) -> Encryption {
        match self {
            Self::Everybody => Encryption::None,
            Self::Openpgp { .. } => Encryption::Openpgp,
        }
    }
}

/// Encrypts a stream for `recipients`.
///
/// `Ok(0)` means that GnuPG says that all of it was encrypted. Holds 256 KiB, and what two pipes hold.
///
/// # Errors
///
/// `Key`, here or on reading, for a recipient that is missing, ambiguous, untrusted, expired, revoked or cannot
/// encrypt; `Config` where there is no `gpg`.
pub fn seal<'a>(small: impl Read + Send + 'a, recipients: &Recipients, run: &Run) -> Result<Box<dyn Read + Send + 'a>> {
    match recipients {
        Recipients::Everybody => Ok(Box::new(small)),
        Recipients::Openpgp { keys, always_trust } => {
            Ok(Box::new(openpgp::seal(Box::new(small), keys, *always_trust, run)?))
        }
    }
}

/// Opens a stored stream; `known` says how, else its first bytes do.
///
/// `Ok(0)` means that the last byte was read and is authentic. Before it, what was read is not proven.
///
/// # Errors
///
/// On reading: `Key` without a secret key that fits, `Passphrase` without the one for it, `Corrupt` for anything
/// that is cut, damaged or followed by something else. `Unsupported` at once for age.
pub fn open<'a>(
    sealed: impl Read + Send + 'a,
    known: Option<Encryption>,
    run: &Run,
) -> Result<(Encryption, Box<dyn Read + Send + 'a>)> {
    let (head, sealed) = peek(sealed)?;
    let encryption = known.unwrap_or_else(|| encryption_of(&head));
    let opened: Box<dyn Read + Send + 'a> = match encryption {
        Encryption::None => Box::new(sealed),
        Encryption::Openpgp => Box::new(openpgp::open(Box::new(sealed), run)?),
        Encryption::Age => {
            return Err(Error::new(ErrorKind::Unsupported, "cannot open the backup: it is encrypted with age")
                .at(Stage::Encrypt)
                .hint("decrypt it with `age --decrypt` first, and restore the file"));
        }
    };
    Ok((encryption, opened))
}

/// Returns the encryption that the first bytes show.
fn encryption_of(head: &[u8]) -> Encryption {
    if head.starts_with(b"age-encryption.org/v1") || head.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        Encryption::Age
    } else if openpgp::is_message(head) && !is_tar(head) {
        // A tar archive begins with a file's name, in whatever letters.
        Encryption::Openpgp
    } else {
        Encryption::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        for (head, expected) in [
            (&b"age-encryption.org/v1\n-> X25519 "[..], Encryption::Age),
            (b"-----BEGIN AGE ENCRYPTED FILE-----\n", Encryption::Age),
            (b"-----BEGIN PGP MESSAGE-----\n", Encryption::Openpgp),
            (b"SQLite format 3\0", Encryption::None),
            (b"\x1f\x8b\x08", Encryption::None),
            (b"", Encryption::None),
        ] {
            assert_eq!(encryption_of(head), expected, "{head:?}");
        }
    }
}
