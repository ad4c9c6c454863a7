//! Locks that other processes hold: waited for so long, then named; nothing is changed.

use std::time::{Duration, Instant};

use dbbackup::{Error, ErrorKind, Result};

use crate::programs::Program;
use crate::world::{LOCK_TIMEOUT, World};

/// Runs `work`, which finds the database locked by `holder`.
fn require_busy<T: std::fmt::Debug>(case: &str, holder: &Program, work: impl FnOnce() -> Result<T>) {
    let started = Instant::now();
    let error: Error = work().expect_err(case);
    let waited = started.elapsed();
    assert_eq!(error.kind(), ErrorKind::Busy, "{case}: {error}");
    assert!(waited >= LOCK_TIMEOUT * 9 / 10 && waited < LOCK_TIMEOUT + Duration::from_secs(2), "{case}: {waited:?}");
    let holder = format!("process {} (python3", holder.pid());
    assert!(error.to_string().contains(&holder), "{case}: {error}");
    assert!(error.to_string().contains("1 s"), "{case}: {error}");
}

#[test]
fn a_backup_of_a_locked_database_is_busy_and_names_the_holder() {
    for (mode, script) in [
        ("DELETE", "db.execute('BEGIN EXCLUSIVE')"),
        (
            "DELETE",
            "db.execute('PRAGMA cache_size = 1'); db.execute('BEGIN'); db.execute('UPDATE orders SET note = hex(randomblob(900))')",
        ),
        ("WAL", "db.execute('PRAGMA locking_mode = EXCLUSIVE'); db.execute('BEGIN IMMEDIATE')"),
    ] {
        let world = World::new();
        let shop = world.shop("shop", mode, 500);
        let holder = Program::start(&shop.path, script);
        require_busy(&format!("{mode}: {script}"), &holder, || world.backup(&shop.path));
        assert!(world.store.bytes("a").is_none());
        drop(holder);
        world.backup(&shop.path).unwrap();
    }
}

#[test]
fn a_restore_into_a_locked_database_is_busy_and_names_the_holder() {
    let read = "c = db.execute('SELECT * FROM orders'); c.fetchone()";
    for (mode, script) in [
        ("DELETE", "db.execute('BEGIN EXCLUSIVE')"),
        ("DELETE", "db.execute('BEGIN IMMEDIATE')"),
        ("DELETE", "db.execute('BEGIN IMMEDIATE'); db.execute('DELETE FROM orders')"),
        ("DELETE", read),
        ("WAL", "db.execute('BEGIN EXCLUSIVE')"),
        ("WAL", "db.execute('BEGIN IMMEDIATE'); db.execute('DELETE FROM orders')"),
        ("WAL", "db.execute('PRAGMA locking_mode = EXCLUSIVE'); db.execute('BEGIN IMMEDIATE')"),
    ] {
        let case = format!("{mode}: {script}");
        let world = World::new();
        let from = world.shop("from", "WAL", 10);
        world.backup(&from.path).unwrap();
        let shop = world.shop("shop", mode, 2_000);
        let content = shop.content();
        let holder = Program::start(&shop.path, script);
        require_busy(&case, &holder, || world.restore(&shop.path));
        holder.kill();
        assert_eq!(shop.content(), content, "{case}");
        assert!(!world.names().iter().any(|name| name.starts_with(".dbbackup")), "{case}");
        world.restore(&shop.path).unwrap();
        assert_eq!(shop.content(), from.content(), "{case}");
        assert_eq!(world.names(), ["from", "shop"], "{case}");
    }
}

#[test]
fn a_writer_does_not_keep_a_backup_out() {
    for (mode, script) in [
        ("DELETE", "db.execute('BEGIN IMMEDIATE'); db.execute('DELETE FROM orders')"),
        ("WAL", "db.execute('BEGIN EXCLUSIVE'); db.execute('DELETE FROM orders')"),
    ] {
        let world = World::new();
        let shop = world.shop("shop", mode, 500);
        let content = shop.content();
        let holder = Program::start(&shop.path, script);
        world.backup(&shop.path).unwrap();
        drop(holder);
        world.restore(world.path("copy")).unwrap();
        assert_eq!(world.shop_at("copy").content(), content, "{mode}");
    }
}

#[test]
fn a_lock_that_is_let_go_in_time_is_waited_for() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 500);
    let holder = Program::start(&shop.path, "db.execute('BEGIN EXCLUSIVE')");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(LOCK_TIMEOUT / 3);
            drop(holder);
        });
        world.backup(&shop.path).unwrap();
    });
}
