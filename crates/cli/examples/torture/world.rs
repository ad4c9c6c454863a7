//! A database or a folder of media, a store with whole backups of it, and what each of them must hold.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dbbackup_testkit::killed::Dice;
use fs_err as fs;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Ended, Program, Shot};
use crate::database::{Content, Database, is_sqlites};
use crate::disk::SmallDisk;
use crate::loss::{During as _, Loss, Result, require};
use crate::media::{self, Tree};

/// What is backed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Database,
    Media,
}

/// What a backup must hold.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// These rows, after some of the writer's steps.
    Database(String, RangeInclusive<i64>),
    Media(Tree),
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) kind: Kind,
    pub(crate) program: Program,
    pub(crate) database: Database,
    /// The backups, by name, oldest first.
    pub(crate) held: Vec<(String, Held)>,
    pub(crate) disk: Option<SmallDisk>,
    serial: u32,
    folder: TempDir,
}

impl World {
    pub(crate) fn new(program: &Path, mut dice: Dice, kind: Kind) -> Result<Self> {
        // In memory where there is some: more rounds, and the page cache outlives a kill just as well.
        let memory = Path::new("/dev/shm");
        let is_chosen = std::env::var_os("TMPDIR").is_some() || !memory.is_dir();
        let place = if is_chosen { std::env::temp_dir() } else { memory.to_owned() };
        let folder = tempfile::Builder::new().prefix("dbbackup-torture-").tempdir_in(place)?;
        for name in ["tmp", "source", "target"] {
            fs::create_dir(folder.path().join(name))?;
        }
        let database = Database::at(folder.path().join("source/shop.sqlite3"));
        match kind {
            Kind::Database => {
                let mode = if dice.below(2) == 0 { "WAL" } else { "DELETE" };
                let rows = [10, 3_000, 15_000, 40_000][usize::try_from(dice.below(4))?];
                Database::make(&database.path, &mut dice, rows, mode)?;
            }
            Kind::Media => {
                media::make(&folder.path().join("source/media"), &folder.path().join("outside"), &mut dice)?;
            }
        }
        let program = Program::new(program, folder.path())?;
        Ok(Self { dice, kind, program, database, held: Vec::new(), disk: None, serial: 0, folder })
    }

    /// Leaves everything where it is, for people to look at.
    pub(crate) fn keep(self) -> PathBuf {
        if let Some(disk) = self.disk {
            disk.keep();
        }
        self.folder.keep()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn media(&self) -> PathBuf {
        self.path("source/media")
    }

    pub(crate) fn index(&mut self, length: usize) -> Result<usize> {
        Ok(usize::try_from(self.dice.below(length as u64))?)
    }

    /// Takes one of these.
    pub(crate) fn one_of<T: Copy>(&mut self, these: &[T]) -> Result<T> {
        Ok(these[self.index(these.len())?])
    }

    /// Changes the source, so that the next backup is another one.
    pub(crate) fn change(&mut self) -> Result<()> {
        match self.kind {
            Kind::Database => self.database.change(&mut self.dice),
            Kind::Media => media::change(&self.media(), &mut self.dice),
        }
    }

    pub(crate) fn content(&self) -> Result<Held> {
        Ok(match self.kind {
            Kind::Database => {
                let Content { digest, steps } = self.database.content()?;
                Held::Database(digest, steps..=steps)
            }
            Kind::Media => Held::Media(media::stored(&self.media())?),
        })
    }

    /// Returns arguments of a backup; mostly with a name, as a generated one waits for the next second.
    pub(crate) fn backup_arguments(&mut self, compression: &str) -> Vec<String> {
        let (verb, extension, ending) = match (self.kind, compression) {
            (Kind::Database, "gzip") => ("backup", "sqlite3", ".gz"),
            (Kind::Database, "zstd") => ("backup", "sqlite3", ".zst"),
            (Kind::Database, _) => ("backup", "sqlite3", ""),
            (Kind::Media, "gzip") => ("media backup", "tar", ".gz"),
            (Kind::Media, "zstd") => ("media backup", "tar", ".zst"),
            (Kind::Media, _) => ("media backup", "tar", ""),
        };
        let source = if verb == "backup" { "sqlite:///source/shop.sqlite3" } else { "source/media" };
        let mut arguments = words(&format!("{verb} {source} --to store --server web-1 --compress {compression}"));
        if self.dice.below(30) > 0 {
            self.serial += 1;
            arguments.extend(["-o".to_owned(), format!("web-1-{}.{extension}{ending}", self.serial)]);
        }
        arguments
    }

    pub(crate) fn compression(&mut self) -> Result<&'static str> {
        self.one_of(&["none", "gzip", "zstd"])
    }

