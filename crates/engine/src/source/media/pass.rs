//! One pass over an archive and a folder: a rehearsal, or the restore.

use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Stat, statat};
use rustix::io::Errno;

use super::attributes::Attributes;
use super::beside::{Beside, Named, Without, Written, data_bytes};
use super::compare::Comparison;
use super::load::failed;
use super::remembered::{Became, Met, Remembered};
use super::rooms::Rooms;
use super::tree::{Level, Tree, Way};
use super::walk::reason;
use super::{DEEPEST, MediaChanges, NAMES, is_own, shown};
use crate::archive::tar::{Chunk, Kind, Member, Unpack};
use crate::count::COPY_BYTES;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::Skipped;
use crate::source::LoadFacts;

/// What a pass is to do.
#[allow(clippy::struct_excessive_bools)] // answers to questions that have nothing to do with each other
pub(super) struct Plan<'a> {
    /// Without links.
    pub(super) root: &'a Path,
    /// Whether this restore made the root.
    pub(super) is_new: bool,
    pub(super) replaces: bool,
    /// Paths that are meant, with all below them; none: every one.
    pub(super) only: &'a [String],
    /// Else nothing is changed, and what would be is told.
    pub(super) writes: bool,
    /// Whether leftovers of others may be removed: nobody else restores into the root.
    pub(super) is_alone: bool,
}

