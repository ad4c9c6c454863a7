//! What can be done to a world, and what must be true afterwards.

mod damage;
mod full_disk;
mod killed_backup;
mod killed_restore;
mod together;

use std::path::Path;

use dbbackup_testkit::killed::Dice;
pub(crate) use full_disk::SKIPPED;

use crate::command::{Ended, Fate};
use crate::loss::{Loss, Result};
use crate::world::{Kind, World};

/// One scenario, over a database or over media.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    kind: Kind,
    run: Play,
}

impl Scenario {
    pub(crate) fn some(dice: &mut Dice) -> Self {
        let kind = if dice.below(2) == 0 { Kind::Database } else { Kind::Media };
        let place = dice.below(SCENARIOS.len() as u64);
        let (of_database, of_media, run) = SCENARIOS[usize::try_from(place).unwrap_or(0)];
        Self { name: if kind == Kind::Database { of_database } else { of_media }, kind, run }
    }

    /// Plays it in a world of its own; says what happened. A world in which something was lost is kept.
    pub(crate) fn play(self, program: &Path, dice: Dice) -> std::result::Result<Vec<String>, Failure> {
        let new = World::new(program, dice, self.kind);
        let mut world = new.map_err(|loss| Failure { loss, world: "none was made".to_owned() })?;
        let mut outcomes = Vec::new();
        match (self.run)(&mut world, &mut outcomes) {
            Ok(()) => Ok(outcomes),
            Err(loss) => Err(Failure { loss, world: world.keep().display().to_string() }),
        }
    }
}

/// A loss, and the world that it happened in.
pub(crate) struct Failure {
    pub(crate) loss: Loss,
    pub(crate) world: String,
}

/// Says in a word how a process ended.
fn outcome(ended: &Ended) -> String {
    match ended.fate() {
        Fate::Unhurt if ended.has_shot => "ended before".to_owned(),
        Fate::Unhurt => "done".to_owned(),
        Fate::Killed => "killed".to_owned(),
        Fate::Stopped => "stopped".to_owned(),
        Fate::Failed(8) => "busy".to_owned(),
        Fate::Failed(code) => format!("failed with {code}"),
    }
}

type Play = fn(&mut World, &mut Vec<String>) -> Result<()>;

/// By the names that they have over a database and over media.
const SCENARIOS: &[(&str, &str, Play)] = &[
    ("backup killed", "media backup killed", killed_backup::run),
    ("restore killed", "media restore killed", killed_restore::run),
    ("restore killed", "media restore killed", killed_restore::run),
    ("damaged backup", "damaged media backup", damage::run),
    ("full disk", "full disk, media", full_disk::run),
    ("two at once", "two at once, media", together::run),
];
