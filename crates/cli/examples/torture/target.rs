//! A place to restore into: what stood there before, and what may stand there afterwards.

use std::path::{Path, PathBuf};

use dbbackup_testkit::killed::Dice;
use fs_err as fs;

use crate::database::{Content, Database, digest_of, is_sqlites};
use crate::loss::{Loss, Result, require};
use crate::media::{self, Tree};
use crate::world::{Held, Kind, World, names, restore_arguments};

/// A place to restore into.
pub(crate) enum Target {
    Database(LiveDatabase),
    Media(LiveMedia),
}

/// A database in a folder of its own.
pub(crate) struct LiveDatabase {
    pub(crate) database: Database,
    there: There,
    /// What stood there; copied anew by each reset.
    old: PathBuf,
    /// Of what stood there, if it was a database.
    pub(crate) content: Option<Content>,
}

/// A folder of media.
pub(crate) struct LiveMedia {
    root: PathBuf,
    /// What it was made from.
    like: PathBuf,
    /// Makes the same old state each time.
    seed: u64,
    old: Tree,
    replaces: bool,
}

/// What stands where a database is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Wal,
    Delete,
    Nothing,
    Junk,
}

impl Target {
    pub(crate) fn some(world: &mut World) -> Result<Self> {
        let mut target = match world.kind {
            Kind::Database => {
                let there = world.one_of(&[There::Wal, There::Wal, There::Delete, There::Nothing, There::Junk])?;
                let old = world.path("old.sqlite3");
                // Of the target before this one.
                if old.exists() {
                    fs::remove_file(&old)?;
                }
                let content = match there {
                    There::Nothing => None,
                    There::Junk => {
                        fs::write(&old, b"neither a database nor anything like it")?;
                        None
                    }
                    There::Wal | There::Delete => {
                        let mode = if there == There::Wal { "WAL" } else { "DELETE" };
                        let rows = world.one_of(&[1, 2_000, 20_000])?;
                        Some(Database::make(&old, &mut world.dice, rows, mode)?.content()?)
                    }
                };
                let database = Database::at(world.path("target").join(LIVE));
                Self::Database(LiveDatabase { database, there, old, content })
            }
            Kind::Media => Self::Media(LiveMedia {
                root: world.path("target/media"),
                like: world.media(),
                seed: world.dice.below(u64::MAX),
                old: Tree::new(),
                replaces: world.dice.below(2) == 0,
            }),
        };
        target.reset()?;
        if let Self::Media(live) = &mut target {
            live.old = media::present(&live.root)?;
        }
        Ok(target)
    }