/// A pass under way. Both kinds decide alike: what the rehearsal refuses, the restore refuses.
pub(super) struct Pass<'a> {
    plan: Plan<'a>,
    tree: Tree,
    beside: Beside,
    met: Remembered,
    rooms: Rooms,
    /// Folders above those that are meant, by their paths: what they get if they are missing.
    above: Vec<(Vec<u8>, Attributes)>,
    /// What a new root gets.
    root: Option<Attributes>,
    changes: MediaChanges,
    left_out: Skipped,
    /// Files that we have no right to write.
    denied: u64,
    /// Which paths of `only` the archive has.
    found: Vec<bool>,
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
        let rooms = Rooms::new(plan.root, tree.deepest().device);
        if let (true, true, Some(root)) = (plan.writes, plan.is_alone, &tree.deepest().folder) {
            beside.sweep(root.as_fd());
        }
        Ok(Self {
            found: vec![false; plan.only.len()],
            plan,
            tree,
            beside,
            met: Remembered::default(),
            rooms,
            above: Vec::new(),
            root: None,
            changes: MediaChanges::default(),
            left_out: Skipped::default(),
            denied: 0,
            buffer: vec![0; COPY_BYTES],
        })
    }

    /// Takes every member of the archive, to its proven end; returns what came of it, and what a new root gets once
    /// nobody writes there any more.
    pub(super) fn run<R: Read>(mut self, archive: &mut Unpack<R>) -> Result<(LoadFacts, Option<Attributes>)> {
        let result = self.members(archive).and_then(|()| self.finish());
        if let Err(error) = result {
            self.beside.abandon();
            return Err(match self.beside.settled() {
                0 => error,
                1 => error.hint("1 file was restored before that, whole; run it again for the rest"),
                some => {
                    error.hint(format!("{some} files were restored before that, each whole; run it again for the rest"))
                }
            });
        }
        let mut notes = Vec::new();
        match self.beside.incomplete() {
            0 => {}
            1 => notes.push("the owner, rights or time of 1 file or folder could not be set".to_owned()),
            some => notes.push(format!("the owner, rights or times of {some} files and folders could not be set")),
        }
        Ok((LoadFacts { notes, media: Some(self.changes), left_out: self.left_out }, self.root))
    }

    fn members<R: Read>(&mut self, archive: &mut Unpack<R>) -> Result<()> {
        while let Some(member) = archive.next_member()? {
            match self.member(&member, archive) {
                Ok(()) => {}
                Err(Stop::LeftOut(why)) => self.leave_out(&member.path, &why),
                Err(Stop::Failed(error)) => return Err(error),
            }
            if self.beside.is_full() {
                self.settle()?;
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
        let (root, others): (Vec<_>, Vec<_>) = self.tree.leave_all().partition(Level::is_root);
        for level in others {
            self.beside.close_folder(level);
        }
        self.settle()?;
        self.root = root.into_iter().find_map(|level| level.attributes);
        let MediaChanges { new, replaced, same, kept, .. } = self.changes;
        if self.denied > 0 && new + replaced + same + kept == 0 {
            let message = format!("cannot restore into `{}`: no right to write there", self.plan.root.display());
            return Err(Error::new(ErrorKind::Denied, message).at(Stage::Target).subject(self.plan.root.display()));
        }
        if self.plan.writes { Ok(()) } else { self.rooms.require(self.plan.root) }
    }

    fn member<R: Read>(&mut self, member: &Member, archive: &mut Unpack<R>) -> Taken<()> {
        let parts: Vec<&[u8]> =
            member.path.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
        if !self.is_wanted(&parts, member) {
            return Ok(());
        }
        require_writable(&member.path, &parts).map_err(|why| Stop::LeftOut(why.to_owned()))?;
        match self.met.in_the_way(&parts) {
            Some(Met::Link) => return left_out("it is behind a link of the archive"),
            Some(_) => return left_out("a file stands where its folder should be"),
            None => {}
        }
        match member.kind {
            Kind::Folder if parts.is_empty() => self.root(member),
            _ if parts.is_empty() => left_out("it has no name"),
            Kind::Folder => self.folder(&parts, member),
            Kind::File => self.file(&parts, member, archive),
            Kind::Link => {
                self.met.insert(self.met.key(&parts), Met::Link);
                left_out("it is a link")
            }
            Kind::Device => left_out("it is a device or a pipe"),
            Kind::Unknown(kind) => left_out(&format!("its type `{}` is unknown", kind.escape_ascii())),
        }
    }

    /// Whether a member is meant; takes a note of what it was asked for by, and of what the folders above that are.
    fn is_wanted(&mut self, parts: &[&[u8]], member: &Member) -> bool {
        let mut is_wanted = self.plan.only.is_empty();
        let mut is_above = false;
        for (asked, found) in self.plan.only.iter().zip(&mut self.found) {
            let mut left = parts.iter();
            let is_below = asked.split('/').all(|part| left.next() == Some(&part.as_bytes()));
            *found |= is_below;
            is_wanted |= is_below;
            let mut asked = asked.split('/');
            is_above |= !parts.is_empty() && parts.iter().all(|part| asked.next().map(str::as_bytes) == Some(part));
        }
        if is_above && !is_wanted && member.kind == Kind::Folder {
            self.above.push((parts.join(&b'/'), Attributes::of(member)));
        }
        is_wanted
    }

    fn root(&mut self, member: &Member) -> Taken<()> {
        if !self.plan.is_new || !self.plan.writes {
            return Ok(());
        }
        let opened = self.beside.open_folder(self.tree.at(0), Attributes::of(member));
        opened.map_err(|source| self.stop(source))
    }

    fn folder(&mut self, parts: &[&[u8]], member: &Member) -> Taken<()> {
        if matches!(self.met.at(self.met.key(parts)), Some(Met::File(_))) {
            return left_out("a file stands there");
        }
        let is_new = self.enter(parts)?;
        if is_new && self.plan.writes {
            let opened = self.beside.open_folder(self.tree.deepest_mut(), Attributes::of(member));
            opened.map_err(|source| self.stop(source))?;
        }
        Ok(())
    }

    /// Goes to a folder; returns whether this pass has made it.
    fn enter(&mut self, parts: &[&[u8]]) -> Taken<bool> {
        self.tree.leave(parts).for_each(|level| self.beside.close_folder(level));
        let known = self.tree.depth();
        let way = self.tree.enter(parts, self.plan.writes).map_err(|source| self.stop(source))?;
        let Way::Open { made } = way else {
            return left_out("a file stands where its folder should be");
        };
        for depth in known + 1..=parts.len() {
            self.meet_folder(&parts[..depth], depth > parts.len() - made)?;
        }
        Ok(matches!(self.met.at(self.met.key(parts)), Some(Met::Folder { is_new: true })))
    }

    /// Takes note of a folder that was entered; the first time, it is swept, or gets what is known of it.
    fn meet_folder(&mut self, parts: &[&[u8]], is_new: bool) -> Taken<()> {
        let key = self.met.key(parts);
        if self.met.at(key).is_some() {
            return Ok(());
        }
        self.met.insert(key, Met::Folder { is_new });
        self.changes.folders += u64::from(is_new);
        if !self.plan.writes {
            return Ok(());
        }
        let level = self.tree.at(parts.len());
        if is_new {
            let path = parts.join(&b'/');
            let above = self.above.iter().find(|(known, _)| *known == path).map(|(_, attributes)| *attributes);
            if let Some(attributes) = above {
                let opened = self.beside.open_folder(level, attributes);
                opened.map_err(|source| self.stop(source))?;
            }
        } else if let (true, Some(folder)) = (self.plan.is_alone, &level.folder) {
            self.beside.sweep(folder.as_fd());
        }
        Ok(())
    }

    fn file<R: Read>(&mut self, parts: &[&[u8]], member: &Member, archive: &mut Unpack<R>) -> Taken<()> {
        let Some((name, folder)) = parts.split_last() else { return Ok(()) };
        let key = self.met.key(parts);
        let earlier = match self.met.at(key) {
            Some(Met::Folder { .. }) => return left_out("a folder stands there"),
            Some(Met::File(became)) => Some(became),
            Some(Met::Link) | None => None,
        };
        self.enter(folder)?;
        // Of two members with one name the last wins, as in tar.
        let pending = earlier.and_then(|_| self.beside.withdraw(key));
        if let Some(became) = earlier {
            self.uncount(became, pending.as_ref().map_or(0, |file| file.bytes));
            self.met.forget(key);
        }
        // What is there is ours already, or somebody's.
        let ours = earlier
            .filter(|became| self.plan.writes && pending.is_none() && matches!(became, Became::New | Became::Replaced));
        let there = self.there(name)?;
        if there.is_some() && !self.plan.replaces && ours.is_none() {
            self.count(Became::Kept, 0);
            self.met.insert(key, Met::File(Became::Kept));
            return Ok(());
        }
        let mut old = Comparison::new(self.tree.deepest().folder.as_deref(), name, there.as_ref(), member.bytes);
        let mut written = self.create()?;
        let needs = match self.content(archive, &mut old, written.as_mut()) {
            Ok(needs) => needs,
            Err(stop) => {
                written.into_iter().for_each(Written::discard);
                return Err(stop);
            }
        };
        let became = match (ours, &there) {
            (Some(became), _) => became,
            (None, Some(_)) if old.is_same() => Became::Same,
            (None, Some(_)) => Became::Replaced,
            (None, None) => Became::New,
        };
        if old.is_same() {
            written.into_iter().for_each(Written::discard);
        } else if let Some(written) = written {
            let replaces = self.plan.replaces || ours.is_some();
            let file = Named { name: name.to_vec(), key, became, bytes: member.bytes, replaces };
            let due = self.beside.due(written, Attributes::of(member), file);
            due.map_err(|source| self.stop(source))?;
        } else {
            let old_bytes = there.map(|there| u64::try_from(there.st_size).unwrap_or(0));
            self.rooms.add(self.tree.deepest(), needs, old_bytes);
        }
        self.met.insert(key, Met::File(became));
        self.count(became, member.bytes);
        Ok(())
    }

    /// Makes the file that is written beside; in a rehearsal, looks whether it could be.
    fn create(&mut self) -> Taken<Option<Written>> {
        if self.plan.writes {
            return self.beside.create(self.tree.deepest()).map(Some).map_err(|source| self.stop(source));
        }
        if self.tree.deepest_mut().is_open_to_us() {
            return Ok(None);
        }
        Err(self.stop(Errno::ACCESS.into()))
    }

    /// Returns the file that is there already.
    fn there(&mut self, name: &[u8]) -> Taken<Option<Stat>> {
        let Some(folder) = &self.tree.deepest().folder else { return Ok(None) };
        let found = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.stop(error.into())),
        };
        let mut kind = FileType::from_raw_mode(found.st_mode);
        if kind == FileType::Symlink {
            // What it leads to; a link to a file is replaced like a file.
            match statat(folder, name, AtFlags::empty()) {
                Ok(behind) => kind = FileType::from_raw_mode(behind.st_mode),
                Err(_) if self.plan.replaces => kind = FileType::RegularFile,
                Err(_) => return left_out("a link to nothing stands there"),
            }
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

    fn settle(&mut self) -> Result<()> {
        let without = self.beside.settle().map_err(|source| failed(self.plan.root, source))?;
        for (file, why) in without {
            self.uncount(file.became, file.bytes);
            match why {
                Without::Kept => {
                    self.count(Became::Kept, 0);
                    self.met.insert(file.key, Met::File(Became::Kept));
                }
                Without::LeftOut(why) => {
                    self.met.forget(file.key);
                    self.leave_out(&file.name, &why);
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, became: Became, bytes: u64) {
        *self.counter(became) += 1;
        if matches!(became, Became::New | Became::Replaced) {
            self.changes.bytes = self.changes.bytes.saturating_add(bytes);
        }
    }

    fn uncount(&mut self, became: Became, bytes: u64) {
        let counter = self.counter(became);
        *counter = counter.saturating_sub(1);
        if matches!(became, Became::New | Became::Replaced) {
            self.changes.bytes = self.changes.bytes.saturating_sub(bytes);
        }
    }

    fn counter(&mut self, became: Became) -> &mut u64 {
        match became {
            Became::New => &mut self.changes.new,
            Became::Replaced => &mut self.changes.replaced,
            Became::Same => &mut self.changes.same,
            Became::Kept => &mut self.changes.kept,
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
        match Errno::from_io_error(&source) {
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
                self.denied += 1;
                Stop::LeftOut("no right to write there".to_owned())
            }
            // What this file system cannot hold: a name, or a size.
            Some(Errno::NAMETOOLONG | Errno::ILSEQ | Errno::INVAL | Errno::FBIG) => Stop::LeftOut(reason(&source)),
            _ => Stop::Failed(failed(self.plan.root, source)),
        }
    }
}

fn left_out<T>(why: &str) -> Taken<T> {
    Err(Stop::LeftOut(why.to_owned()))
}

/// Fails for a path that no file may be written to.
fn require_writable(path: &[u8], parts: &[&[u8]]) -> std::result::Result<(), &'static str> {
    if path.starts_with(b"/") {
        return Err("its path is absolute");
    }
    if parts.contains(&&b".."[..]) {
        return Err("its path leads out of the folder");
    }
    if path.contains(&0) {
        return Err("its name holds a NUL");
    }
    if parts.len() > DEEPEST {
        return Err("it is in too many folders");
    }
    if parts.iter().any(|part| part.len() > LONGEST_NAME) {
        return Err("its name is too long");
    }
    if parts.iter().any(|part| is_own(part)) {
        return Err("its name is one of dbbackup's own");
    }
    Ok(())
}

/// Bytes of a name that file systems take.
const LONGEST_NAME: usize = 255;
