//! Backups: for whom, and for whom not.

use dbbackup_testkit::Gnupg;
use fs_err as fs;

use crate::world::{names, run, succeed};
use crate::{Sealed, require, with_keys_of};

#[test]
fn what_is_stored_opens_with_gpg_and_shows_nothing() {
    let Some(sealed) = Sealed::new(500) else { return };
    sealed.gnupg.curve_key("Ops", "");
    for (compression, ending) in [("none", ".gpg"), ("gzip", ".gz.gpg"), ("zstd", ".zst.gpg")] {
        succeed(&mut sealed.backup(&["ops@example.org"], &["--compress", compression]));
        let stored = names(&sealed.world.store());
        let name = stored.iter().rfind(|name| name.ends_with(&format!("sqlite3{ending}"))).expect("it is named so");
        let bytes = fs::read(sealed.world.store().join(name)).unwrap();
        let manifest = fs::read_to_string(sealed.world.store().join(format!("{name}.metadata"))).unwrap();
        assert!(manifest.contains("\"encryption\": \"openpgp\""), "{manifest}");
        assert!(!manifest.contains("orders"), "a table's name is content: {manifest}");
        assert!(!bytes.windows(6).any(|window| window == b"orders" || window == b"SQLite"), "{name}");
        let opened = sealed.gnupg.gpg(&["--decrypt"], &bytes);
        if compression == "none" {
            assert!(opened.starts_with(b"SQLite format 3\0"));
        }
        fs::write(sealed.world.folder().join("opened"), opened).unwrap();
        succeed(&mut sealed.restore(&[]));
        assert_eq!(sealed.restored(), sealed.world.shop.content());
    }
}

#[test]
fn each_of_several_recipients_can_open_it() {
    let Some(sealed) = Sealed::new(50) else { return };
    let Some(other) = Gnupg::new() else { return };
    let ours = sealed.gnupg.rsa_key("Ada", "");
    let theirs = other.curve_key("Bob", "");
    other.publish(&theirs, &sealed.gnupg);
    sealed.gnupg.gpg(&["--quick-lsign-key", &theirs], b"");
    succeed(&mut sealed.backup(&[&ours, "bob@example.org"], &[]));
    succeed(&mut sealed.restore(&[]));
    let target = sealed.world.folder().join("elsewhere.sqlite3");
    succeed(&mut with_keys_of(&other, sealed.world.restore(&target, &["--yes"])));
    assert_eq!(dbbackup_testkit::Shop { path: target }.content(), sealed.world.shop.content());
}

#[test]
fn a_recipient_that_cannot_be_used_is_named_and_nothing_is_stored() {
    let Some(sealed) = Sealed::new(50) else { return };
    let gnupg = &sealed.gnupg;
    for _ in 0..2 {
        gnupg.rsa_key("Twin", "");
    }
    gnupg.rsa_key("Old", "Expire-Date: seconds=1\n");
    gnupg.rsa_key("Signer", "Key-Usage: sign\n");
    let revoked = gnupg.rsa_key("Former", "");
    gnupg.revoke(&revoked);
    let Some(stranger) = Gnupg::new() else { return };
    let untrusted = stranger.curve_key("Eve", "");
    stranger.publish(&untrusted, gnupg);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let twins = gnupg.fingerprints("Twin");
    let good = gnupg.curve_key("Good", "");
    for (name, words) in [
        ("nobody@example.org", &["no such public key", "--import"][..]),
        ("twin@example.org", &["ambiguous", &twins[0], &twins[1], "by its fingerprint"]),
        ("example.org", &["ambiguous"]),
        ("old@example.org", &["has expired", "--quick-set-expire"]),
        ("signer@example.org", &["cannot encrypt, only sign"]),
        ("former@example.org", &["was revoked"]),
        ("eve@example.org", &["untrusted", "DBBACKUP_GPG_ALWAYS_TRUST", &untrusted]),
    ] {
        for keys in [&[name][..], &[&good, name]] {
            let ended = run(&mut sealed.backup(keys, &[]));
            require(&ended, 5, &[&format!("cannot encrypt for `{name}`")]);
            require(&ended, 5, words);
            assert!(names(&sealed.world.store()).is_empty(), "{name}");
        }
    }
    // By its fingerprint a twin is one key, and whoever says so trusts a stranger.
    succeed(&mut sealed.backup(&[&twins[1]], &[]));
    succeed(sealed.backup(&["eve@example.org"], &[]).env("DBBACKUP_GPG_ALWAYS_TRUST", "1"));
}

