//! Restores: whoever has the key, or the passphrase, and nobody else.

use dbbackup_testkit::Gnupg;
use fs_err as fs;

use crate::world::{names, run, succeed};
use crate::{Sealed, require, with_keys_of};

const PASSPHRASE: &str = "canary p@ss ä'\"$";

#[test]
fn whatever_gpg_writes_is_opened() {
    let Some(sealed) = Sealed::new(300) else { return };
    let curve = sealed.gnupg.curve_key("Curve", "");
    let rsa = sealed.gnupg.rsa_key("Rsa", "");
    let dump = fs::read(&{
        sealed.world.shop.connect().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        sealed.world.shop.path.clone()
    })
    .unwrap();
    let symmetric = ["--passphrase", PASSPHRASE, "--symmetric"];
    for (what, arguments) in [
        ("curve", &["-e", "-r", &curve][..]),
        ("rsa", &["-e", "-r", &rsa]),
        ("both", &["-e", "-r", &curve, "-r", &rsa]),
        ("hidden", &["-e", "--throw-keyids", "-r", &curve]),
        ("not compressed", &["-e", "-z", "0", "-r", &curve]),
        ("bzip2", &["-e", "--compress-algo", "bzip2", "-r", &curve]),
        ("armored", &["-e", "--armor", "-r", &curve]),
        ("signed", &["-e", "-s", "-u", &curve, "-r", &curve]),
        ("symmetric", &symmetric),
        ("symmetric, armored", &[&symmetric[..], &["--armor"]].concat()),
    ] {
        let stored = sealed.gnupg.gpg(arguments, &dump);
        // Any name: the content decides.
        let file = sealed.world.folder().join("some file");
        fs::write(&file, stored).unwrap();
        let mut command =
            sealed.world.dbbackup(&["restore", "some file", "--into", "sqlite:///restored.sqlite3", "--yes"]);
        command = with_keys_of(&sealed.gnupg, command);
        command.env("DBBACKUP_PASSPHRASE", PASSPHRASE);
        let ended = run(&mut command);
        assert!(ended.status.success(), "{what}: {ended:?}");
        assert_eq!(sealed.restored(), sealed.world.shop.content(), "{what}");
        fs::remove_file(sealed.world.folder().join("restored.sqlite3")).unwrap();
    }
}

#[test]
fn a_passphrase_comes_from_a_file_or_the_environment() {
    let Some(sealed) = Sealed::new(50) else { return };
    sealed.gnupg.curve_key("Locked", PASSPHRASE);
    sealed.gnupg.forget();
    succeed(&mut sealed.backup(&["locked@example.org"], &[]));
    let file = sealed.world.folder().join("passphrase");
    let path = file.to_str().unwrap();
    let advice = &["needs a passphrase", "--passphrase-file", "DBBACKUP_PASSPHRASE"];
    require(&run(&mut sealed.restore(&[])), 5, advice);
    for wrong in ["wrong", &format!("{PASSPHRASE} ")] {
        fs::write(&file, wrong).unwrap();
        let ended = run(&mut sealed.restore(&["--passphrase-file", path]));
        require(&ended, 5, &["passphrase is wrong"]);
        assert!(!format!("{ended:?}").contains("canary"));
        assert!(!sealed.world.folder().join("restored.sqlite3").exists());
    }
    fs::write(&file, format!("{PASSPHRASE}\n")).unwrap();
    succeed(&mut sealed.restore(&["--passphrase-file", path]));
    sealed.gnupg.forget();
    succeed(sealed.restore(&[]).env("DBBACKUP_PASSPHRASE", PASSPHRASE));
    require(&run(&mut sealed.restore(&["--passphrase-file", "nowhere"])), 2, &["cannot read the passphrase"]);
}

#[test]
fn a_passphrase_that_is_not_needed_is_ignored() {
    let Some(sealed) = Sealed::new(50) else { return };
    sealed.gnupg.curve_key("Open", "");
    succeed(&mut sealed.backup(&["open@example.org"], &[]));
    succeed(sealed.restore(&[]).env("DBBACKUP_PASSPHRASE", "whatever"));
    succeed(&mut sealed.world.backup(&["--output", "plain"]));
    let mut plain = sealed.world.dbbackup(&["restore", "plain", "--from", "store", "--into", "sqlite:///p.sqlite3"]);
    succeed(plain.env("DBBACKUP_PASSPHRASE", "whatever"));
}

