//! Files and folders that may not be written, as another user finds them. Root may write everything, so the
//! engine runs in a child without its rights.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use dbbackup::ErrorKind;
use fs_err as fs;

use crate::world::{World, beside, sqlite};

/// What the child reports: `ok`, or the kind and text of its error.
struct Outcome(String);

impl Outcome {
    fn require_ok(&self, case: &str) {
        assert_eq!(self.0, "ok", "{case}");
    }

    fn require(&self, kind: ErrorKind, words: &[&str], case: &str) {
        assert!(self.0.starts_with(kind.info().id), "{case}: {}", self.0);
        assert!(words.iter().all(|word| self.0.contains(word)), "{case}: {}", self.0);
    }
}

/// Runs `task` (`backup`, the same without the `orders`, or `restore`) on `path` with the store in `store` as a user who owns nothing; `None` where
/// that cannot be done.
fn as_nobody(task: &str, path: &Path, store: &Path) -> Option<Outcome> {
    // A copy, as the build's own folder may be closed to others.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let binary = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let mut command = Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    command.arg(&binary).args(["--exact", "rights::in_the_child", "--nocapture"]);
    command.env(TASK, task).env(DATABASE, path).env(STORE, store);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var("CI").is_err(), "setpriv is needed in CI: {error}");
            crate::world::skip(&format!("no setpriv: {error}"));
            return None;
        }
    };
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let outcome = stdout.lines().find_map(|line| line.split_once("outcome: ")).map(|(_, outcome)| outcome.to_owned());
    Some(Outcome(outcome.unwrap_or_else(|| panic!("the child said nothing: {stdout}{stderr}"))))
}

const EXCLUDE: &str = "exclude";
const TASK: &str = "DBBACKUP_TEST_TASK";
const DATABASE: &str = "DBBACKUP_TEST_DATABASE";
const STORE: &str = "DBBACKUP_TEST_STORE";

/// No test by itself: what [`as_nobody`] runs.
#[test]
fn in_the_child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let (path, store) = (std::env::var_os(DATABASE).unwrap(), std::env::var_os(STORE).unwrap());
    let world = World::new();
    let name = Path::new(&store).join("a");
    let result = if task == "restore" {
        world.restore_plain(&fs::read(&name).unwrap(), &path).map(|_| ())
    } else {
        let excluded = (task == EXCLUDE).then_some("orders");
        world.backup_of(&mut sqlite(&path).excluding(excluded)).map(|_| {
            fs::write(&name, world.stored()).unwrap();
        })
    };
    let outcome = result.map_or_else(|error| format!("{} {error}", error.kind().info().id), |()| "ok".to_owned());
    #[allow(clippy::print_stdout)] // to the parent
    {
        println!("\noutcome: {outcome}");
    }
}

