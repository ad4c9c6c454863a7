//! A folder into a tar stream.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::num::NonZero;
use std::path::Path;

use fs_err as fs;
use serde_json::Map;

use super::read::{Content, Opened, Unreadable, has_changed, member, open};
use super::walk::{Place, Step, Walk, reason};
use super::{MediaContent, MediaSource, NAMES, shown};
use crate::archive::tar::{Kind, Member, Members, Pack};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::manifest::Skipped;
use crate::pool::Pool;
use crate::run::Run;
use crate::source::{Dump, DumpFacts, Source};

impl Source for MediaSource {
    fn open(&mut self, run: &Run) -> Result<Box<dyn Dump>> {
        run.cancel.check()?;
        let failed = |source: io::Error| {
            let what = format!("cannot read the folder `{}`", self.root.display());
            let error = if source.kind() == io::ErrorKind::NotFound {
                Error::new(ErrorKind::Config, format!("{what}: it is not there")).hint("check the path")
            } else {
                Error::new(ErrorKind::of(&source, ErrorKind::Config), format!("{what}: {}", reason(&source)))
            };
            error.at(Stage::Source).subject(self.root.display())
        };
        let is_store = |folder: &std::path::PathBuf| same_folder(folder, &self.root);
        if self.never.iter().any(is_store) {
            let message = format!("cannot back up `{}` into itself", self.root.display());
            return Err(Error::new(ErrorKind::Config, message)
                .at(Stage::Source)
                .subject(self.root.display())
                .hint("choose another folder for the backups; one below it is fine, and is left out"));
        }
        let walk = Walk::new(&self.root, self.exclude.clone(), &self.never).map_err(failed)?;
        let files = Files {
            steps: Steps::new(walk, self.readers)?,
            newest: None,
            content: MediaContent::default(),
            skipped: Skipped::default(),
            notes: Vec::new(),
        };
        Ok(Box::new(MediaDump { pack: Pack::new(files), excluded: self.exclude.patterns().to_vec() }))
    }
}

fn same_folder(one: &std::path::Path, other: &std::path::Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

struct MediaDump {
    pack: Pack<Files>,
    excluded: Vec<String>,
}

impl Read for MediaDump {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.pack.read(buf)
    }
}

impl Dump for MediaDump {
    /// Unknown: a walk before the walk would take as long for many small files.
    fn expected_bytes(&self) -> Option<u64> {
        None
    }

    fn finish(self: Box<Self>) -> Result<DumpFacts> {
        let mut files = self.pack.members;
        if files.content.files == 0 {
            files.notes.push("there are no files in it: is everything there, and mounted?".to_owned());
        }
        if let more @ 1.. = files.content.links.saturating_sub(NOTES as u64) {
            files.notes.push(format!("{more} more links to folders whose content is stored elsewhere"));
        }
        Ok(DumpFacts {
            source: Map::new(),
            content: None,
            media: Some(files.content),
            skipped: files.skipped,
            excluded: self.excluded,
            notes: files.notes,
        })
    }
}

/// The members of the archive: folders and files in the walk's order.
struct Files {
    steps: Steps,
    /// The file whose bytes come now.
    newest: Option<Newest>,
    content: MediaContent,
    skipped: Skipped,
    notes: Vec<String>,
}

struct Newest {
    opened: Opened,
    done: u64,
}

