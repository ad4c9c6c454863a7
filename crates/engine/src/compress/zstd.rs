//! zstd (RFC 8878): frames of one block each, with their size and an XXH64 checksum.

use std::io::{self, BufRead, Read};

use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, compress_bound};

use super::blocks::Encoder;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Compresses a block into one frame.
pub(super) struct Frame(Compressor<'static>);

impl Frame {
    pub(super) fn new() -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
        Ok(Self(compressor))
    }
}

impl Encoder for Frame {
    fn encode(&mut self, plain: &[u8], stored: &mut Vec<u8>) -> io::Result<()> {
        stored.resize(compress_bound(plain.len()), 0);
        let count = self.0.compress_to_buffer(plain, &mut stored[..])?;
        stored.truncate(count);
        Ok(())
    }
}

/// Reads frames to the end of the stream, with or without sizes and checksums, skippable ones too.
pub(super) fn decode<'a>(stored: impl BufRead + Send + 'a) -> Result<impl Read + Send + 'a> {
    zstd::stream::read::Decoder::with_buffer(stored)
        .map_err(|source| Error::from_io(source, ErrorKind::Bug, "cannot start zstd").at(Stage::Compress))
}

/// 3: zstd's own default; 240 MiB/s a core.
const LEVEL: i32 = 3;
