//! Two runs at once: each ends in a documented way, and nothing is lost.

use super::outcome;
use crate::command::{Ended, Fate};
use crate::loss::{During as _, Result, require};
use crate::target::Target;
use crate::world::{DONE, Held, World, restore_arguments, words};

pub(super) fn run(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    world.back_up_some()?;
    for _ in 0..2 {
        match world.dice.below(5) {
            0 => two_backups(world, outcomes).during(|| "two backups into one store".to_owned())?,
            1 => backup_beside_restore(world, outcomes).during(|| "a backup beside a restore".to_owned())?,
            2 => restore_into_the_source(world, outcomes).during(|| "a backup of what is restored".to_owned())?,
            3 => prune_beside_restore(world, outcomes).during(|| "a prune beside a restore".to_owned())?,
            _ => two_restores(world, outcomes).during(|| "two restores into one target".to_owned())?,
        }
    }
    world.require_tidy()
}

/// Runs both, the second a moment later.
fn both(world: &mut World, pair: [&[String]; 2], outcomes: &mut Vec<String>) -> Result<[Ended; 2]> {
    let first = world.program.start(pair[0])?;
    std::thread::sleep(world.dice.between(std::time::Duration::ZERO, std::time::Duration::from_millis(40)));
    let second = world.program.start(pair[1])?;
    let ended = [first.wait(None)?, second.wait(None)?];
    outcomes.extend(ended.iter().map(outcome));
    Ok(ended)
}

fn two_backups(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    let before = world.listed()?;
    let content = world.content()?;
    let compression = world.compression()?;
    let first = world.backup_arguments(compression);
    // Under one name, or under two.
    let second = if world.dice.below(2) == 0 { first.clone() } else { world.backup_arguments(compression) };
    let ended = both(world, [&first, &second], outcomes)?;
    for ended in &ended {
        // 4: the other has that name.
        ended.require(&[0, 3, 4])?;
    }
    let done = ended.iter().filter(|ended| ended.fate() == Fate::Unhurt).count();
    require(done > 0 && (done == 2 || first == second), "two backups, or one of a name", || {
        ended.iter().map(Ended::describe).collect()
    })?;
    let now = world.listed()?;
    require(before.iter().all(|name| now.contains(name)), "what was listed before", || format!("{before:?}, {now:?}"))?;
    let added: Vec<String> = now.into_iter().filter(|name| !before.contains(name)).collect();
    require(added.len() == done, &format!("{done} backups more"), || format!("{added:?}"))?;
    for name in added {
        world.require_holds(&name, &content)?;
        world.held.push((name, content.clone()));
    }
    Ok(())
}

fn backup_beside_restore(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    let (name, held) = some(world)?;
    let before = world.listed()?;
    let target = Target::some(world)?;
    let compression = world.compression()?;
    let from = world.content()?;
    let backup = world.backup_arguments(compression);
    let ended = both(world, [&backup, &target.arguments(&name)], outcomes)?;
    ended[0].require(DONE)?;
    ended[1].require(DONE)?;
    let is_added = world.note_added(&before, from)?;
    require(is_added, "one backup more", || ended[0].describe())?;
    target.require_one_of(&[&held], false)
}

/// The backup is the old state or the new one, and the database the new one.
fn restore_into_the_source(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    let Held::Database(..) = world.content()? else { return two_restores(world, outcomes) };
    let (name, held) = some(world)?;
    let before = world.listed()?;
    let from = world.content()?;
    let compression = world.compression()?;
    let backup = world.backup_arguments(compression);
    let restore = restore_arguments(&name, world.kind, &world.database.path, &[]);
    let pair: [&[String]; 2] = if world.dice.below(2) == 0 { [&backup, &restore] } else { [&restore, &backup] };
    for ended in both(world, pair, outcomes)? {
        ended.require(&[0, 8])?;
    }
    let content = world.content()?;
    let is_known = [&from, &held].iter().any(|held| held.is_like(&content));
    require(is_known, &format!("{from:?} or {held:?}"), || format!("{content:?}"))?;
    let is_added = world.note_added(&before, from.clone())?;
    if is_added {
        let (name, noted) = &world.held[world.held.len() - 1];
        let held = if world.require_holds(name, &from).is_ok() {
            from
        } else {
            world.require_holds(name, &held).during(|| format!("neither {from:?} nor {held:?}, but {noted:?}"))?;
            held
        };
        if let Some((_, noted)) = world.held.last_mut() {
            *noted = held;
        }
    }
    world.require_source_tidy()
}

fn prune_beside_restore(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    let (name, held) = some(world)?;
    let before = world.listed()?;
    let target = Target::some(world)?;
    let alias = if matches!(held, Held::Database(..)) { "shop" } else { "media" };
    let prune = words(&format!("prune store --keep-last 1 --name {alias} --server web-1"));
    let restore = target.arguments(&name);
    let is_first = world.dice.below(2) == 0;
    let mut ended = both(world, if is_first { [&prune, &restore] } else { [&restore, &prune] }, outcomes)?;
    if !is_first {
        ended.reverse();
    }
    let [pruned, restored] = ended;
    pruned.require(&[0, 8])?;
    // 4: it was pruned before.
    restored.require(&[0, 3, 4, 8])?;
    if restored.fate() == Fate::Unhurt {
        target.require_one_of(&[&held], false)?;
    } else {
        target.require_untouched()?;
    }
    let now = world.listed()?;
    let newest = before.last();
    let is_kept = now.last() == newest && now.iter().all(|name| before.contains(name));
    require(is_kept, &format!("the newest of {before:?}"), || format!("{now:?}"))?;
    // Those that were given a name go by hand only.
    let left = now.iter().filter(|name| !World::has_given_name(name)).count();
    let is_pruned = pruned.fate() != Fate::Unhurt || left <= 1;
    require(is_pruned, "at most one backup without a given name, as the prune says", || format!("{now:?}"))?;
    world.held.retain(|(name, _)| now.contains(name));
    Ok(())
}

fn two_restores(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    let (first, first_held) = some(world)?;
    // Of media each restore leaves some files alone, so only the same backup twice gives one result.
    let (second, second_held) = match first_held {
        Held::Database(..) => some(world)?,
        Held::Media(_) => (first.clone(), first_held.clone()),
    };
    let target = Target::some(world)?;
    let ended = both(world, [&target.arguments(&first), &target.arguments(&second)], outcomes)?;
    let mut done = Vec::new();
    for (ended, held) in ended.iter().zip([&first_held, &second_held]) {
        ended.require(&[0, 3, 8])?;
        if ended.fate() == Fate::Unhurt {
            done.push(held);
        }
    }
    require(!done.is_empty(), "one restore at least", || ended.iter().map(Ended::describe).collect())?;
    target.require_one_of(&done, false)
}

fn some(world: &mut World) -> Result<(String, Held)> {
    let place = world.index(world.held.len())?;
    Ok(world.held[place].clone())
}