impl Members for Files {
    fn next(&mut self) -> Result<Option<Member>> {
        if let Some(last) = self.newest.take() {
            self.judge(last);
        }
        while let Some(step) = self.steps.next()? {
            match step {
                Step::File(Ok(opened)) => {
                    self.content.files += 1;
                    self.content.bytes += opened.member.bytes;
                    let member = opened.member.clone();
                    self.newest = Some(Newest { opened, done: 0 });
                    return Ok(Some(member));
                }
                Step::File(Err(Unreadable(place, why))) | Step::Skipped(place, why) => self.skip(&place, &why),
                Step::Folder(place) => match place.at.metadata() {
                    Ok(found) if place.path.as_os_str().is_empty() => {
                        return Ok(Some(member(Path::new("."), Kind::Folder, &found)));
                    }
                    Ok(found) => {
                        self.content.folders += 1;
                        return Ok(Some(member(&place.path, Kind::Folder, &found)));
                    }
                    Err(error) => self.skip(&place, &reason(&error)),
                },
                Step::Twice(place, real) => {
                    self.content.links += 1;
                    if self.notes.len() < NOTES {
                        let (link, real) = (place.shown(), shown(real.as_os_str().as_encoded_bytes()));
                        self.notes.push(format!("`{link}` is a link to `{real}`, where its content is stored"));
                    }
                }
            }
        }
        Ok(None)
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(Newest { opened, done }) = &mut self.newest else { return Ok(0) };
        let count = match &mut opened.content {
            Content::Small { bytes, .. } => {
                let rest = &bytes[usize::try_from(*done).unwrap_or(bytes.len())..];
                let count = rest.len().min(buf.len());
                buf[..count].copy_from_slice(&rest[..count]);
                count
            }
            // What cannot be read stands as zeros in the archive: the file is named as not whole.
            Content::Large { file, .. } => match file.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                result => result.unwrap_or(0),
            },
        };
        *done += count as u64;
        Ok(count)
    }
}

impl Files {
    /// Looks back at a file that was stored: whether it is whole.
    fn judge(&mut self, last: Newest) {
        let Newest { opened: Opened { place, member, content }, done } = last;
        let why = match content {
            Content::Small { is_torn: false, .. } => return,
            Content::Large { .. } if done < member.bytes => {
                let missing = member.bytes - done;
                format!("it shrank, or could not be read to its end: its last {missing} bytes are stored as zeros")
            }
            Content::Large { file, found } if !has_changed(&file, &found).unwrap_or(true) => return,
            _ => "it changed while it was read: stored, perhaps half old and half new".to_owned(),
        };
        self.skip(&place, &why);
    }

    fn skip(&mut self, place: &Place, why: &str) {
        self.skipped.count += 1;
        if self.skipped.names.len() < NAMES {
            self.skipped.names.push(format!("{}: {why}", place.shown()));
        }
    }
}

/// The walk, with its files opened: as it goes, or some ahead.
struct Steps {
    walk: Walk,
    readers: Option<Pool<Place, File>>,
    /// Steps that the walk took ahead; the readers have the files.
    ahead: VecDeque<Step<()>>,
}

type File = std::result::Result<Opened, Unreadable>;

impl Steps {
    fn new(walk: Walk, readers: NonZero<usize>) -> Result<Self> {
        let readers = match readers.get() {
            1 => None,
            _ => Some(Pool::start("dbbackup-read", readers, || open).map_err(|error| error.at(Stage::Source))?),
        };
        Ok(Self { walk, readers, ahead: VecDeque::new() })
    }

    fn next(&mut self) -> Result<Option<Step<File>>> {
        let Some(readers) = &mut self.readers else {
            return Ok(self.walk.next().map(|step| step.map(open)));
        };
        while !readers.is_full() && self.ahead.len() < AHEAD {
            let Some(step) = self.walk.next() else { break };
            let mut given = Ok(());
            self.ahead.push_back(step.map(|place| given = readers.give(place)));
            given?;
        }
        Ok(match self.ahead.pop_front() {
            Some(Step::File(())) => readers.take()?.map(Step::File),
            Some(Step::Folder(place)) => Some(Step::Folder(place)),
            Some(Step::Skipped(place, why)) => Some(Step::Skipped(place, why)),
            Some(Step::Twice(place, real)) => Some(Step::Twice(place, real)),
            None => None,
        })
    }
}

/// Links that are told one by one.
const NOTES: usize = 5;
/// Steps that are taken ahead at most: a tree of folders has no files that would stop it.
const AHEAD: usize = 1000;
