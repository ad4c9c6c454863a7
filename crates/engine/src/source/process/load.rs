//! Our own child as a target: framed bytes into its standard input, and an end mark that lets it commit.

use std::io::{self, Read, Write};
use std::process::{ChildStdin, Stdio};

use rustix::event::{PollFd, PollFlags};

use super::Tool;
use super::message::Message;
use super::talk::Talk;
use crate::count::drain;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::run::Run;
use crate::source::{Expected, Load, LoadFacts, Target};

impl Target for Tool {
    fn begin(&mut self, expected: &Expected, run: &Run) -> Result<Box<dyn Load + '_>> {
        let mut command = self.command();
        command.stdin(Stdio::piped());
        let mut talk = Talk::start(self, command, Stage::Target, run)?;
        let stdin = talk.running.child.stdin.take().ok_or_else(|| talk.silent())?;
        // A child that is stopped, or whose disk hangs, must not keep us from noticing that we are to stop.
        rustix::io::ioctl_fionbio(&stdin, true).map_err(|source| {
            Error::new(ErrorKind::Tool, "cannot talk to a child").at(Stage::Target).because(source)
        })?;
        let mut load = ToolLoad { stdin: Some(stdin), talk, bytes: 0 };
        load.send(&expected.plain_bytes.unwrap_or(UNKNOWN_BYTES).to_le_bytes())?;
        load.talk.opened()?;
        Ok(Box::new(load))
    }
}

struct ToolLoad {
    /// Closed before the child is waited for.
    stdin: Option<ChildStdin>,
    talk: Talk,
    bytes: u64,
}

impl ToolLoad {
    /// Writes to the child; a child that has ended says why, which explains more than our broken pipe.
    fn send(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let Some(stdin) = &mut self.stdin else { return Err(self.talk.silent()) };
            match stdin.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.talk.running.wait_for(&mut [PollFd::new(stdin, PollFlags::OUT)])?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    self.stdin = None;
                    let broken = Error::from_io(source, ErrorKind::Tool, "cannot write to a child").at(Stage::Target);
                    return Err(self.talk.require_success().err().unwrap_or(broken));
                }
            }
        }
        Ok(())
    }
}

impl Load for ToolLoad {
    fn write(&mut self, plain: &mut (dyn Read + Send)) -> Result<()> {
        let sent = drain(plain, Stage::Store, |part| {
            let length = u32::try_from(part.len()).expect("parts are short");
            self.send(&length.to_le_bytes())?;
            self.send(part)
        })?;
        self.bytes = sent;
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<LoadFacts> {
        self.send(&END_MARK.to_le_bytes())?;
        self.send(&self.bytes.to_le_bytes())?;
        self.stdin = None;
        match self.talk.require_success()? {
            Some(Message::Loaded(facts)) => Ok(facts),
            _ => Err(self.talk.silent()),
        }
    }
}

/// The child's side: frames in, plain bytes out. `Ok(0)` means that the end mark came and the count is right.
pub(super) struct Frames<R> {
    inner: R,
    /// Bytes of the frame that are still to come.
    left: usize,
    bytes: u64,
    has_ended: bool,
}

impl<R: Read> Frames<R> {
    /// Reads how many plain bytes the parent expects, then gives the frames.
    pub(super) fn new(mut inner: R) -> io::Result<(Option<u64>, Self)> {
        let expected = u64::from_le_bytes(read_array(&mut inner)?);
        let frames = Self { inner, left: 0, bytes: 0, has_ended: false };
        Ok(((expected != UNKNOWN_BYTES).then_some(expected), frames))
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.has_ended || buf.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            let length = u32::from_le_bytes(read_array(&mut self.inner)?);
            if length == END_MARK {
                let bytes = u64::from_le_bytes(read_array(&mut self.inner)?);
                self.has_ended = true;
                return if bytes == self.bytes { Ok(0) } else { Err(no_end_mark()) };
            }
            self.left = length as usize;
        }
        let wanted = self.left.min(buf.len());
        let count = self.inner.read(&mut buf[..wanted])?;
        if count == 0 {
            return Err(no_end_mark());
        }
        self.left -= count;
        self.bytes += count as u64;
        Ok(count)
    }
}

fn read_array<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    reader.read_exact(&mut array).map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => no_end_mark(),
        _ => source,
    })?;
    Ok(array)
}

/// A killed parent closes the pipe just as one that has finished, so that alone is no reason to commit.
fn no_end_mark() -> io::Error {
    Error::new(ErrorKind::Interrupted, "the restore was given up before its end; nothing was changed")
        .at(Stage::Target)
        .into()
}

/// In place of a frame's length: all bytes were sent, and proven.
const END_MARK: u32 = 0;
/// In place of a count: nobody knows.
const UNKNOWN_BYTES: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(end: &[u8]) -> Vec<u8> {
        let mut bytes = UNKNOWN_BYTES.to_le_bytes().to_vec();
        for part in [&b"ab"[..], b"cde"] {
            bytes.extend_from_slice(&u32::try_from(part.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(end);
        bytes
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let (_, mut frames) = Frames::new(bytes)?;
        let mut plain = Vec::new();
        frames.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn only_the_end_mark_ends_a_load() {
        let mut end = END_MARK.to_le_bytes().to_vec();
        end.extend_from_slice(&5_u64.to_le_bytes());
        let whole = framed(&end);
        assert_eq!(read(&whole).unwrap(), b"abcde");
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
        }
        end[4] = 6;
        assert!(read(&framed(&end)).is_err());
    }
}
