//! One pass over an archive and a folder: a rehearsal, or the restore.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Stat, statat};
use rustix::io::Errno;

use super::beside::{Beside, Renamed, Written, data_bytes};
use super::compare::Comparison;
use super::load::failed;
use super::remembered::{Met, Remembered};
use super::tree::{Tree, Way, path};
use super::walk::reason;
use super::{MediaChanges, NAMES, is_own, shown};
use crate::archive::tar::{Chunk, Kind, Member, Unpack};
use crate::count::COPY_BYTES;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::Skipped;
use crate::source::LoadFacts;

/// What a pass is to do.
pub(super) struct Plan<'a> {
    pub(super) root: &'a Path,
    pub(super) replaces: bool,
    /// Paths that are meant, with all below them; none: every one.
    pub(super) only: &'a [String],
    /// Else nothing is changed, and what would be is told.
    pub(super) writes: bool,
}

/// A pass under way. Both kinds decide alike: what the rehearsal refuses, the restore refuses.
pub(super) struct Pass<'a> {
    plan: Plan<'a>,
    tree: Tree,
    beside: Beside,
    met: Remembered,
    /// New folders whose content is still coming, each in the one before.
    open: Vec<(PathBuf, Member)>,
    changes: MediaChanges,
    left_out: Skipped,
    /// Files that we have no right to write.
    denied: u64,
    /// Which paths of `only` the archive has.
    found: Vec<bool>,
    /// Bytes that the disk has to hold.
    needs: u64,
    buffer: Vec<u8>,
}

/// Why a member was not taken.
enum Stop {
    /// It may not be written; the others may.
    LeftOut(String),
    /// Nothing goes on.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

type Taken<T> = std::result::Result<T, Stop>;

impl<'a> Pass<'a> {
    pub(super) fn begin(plan: Plan<'a>) -> Result<Self> {
        let tree = Tree::open(plan.root).map_err(|source| failed(plan.root, source))?;
        let beside = Beside::new(plan.root);
        if plan.writes {
            beside.sweep(plan.root);
        }
        Ok(Self {
            found: vec![false; plan.only.len()],
            plan,
            tree,
            beside,
            met: Remembered::default(),
            open: Vec::new(),
            changes: MediaChanges::default(),
            left_out: Skipped::default(),
            denied: 0,
            needs: 0,
            buffer: vec![0; COPY_BYTES],
        })
    }

    /// Takes every member of the archive, to its proven end; returns what came of it, and the room that it needs.
    pub(super) fn run<R: Read>(mut self, archive: &mut Unpack<R>) -> Result<(LoadFacts, u64)> {
        let result = self.members(archive).and_then(|()| self.finish());
        if let Err(error) = result {
            self.beside.abandon(&self.tree);
            return Err(match self.beside.settled() {
                0 => error,
                1 => error.hint("1 file was restored before that, whole; run it again for the rest"),
                some => {
                    error.hint(format!("{some} files were restored before that, each whole; run it again for the rest"))
                }
            });
        }
        let facts = LoadFacts { notes: Vec::new(), media: Some(self.changes), left_out: self.left_out };
        Ok((facts, self.needs))
    }

