//! The walk through a folder: what is to be stored, in order, and what is not and why.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::names::{Names, Type};
use super::{DEEPEST, Exclude, is_own, shown};

/// One thing that the walk came upon; `F` is what is known of a file.
#[derive(Debug)]
pub(super) enum Step<F = Place> {
    /// A folder; what is in it follows.
    Folder(Place),
    /// A file, or a link to one.
    File(F),
    /// Something that is not stored, and why.
    Skipped(Place, String),
    /// A link to a folder that is stored under its own path, and that path.
    Twice(Place, PathBuf),
}

impl<F> Step<F> {
    /// Replaces what is known of a file.
    pub(super) fn map<G>(self, known: impl FnOnce(F) -> G) -> Step<G> {
        match self {
            Self::Folder(place) => Step::Folder(place),
            Self::File(file) => Step::File(known(file)),
            Self::Skipped(place, why) => Step::Skipped(place, why),
            Self::Twice(place, real) => Step::Twice(place, real),
        }
    }
}

/// Where something is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Below the root, links as they were followed.
    pub(super) path: PathBuf,
    /// Where the operating system finds it.
    pub(super) at: PathBuf,
}

impl Place {
    /// Returns the path below the root, for people.
    pub(super) fn shown(&self) -> String {
        shown(self.path.as_os_str().as_encoded_bytes())
    }
}

/// Goes through a folder depth first, by name.
///
/// Holds names of the folders on the way ([`Names`]), and the target of each link that leads out of the root.
pub(super) struct Walk {
    /// Without links.
    root: PathBuf,
    exclude: Exclude,
    /// Folders that are never entered, without links.
    never: Vec<PathBuf>,
    /// Folders outside of the root that were entered through a link, and the link's path.
    outside: Vec<(PathBuf, PathBuf)>,
    levels: Vec<Level>,
    /// The root itself comes first.
    is_fresh: bool,
}

/// A folder that the walk is in.
struct Level {
    place: Place,
    /// Its path without links.
    real: PathBuf,
    names: Names,
}

impl Walk {
    /// Starts in `root`.
    pub(super) fn new(root: &Path, exclude: Exclude, never: &[PathBuf]) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let never = never.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        let place = Place { path: PathBuf::new(), at: root.clone() };
        let level = Level { place, real: root.clone(), names: Names::read(&root, NAMES_BYTES / 2)? };
        Ok(Self { root, exclude, never, outside: Vec::new(), levels: vec![level], is_fresh: true })
    }

    /// Returns the next step; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Step> {
        if std::mem::take(&mut self.is_fresh) {
            return self.levels.first().map(|root| Step::Folder(root.place.clone()));
        }
        loop {
            let level = self.levels.last_mut()?;
            let (name, kind) = match level.names.next() {
                Ok(Some(found)) => found,
                Ok(None) => {
                    self.levels.pop();
                    continue;
                }
                Err(error) => {
                    let place = level.place.clone();
                    self.levels.pop();
                    return Some(Step::Skipped(place, format!("its listing broke off: {}", reason(&error))));
                }
            };
            if is_own(&name) {
                continue;
            }
            let name = OsString::from_vec(name);
            let place = Place { path: level.place.path.join(&name), at: level.place.at.join(&name) };
            let step = match kind {
                Type::File => self.file(place),
                Type::Folder => {
                    let real = level.real.join(&name);
                    self.folder(place, real)
                }
                Type::Link => self.link(place),
                Type::Other if self.exclude.holds(&place.path, false) => None,
                Type::Other => Some(Step::Skipped(place, "it is a device, a pipe or a socket".to_owned())),
            };
            if step.is_some() {
                return step;
            }
        }
    }

    fn file(&self, place: Place) -> Option<Step> {
        (!self.exclude.holds(&place.path, false)).then_some(Step::File(place))
    }

    /// Enters a folder, unless it is excluded or the store's.
    fn folder(&mut self, place: Place, real: PathBuf) -> Option<Step> {
        if self.exclude.holds(&place.path, true) || self.is_never(&real) || real == self.root {
            return None;
        }
        if self.levels.len() > DEEPEST {
            return Some(Step::Skipped(place, "it is in too many folders".to_owned()));
        }
        match Names::read(&place.at, self.budget()) {
            Ok(names) => {
                self.levels.push(Level { place: place.clone(), real, names });
                Some(Step::Folder(place))
            }
            Err(error) => Some(Step::Skipped(place, reason(&error))),
        }
    }

    fn is_never(&self, real: &Path) -> bool {
        self.never.iter().any(|never| real.starts_with(never))
    }

    /// Returns how many bytes of names a further folder may hold at once.
    fn budget(&self) -> usize {
        let held: usize = self.levels.iter().map(|level| level.names.held_bytes()).sum();
        (NAMES_BYTES.saturating_sub(held) / 2).max(LEAST_BYTES)
    }

    fn link(&mut self, place: Place) -> Option<Step> {
        let found = match place.at.metadata() {
            Ok(found) => found,
            Err(_) if self.exclude.holds(&place.path, false) => return None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Some(Step::Skipped(place, "it is a link to nothing".to_owned()));
            }
            Err(error) => return Some(Step::Skipped(place, reason(&error))),
        };
        if !found.is_dir() {
            return self.file(place);
        }
        if self.exclude.holds(&place.path, true) {
            return None;
        }
        let real = match place.at.canonicalize() {
            Ok(real) => real,
            Err(error) => return Some(Step::Skipped(place, reason(&error))),
        };
        let leads_up = self.root.starts_with(&real) || self.levels.iter().any(|level| level.real == real);
        if leads_up {
            return Some(Step::Skipped(place, "it is a link to a folder that it is in".to_owned()));
        }
        if self.is_never(&real) {
            return None;
        }
        if let Some(stored) = self.stored_at(&real) {
            return Some(Step::Twice(place, stored));
        }
        if !real.starts_with(&self.root) {
            self.outside.push((real.clone(), place.path.clone()));
        }
        self.folder(place, real)
    }

    /// Returns the path under which a folder is stored anyway: its own in the root, or behind an earlier link.
    fn stored_at(&self, real: &Path) -> Option<PathBuf> {
        if let Ok(path) = real.strip_prefix(&self.root) {
            return (!self.exclude.holds_way_to(path)).then(|| path.to_owned());
        }
        let (folder, link) = self.outside.iter().find(|(folder, _)| real.starts_with(folder))?;
        let path = link.join(real.strip_prefix(folder).unwrap_or(real));
        (!self.exclude.holds_way_to(&path)).then_some(path)
    }
}

/// Says why something was not stored, in a few words.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it vanished".to_owned(),
        io::ErrorKind::PermissionDenied => "no right to read it".to_owned(),
        _ => match error.raw_os_error() {
            Some(number) if number == Errno::LOOP.raw_os_error() => "it is a link that leads back to itself".to_owned(),
            Some(number) => io::Error::from_raw_os_error(number).to_string(),
            None => error.to_string(),
        },
    }
}

/// Bytes of names that are held at once, about; a folder on the way takes half of what is left.
const NAMES_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of names that a folder may hold in any case.
const LEAST_BYTES: usize = 64 * 1024;