#[test]
fn a_missing_secret_key_is_named_and_its_backup_still_verified() {
    let Some(sealed) = Sealed::new(50) else { return };
    let Some(other) = Gnupg::new() else { return };
    let key = sealed.gnupg.curve_key("Ops", "");
    let listing = sealed.gnupg.gpg(&["--with-colons", "--list-keys", &key], b"");
    let listing = String::from_utf8(listing).unwrap();
    let subkey = listing.lines().find(|line| line.starts_with("sub:")).unwrap().split(':').nth(4).unwrap();
    succeed(&mut sealed.backup(&[&key], &[]));
    let target = sealed.world.folder().join("restored.sqlite3");
    let ended = run(&mut with_keys_of(&other, sealed.world.restore(&target, &["--yes"])));
    require(&ended, 5, &["no secret key that fits", subkey, "gpg --import"]);
    assert!(!target.exists());

    let verify = || with_keys_of(&other, sealed.world.dbbackup(&["verify", "store"]));
    require(&run(&mut verify()), 3, &["sealed", "proven by size and SHA-256", "its content was not read"]);
    let mut with_key = with_keys_of(&sealed.gnupg, sealed.world.dbbackup(&["verify", "store"]));
    require(&succeed(&mut with_key), 0, &["ok", "the pages that its header counts"]);
    let drill = |gnupg| with_keys_of(gnupg, sealed.world.dbbackup(&["verify", "store", "--restore"]));
    require(&run(&mut drill(&other)), 3, &["sealed", "proven by size and SHA-256", "its content was not read"]);
    require(&succeed(&mut drill(&sealed.gnupg)), 0, &["restored ", "(1 table, 50 rows, which no manifest counts; "]);
    assert!(names(&sealed.world.tmp()).is_empty());
    let stored = sealed.world.store().join(&names(&sealed.world.store())[0]);
    let mut bytes = fs::read(&stored).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&stored, bytes).unwrap();
    require(&run(&mut verify()), 6, &["DAMAGED"]);
}

#[test]
fn media_are_encrypted_like_databases() {
    let Some(sealed) = Sealed::new(1) else { return };
    sealed.gnupg.curve_key("Ops", "");
    let media = sealed.world.folder().join("media");
    fs::create_dir_all(media.join("canary-folder")).unwrap();
    fs::write(media.join("canary-folder").join("a.txt"), "canary text").unwrap();
    std::os::unix::fs::symlink("canary-nowhere", media.join("dangling")).unwrap();
    let mut backup = sealed.world.dbbackup(&["media", "backup", "media", "--to", "store", "--encrypt", "openpgp:Ops"]);
    backup = with_keys_of(&sealed.gnupg, backup);
    // The link that leads nowhere is said to the user, and to nobody else.
    require(&run(&mut backup), 3, &["dangling"]);
    for name in names(&sealed.world.store()) {
        let bytes = fs::read(sealed.world.store().join(&name)).unwrap();
        let tells = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        assert!(!tells(b"canary") && !tells(b"dangling"), "{name}");
    }
    let back = sealed.world.dbbackup(&["media", "restore", "--from", "store", "--into", "back"]);
    succeed(&mut with_keys_of(&sealed.gnupg, back));
    let text = fs::read_to_string(sealed.world.folder().join("back").join("canary-folder").join("a.txt")).unwrap();
    assert_eq!(text, "canary text");
}

#[test]
fn a_passphrase_is_on_no_command_line() {
    let Some(sealed) = Sealed::new(60_000) else { return };
    // Other tests make keys with theirs.
    let passphrase = "whispered once";
    sealed.gnupg.curve_key("Locked", passphrase);
    succeed(&mut sealed.backup(&["locked@example.org"], &["--compress", "none"]));
    let (mut seen, mut has_gpg) = (String::new(), false);
    for _ in 0..3 {
        sealed.gnupg.forget();
        let mut command = sealed.restore(&["--json"]);
        command.env("DBBACKUP_PASSPHRASE", passphrase).stdout(std::process::Stdio::null());
        let mut running = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        while running.try_wait().unwrap().is_none() {
            for process in fs::read_dir("/proc").unwrap().flatten() {
                let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                has_gpg |= line.contains("--passphrase-fd");
                seen.push_str(&line);
            }
        }
        assert!(running.wait().unwrap().success());
    }
    assert!(has_gpg, "gpg was never seen");
    assert!(!seen.contains("whispered"));
}