    /// Puts back what stood there.
    pub(crate) fn reset(&mut self) -> Result<()> {
        let folder = self.folder()?;
        for name in names(&folder)? {
            let path = folder.join(name);
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        match self {
            Self::Database(live) if live.there == There::Nothing => {}
            Self::Database(live) => drop(fs::copy(&live.old, &live.database.path)?),
            // One of eight is not there at all.
            Self::Media(live) if live.seed.is_multiple_of(8) => {}
            Self::Media(live) => media::make_other(&live.like, &live.root, &mut Dice::seeded(live.seed))?,
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> Result<PathBuf> {
        let path = match self {
            Self::Database(live) => &live.database.path,
            Self::Media(live) => &live.root,
        };
        path.parent().map(Path::to_owned).ok_or_else(|| Loss::new("a folder", path.display().to_string()))
    }

    /// Returns arguments that restore a backup here.
    pub(crate) fn arguments(&self, name: &str) -> Vec<String> {
        match self {
            Self::Database(live) => {
                restore_arguments(name, Kind::Database, &live.database.path, &["--lock-timeout", "2"])
            }
            Self::Media(live) => {
                let more: &[&str] = if live.replaces { &["--replace"] } else { &[] };
                restore_arguments(name, Kind::Media, &live.root, more)
            }
        }
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Database(live) => format!("a database over {:?}", live.there),
            Self::Media(live) if live.replaces => "media, replacing what is there".to_owned(),
            Self::Media(_) => "media, keeping what is there".to_owned(),
        }
    }

    /// Fails unless everything is as it was, byte for byte, and nothing stands beside it. Nobody uses the database.
    pub(crate) fn require_untouched(&self) -> Result<()> {
        match self {
            Self::Database(live) => {
                live.require_alone()?;
                let is_same = live.there == There::Nothing || digest_of(&live.old)? == digest_of(&live.database.path)?;
                require(is_same, "the old file, byte for byte", || "another one".to_owned())
            }
            Self::Media(live) => media::require_same(&live.old, &media::present(&live.root)?),
        }
    }

    /// Fails unless the old content is there, of media whole files of old or `held`, and nothing was left behind.
    pub(crate) fn require_given_up(&self, held: &Held) -> Result<()> {
        match self {
            Self::Database(live) => {
                live.require_alone()?;
                let is_old = live.require_old_or(&[], false)?;
                require(is_old, "the old content", || "another one".to_owned())
            }
            Self::Media(live) => {
                self.require_old_or(&[held], false)?;
                let found = media::present(&live.root)?;
                let left: Vec<_> = found.keys().filter(|path| media::is_ours(path)).collect();
                require(left.is_empty(), "nothing left behind", || format!("{left:?}"))
            }
        }
    }

    /// Fails unless each whole is its old content or that of one of these backups; returns whether all of it is old.
    ///
    /// `by_users`: a writer may have gone on since.
    pub(crate) fn require_old_or(&self, backups: &[&Held], by_users: bool) -> Result<bool> {
        match self {
            Self::Database(live) => live.require_old_or(backups, by_users),
            Self::Media(live) => {
                let found = media::present(&live.root)?;
                for held in backups {
                    let Held::Media(tree) = held else { continue };
                    let new = media::restored(&live.old, tree, live.replaces);
                    if backups.len() == 1 {
                        media::require_old_or_new(&live.old, &new, &found)?;
                    }
                }
                Ok(found == live.old)
            }
        }
    }

    /// Fails unless a restore of one of these backups is complete, and left nothing beside it.
    pub(crate) fn require_one_of(&self, backups: &[&Held], by_users: bool) -> Result<()> {
        match self {
            Self::Database(live) => {
                let found = live.database.content()?;
                let is_new = backups.iter().any(|held| held.is(&found, by_users));
                require(is_new, &format!("the content of {backups:?}"), || format!("{found:?}"))?;
                let names = names(&self.folder()?)?;
                let is_meant = |name: &String| {
                    let is_aside = live.there == There::Junk && name.starts_with("live.sqlite3.damaged-");
                    name == LIVE || is_sqlites(name, LIVE) || is_aside
                };
                require(names.iter().all(is_meant), "nothing beside the database", || format!("{names:?}"))
            }
            Self::Media(live) => {
                let found = media::present(&live.root)?;
                let mut result = Ok(());
                for held in backups {
                    let Held::Media(tree) = held else { continue };
                    result = media::require_same(&media::restored(&live.old, tree, live.replaces), &found);
                    if result.is_ok() {
                        break;
                    }
                }
                result
            }
        }
    }
}

impl LiveDatabase {
    /// Whether people could have it open.
    pub(crate) fn is_database(&self) -> bool {
        self.content.is_some()
    }

    /// Fails unless what stood there does, and nothing else.
    fn require_alone(&self) -> Result<()> {
        let found = names(self.database.path.parent().unwrap_or(&self.database.path))?;
        let expected: &[&str] = if self.there == There::Nothing { &[] } else { &[LIVE] };
        require(found == expected, &format!("{expected:?}"), || format!("{found:?}"))
    }

    fn require_old_or(&self, backups: &[&Held], by_users: bool) -> Result<bool> {
        let path = &self.database.path;
        for name in names(path.parent().unwrap_or(path))? {
            let is_aside = self.there == There::Junk && name.starts_with("live.sqlite3.damaged-");
            let is_meant = name == LIVE || is_sqlites(&name, LIVE) || name.starts_with(".dbbackup-");
            require(is_meant || is_aside, "nothing beside the database", || name.clone())?;
        }
        let is_as_it_was = match self.there {
            There::Nothing => !path.exists(),
            There::Junk => digest_of(path)? == digest_of(&self.old)?,
            There::Wal | There::Delete => false,
        };
        if is_as_it_was {
            return Ok(true);
        }
        let found = self.database.content()?;
        let is_old = self.content.as_ref().is_some_and(|old| {
            old.digest == found.digest && (old.steps == found.steps || by_users && old.steps <= found.steps)
        });
        let is_known = is_old || backups.iter().any(|held| held.is(&found, by_users));
        require(is_known, &format!("{:?} or {backups:?}", self.content), || format!("{found:?}"))?;
        Ok(is_old)
    }
}

impl Held {
    /// Whether these are the same content.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Database(digest, steps), Self::Database(other, at)) => digest == other && steps.contains(at.start()),
            (Self::Media(tree), Self::Media(other)) => tree == other,
            _ => false,
        }
    }

    /// Whether a database is what a backup holds, or has come to be since then.
    fn is(&self, found: &Content, by_users: bool) -> bool {
        let Self::Database(digest, steps) = self else { return false };
        let is_in_time = steps.contains(&found.steps) || by_users && found.steps >= *steps.start();
        *digest == found.digest && is_in_time
    }
}

const LIVE: &str = "live.sqlite3";
