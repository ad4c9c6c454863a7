//! A run that is asked to stop, at every moment at which it can be.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dbbackup::{Cancel, ErrorKind, Phase};
use fs_err as fs;
use rusqlite::Connection;

use crate::programs::Program;
use crate::world::{World, files, sqlite};

/// A world whose runs are asked to stop at their `stop_at`th event, and the phases that were seen.
pub(crate) fn stopped_at(stop_at: usize) -> (World, Arc<Mutex<Vec<Phase>>>) {
    let (cancel, count) = (Cancel::default(), AtomicUsize::new(0));
    let phases = Arc::new(Mutex::new(Vec::new()));
    let (request, seen) = (cancel.clone(), Arc::clone(&phases));
    let mut world = World::new().watched_by(move |event| {
        seen.lock().unwrap().push(event.phase);
        if count.fetch_add(1, Ordering::Relaxed) == stop_at {
            request.request(2);
        }
    });
    world.run.cancel = cancel;
    (world, phases)
}

#[test]
fn a_backup_that_is_stopped_anywhere_leaves_nothing() {
    for mode in ["WAL", "DELETE"] {
        let plain = World::new();
        let shop = plain.shop("shop", mode, 20_000);
        let before = plain.files();
        let tmp = tempfile::tempdir().unwrap();
        let mut stopped_in = BTreeSet::new();
        for stop_at in 0.. {
            let (mut world, phases) = stopped_at(stop_at);
            world.run.tmp_dir = tmp.path().to_owned();
            let result = world.backup(&shop.path);
            assert_eq!(files(tmp.path()).len(), 0);
            assert!(plain.files() == before);
            let phases = phases.lock().unwrap();
            if phases.len() <= stop_at {
                result.unwrap();
                break;
            }
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Interrupted, "{mode}: event {stop_at}");
            assert!(world.store.bytes("a").is_none());
            stopped_in.insert(phases[stop_at].id());
        }
        let expected: &[&str] = if mode == "WAL" { &["backup"] } else { &["backup", "snapshot"] };
        assert_eq!(stopped_in.into_iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_restore_that_is_stopped_anywhere_leaves_the_old_content() {
    let plain = World::new();
    // Small pages, so that even the swap, of 4,096 pages each, has several steps.
    Connection::open(plain.path("shop")).unwrap().execute_batch("PRAGMA page_size = 512; VACUUM").unwrap();
    let shop = plain.shop("shop", "DELETE", 10);
    shop.connect()
        .execute_batch(
            "CREATE TABLE ballast (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
             INSERT INTO ballast SELECT zeroblob(1048576) FROM n",
        )
        .unwrap();
    plain.backup(&shop.path).unwrap();
    let content = shop.content();
    for mode in ["WAL", "DELETE"] {
        let live = plain.shop(mode, mode, 100);
        let before = live.content();
        let mut stopped_in = BTreeSet::new();
        let mut stop_at = 0;
        loop {
            let (world, phases) = stopped_at(stop_at);
            for name in ["a", "a.metadata"] {
                world.store.insert(name, plain.store.bytes(name).unwrap());
            }
            let result = world.restore(&live.path);
            let phases = phases.lock().unwrap();
            // The answer and the content agree, also where the request came too late.
            match result {
                Ok(_) => assert_eq!(live.content(), content),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Interrupted, "{mode}: event {stop_at}: {error}");
                    assert_eq!(live.content(), before, "{mode}: event {stop_at}");
                    stopped_in.insert(phases[stop_at].id());
                }
            }
            assert!(
                !plain.names().iter().any(|name| name.starts_with('.') || name.contains('-')),
                "{:?}",
                plain.names()
            );
            if phases.len() <= stop_at {
                break;
            }
            stop_at += 1;
        }
        assert_eq!(stopped_in.into_iter().collect::<Vec<_>>(), ["check", "restore", "swap"], "{mode}");
    }
}

/// Not after thirty seconds.
#[test]
fn waiting_for_a_lock_can_be_stopped() {
    let world = World::new();
    let shop = world.shop("shop", "DELETE", 100);
    world.backup(&shop.path).unwrap();
    let holder = Program::start(&shop.path, "db.execute('BEGIN EXCLUSIVE')");
    for is_backup in [true, false] {
        let (mut world, _) = stopped_at(usize::MAX);
        world.run.cancel = Cancel::default();
        let cancel = world.run.cancel.clone();
        world.store.insert("plain", fs::read(&shop.path).unwrap());
        let started = Instant::now();
        let error = std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                cancel.request(15);
            });
            let mut database = sqlite(&shop.path).with_lock_timeout(Duration::from_secs(60));
            if is_backup {
                world.backup_of(&mut database).unwrap_err()
            } else {
                dbbackup::restore("plain", &mut database, &world.store, &world.run).unwrap_err()
            }
        });
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    drop(holder);
}
