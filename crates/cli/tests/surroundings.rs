//! What a transcript cannot show: where the configuration is found, closed pipes, full outputs, runs that meet.

mod world;

use std::process::{Command, Stdio};
use std::time::Duration;

use dbbackup_testkit::Shop;
use dbbackup_testkit::killed::{Moment, eventually, send, signalled};
use fs_err as fs;
use world::{World, names, run, succeed};

#[test]
fn the_configuration_is_the_given_one_else_the_variables_else_the_folders_else_the_users() {
    let world = World::new("WAL", 10);
    let places = ["given.toml", "variable.toml", "dbbackup.toml", "dbbackup/dbbackup.toml"];
    fs::create_dir(world.folder().join("dbbackup")).unwrap();
    for place in places {
        let shop = world.folder().join("shop.sqlite3");
        let name = place.split(['.', '/']).next().unwrap().to_owned() + if place.contains('/') { "-user" } else { "" };
        let text = format!("[databases.{name}]\nurl = \"sqlite:///{}\"\n", shop.display());
        fs::write(world.folder().join(place), text).unwrap();
    }
    let variable = world.folder().join("variable.toml");
    for (name, more, has_variable) in [
        ("given", &["--config", "given.toml"][..], true),
        ("variable", &[], true),
        ("dbbackup", &[], false),
        ("dbbackup-user", &[], false),
    ] {
        let mut command = world.dbbackup(&["backup", name, "--to", "store"]);
        command.args(more);
        if has_variable {
            command.env("DBBACKUP_CONFIG", &variable);
        }
        if name == "dbbackup-user" {
            fs::remove_file(world.folder().join("dbbackup.toml")).unwrap();
        }
        succeed(&mut command);
    }
    assert_eq!(names(&world.store()).len(), 8);
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_error() {
    let world = World::new("WAL", 10);
    succeed(&mut world.backup(&[]));
    for verb in [&["list", "store"][..], &["verify", "store"], &["list", "store", "--json"], &["--help"]] {
        let mut child = world.dbbackup(verb).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{verb:?}");
        assert!(output.stderr.is_empty(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn an_output_that_takes_no_more_is_an_error() {
    let world = World::new("WAL", 10);
    succeed(&mut world.backup(&[]));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = world.dbbackup(&["list", "store"]).stdout(full.into_file()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"));
}

#[test]
fn two_backups_at_once_get_two_names() {
    let world = World::new("WAL", 60_000);
    let started: Vec<_> = (0..3).map(|_| world.backup(&["--quiet"]).spawn().unwrap()).collect();
    for mut child in started {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(world.listed().len(), 3);
    world.require_tidy("three at once");
}

#[test]
fn of_two_restores_at_once_one_is_busy_and_so_is_a_prune() {
    let world = World::new("WAL", 100_000);
    succeed(&mut world.backup(&["--compress", "gzip"]));
    let target = world.folder().join("target").join("live.sqlite3");
    fs::create_dir(target.parent().unwrap()).unwrap();
    let mut first = world.restore(&target, &["--yes", "--quiet"]).spawn().unwrap();
    let lock = || names(target.parent().unwrap()).iter().any(|name| name.starts_with(".dbbackup-copy-"));
    assert!(eventually(lock));
    // It sleeps while the others try.
    send(first.id(), "STOP");
    let second = run(&mut world.restore(&target, &["--yes"]));
    let prune = run(&mut world.dbbackup(&["prune", "store", "--keep-last", "1", "--server", "web-1"]));
    let dry = run(&mut world.dbbackup(&["prune", "store", "--keep-last", "1", "--server", "web-1", "--dry-run"]));
    send(first.id(), "CONT");
    assert_eq!(second.status.code(), Some(8), "{second:?}");
    assert_eq!(prune.status.code(), Some(8), "{prune:?}");
    assert_eq!(dry.status.code(), Some(0), "{dry:?}");
    assert!(first.wait().unwrap().success());
    assert_eq!(Shop { path: target.clone() }.content(), world.shop.content());
    assert_eq!(names(target.parent().unwrap()), ["live.sqlite3"]);
    world.require_tidy("after all");
}

#[test]
fn a_backup_deleted_while_it_is_restored_does_no_damage() {
    let world = World::new("WAL", 100_000);
    let target = Shop::new(world.folder().join("live.sqlite3"), "WAL", 10);
    let old = target.content();
    for delay in [5, 40, 80, 160] {
        succeed(&mut world.backup(&["--compress", "gzip"]));
        let mut restore = world.restore(&target.path, &["--yes", "--quiet"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        world.keep_only(&[]);
        let restored = restore.wait().unwrap().success();
        let content = target.content();
        assert!(if restored {
            content == world.shop.content()
        } else {
            content == old || content == world.shop.content()
        });
    }
}

/// The question needs a terminal, so `script` makes one.
#[test]
fn ctrl_c_ends_the_question() {
    let world = World::new("WAL", 10);
    succeed(&mut world.backup(&[]));
    let asks = format!("{} restore --from store --into sqlite:///shop.sqlite3", env!("CARGO_BIN_EXE_dbbackup"));
    for (answer, status, says) in
        [("\x03", 130, "interrupted"), ("n\n", 7, "nothing was changed"), ("y\n", 0, "restored")]
    {
        let mut script = Command::new("script");
        script.args(["-qec", &asks, "/dev/null"]).current_dir(world.folder()).env("DBBACKUP_CONFIG", "");
        script.stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut script) = script.spawn() else { return };
        let mut stdin = script.stdin.take().unwrap();
        let mut stdout = script.stdout.take().unwrap();
        let mut said = String::new();
        let mut part = [0; 1000];
        while !said.contains("Replace it? [y/N]") {
            let count = std::io::Read::read(&mut stdout, &mut part).unwrap();
            assert!(count > 0, "{said}");
            said.push_str(&String::from_utf8_lossy(&part[..count]));
        }
        std::io::Write::write_all(&mut stdin, answer.as_bytes()).unwrap();
        std::io::Read::read_to_string(&mut stdout, &mut said).unwrap();
        assert_eq!(script.wait().unwrap().code(), Some(status), "{said}");
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn a_signal_before_the_first_byte_is_as_good_as_any() {
    let world = World::new("WAL", 10);
    let moment = Moment { line: None, delay: Duration::ZERO };
    let ended = signalled(&mut world.backup(&[]), "TERM", &moment);
    assert!(!ended.status.success() || world.listed().len() == 1, "{ended:?}");
}
