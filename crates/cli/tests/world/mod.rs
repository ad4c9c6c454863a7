//! A shop, its store, and the program.
#![allow(dead_code, unreachable_pub, missing_docs)] // a module of several tests, each of which uses a part

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dbbackup_testkit::Shop;
use dbbackup_testkit::killed::{Ended, Moment, signalled};
use fs_err as fs;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a database `shop.sqlite3`, a store and a temporary folder.
pub struct World {
    pub shop: Shop,
    folder: PathBuf,
    _keep: Option<TempDir>,
}

impl World {
    pub fn new(journal_mode: &str, rows: u32) -> Self {
        // In memory where there is some: moments can be met there, and nobody pulls the plug in these tests.
        let memory = Path::new("/dev/shm");
        let keep = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let folder = keep.path().to_owned();
        fs::create_dir(folder.join("tmp")).unwrap();
        let shop = Shop::new(folder.join("shop.sqlite3"), journal_mode, rows);
        Self { shop, folder, _keep: Some(keep) }
    }

    /// Names a world that another process made.
    pub fn at(folder: &Path) -> Self {
        Self { shop: Shop { path: folder.join("shop.sqlite3") }, folder: folder.to_owned(), _keep: None }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    pub fn tmp(&self) -> PathBuf {
        self.folder.join("tmp")
    }

    pub fn set_journal_mode(&self, journal_mode: &str) {
        self.shop.connect().pragma_update(None, "journal_mode", journal_mode).unwrap();
    }

    /// The program, in this folder and away from the user's own configuration.
    pub fn dbbackup(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dbbackup"));
        command.args(arguments).current_dir(&self.folder);
        command.env("DBBACKUP_CONFIG", "").env("XDG_CONFIG_HOME", &self.folder).env("TMPDIR", self.tmp());
        command
    }

    pub fn backup(&self, more: &[&str]) -> Command {
        let mut command = self.dbbackup(&["backup", "sqlite:///shop.sqlite3", "--to", "store", "--server", "web-1"]);
        command.args(more);
        command
    }

    /// The newest backup into the database at `target`.
    pub fn restore(&self, target: &Path, more: &[&str]) -> Command {
        let url = format!("sqlite:///{}", target.display());
        let mut command = self.dbbackup(&["restore", "--from", "store", "--name", "shop", "--server", "web-1"]);
        command.args(["--into", &url]).args(more);
        command
    }

    /// Names of the listed backups, oldest first.
    pub fn listed(&self) -> Vec<String> {
        self.listing().into_iter().map(|(name, _)| name).collect()
    }

    fn listing(&self) -> Vec<(String, bool)> {
        if !self.store().exists() {
            return Vec::new();
        }
        let ended = succeed(&mut self.dbbackup(&["list", "store", "--json"]));
        let object: Value = serde_json::from_str(&ended.stdout).unwrap();
        let backups = object["backups"].as_array().unwrap();
        let entry =
            |backup: &Value| (backup["name"].as_str().unwrap().to_owned(), backup["has_manifest"].as_bool().unwrap());
        backups.iter().map(entry).collect()
    }

    /// Everything listed is whole, and what was listed `before` still is.
    pub fn require_whole(&self, before: &[String], what: &str) {
        let listed = self.listed();
        assert!(before.iter().all(|name| listed.contains(name)), "{what}: {before:?}, then {listed:?}");
        if !listed.is_empty() {
            let ended = run(&mut self.dbbackup(&["verify", "store", "--all"]));
            assert!(ended.status.success(), "{what}: {ended:?}");
        }
    }

    /// The store holds whole backups and nothing else, the temporary folder nothing at all.
    pub fn require_tidy(&self, what: &str) {
        self.require_whole(&[], what);
        let mut expected = Vec::new();
        for (name, has_manifest) in self.listing() {
            expected.extend(has_manifest.then(|| format!("{name}.metadata")));
            expected.push(name);
        }
        expected.sort();
        assert_eq!(names(&self.store()), expected, "{what}");
        assert_eq!(names(&self.tmp()), [""; 0], "{what}");
    }

    pub fn prune(&self) {
        let arguments = ["prune", "store", "--keep-last", "1", "--name", "shop", "--server", "web-1", "--quiet"];
        succeed(&mut self.dbbackup(&arguments));
    }

    /// Removes from the store what is not `names`.
    pub fn keep_only(&self, kept: &[String]) {
        for name in names(&self.store()) {
            if !kept.contains(&name) {
                fs::remove_file(self.store().join(name)).unwrap();
            }
        }
    }
}

/// Runs to the end, which must be good.
pub fn succeed(command: &mut Command) -> Ended {
    let ended = run(command);
    assert!(ended.status.success(), "{command:?}: {ended:?}");
    ended
}

/// Runs to the end, whatever it is.
pub fn run(command: &mut Command) -> Ended {
    // Signal 0 is none, and comes too late for all but what hangs.
    signalled(command, "0", &Moment { line: None, delay: Duration::from_secs(50) })
}

/// Names in a folder, sorted; none if it is not there.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
