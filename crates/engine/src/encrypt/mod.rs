//! The encrypt stage: `none` for now, which passes bytes on so that the line reads like the diagram.

use std::io::Read;

use serde::{Deserialize, Serialize};

/// How a backup is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// Not at all.
    #[default]
    None,
    /// With GnuPG; listed, neither made nor opened by this version.
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

/// Seals a stream.
pub(crate) fn seal<R: Read>(small: R) -> R {
    small
}

/// Opens a sealed stream.
pub(crate) fn open<R: Read>(sealed: R) -> R {
    sealed
}