    fn members<R: Read>(&mut self, archive: &mut Unpack<R>) -> Result<()> {
        while let Some(member) = archive.next()? {
            match self.member(&member, archive) {
                Ok(()) => {}
                Err(Stop::LeftOut(why)) => self.leave_out(&member.path, &why),
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let asked = self.plan.only.iter().zip(&self.found);
        let missing: Vec<&str> = asked.filter(|(_, found)| !**found).map(|(path, _)| path.as_str()).collect();
        if !missing.is_empty() {
            let missing = missing.join("`, `");
            return Err(Error::new(ErrorKind::NotFound, format!("cannot find `{missing}` in the backup"))
                .at(Stage::Archive)
                .hint("paths are those in the backup, from its top: `tar tf` shows them"));
        }
        self.leave_folders(None);
        self.settle()?;
        let MediaChanges { new, replaced, same, kept, .. } = self.changes;
        if self.denied > 0 && new + replaced + same + kept == 0 {
            let message = format!("cannot restore into `{}`: no right to write there", self.plan.root.display());
            return Err(Error::new(ErrorKind::Denied, message).at(Stage::Target).subject(self.plan.root.display()));
        }
        Ok(())
    }

    fn member<R: Read>(&mut self, member: &Member, archive: &mut Unpack<R>) -> Taken<()> {
        let parts = parts(&member.path).map_err(|why| Stop::LeftOut(why.to_owned()))?;
        // The root itself: `.`
        if parts.is_empty() || !self.is_wanted(&parts) {
            return Ok(());
        }
        match self.met.in_the_way(&parts) {
            Some(Met::Link) => return left_out("it is behind a link of the archive"),
            Some(_) => return left_out("a file stands where its folder should be"),
            None => {}
        }
        self.leave_folders(Some(&path(&parts)));
        match member.kind {
            Kind::Folder => self.folder(&parts, member),
            Kind::File => self.file(&parts, member, archive),
            Kind::Link => {
                self.met.insert(&parts, Met::Link);
                left_out("it is a link")
            }
            Kind::Device => left_out("it is a device or a pipe"),
            Kind::Unknown(kind) => left_out(&format!("its type `{}` is unknown", kind.escape_ascii())),
        }
    }

    /// Whether a member is meant; takes a note of what it was asked for by.
    fn is_wanted(&mut self, parts: &[&[u8]]) -> bool {
        let mut is_wanted = self.plan.only.is_empty();
        for (asked, found) in self.plan.only.iter().zip(&mut self.found) {
            let mut parts = parts.iter();
            let is_below = asked.split('/').all(|part| parts.next() == Some(&part.as_bytes()));
            *found |= is_below;
            is_wanted |= is_below;
        }
        is_wanted
    }

    fn folder(&mut self, parts: &[&[u8]], member: &Member) -> Taken<()> {
        if self.met.at(parts) == Some(Met::File) {
            return left_out("a file stands there");
        }
        let is_new = self.enter(parts)?;
        if let (true, true, Some(folder)) = (is_new, self.plan.writes, self.tree.folder()) {
            self.beside.open_folder(folder, member).map_err(|source| self.fail(source))?;
            self.open.push((path(parts), member.clone()));
        }
        Ok(())
    }

    /// Goes to a folder; returns whether it is new.
    fn enter(&mut self, parts: &[&[u8]]) -> Taken<bool> {
        let way = self.tree.enter(parts, self.plan.writes);
        let Way::Open { made, is_other } = way.map_err(|source| self.stop(source))? else {
            return left_out("a file stands where its folder should be");
        };
        for length in parts.len() - made..parts.len() {
            let folder = &parts[..=length];
            if self.met.at(folder).is_none() {
                self.met.insert(folder, Met::Folder);
                self.changes.folders += 1;
            }
        }
        if is_other && made == 0 && self.plan.writes {
            self.beside.sweep(&self.plan.root.join(path(parts)));
        }
        Ok(made > 0)
    }

    fn file<R: Read>(&mut self, parts: &[&[u8]], member: &Member, archive: &mut Unpack<R>) -> Taken<()> {
        let Some((name, folder)) = parts.split_last() else { return Ok(()) };
        let met = self.met.at(parts);
        if met == Some(Met::Folder) {
            return left_out("a folder stands there");
        }
        self.enter(folder)?;
        let there = self.there(name)?;
        // Of two members with one name the last wins, as in tar.
        let is_second = met == Some(Met::File);
        if there.is_some() && !self.plan.replaces && !is_second {
            self.changes.kept += 1;
            return Ok(());
        }
        let mut old = Comparison::new(self.tree.folder(), name, there.as_ref(), member.bytes);
        let mut written = if self.plan.writes {
            Some(self.beside.create(&self.tree, folder).map_err(|source| self.stop(source))?)
        } else {
            None
        };
        let needs = match self.content(archive, &mut old, written.as_mut()) {
            Ok(needs) => needs,
            Err(stop) => {
                self.discard(written.as_ref());
                return Err(stop);
            }
        };
        if old.is_same() {
            self.discard(written.as_ref());
            self.met.insert(parts, Met::File);
            self.changes.same += 1;
            return Ok(());
        }
        if let Some(written) = written {
            let replaces = self.plan.replaces || is_second;
            let due = self.beside.due(written, &self.tree, member, path(parts), replaces);
            due.map_err(|source| self.stop(source))?;
        }
        self.met.insert(parts, Met::File);
        self.changes.bytes += member.bytes;
        self.needs += needs.next_multiple_of(DISK_BLOCK_BYTES);
        match there {
            _ if is_second => {}
            None => self.changes.new += 1,
            Some(_) => self.changes.replaced += 1,
        }
        if self.beside.is_full() {
            self.settle()?;
        }
        Ok(())
    }

    /// Returns the file that is there already.
    fn there(&mut self, name: &[u8]) -> Taken<Option<Stat>> {
        let Some(folder) = self.tree.folder() else { return Ok(None) };
        let found = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.stop(error.into())),
        };
        let mut kind = FileType::from_raw_mode(found.st_mode);
        if kind == FileType::Symlink {
            // What it leads to; a link to nothing, or to a file, is replaced like a file.
            let behind = statat(folder, name, AtFlags::empty());
            kind = behind.map_or(FileType::RegularFile, |behind| FileType::from_raw_mode(behind.st_mode));
        }
        match kind {
            FileType::RegularFile => Ok(Some(found)),
            FileType::Directory => left_out("a folder stands there"),
            _ => left_out("a device or a pipe stands there"),
        }
    }