    /// Makes a whole backup, and takes note of what it holds.
    /// Whether a backup has a name of [`Self::backup_arguments`]: a number in place of the date.
    pub(crate) fn has_given_name(name: &str) -> bool {
        let number = name.strip_prefix("web-1-").and_then(|rest| rest.split('.').next());
        number.is_some_and(|number| number.chars().all(|digit| digit.is_ascii_digit()))
    }

    pub(crate) fn back_up(&mut self, compression: &str) -> Result<Ended> {
        let before = self.listed()?;
        let arguments = self.backup_arguments(compression);
        let from = self.content()?;
        let ended = self.program.end_with(DONE, &arguments)?;
        let added = self.note_added(&before, from)?;
        require(added, "one backup more", || ended.describe())?;
        Ok(ended)
    }

    /// Makes some whole backups, all of them different.
    pub(crate) fn back_up_some(&mut self) -> Result<()> {
        for number in 0..2 + self.dice.below(2) {
            if number > 0 {
                self.change()?;
            }
            let compression = self.compression()?;
            self.back_up(compression)?;
        }
        Ok(())
    }

    /// Takes note of the one backup that may have come since, and returns whether one has. The source held `from`
    /// when it was begun.
    pub(crate) fn note_added(&mut self, before: &[String], from: Held) -> Result<bool> {
        let now = self.listed()?;
        let lost = before.iter().find(|name| !now.contains(name));
        require(lost.is_none(), "every backup that was listed before", || format!("{lost:?} is missing"))?;
        let added: Vec<&String> = now.iter().filter(|name| !before.contains(name)).collect();
        require(added.len() < 2, "one backup more at most", || format!("{added:?}"))?;
        let Some(name) = added.first() else { return Ok(false) };
        let held = match (from, self.content()?) {
            (Held::Database(digest, from), Held::Database(_, to)) => Held::Database(digest, *from.start()..=*to.end()),
            (held, _) => held,
        };
        self.held.push(((*name).clone(), held));
        Ok(true)
    }

    /// Returns the names of the listed backups, oldest first; none may be faulty.
    pub(crate) fn listed(&self) -> Result<Vec<String>> {
        Ok(self.listing()?.into_iter().map(|(name, _)| name).collect())
    }

    fn listing(&self) -> Result<Vec<(String, bool)>> {
        if !self.path("store").exists() {
            return Ok(Vec::new());
        }
        let ended = self.program.end_with(&[0], &words("list store --json"))?;
        let listing: Value = serde_json::from_str(&ended.stdout)?;
        let faulty = listing["faulty"].as_array().is_none_or(|faulty| !faulty.is_empty());
        require(!faulty, "no faulty backup", || ended.describe())?;
        let backups = listing["backups"].as_array().ok_or_else(|| Loss::new("a list", ended.describe()))?;
        let described = |backup: &Value| Some((backup["name"].as_str()?.to_owned(), backup["has_manifest"].as_bool()?));
        backups.iter().map(|backup| described(backup).ok_or_else(|| Loss::new("a name", backup.to_string()))).collect()
    }

