//! A backup that is killed: what was listed still is, and nothing else but whole backups.

use rustix::process::Signal;

use super::outcome;
use crate::command::{Fate, Shot};
use crate::database::Users;
use crate::loss::{During as _, Result, require};
use crate::world::{DONE, Held, Kind, World, names};

pub(super) fn run(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    world.back_up_some()?;
    let compression = world.compression()?;
    let usual = world.back_up(compression)?.duration;
    let source = world.content()?;
    let users = match (world.kind, &source) {
        (Kind::Database, Held::Database(..)) => {
            let content = world.database.content()?;
            Some(Users::some(&mut world.dice, &world.database, &[content]))
        }
        _ => None,
    };
    for _ in 0..=world.dice.below(4) {
        let shot = world.shot(usual, &[])?;
        shoot(world, &shot, compression, outcomes).during(|| format!("{shot:?} of {usual:?}, {compression}"))?;
    }
    let writes = users.as_ref().is_some_and(|users| users.write);
    users.map_or(Ok(()), Users::leave)?;
    require_unchanged(&source, &world.content()?, writes)?;
    world.require_source_tidy()?;

    world.back_up(compression).during(|| "the next backup".to_owned())?;
    world.require_tidy().during(|| "after the next backup".to_owned())?;
    let (name, held) = world.held[world.held.len() - 1].clone();
    world.require_holds(&name, &held)
}

fn shoot(world: &mut World, shot: &Shot, compression: &str, outcomes: &mut Vec<String>) -> Result<()> {
    let before = world.listed()?;
    let in_store = names(&world.path("store"))?;
    let from = world.content()?;
    let arguments = world.backup_arguments(compression);
    let ended = world.program.run(&arguments, Some(shot))?;
    outcomes.push(outcome(&ended));
    let is_added = world.note_added(&before, from)?;
    world.require_whole()?;
    match ended.fate() {
        Fate::Stopped => {
            let is_ours = shot.signal != Signal::KILL && !is_added;
            require(is_ours, "a stopped run that stored nothing", || ended.describe())?;
            let mut left = names(&world.path("store"))?;
            left.retain(|name| !in_store.contains(name));
            require(left.is_empty(), "nothing left behind", || format!("{left:?}"))?;
        }
        Fate::Killed => {}
        Fate::Unhurt | Fate::Failed(_) => ended.require(DONE)?,
    }
    require(is_added || ended.fate() != Fate::Unhurt, "a backup, if the status says so", || ended.describe())?;
    if is_added {
        let (name, held) = world.held[world.held.len() - 1].clone();
        world.require_holds(&name, &held)?;
    }
    Ok(())
}

fn require_unchanged(before: &Held, after: &Held, writes: bool) -> Result<()> {
    let is_same = match (before, after) {
        (Held::Database(old, from), Held::Database(new, to)) => old == new && (writes || from == to),
        (Held::Media(old), Held::Media(new)) => old == new,
        _ => false,
    };
    require(is_same, "an unchanged source", || format!("{before:?}, then {after:?}"))
}
