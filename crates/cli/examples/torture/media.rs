//! Folders of media: made from dice, read back, and compared file by file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use dbbackup_testkit::killed::Dice;
use fs_err as fs;
use sha2::{Digest as _, Sha256};

use crate::database::hex;
use crate::loss::{Loss, Result, require};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Folder,
    File { bytes: u64, digest: String },
    Link(PathBuf),
}

/// Everything below a folder.
pub(crate) type Tree = BTreeMap<PathBuf, Entry>;

/// Makes a folder of files, folders and links; `outside` is one that links lead to.
pub(crate) fn make(root: &Path, outside: &Path, dice: &mut Dice) -> Result<()> {
    fs::create_dir(root)?;
    fs::create_dir(outside)?;
    fs::write(outside.join("linked"), bytes(dice, 3000))?;
    let mut folders = vec![root.to_owned()];
    for _ in 0..dice.below(12) {
        let folder = folders[index(dice, folders.len())?].join(name(dice));
        if folder.symlink_metadata().is_err() {
            fs::create_dir(&folder)?;
            folders.push(folder);
        }
    }
    let mut files = Vec::new();
    let count = if dice.below(5) == 0 { 300 } else { 5 + dice.below(40) };
    for _ in 0..count {
        let file = folders[index(dice, folders.len())?].join(name(dice));
        if file.symlink_metadata().is_err() {
            let most = [1, 600, 20_000, 70_000, 300_000, 2_000_000][index(dice, if count < 50 { 6 } else { 3 })?];
            let length = dice.below(most);
            fs::write(&file, bytes(dice, length))?;
            files.push(file);
        }
    }
    for _ in 0..dice.below(4) {
        let folder = &folders[index(dice, folders.len())?];
        let link = folder.join(format!("link-{}", dice.below(1000)));
        let _name_is_taken = match dice.below(4) {
            // Stored under its own path.
            0 => symlink(root, root.join("up")),
            1 => symlink(root.join("nothing"), link),
            _ => symlink(&files[index(dice, files.len())?], link),
        };
    }
    if dice.below(3) == 0 {
        symlink(outside, root.join("outside"))?;
    }
    Ok(())
}

/// Makes `target` an older or newer state of what `source` holds: files that are the same, differ, are missing, or
/// are nobody's but its own.
pub(crate) fn make_other(source: &Path, target: &Path, dice: &mut Dice) -> Result<()> {
    fs::create_dir_all(target)?;
    for (path, entry) in stored(source)? {
        let place = target.join(&path);
        if !place.parent().is_some_and(Path::is_dir) {
            continue;
        }
        match (entry, dice.below(6)) {
            (_, 0) => {}
            (Entry::Folder, _) => fs::create_dir(place)?,
            (Entry::File { .. }, 1 | 2) => drop(fs::copy(source.join(path), place)?),
            (Entry::File { bytes: length, .. }, 3) => fs::write(place, bytes(dice, length))?,
            (Entry::File { .. }, 4) => symlink(source.join(path), place)?,
            _ => {
                let length = dice.below(50_000);
                fs::write(place, bytes(dice, length))?;
            }
        }
    }
    for number in 0..dice.below(4) {
        fs::write(target.join(format!("own-{number}")), bytes(dice, 100))?;
    }
    Ok(())
}

/// Writes into some files of a folder.
pub(crate) fn change(root: &Path, dice: &mut Dice) -> Result<()> {
    fs::write(root.join("changed"), bytes(dice, 5000))?;
    for (path, entry) in present(root)? {
        if matches!(entry, Entry::File { .. }) && dice.below(4) == 0 {
            let length = dice.below(30_000);
            fs::write(root.join(path), bytes(dice, length))?;
        }
    }
    Ok(())
}

/// Reads a folder as a backup must hold it: links to files are files, links out of it folders; those back into it
/// and those to nothing are left out.
pub(crate) fn stored(root: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    read(root, Path::new(""), Some(&fs::canonicalize(root)?), &mut tree)?;
    Ok(tree)
}

/// Reads a folder as it is; one that is missing is empty.
pub(crate) fn present(root: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    if root.is_dir() {
        read(root, Path::new(""), None, &mut tree)?;
    }
    Ok(tree)
}