    /// Fails unless everything listed is whole.
    pub(crate) fn require_whole(&self) -> Result<()> {
        if self.path("store").exists() {
            self.program.end_with(&[0], &words("verify store --all"))?;
        }
        Ok(())
    }

    /// Fails unless store and temporary folder hold whole backups and nothing else.
    pub(crate) fn require_tidy(&self) -> Result<()> {
        self.require_whole()?;
        let mut expected = Vec::new();
        for (name, has_manifest) in self.listing()? {
            expected.extend(has_manifest.then(|| format!("{name}.metadata")));
            expected.push(name);
        }
        expected.sort();
        require_names(&self.path("store"), &expected)?;
        require_names(&self.path("tmp"), &[])
    }

    /// Fails unless the source's folder holds the source, and nothing of ours.
    pub(crate) fn require_source_tidy(&self) -> Result<()> {
        let names = names(&self.path("source"))?;
        let is_meant = |name: &String| name == "media" || name == "shop.sqlite3" || is_sqlites(name, "shop.sqlite3");
        require(names.iter().all(is_meant), "the source and nothing else", || format!("{names:?}"))
    }

    /// Fails unless a backup, restored into an empty place, is what it must be.
    pub(crate) fn require_holds(&self, name: &str, held: &Held) -> Result<()> {
        let place = TempDir::new_in(self.folder.path())?;
        self.check_holds(name, held, place.path()).during(|| format!("a restore of `{name}` into an empty place"))
    }

    fn check_holds(&self, name: &str, held: &Held, place: &Path) -> Result<()> {
        match held {
            Held::Database(digest, steps) => {
                let copy = Database::at(place.join("copy.sqlite3"));
                self.program.end_with(&[0], &restore_arguments(name, Kind::Database, &copy.path, &[]))?;
                let found = copy.content()?;
                require(found.digest == *digest && steps.contains(&found.steps), &format!("{held:?}"), || {
                    format!("{found:?}")
                })
            }
            Held::Media(tree) => {
                let copy = place.join("media");
                self.program.end_with(&[0], &restore_arguments(name, Kind::Media, &copy, &[]))?;
                media::require_same(tree, &media::present(&copy)?)
            }
        }
    }

    /// Returns some signal at some moment of what usually takes so long.
    pub(crate) fn shot(&mut self, usual: Duration, lines: &[&'static str]) -> Result<Shot> {
        let signal = self.one_of(&[Signal::KILL, Signal::KILL, Signal::KILL, Signal::TERM, Signal::INT])?;
        let (line, from, to) = match self.dice.below(8) {
            0 | 1 => (None, usual.mul_f64(0.8), usual.mul_f64(1.05)),
            2..4 if !lines.is_empty() => (Some(self.one_of(lines)?), Duration::ZERO, usual.mul_f64(0.3)),
            _ => (None, Duration::ZERO, usual),
        };
        Ok(Shot { signal, line, delay: self.dice.between(from, to) })
    }
}

/// Returns the arguments that restore a backup of the store by its name.
pub(crate) fn restore_arguments(name: &str, kind: Kind, into: &Path, more: &[&str]) -> Vec<String> {
    let (verb, into) = match kind {
        Kind::Database => (&["restore"][..], format!("sqlite:///{}", into.display())),
        Kind::Media => (&["media", "restore"][..], into.display().to_string()),
    };
    let rest = ["--from", "store", "--into", &into, "--yes", "--json"];
    verb.iter().chain(&[name]).chain(&rest).chain(more).map(|&word| word.to_owned()).collect()
}

pub(crate) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Returns the names in a folder, sorted; none if it is not there.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn require_names(folder: &Path, expected: &[String]) -> Result<()> {
    let found = names(folder)?;
    require(found == expected, &format!("in `{}`: {expected:?}", folder.display()), || format!("{found:?}"))
}

/// What a run ends with that did its work: links to nothing are left out of a backup, and counted.
pub(crate) const DONE: &[i32] = &[0, 3];
