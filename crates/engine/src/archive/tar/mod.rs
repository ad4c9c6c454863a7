//! Tar: members written as pax, read as pax, GNU, ustar and V7. Streaming both ways.
//!
//! The fields of a header block are the `tar` crate's business; what makes a stream of them is here, because a
//! backup asks for more than the crate's own reader and writer give (docs/decisions/0009-tar.md): names with
//! newlines and of any bytes, pax sparse files, and an end that proves itself.

mod header;
mod pack;
mod pax;
mod sparse;
mod unpack;

pub(crate) use pack::{Members, Pack};
pub use unpack::{Chunk, Unpack};

/// What stands before a member's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its path as it stands there, any bytes; `/` between parts.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Length of the file; 0 for everything else.
    pub bytes: u64,
    /// Permissions, the lower 12 bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// When its content last changed; `None` where the archive does not say (0 in a V7 or ustar header).
    pub modified: Option<Moment>,
}

/// What a member is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    #[default]
    File,
    /// A folder.
    Folder,
    /// A symbolic or a hard link.
    Link,
    /// A device or a named pipe.
    Device,
    /// Something that no standard names, by its type flag.
    Unknown(u8),
}

/// A point in time to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Seconds since 1970, UTC; negative before.
    pub seconds: i64,
    /// Nanoseconds after that, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// A tar stream consists of blocks of this size (POSIX.1-2017, pax, "ustar Interchange Format").
pub(crate) const BLOCK_BYTES: usize = 512;
/// Bytes of a pax header or a GNU long name that are taken at most. A path has 4 KiB; the largest are maps of
/// sparse files, where this is enough for 40,000 pieces.
const EXTENSION_BYTES: u64 = 1024 * 1024;

/// Whether a stream that starts so is a tar archive: the word that every format since ustar has in its first header.
pub(crate) fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// Zeros that fill a member's last block.
fn padding(bytes: u64) -> u64 {
    bytes.wrapping_neg() % BLOCK_BYTES as u64
}
