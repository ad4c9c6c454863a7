//! A disk that is full before a run is done: the right status, the old state, nothing left behind.

use super::outcome;
use crate::command::Fate;
use crate::disk::SmallDisk;
use crate::loss::{During as _, Result, require};
use crate::target::Target;
use crate::world::{DONE, World, names};

pub(super) fn run(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    // The temporary folder matters to a database in rollback-journal mode, which is copied there first.
    let full = world.one_of(&["target", "target", "store", "tmp"])?;
    world.disk = SmallDisk::mount(&world.path(full), DISK_BYTES)?;
    if world.disk.is_none() {
        outcomes.push(SKIPPED.to_owned());
        return Ok(());
    }
    if full == "target" { full_target(world, outcomes) } else { full_store(world, outcomes) }
}

fn full_store(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    world.back_up_some()?;
    world.change()?;
    for _ in 0..4 {
        let compression = world.compression()?;
        let room = room(world)?;
        leave(world, room)?;
        let (before, in_store, from) = (world.listed()?, names(&world.path("store"))?, world.content()?);
        let arguments = world.backup_arguments(compression);
        let ended = world.program.run(&arguments, None)?;
        outcomes.push(outcome(&ended));
        let is_added = world.note_added(&before, from)?;
        let what = || format!("{compression}, room for {room} bytes\n{}", ended.describe());
        world.require_whole().during(what)?;
        if ended.fate() == Fate::Unhurt {
            require(is_added, "one backup more", || ended.describe())?;
            let (name, held) = world.held[world.held.len() - 1].clone();
            world.require_holds(&name, &held)?;
        } else {
            ended.require(FULL)?;
            let found = names(&world.path("store"))?;
            require(found == in_store, &format!("{in_store:?}"), || format!("{found:?}")).during(what)?;
        }
    }
    free(world)?;
    let compression = world.compression()?;
    world.back_up(compression)?;
    world.require_tidy()
}

fn full_target(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    world.back_up_some()?;
    let place = world.index(world.held.len())?;
    let (name, held) = world.held[place].clone();
    // Without a manifest nobody knows the size before.
    if world.dice.below(2) == 0 {
        fs_err::remove_file(world.path("store").join(format!("{name}.metadata")))?;
    }
    let mut target = Target::some(world)?;
    for _ in 0..4 {
        target.reset()?;
        let room = room(world)?;
        leave(world, room)?;
        let ended = world.program.run(&target.arguments(&name), None)?;
        outcomes.push(outcome(&ended));
        let what = format!("room for {room} bytes, `{name}` into {}\n{}", target.describe(), ended.describe());
        free(world)?;
        if ended.fate() == Fate::Unhurt {
            target.require_one_of(&[&held], false).during(|| what)?;
        } else {
            ended.require(FULL)?;
            target.require_given_up(&held).during(|| what)?;
        }
    }
    free(world)?;
    world.program.end_with(DONE, &target.arguments(&name))?;
    target.require_one_of(&[&held], false)?;
    world.require_tidy()
}

fn leave(world: &World, bytes: u64) -> Result<()> {
    world.disk.as_ref().map_or(Ok(()), |disk| disk.leave(bytes))
}

fn free(world: &World) -> Result<()> {
    world.disk.as_ref().map_or(Ok(()), SmallDisk::free)
}

/// Returns some bytes: from none to about what is needed.
fn room(world: &mut World) -> Result<u64> {
    let most = world.one_of(&[20_000, 500_000, 4_000_000, 12_000_000])?;
    Ok(world.dice.below(most))
}

/// Holds the old state, the new one and a copy beside of the largest world.
const DISK_BYTES: u64 = 128 * 1024 * 1024;
/// No space on the way, and too little before.
const FULL: &[i32] = &[1, 9];
/// An outcome whose reason is said once.
pub(crate) const SKIPPED: &str = "skipped";