fn read(root: &Path, folder: &Path, follows_in: Option<&Path>, tree: &mut Tree) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let (at, path) = (entry.path(), folder.join(entry.file_name()));
        let is_link = entry.file_type()?.is_symlink();
        let Ok(found) = fs::metadata(&at) else {
            if follows_in.is_none() {
                tree.insert(path, Entry::Link(fs::read_link(&at)?));
            }
            continue;
        };
        match (is_link, follows_in) {
            (true, None) => {
                tree.insert(path, Entry::Link(fs::read_link(&at)?));
            }
            (true, Some(inside)) if found.is_dir() && fs::canonicalize(&at)?.starts_with(inside) => {}
            _ if found.is_dir() => {
                tree.insert(path.clone(), Entry::Folder);
                read(root, &path, follows_in, tree)?;
            }
            _ => {
                let content = fs::read(&at)?;
                let digest = hex(&Sha256::digest(&content));
                tree.insert(path, Entry::File { bytes: content.len() as u64, digest });
            }
        }
    }
    Ok(())
}

/// What a restore makes of `old`.
pub(crate) fn restored(old: &Tree, backup: &Tree, replaces: bool) -> Tree {
    let mut tree = old.clone();
    for (path, entry) in backup {
        let is_free = !old.contains_key(path);
        if is_free || (replaces && matches!(entry, Entry::File { .. })) {
            tree.insert(path.clone(), entry.clone());
        }
    }
    tree
}

/// Fails unless the trees are the same.
pub(crate) fn require_same(expected: &Tree, found: &Tree) -> Result<()> {
    let differs = |path: &&PathBuf| expected.get(*path) != found.get(*path);
    let Some(path) = expected.keys().chain(found.keys()).find(differs) else { return Ok(()) };
    let at = |tree: &Tree| format!("{}: {:?}", shown(path), tree.get(path));
    Err(Loss::new(at(expected), at(found)))
}

/// Fails unless each file is the one of `old` or the one of `new`, with nothing else but leftovers of ours.
pub(crate) fn require_old_or_new(old: &Tree, new: &Tree, found: &Tree) -> Result<()> {
    for path in old.keys() {
        require(found.contains_key(path), "everything old is still there", || format!("{} is missing", shown(path)))?;
    }
    for (path, entry) in found {
        let is_known = [old, new].iter().any(|tree| tree.get(path) == Some(entry));
        require(is_known || is_ours(path), "old content or the backup's, whole", || {
            format!("{}: {entry:?}, was {:?}, in the backup {:?}", shown(path), old.get(path), new.get(path))
        })?;
    }
    Ok(())
}

/// Names a path in one line, whatever bytes it has.
fn shown(path: &Path) -> String {
    path.as_os_str().as_bytes().escape_ascii().to_string()
}

/// Whether a file is a leftover of ours.
pub(crate) fn is_ours(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(b".dbbackup-"))
}

/// Returns a name: plain, odd, long, or not of any character set.
fn name(dice: &mut Dice) -> OsString {
    let number = dice.below(10_000);
    match dice.below(8) {
        0 => OsString::from_vec(
            format!("not-utf-8-{number}-\u{1}").into_bytes().into_iter().chain([0xff, 0xfe]).collect(),
        ),
        1 => format!("{}{number:0>55}", "l".repeat(200)).into(),
        2 => format!("ü 😀 {number}\n'\"").into(),
        3 => format!("-{number}.metadata").into(),
        4 => format!(".{number}").into(),
        _ => format!("image-{number}.jpg").into(),
    }
}

/// Returns bytes that are zeros, repeat themselves, or do not.
fn bytes(dice: &mut Dice, length: u64) -> Vec<u8> {
    let kind = dice.below(4);
    let mut word = dice.below(u64::MAX);
    let words = length.div_ceil(8);
    let mut bytes = Vec::with_capacity(usize::try_from(words * 8).unwrap_or(0));
    for number in 0..words {
        match kind {
            // A hole in the middle.
            0 if number > words / 4 && number < words / 2 => word = 0,
            1 => {}
            _ => word = dice.below(u64::MAX),
        }
        bytes.extend(word.to_le_bytes());
    }
    bytes.truncate(usize::try_from(length).unwrap_or(0));
    bytes
}

fn index(dice: &mut Dice, length: usize) -> Result<usize> {
    Ok(usize::try_from(dice.below(length as u64))?)
}
