//! The real program with the real gpg: what is encrypted is for whom it was meant, opens with standard tools, and
//! nothing that is damaged, or for somebody else, changes anything.
//!
//! What GnuPG 2.4 writes is not tested here: there is none to be had. Its messages are the same but for AEAD, of which
//! `status.rs` tests what gpg says.

mod damage;
mod keys;
mod restore;
mod stopped;
#[path = "../world/mod.rs"]
mod world;

use std::process::Command;

use dbbackup_testkit::Gnupg;
use dbbackup_testkit::killed::Ended;
use world::World;

/// A shop, and the key ring of the one who owns it.
struct Sealed {
    world: World,
    gnupg: Gnupg,
}

impl Sealed {
    /// `None` where there is no gpg.
    fn new(rows: u32) -> Option<Self> {
        Some(Self { gnupg: Gnupg::new()?, world: World::new("WAL", rows) })
    }

    fn backup(&self, keys: &[&str], more: &[&str]) -> Command {
        let mut command = with_keys_of(&self.gnupg, self.world.backup(more));
        for key in keys {
            command.arg("--encrypt").arg(format!("openpgp:{key}"));
        }
        command
    }

    fn restore(&self, more: &[&str]) -> Command {
        let target = self.world.folder().join("restored.sqlite3");
        with_keys_of(&self.gnupg, self.world.restore(&target, &[&["--yes"], more].concat()))
    }

    /// What the last restore brought.
    fn restored(&self) -> (i64, i64, String) {
        dbbackup_testkit::Shop { path: self.world.folder().join("restored.sqlite3") }.content()
    }
}

fn with_keys_of(gnupg: &Gnupg, mut command: Command) -> Command {
    command.env("GNUPGHOME", gnupg.home()).env_remove("DBBACKUP_PASSPHRASE");
    command
}

/// Fails unless a command ended with this status and said this.
#[track_caller]
fn require(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    for words in words {
        assert!(ended.stderr.contains(words) || ended.stdout.contains(words), "`{words}` is not said: {ended:?}");
    }
}
