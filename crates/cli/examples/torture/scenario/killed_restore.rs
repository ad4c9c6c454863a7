//! A restore that is killed: the old content or the backup's, whole; the next restore completes.

use super::outcome;
use crate::command::{Fate, Shot};
use crate::database::{Content, Users};
use crate::loss::{During as _, Result, require};
use crate::target::Target;
use crate::world::{DONE, Held, World};

pub(super) fn run(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    world.back_up_some()?;
    let place = world.index(world.held.len())?;
    let (name, held) = world.held[place].clone();
    let mut target = Target::some(world)?;
    let usual = world.program.end_with(DONE, &target.arguments(&name))?.duration;
    target.require_one_of(&[&held], false).during(|| "a restore that nobody disturbed".to_owned())?;

    let lines = ["\"verify\"", "\"restore\"", "\"check\"", "\"swap\""];
    let lines = if matches!(target, Target::Database(_)) { &lines[1..] } else { &lines[..2] };
    for _ in 0..=world.dice.below(4) {
        let shot = world.shot(usual, lines)?;
        let what = format!("{shot:?} of {usual:?}, `{name}` into {}", target.describe());
        shoot(world, &mut target, (&name, &held), &shot, outcomes).during(|| what)?;
    }
    world.require_tidy()
}

fn shoot(
    world: &mut World,
    target: &mut Target,
    (name, held): (&str, &Held),
    shot: &Shot,
    outcomes: &mut Vec<String>,
) -> Result<()> {
    target.reset()?;
    let users = users(world, target, held);
    let writes = users.as_ref().is_some_and(|users| users.write);
    let is_used = users.is_some();
    let ended = world.program.run(&target.arguments(name), Some(shot))?;
    outcomes.push(outcome(&ended));
    // While they are there: they roll back what the killed one left.
    let is_old = target.require_old_or(&[held], writes)?;
    match ended.fate() {
        Fate::Unhurt if users.is_none() => target.require_one_of(&[held], false)?,
        Fate::Stopped if users.is_none() => target.require_given_up(held)?,
        Fate::Stopped => require(is_old, "the old content, as the run says", || ended.describe())?,
        Fate::Failed(code) => require(code == 8 && is_used && is_old, "a good end", || ended.describe())?,
        _ => {}
    }
    let stay = world.dice.below(2) == 0;
    if !stay {
        leave(users)?;
        again(world, target, name)?;
        return target.require_one_of(&[held], writes).during(|| "the restore after that".to_owned());
    }
    let busy = again(world, target, name).map(|code| code == 8);
    leave(users)?;
    if busy? {
        outcomes.push("busy".to_owned());
        again(world, target, name)?;
    }
    target.require_one_of(&[held], writes).during(|| "the restore after that".to_owned())
}

fn again(world: &World, target: &Target, name: &str) -> Result<i32> {
    let ended = world.program.run(&target.arguments(name), None)?;
    // 8: somebody held a lock all the time.
    ended.require(&[0, 3, 8])?;
    Ok(ended.status.code().unwrap_or_default())
}

/// People who use the database that is restored into.
fn users(world: &mut World, target: &Target, held: &Held) -> Option<Users> {
    let (Target::Database(live), Held::Database(digest, steps)) = (target, held) else { return None };
    let old = live.content.clone().filter(|_| live.is_database() && world.dice.below(2) == 0)?;
    let new = Content { digest: digest.clone(), steps: *steps.start() };
    Some(Users::some(&mut world.dice, &live.database, &[old, new]))
}

fn leave(users: Option<Users>) -> Result<()> {
    users.map_or(Ok(()), Users::leave)
}
