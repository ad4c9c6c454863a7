//! Members into a stream.

use std::io::{self, Read};

use super::{BLOCK_BYTES, Member, header, padding};
use crate::error::Result;

/// Gives members one after another, and the bytes of the newest.
pub(crate) trait Members {
    /// Goes on to the next member; `None` at the end.
    fn next(&mut self) -> Result<Option<Member>>;

    /// Reads of the newest member's bytes. `Ok(0)` before [`Member::bytes`] came: the rest are zeros, as no tar
    /// can take back what its header says.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;
}

/// The tar stream of some members.
pub(crate) struct Pack<M> {
    pub(crate) members: M,
    headers: header::Writer,
    /// Headers and zeros that are due.
    ready: Vec<u8>,
    handed_out: usize,
    /// Bytes of the member that are still to come, and the zeros after them.
    left: u64,
    padding: u64,
    is_ended: bool,
}

impl<M: Members> Pack<M> {
    pub(crate) fn new(members: M) -> Self {
        Self {
            members,
            headers: header::Writer::new(),
            ready: Vec::new(),
            handed_out: 0,
            left: 0,
            padding: 0,
            is_ended: false,
        }
    }

    /// Puts what comes next into `ready`; `false` at the end.
    fn prepare(&mut self) -> Result<bool> {
        self.ready.clear();
        self.handed_out = 0;
        if self.is_ended {
            return Ok(false);
        }
        if let Some(member) = self.members.next()? {
            self.headers.write(&member, &mut self.ready);
            self.left = member.bytes;
            self.padding = padding(member.bytes);
        } else {
            self.ready.resize(END_BYTES, 0);
            self.is_ended = true;
        }
        Ok(true)
    }

    /// Reads of the member's bytes, or of the zeros that stand for what it lacks and fill its last block.
    fn read_body(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let room = |left: u64| usize::try_from(left).unwrap_or(usize::MAX);
        if self.left > 0 {
            let wanted = room(self.left).min(buf.len());
            let count = loop {
                match self.members.read(&mut buf[..wanted]) {
                    // Handed on, it would make the reader forget what was filled before.
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result?,
                }
            };
            self.left -= count as u64;
            if count > 0 {
                return Ok(count);
            }
            self.padding += std::mem::take(&mut self.left);
        }
        let count = room(self.padding).min(buf.len());
        buf[..count].fill(0);
        self.padding -= count as u64;
        Ok(count)
    }
}

impl<M: Members> Read for Pack<M> {
    /// Fills `buf` as far as it goes: a thousand small files are not a thousand reads of the stages behind.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            let rest = &mut buf[filled..];
            filled += if self.handed_out < self.ready.len() {
                let ready = &self.ready[self.handed_out..];
                let count = ready.len().min(rest.len());
                rest[..count].copy_from_slice(&ready[..count]);
                self.handed_out += count;
                count
            } else if self.left > 0 || self.padding > 0 {
                self.read_body(rest)?
            } else if self.prepare()? {
                0
            } else {
                break;
            };
        }
        Ok(filled)
    }
}

/// Two blocks of zeros end an archive.
const END_BYTES: usize = 2 * BLOCK_BYTES;
