//! Stopped at any byte, by anything: nothing is stored (P1), the target is as it was (P2), success is not claimed (P7).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dbbackup::retention::Policy;
use dbbackup::source::process::Tool;
use dbbackup::source::reader::Reader;
use dbbackup::source::sqlite::Sqlite;
use dbbackup::source::{Expected, Source, Target as _};
use dbbackup::store::{Existing, Hold, Store};
use dbbackup::{
    Backup, BackupName, Cancel, Compression, ErrorKind, Event, Local, Memory, Naming, Progress, Prune, Receipt, Result,
    Run, Scope,
};
use dbbackup_testkit::{FaultyReader, FaultyStore, Shop};
use fs_err as fs;

const BLOCK: u64 = 1024 * 1024;
/// Three whole blocks and a rest.
const PLAIN: u64 = 3 * BLOCK + 4097;

/// Bytes where something ends or begins: the stream, a block of the codecs, a read of the pipeline.
fn edges(length: u64) -> Vec<u64> {
    let mut edges = vec![0, 1, 100, length / 2, length - 1];
    for edge in [64 * 1024, 256 * 1024, BLOCK, 2 * BLOCK, 3 * BLOCK] {
        edges.extend([edge - 1, edge, edge + 1]);
    }
    edges.retain(|&edge| edge < length);
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Bytes that look like nothing and do not shrink much.
fn noise(length: u64) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56).to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn naming() -> Naming {
    Naming::standard("web-1", &["shop".to_owned()]).unwrap()
}

fn back_up(
    source: &mut dyn Source,
    store: &dyn Store,
    name: Option<&str>,
    compression: Compression,
    run: &Run,
) -> Result<Receipt> {
    let naming = naming();
    let request = Backup {
        kind: dbbackup::manifest::Kind::Database,
        reason: dbbackup::manifest::Reason::Asked,
        name: match name {
            Some(name) => BackupName::Given { name: name.to_owned(), existing: Existing::Refuse },
            None => BackupName::Generated { naming: &naming, extension: "sqlite3" },
        },
        alias: "shop".to_owned(),
        database: "shop".to_owned(),
        servername: "web-1".to_owned(),
        source_id: None,
        compression,
        recipients: dbbackup::Recipients::Everybody,
        metadata: serde_json::Map::new(),
    };
    dbbackup::backup(&request, source, store, run)
}

/// Every name and size in a folder, ours included.
fn files(folder: &Path) -> Vec<(String, u64)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<(String, u64)> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.metadata().unwrap().len()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_source_that_fails_at_any_byte_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path().join("store"));
    let plain = noise(PLAIN);
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        for at in edges(PLAIN).into_iter().chain([PLAIN]) {
            let faulty = FaultyReader::new(std::io::Cursor::new(plain.clone()), at);
            let result = back_up(&mut Reader::new(faulty), &store, Some("shop.sqlite3"), compression, &Run::default());
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Read, "{compression:?} at {at}");
            assert_eq!(files(store.root()), [], "{compression:?} at {at}");
        }
    }
    // The same name is free again, and what was there before stays through a failure.
    back_up(&mut Reader::new(&b"x"[..]), &store, Some("shop.sqlite3"), Compression::None, &Run::default()).unwrap();
    let before = files(store.root());
    let faulty = FaultyReader::new(std::io::Cursor::new(plain), BLOCK);
    back_up(&mut Reader::new(faulty), &store, None, Compression::Zstd, &Run::default()).unwrap_err();
    assert_eq!(files(store.root()), before);
}

#[test]
fn a_store_that_fails_at_any_byte_lists_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::new(folder.path().join("store"));
    back_up(&mut Reader::new(&b"x"[..]), &local, Some("first.sqlite3"), Compression::None, &Run::default()).unwrap();
    let before = files(local.root());
    let plain = noise(PLAIN);
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        for at in edges(PLAIN) {
            let store = FaultyStore { write_fails_at: Some(at), ..FaultyStore::new(local.clone()) };
            let mut source = Reader::new(std::io::Cursor::new(plain.clone()));
            let result = back_up(&mut source, &store, Some("second.sqlite3"), compression, &Run::default());
            assert_eq!(result.unwrap_err().kind(), ErrorKind::NoSpace, "{compression:?} at {at}");
            assert_eq!(files(local.root()), before, "{compression:?} at {at}");
        }
        let store = FaultyStore { commit_fails: true, ..FaultyStore::new(local.clone()) };
        let mut source = Reader::new(std::io::Cursor::new(plain.clone()));
        let result = back_up(&mut source, &store, Some("second.sqlite3"), compression, &Run::default());
        assert_eq!(result.unwrap_err().kind(), ErrorKind::NoSpace, "{compression:?}");
        assert_eq!(files(local.root()), before, "{compression:?}");
    }
}