    /// Reads a member's content: compares it, and writes it; returns how many bytes a disk has to hold of it.
    fn content<R: Read>(
        &mut self,
        archive: &mut Unpack<R>,
        old: &mut Comparison,
        mut written: Option<&mut Written>,
    ) -> Taken<u64> {
        let mut needs = 0;
        while let Some(chunk) = archive.chunk(&mut self.buffer)? {
            old.compare(&chunk);
            let result = match (&chunk, written.as_deref_mut()) {
                (Chunk::Data(data), Some(written)) => written.write(data),
                (Chunk::Hole(bytes), Some(written)) => written.skip(*bytes),
                (_, None) => Ok(()),
            };
            if let Chunk::Data(data) = chunk {
                needs += data_bytes(data);
            }
            result.map_err(|source| self.stop(source))?;
        }
        Ok(needs)
    }

    /// Takes leave of the new folders that `next` is not in: nothing more comes into them.
    fn leave_folders(&mut self, next: Option<&Path>) {
        while let Some((folder, _)) = self.open.last() {
            if next.is_some_and(|next| next.starts_with(folder)) {
                return;
            }
            if let Some((folder, member)) = self.open.pop() {
                self.beside.close_folder(folder, member);
            }
        }
    }

    fn settle(&mut self) -> Result<()> {
        for (place, outcome) in self.beside.settle(&self.tree).map_err(|source| self.fail(source))? {
            self.changes.new = self.changes.new.saturating_sub(1);
            match outcome {
                // Somebody else made it meanwhile.
                Renamed::Exists => self.changes.kept += 1,
                Renamed::Folder => self.leave_out(place.as_os_str().as_encoded_bytes(), "a folder stands there"),
            }
        }
        Ok(())
    }

    fn discard(&self, written: Option<&Written>) {
        if let Some(written) = written {
            Beside::discard(written, &self.tree);
        }
    }

    fn leave_out(&mut self, path: &[u8], why: &str) {
        self.left_out.count += 1;
        if self.left_out.names.len() < NAMES {
            self.left_out.names.push(format!("{}: {why}", shown(path)));
        }
    }

    /// Judges an error about one file: its name or our rights are its own matter, everything else ends the pass.
    fn stop(&mut self, source: io::Error) -> Stop {
        let errno = Errno::from_io_error(&source);
        match errno {
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
                self.denied += 1;
                Stop::LeftOut("no right to write there".to_owned())
            }
            // What this file system cannot hold: a name, or a size.
            Some(Errno::NAMETOOLONG | Errno::ILSEQ | Errno::INVAL | Errno::FBIG) => Stop::LeftOut(reason(&source)),
            _ => Stop::Failed(self.fail(source)),
        }
    }

    fn fail(&self, source: io::Error) -> Error {
        failed(self.plan.root, source)
    }
}

fn left_out<T>(why: &str) -> Taken<T> {
    Err(Stop::LeftOut(why.to_owned()))
}

/// Splits a member's path; fails for one that no file may be written to. An empty one is the root's.
fn parts(path: &[u8]) -> std::result::Result<Vec<&[u8]>, &'static str> {
    if path.starts_with(b"/") {
        return Err("its path is absolute");
    }
    let parts: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&&b".."[..]) {
        return Err("its path leads out of the folder");
    }
    if path.contains(&0) {
        return Err("its name holds a NUL");
    }
    if parts.len() > DEEPEST {
        return Err("it is in too many folders");
    }
    if parts.iter().any(|part| is_own(part)) {
        return Err("its name is one of dbbackup's own");
    }
    Ok(parts)
}

/// Folders in folders that are followed: each takes a file descriptor, of which a process has 1,024.
const DEEPEST: usize = 256;
/// What a small file takes on most file systems.
const DISK_BLOCK_BYTES: u64 = 4096;