#[test]
fn keys_are_not_looked_for_on_the_network() {
    let Some(sealed) = Sealed::new(50) else { return };
    fs::write(sealed.gnupg.home().join("gpg.conf"), "auto-key-locate clear,wkd\n").unwrap();
    let started = std::time::Instant::now();
    require(&run(&mut sealed.backup(&["nobody@example.org"], &[])), 5, &["no such public key"]);
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
    assert!(!sealed.gnupg.home().join("S.dirmngr").exists());
}

#[test]
fn the_users_own_configuration_holds_for_groups_and_not_for_what_changes_bytes() {
    let Some(sealed) = Sealed::new(50) else { return };
    let key = sealed.gnupg.curve_key("Ops", "");
    fs::write(
        sealed.gnupg.home().join("gpg.conf"),
        format!("group nightly = {key}\narmor\ntextmode\nenable-progress-filter\noutput elsewhere\n"),
    )
    .unwrap();
    succeed(&mut sealed.backup(&["nightly"], &["--compress", "none"]));
    let name = names(&sealed.world.store()).remove(0);
    let stored = fs::read(sealed.world.store().join(name)).unwrap();
    assert_ne!(stored.first(), Some(&b'-'), "it is armored");
    succeed(&mut sealed.restore(&[]));
    assert_eq!(sealed.restored(), sealed.world.shop.content());

    // What would leave out the guard against changes is refused before anybody relies on it.
    fs::write(sealed.gnupg.home().join("gpg.conf"), "rfc2440\n").unwrap();
    let ended = run(&mut sealed.backup(&[&key], &["--output", "unguarded"]));
    assert!(!ended.status.success() || ended.stdout.contains("stored"), "{ended:?}");
    if ended.status.success() {
        let restore = ["restore", "unguarded", "--from", "store", "--into", "sqlite:///again.sqlite3", "--yes"];
        succeed(&mut with_keys_of(&sealed.gnupg, sealed.world.dbbackup(&restore)));
    }
}

#[test]
fn a_name_that_a_known_key_has_given_itself_is_not_trusted() {
    let Some(sealed) = Sealed::new(50) else { return };
    let Some(mallory) = Gnupg::new() else { return };
    sealed.gnupg.curve_key("Ours", "");
    let key = mallory.curve_key("Mallory", "");
    mallory.publish(&key, &sealed.gnupg);
    sealed.gnupg.gpg(&["--quick-lsign-key", &key], b"");
    mallory.gpg(&["--passphrase", "", "--quick-add-uid", &key, "backups@victim.example"], b"");
    mallory.publish(&key, &sealed.gnupg);
    succeed(&mut sealed.backup(&["mallory@example.org"], &["--output", "known"]));
    let ended = run(&mut sealed.backup(&["backups@victim.example"], &["--output", "unknown"]));
    require(&ended, 5, &["cannot encrypt for `backups@victim.example`", "untrusted"]);
    assert!(!names(&sealed.world.store()).contains(&"unknown".to_owned()));
}

#[test]
fn without_gpg_the_package_is_named() {
    let Some(sealed) = Sealed::new(50) else { return };
    sealed.gnupg.curve_key("Ops", "");
    let ended = run(sealed.backup(&["ops@example.org"], &[]).env("PATH", "/nowhere"));
    require(&ended, 2, &["there is no `gpg` here", "`gnupg`"]);
    assert!(names(&sealed.world.store()).is_empty());
    succeed(&mut sealed.backup(&["ops@example.org"], &[]));
    require(&run(sealed.restore(&[]).env("PATH", "/nowhere")), 2, &["there is no `gpg` here"]);
}