#[test]
fn a_backup_that_cannot_be_read_to_its_end_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::new(folder.path().join("shop.sqlite3"), "WAL", 25_000);
    let target = Shop::new(folder.path().join("target.sqlite3"), "WAL", 10);
    let old = target.content();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let memory = Memory::default();
        let mut source = Sqlite::new(&shop.path);
        let receipt = back_up(&mut source, &memory, None, compression, &Run::default()).unwrap();
        let before = files(folder.path());
        for at in edges(receipt.record.stored_bytes) {
            let store = FaultyStore { read_fails_at: Some(at), ..FaultyStore::new(memory.clone()) };
            let result = dbbackup::restore(&receipt.name, &mut Sqlite::new(&target.path), &store, &Run::default());
            let kind = result.unwrap_err().kind();
            assert!(matches!(kind, ErrorKind::Read | ErrorKind::Corrupt), "{compression:?} at {at}: {kind:?}");
            let result = dbbackup::verify(&receipt.name, &store, &Run::default());
            assert!(result.is_err(), "{compression:?} at {at}");
            assert_eq!(files(folder.path()), before, "{compression:?} at {at}");
        }
        assert_eq!(target.content(), old);
    }
}

/// Stops the run, or does something else, when it has heard so many events.
struct At<F: Fn() + Send + Sync> {
    event: usize,
    heard: AtomicUsize,
    act: F,
}

impl<F: Fn() + Send + Sync> Progress for At<F> {
    fn tell(&self, _event: Event) {
        if self.heard.fetch_add(1, Ordering::SeqCst) == self.event {
            (self.act)();
        }
    }
}

fn run_that_acts(event: usize, tmp_dir: &Path, act: impl Fn() + Send + Sync + 'static, cancel: Cancel) -> Run {
    let progress = Arc::new(At { event, heard: AtomicUsize::new(0), act });
    Run { progress, cancel, tmp_dir: tmp_dir.to_owned(), ..Run::default() }
}

fn run_that_stops(event: usize, tmp_dir: &Path) -> Run {
    let cancel = Cancel::default();
    let stopped = cancel.clone();
    run_that_acts(event, tmp_dir, move || stopped.request(15), cancel)
}

#[test]
fn a_backup_stopped_at_any_event_leaves_nothing() {
    for journal_mode in ["WAL", "DELETE"] {
        let folder = tempfile::tempdir().unwrap();
        let (shop, store, tmp) =
            (folder.path().join("shop.sqlite3"), folder.path().join("store"), folder.path().join("tmp"));
        fs::create_dir(&tmp).unwrap();
        let shop = Shop::new(shop, journal_mode, 60_000);
        let store = Local::new(store);
        let mut event = 0;
        loop {
            let run = run_that_stops(event, &tmp);
            let result = back_up(&mut Sqlite::new(&shop.path), &store, None, Compression::Zstd, &run);
            assert_eq!(files(&tmp), [], "{journal_mode}, event {event}");
            match result {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Interrupted, "{journal_mode}, event {event}: {error}");
                    assert_eq!(files(store.root()), [], "{journal_mode}, event {event}");
                }
                Ok(_) => break,
            }
            event += 1;
        }
        assert!(event > 5, "{event}");
        assert_eq!(files(store.root()).len(), 2);
    }
}

#[test]
fn a_restore_stopped_at_any_event_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::new(folder.path().join("shop.sqlite3"), "WAL", 15_000);
    let store = Memory::default();
    let mut source = Sqlite::new(&shop.path);
    let name = back_up(&mut source, &store, None, Compression::Zstd, &Run::default()).unwrap().name;
    for journal_mode in ["WAL", "DELETE"] {
        let target = folder.path().join(journal_mode);
        fs::create_dir(&target).unwrap();
        let target = Shop::new(target.join("live.sqlite3"), journal_mode, 10);
        let (old, before) = (target.content(), files(target.path.parent().unwrap()));
        let mut event = 0;
        loop {
            let run = run_that_stops(event, folder.path());
            let result = dbbackup::restore(&name, &mut Sqlite::new(&target.path), &store, &run);
            let content = target.content();
            match result {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Interrupted, "{journal_mode}, event {event}: {error}");
                    assert_eq!(content, old, "{journal_mode}, event {event}");
                    assert_eq!(files(target.path.parent().unwrap()), before, "{journal_mode}, event {event}");
                }
                Ok(_) => break,
            }
            event += 1;
        }
        assert!(event > 5, "{event}");
        assert_eq!(target.content(), shop.content());
    }
}

#[test]
fn backups_of_one_second_get_names_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::new(folder.path().join("shop.sqlite3"), "WAL", 1_000);
    let store = Local::new(folder.path().join("store"));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut source = Sqlite::new(&shop.path);
                back_up(&mut source, &store, None, Compression::Zstd, &Run::default()).unwrap();
            });
        }
    });
    let files = files(store.root());
    assert_eq!(files.len(), 6, "{files:?}");
}