/// A folder that everybody may read, with a folder `data` for the database and one `store` that all may write.
fn open_world() -> World {
    let world = World::new();
    fs::set_permissions(world.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
    for folder in ["data", "store"] {
        fs::create_dir(world.path(folder)).unwrap();
    }
    set_mode(&world.path("data"), 0o755);
    set_mode(&world.path("store"), 0o777);
    world
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    crate::world::files(folder).into_keys().map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn a_database_that_may_only_be_read_is_backed_up() {
    // File and folder: as the application's group may see them, and another user's.
    for (mode, folder_mode, file_mode) in
        [("WAL", 0o777, 0o444), ("DELETE", 0o777, 0o444), ("WAL", 0o755, 0o644), ("DELETE", 0o755, 0o644)]
    {
        let case = format!("{mode} {folder_mode:o} {file_mode:o}");
        let world = open_world();
        let shop = world.shop("data/shop", mode, 300);
        set_mode(&shop.path, file_mode);
        set_mode(&world.path("data"), folder_mode);
        let before = fs::read(&shop.path).unwrap();
        for task in [EXCLUDE, "backup"] {
            let Some(outcome) = as_nobody(task, &shop.path, &world.path("store")) else { return };
            outcome.require_ok(&case);
            assert!(fs::read(&shop.path).unwrap() == before, "{case}");
            assert_eq!(names(&world.path("data")), ["shop"], "{case}");
            world.restore_plain(&fs::read(world.path("store/a")).unwrap(), world.path(task)).unwrap();
        }
        set_mode(&shop.path, 0o644);
        assert_eq!(world.shop_at("backup").content(), shop.content(), "{case}");
        assert_eq!(world.shop_at(EXCLUDE).content().0, 0, "{case}");
    }
}

#[test]
fn a_database_that_another_user_has_open_is_backed_up() {
    let world = open_world();
    let shop = world.shop("data/shop", "WAL", 300);
    let open = shop.connect();
    open.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE orders SET total = 5").unwrap();
    let Some(outcome) = as_nobody("backup", &shop.path, &world.path("store")) else { return };
    outcome.require_ok("open elsewhere");
    world.restore_plain(&fs::read(world.path("store/a")).unwrap(), world.path("copy")).unwrap();
    assert_eq!(world.shop_at("copy").content().1, 1_500);
}

/// Its `-wal` or `-journal` decides what the content is, and nobody without rights to write can ask it.
#[test]
fn a_database_whose_recovery_needs_rights_is_denied_and_says_so() {
    for (mode, ending) in [("WAL", "-wal"), ("DELETE", "-journal")] {
        let world = open_world();
        let shop = world.shop("data/shop", mode, 2_000);
        if mode == "WAL" {
            let open = shop.connect();
            open.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE orders SET total = 5").unwrap();
            fs::copy(beside(&shop.path, ending), world.path("wal")).unwrap();
            drop(open);
            fs::rename(world.path("wal"), beside(&shop.path, ending)).unwrap();
        } else {
            crate::backup::crash_in_a_transaction(&shop.path);
        }
        let before = crate::world::files(&world.path("data"));
        let Some(outcome) = as_nobody("backup", &shop.path, &world.path("store")) else { return };
        outcome.require(ErrorKind::Denied, &["data/shop", ending], mode);
        assert!(crate::world::files(&world.path("data")) == before, "{mode}");
        assert_eq!(names(&world.path("store")), [""; 0]);
    }
}

#[test]
fn what_may_not_be_read_is_denied() {
    let world = open_world();
    let shop = world.shop("data/shop", "WAL", 30);
    set_mode(&shop.path, 0o600);
    let Some(outcome) = as_nobody("backup", &shop.path, &world.path("store")) else { return };
    outcome.require(ErrorKind::Denied, &["data/shop"], "file");
    set_mode(&shop.path, 0o644);
    set_mode(&world.path("data"), 0o700);
    let Some(outcome) = as_nobody("backup", &shop.path, &world.path("store")) else { return };
    outcome.require(ErrorKind::Denied, &["data/shop"], "folder");
}

#[test]
fn what_may_not_be_written_is_denied_and_stays_as_it_is() {
    for mode in ["WAL", "DELETE"] {
        for (folder_mode, file_mode) in [(0o755, 0o644), (0o777, 0o444), (0o755, 0o666)] {
            let case = format!("{mode} {folder_mode:o} {file_mode:o}");
            let world = open_world();
            let from = world.shop("from", "DELETE", 30);
            fs::copy(&from.path, world.path("store/a")).unwrap();
            set_mode(&world.path("store/a"), 0o644);
            let live = world.shop("data/live", mode, 300);
            set_mode(&live.path, file_mode);
            set_mode(&world.path("data"), folder_mode);
            let before = crate::world::files(&world.path("data"));
            let Some(outcome) = as_nobody("restore", &live.path, &world.path("store")) else { return };
            outcome.require(ErrorKind::Denied, &["data/live"], &case);
            assert!(crate::world::files(&world.path("data")) == before, "{case}");
        }
    }
}
