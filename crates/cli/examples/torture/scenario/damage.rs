//! A store that is damaged: a backup is refused, and the target untouched, or it is restored exactly.

use dbbackup_testkit::Damage;
use fs_err as fs;

use crate::command::{Ended, Fate};
use crate::loss::{During as _, Result, require};
use crate::target::Target;
use crate::world::{Held, World, words};

/// A payload and its manifest, as they were.
struct Files {
    name: String,
    held: Held,
    payload: Vec<u8>,
    manifest: Vec<u8>,
}

pub(super) fn run(world: &mut World, outcomes: &mut Vec<String>) -> Result<()> {
    world.back_up_some()?;
    let mut target = Target::some(world)?;
    let mut all = Vec::new();
    for (name, held) in world.held.clone() {
        let payload = fs::read(world.path("store").join(&name))?;
        let manifest = fs::read(world.path("store").join(format!("{name}.metadata")))?;
        all.push(Files { name, held, payload, manifest });
    }
    for _ in 0..10 {
        let (place, other) = (world.index(all.len())?, world.index(all.len())?);
        let what = damage(world, &all[place], &all[other])?;
        try_it(world, &mut target, &all[place], &what, outcomes)
            .during(|| format!("`{}` with {}, into {}", all[place].name, what.how, target.describe()))?;
        let Files { name, payload, manifest, .. } = &all[place];
        fs::write(world.path("store").join(name), payload)?;
        fs::write(world.path("store").join(format!("{name}.metadata")), manifest)?;
    }
    world.require_tidy()
}

/// What was done to a backup, and what can be expected of it.
struct Done {
    how: String,
    /// Its manifest is there and as it was, and its payload is not: nothing may accept it.
    must_fail: bool,
}

fn damage(world: &mut World, files: &Files, other: &Files) -> Result<Done> {
    let payload_path = world.path("store").join(&files.name);
    let manifest_path = world.path("store").join(format!("{}.metadata", files.name));
    let (mut payload, mut manifest) = (files.payload.clone(), Some(files.manifest.clone()));
    // A flip in a plain file that nothing describes cannot be seen (docs/concepts/safety.md).
    let is_checked = [".gz", ".zst"].iter().any(|ending| files.name.ends_with(ending));
    let how = match world.dice.below(12) {
        0 => {
            payload.clone_from(&other.payload);
            format!("the payload of `{}`", other.name)
        }
        1 => {
            manifest = Some(other.manifest.clone());
            format!("the manifest of `{}`", other.name)
        }
        2 => {
            manifest = None;
            "no manifest".to_owned()
        }
        3 | 4 => {
            let damages = some(world, &files.manifest)?;
            manifest = Some(applied(&damages, &files.manifest));
            format!("a manifest after {damages:?}")
        }
        5 | 6 if is_checked => {
            let damages = some(world, &files.payload)?;
            payload = applied(&damages, &files.payload);
            manifest = None;
            format!("no manifest, and its payload after {damages:?}")
        }
        _ => {
            let damages = some(world, &files.payload)?;
            payload = applied(&damages, &files.payload);
            format!("its payload after {damages:?}")
        }
    };
    let must_fail = payload != files.payload && manifest.as_ref() == Some(&files.manifest);
    fs::write(payload_path, payload)?;
    match manifest {
        Some(manifest) => fs::write(manifest_path, manifest)?,
        None => fs::remove_file(manifest_path)?,
    }
    Ok(Done { how, must_fail })
}

/// Returns one damage, or several flipped bits.
fn some(world: &mut World, bytes: &[u8]) -> Result<Vec<Damage>> {
    let byte = world.index(bytes.len())?;
    Ok(match world.dice.below(10) {
        0 | 1 => vec![Damage::CutTo(byte)],
        2 => {
            let end = (byte + 1 + world.index(5000)?).min(bytes.len());
            vec![Damage::Remove(byte..end)]
        }
        3 => vec![Damage::Append(if world.dice.below(2) == 0 { b"\0" } else { b"more" })],
        4 => vec![if world.dice.below(2) == 0 { Damage::Twice } else { Damage::Empty }],
        5 => {
            let mut flips = Vec::new();
            for _ in 0..2 + world.dice.below(5) {
                flips.push(Damage::FlipBit(world.index(bytes.len() * 8)?));
            }
            flips
        }
        _ => vec![Damage::FlipBit(world.index(bytes.len() * 8)?)],
    })
}

fn applied(damages: &[Damage], bytes: &[u8]) -> Vec<u8> {
    damages.iter().fold(bytes.to_vec(), |bytes, damage| damage.apply(&bytes))
}

fn try_it(
    world: &mut World,
    target: &mut Target,
    files: &Files,
    what: &Done,
    outcomes: &mut Vec<String>,
) -> Result<()> {
    // Whatever a listing makes of it, it is no reason to fail.
    world.program.end_with(&[0], &words("list store --json"))?;
    let verified = world.program.run(&words(&format!("verify store {}", files.name)), None)?;
    require_documented(&verified)?;
    let restored = world.program.run(&target.arguments(&files.name), None)?;
    require_documented(&restored)?;
    if restored.fate() == Fate::Unhurt {
        outcomes.push("restored".to_owned());
        require(!what.must_fail, "a refusal", || restored.describe())?;
        target.require_one_of(&[&files.held], false)?;
        target.reset()?;
    } else {
        outcomes.push(format!("refused with {}", restored.status.code().unwrap_or_default()));
        target.require_untouched().during(|| restored.describe())?;
    }
    let both = [verified.fate(), restored.fate()].map(|fate| fate == Fate::Unhurt);
    require(both[0] == both[1], "verify and restore agree", || verified.describe() + &restored.describe())
}

/// 1 unsupported, 2 a manifest that makes no sense, 4 another run's, 6 damaged, 9 another kind, or no room for it.
fn require_documented(ended: &Ended) -> Result<()> {
    ended.require(&[0, 1, 2, 3, 4, 6, 9])
}
