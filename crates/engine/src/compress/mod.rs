//! The compress stage: independent blocks on every core, in order; and whatever anybody wrote, back.

mod blocks;
mod gzip;
mod none;
mod zstd;

use std::io::{self, BufReader, Read};
use std::num::NonZero;

use serde::{Deserialize, Serialize};

use crate::count::peek;
use crate::error::{Error, ErrorKind, Result, Stage};
pub use blocks::BLOCK_BYTES;

/// How a backup is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Stored as it came.
    #[default]
    None,
    /// gzip members of 1 MiB, level 6: `gunzip` reads it, as does django-dbbackup.
    Gzip,
    /// zstd frames of 1 MiB, level 3, with checksums: `zstd -d` reads it.
    Zstd,
}

impl Compression {
    /// Every compression, with its word and the file name's ending.
    pub const ALL: [Self; 3] = [Self::None, Self::Gzip, Self::Zstd];

    /// Returns the word on the command line and in the manifest.
    pub fn id(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Returns what it appends to a file name.
    pub fn ending(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// Returns the compression with this [`Compression::id`].
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.id() == id)
    }
}

/// Compresses a stream of any length.
///
/// Blocks of [`BLOCK_BYTES`] are compressed by `threads` threads and leave in order. Holds at most
/// `2 × threads + 1` blocks and their compressed forms. An empty stream becomes one empty block.
///
/// # Errors
///
/// `Tool` if not one thread can be started.
pub fn encode<'a>(
    plain: impl Read + Send + 'a,
    compression: Compression,
    threads: NonZero<usize>,
) -> Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::None => none::encode(plain),
        Compression::Gzip => Box::new(blocks::Blocks::new(plain, threads, gzip::Member::new)?),
        Compression::Zstd => Box::new(blocks::Blocks::new(plain, threads, zstd::Frame::new)?),
    })
}

/// Opens a compressed stream; `known` says how, else its first bytes do.
///
/// Reads what anybody wrote: one gzip member or many, any level; zstd frames with or without sizes. `Ok(0)`
/// means that the last block was whole, its checksum right, and that no byte came after it. Holds 256 KiB and the decoder's window (zstd: what the frame asks for, at most 128 MiB).
///
/// # Errors
///
/// [`ErrorKind::Corrupt`] on reading, for anything that is cut, damaged or followed by something else.
pub fn decode<'a>(
    stored: impl Read + Send + 'a,
    known: Option<Compression>,
) -> Result<(Compression, Box<dyn Read + Send + 'a>)> {
    let (head, stored) = peek(stored)?;
    let compression = known.unwrap_or_else(|| compression_of(&head));
    let stored = BufReader::with_capacity(READ_BYTES, stored);
    let plain = match compression {
        Compression::None => none::decode(stored),
        Compression::Gzip => checked(gzip::decode(stored)),
        Compression::Zstd => checked(zstd::decode(stored)?),
    };
    Ok((compression, plain))
}

/// Returns the compression that the first bytes show.
fn compression_of(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

fn checked<'a>(decoder: impl Read + Send + 'a) -> Box<dyn Read + Send + 'a> {
    Box::new(Checked(decoder))
}

/// Turns a decoder's complaints into [`ErrorKind::Corrupt`], and leaves the store's own errors alone.
struct Checked<R>(R);

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(|source| {
            let message = "cannot read the backup: it is damaged or cut short";
            Error::in_io(source, ErrorKind::Corrupt, message, Stage::Compress)
        })
    }
}

/// Bytes read from a store at once.
const READ_BYTES: usize = 256 * 1024;
