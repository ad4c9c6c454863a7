//! What is stopped or killed in the middle leaves neither bytes nor processes.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use dbbackup_testkit::killed::{Dice, Moment, eventually, processes, signalled};

use crate::Sealed;
use crate::world::{names, run, succeed};

/// About 30 MB.
const ROWS: u32 = 250_000;

#[test]
fn a_stopped_backup_leaves_nothing_and_no_gpg() {
    let Some(sealed) = Sealed::new(ROWS) else { return };
    let key = sealed.gnupg.curve_key("Ops", "");
    let mut dice = Dice::new();
    let backup = || sealed.backup(&[&key], &["--compress", "none"]);
    let usual = succeed(&mut backup()).duration;
    for signal in ["INT", "TERM", "KILL", "INT", "TERM", "KILL"] {
        let before = sealed.world.listed();
        let moment = Moment { line: None, delay: dice.between(Duration::from_millis(20), usual) };
        let ended = signalled(&mut backup(), signal, &moment);
        let gone = eventually(|| processes(&format!("--recipient\0{key}")).is_empty());
        assert!(gone, "gpg outlived {signal} after {moment:?}");
        let after = sealed.world.listed();
        let is_done = ended.status.success() || ended.status.signal() == Some(9) && after.len() > before.len();
        assert!(is_done || after == before, "{signal}: {ended:?}");
        if !ended.status.success() && signal != "KILL" {
            let code = if signal == "INT" { 130 } else { 143 };
            assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        }
    }
    succeed(&mut backup());
    let leftovers: Vec<String> =
        names(&sealed.world.store()).into_iter().filter(|name| name.starts_with(".dbbackup-")).collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
    succeed(&mut sealed.restore(&[]));
    assert_eq!(sealed.restored(), sealed.world.shop.content());
}

#[test]
fn a_gpg_that_is_killed_commits_nothing() {
    let Some(sealed) = Sealed::new(ROWS) else { return };
    let key = sealed.gnupg.curve_key("Ops", "");
    // A gpg that is killed half-way through, in place of the real one.
    let folder = sealed.world.folder().join("bin");
    fs_err::create_dir(&folder).unwrap();
    let real =
        String::from_utf8(std::process::Command::new("sh").args(["-c", "command -v gpg"]).output().unwrap().stdout);
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *--list-keys*) exec {gpg} \"$@\" ;; esac\n\
         head -c 4000000 | {gpg} \"$@\" &\nwait\nkill -9 $$\n",
        gpg = real.unwrap().trim()
    );
    fs_err::write(folder.join("gpg"), script).unwrap();
    std::fs::set_permissions(folder.join("gpg"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let ended = run(sealed.backup(&[&key], &["--compress", "none"]).env("PATH", &path));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(names(&sealed.world.store()).is_empty());
    succeed(&mut sealed.backup(&[&key], &["--compress", "none"]));
    let ended = run(sealed.restore(&[]).env("PATH", &path));
    assert!(!ended.status.success(), "{ended:?}");
    assert!(!sealed.world.folder().join("restored.sqlite3").exists());
}