#[test]
fn restores_and_prunes_that_meet_are_busy() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::new(folder.path().join("shop.sqlite3"), "WAL", 100);
    let store = Local::new(folder.path().join("store"));
    let mut source = Sqlite::new(&shop.path);
    let name = back_up(&mut source, &store, None, Compression::Zstd, &Run::default()).unwrap().name;
    let scope =
        Scope { alias: "shop".to_owned(), kind: dbbackup::manifest::Kind::Database, database: None, source_id: None };
    let prune = |dry_run| {
        let policy = Policy::keep_last(1);
        dbbackup::prune(&Prune { scope: &scope, servername: "web-1", policy, dry_run }, &store, &naming(), |_| false)
    };
    let restore = || dbbackup::restore(&name, &mut Sqlite::new(&shop.path), &store, &Run::default());

    let mut first = Sqlite::new(&shop.path);
    let load = first.begin(&Expected::default(), &Run::default()).unwrap();
    assert_eq!(restore().unwrap_err().kind(), ErrorKind::Busy);
    drop(load);

    let restoring = store.lock(Hold::Shared).unwrap();
    assert_eq!(prune(false).unwrap_err().kind(), ErrorKind::Busy);
    assert!(prune(true).is_ok());
    restore().unwrap();
    drop(restoring);

    let pruning = store.lock(Hold::Exclusive).unwrap();
    assert_eq!(restore().unwrap_err().kind(), ErrorKind::Busy);
    drop(pruning);
    restore().unwrap();
    assert_eq!(files(store.root()).len(), 2);
}

#[test]
fn a_backup_that_vanishes_while_it_is_restored_does_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::new(folder.path().join("shop.sqlite3"), "WAL", 15_000);
    let target = Shop::new(folder.path().join("target.sqlite3"), "WAL", 10);
    let store = Local::new(folder.path().join("store"));
    for event in 0..12 {
        let mut source = Sqlite::new(&shop.path);
        let name = back_up(&mut source, &store, None, Compression::Gzip, &Run::default()).unwrap().name;
        let (old, root) = (target.content(), store.root().to_owned());
        let delete = move || fs::remove_dir_all(&root).unwrap();
        let run = run_that_acts(event, folder.path(), delete, Cancel::default());
        let result = dbbackup::restore(&name, &mut Sqlite::new(&target.path), &store, &run);
        let expected = if result.is_ok() { shop.content() } else { old };
        assert_eq!(target.content(), expected, "event {event}: {result:?}");
    }
}

fn sh(script: &str) -> Tool {
    Tool::new(["sh", "-c", script])
}

#[test]
fn a_tool_that_fails_after_half_of_its_dump_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path().join("store"));
    let half = "head -c 3000000 /dev/zero";
    for (script, says) in [
        (format!("{half}; echo 'lost connection' >&2; exit 1"), vec!["exit status: 1", "lost connection"]),
        (format!("{half}; kill -9 $$"), vec!["SIGKILL"]),
        (format!("{half}; kill -TERM $$"), vec!["SIGTERM"]),
        (format!("{half}; exec >&-; sleep 0.2; echo 'too late' >&2; exit 3"), vec!["exit status: 3", "too late"]),
        ("exit 2".to_owned(), vec!["exit status: 2"]),
        ("no-such-tool-anywhere".to_owned(), vec!["not found"]),
        ("i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1".to_owned(), vec!["line 1999"]),
    ] {
        let mut tool = sh(&script).env("PGPASSWORD", "canary");
        let error = back_up(&mut tool, &store, None, Compression::Zstd, &Run::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tool, "{script}: {error}");
        let text = format!("{error} {error:?} {:?}", error.to_report());
        assert!(says.iter().all(|word| text.contains(word)), "{script}: {text}");
        assert!(!text.contains("canary") && !format!("{tool:?}").contains("canary"), "{script}: {text}");
        assert!(error.to_string().len() < 5_000, "{script}: only the last lines");
        assert_eq!(files(store.root()), [], "{script}");
    }
    let missing = back_up(&mut Tool::new(["no-such-tool-anywhere"]), &store, None, Compression::Zstd, &Run::default());
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(files(store.root()), []);
}

#[test]
fn a_tool_that_hangs_ends_with_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path().join("store"));
    for script in
        ["sleep 100", "head -c 3000000 /dev/zero; sleep 100", "exec >&-; sleep 100", "trap '' TERM; cat /dev/zero"]
    {
        let run = Run::default();
        let cancel = run.cancel.clone();
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            cancel.request(2);
        });
        let began = Instant::now();
        let error = back_up(&mut sh(script), &store, None, Compression::Zstd, &run).unwrap_err();
        stopper.join().unwrap();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{script}: {error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{script}: {:?}", began.elapsed());
        assert_eq!(files(store.root()), [], "{script}");
    }
}

#[test]
fn a_tool_that_ends_well_is_stored_whole() {
    let store = Memory::default();
    let mut tool = sh("head -c 3000000 /dev/zero; echo 'a remark' >&2");
    let receipt = back_up(&mut tool, &store, Some("zeros.dump"), Compression::Gzip, &Run::default()).unwrap();
    assert_eq!(receipt.record.plain_bytes, 3_000_000);
    dbbackup::verify("zeros.dump", &store, &Run::default()).unwrap();
}
