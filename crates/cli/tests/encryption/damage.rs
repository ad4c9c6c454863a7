//! A backup that is damaged at any place is refused, and nothing changes.

use dbbackup_testkit::Damage;
use fs_err as fs;

use crate::world::{names, run, succeed};
use crate::{Sealed, with_keys_of};

/// Restores damaged copies without a manifest: GnuPG's own word is all there is.
#[test]
fn damage_anywhere_in_an_encrypted_file_is_refused() {
    let Some(sealed) = Sealed::new(400) else { return };
    sealed.gnupg.curve_key("Ops", "");
    sealed.gnupg.rsa_key("Rsa", "");
    for (key, places) in [("ops@example.org", 10), ("rsa@example.org", 4)] {
        succeed(&mut sealed.backup(&[key], &["--compress", "none", "--output", key]));
        let stored = fs::read(sealed.world.store().join(key)).unwrap();
        let mut damages = Damage::everywhere(stored.len(), places);
        // The packet's header, key id, algorithm, session key; the packet of the data; its end, the MDC.
        for byte in [0, 1, 2, 3, 10, 11, 12, 13, 20, 40, 60, 93, 94, 95, 96, 99] {
            damages.push(Damage::FlipBit(byte * 8 + 3));
        }
        for byte in 1..=22 {
            damages.push(Damage::FlipBit((stored.len() - byte) * 8));
        }
        require_refused(&sealed, &stored, &damages);
    }
}

#[test]
fn damage_in_a_compressed_and_encrypted_file_is_refused() {
    let Some(sealed) = Sealed::new(400) else { return };
    sealed.gnupg.curve_key("Ops", "");
    for compression in ["gzip", "zstd"] {
        succeed(&mut sealed.backup(&["ops@example.org"], &["--compress", compression, "--output", compression]));
        let stored = fs::read(sealed.world.store().join(compression)).unwrap();
        require_refused(&sealed, &stored, &Damage::everywhere(stored.len(), 6));
    }
}

/// Media have no commit of their own: the first of two readings has to see it.
#[test]
fn damage_in_encrypted_media_changes_no_file() {
    let Some(sealed) = Sealed::new(1) else { return };
    sealed.gnupg.curve_key("Ops", "");
    let media = sealed.world.folder().join("media");
    fs::create_dir(&media).unwrap();
    for number in 0..40 {
        fs::write(media.join(format!("{number}.txt")), "x".repeat(5000 + number)).unwrap();
    }
    let backup = ["media", "backup", "media", "--to", "store", "--compress", "none", "--encrypt", "openpgp:Ops"];
    succeed(&mut with_keys_of(&sealed.gnupg, sealed.world.dbbackup(&backup)));
    let name = names(&sealed.world.store()).remove(0);
    let stored = fs::read(sealed.world.store().join(&name)).unwrap();
    let file = sealed.world.folder().join("damaged.tar");
    for damage in [Damage::FlipBit(150_000 * 8), Damage::CutTo(150_000), Damage::FlipBit((stored.len() - 3) * 8)] {
        fs::write(&file, damage.apply(&stored)).unwrap();
        let restore = sealed.world.dbbackup(&["media", "restore", "damaged.tar", "--into", "back"]);
        let ended = run(&mut with_keys_of(&sealed.gnupg, restore));
        assert_eq!(ended.status.code(), Some(6), "{damage:?}: {ended:?}");
        assert!(names(&sealed.world.folder().join("back")).is_empty(), "{damage:?}");
    }
}

fn require_refused(sealed: &Sealed, stored: &[u8], damages: &[Damage]) {
    let target = sealed.world.folder().join("target.sqlite3");
    fs::copy(&sealed.world.shop.path, &target).unwrap();
    let before = fs::read(&target).unwrap();
    for damage in damages {
        let bytes = damage.apply(stored);
        if bytes == stored {
            continue;
        }
        fs::write(sealed.world.folder().join("damaged"), bytes).unwrap();
        let restore = sealed.world.dbbackup(&["restore", "damaged", "--into", "sqlite:///target.sqlite3", "--yes"]);
        let ended = run(&mut with_keys_of(&sealed.gnupg, restore));
        // A key id that is another one's is somebody else's backup; without its first bytes it is no backup at all.
        assert!(matches!(ended.status.code(), Some(5 | 6 | 9)), "{damage:?}: {ended:?}");
        assert!(fs::read(&target).unwrap() == before, "{damage:?} changed the target: {ended:?}");
    }
}
