//! Whose backups are whose: the newest for a restore, and what a prune may delete (P4).

use dbbackup::manifest::{FORMAT, Kind, Manifest, Reason, Record, Skipped, State};
use dbbackup::name::DATE_FORMAT;
use dbbackup::retention::Policy;
use dbbackup::source::reader::Reader;
use dbbackup::store::{Existing, Hold};
use dbbackup::{
    Backup, BackupName, Catalogue, Compression, Encryption, ErrorKind, Local, Memory, Naming, Prune, Run, Scope, Store,
    backup, prune,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

fn naming(aliases: &[&str]) -> Naming {
    let aliases: Vec<String> = aliases.iter().map(|&alias| alias.to_owned()).collect();
    let template = Some("{databasename}-{servername}-{datetime}.{extension}".to_owned());
    Naming::new(template, DATE_FORMAT, TimeZone::UTC, "host", &aliases, &[]).unwrap()
}

fn scope(alias: &str, database: Option<&str>) -> Scope {
    Scope { alias: alias.to_owned(), kind: Kind::Database, database: database.map(str::to_owned), source_id: None }
}

fn record(alias: &str, database: &str, server: &str, second: i64) -> Record {
    Record {
        format: FORMAT,
        state: State::Whole,
        kind: Kind::Database,
        alias: alias.to_owned(),
        database: database.to_owned(),
        servername: server.to_owned(),
        created_at: Timestamp::from_second(second).unwrap(),
        reason: Reason::Asked,
        named: false,
        compression: Compression::None,
        encryption: Encryption::None,
        stored_bytes: 1,
        stored_sha256: String::new(),
        plain_bytes: 1,
        source_id: None,
        source: serde_json::Map::new(),
        skipped: Skipped::default(),
        excluded: Vec::new(),
        content: None,
        media: None,
        generator: "test".to_owned(),
        unknown: serde_json::Map::new(),
    }
}

fn insert(store: &Memory, name: &str, record: Record) {
    store.insert(name, b"x".to_vec());
    let manifest = Manifest { top: serde_json::Map::new(), dbbackup: Some(record) };
    store.insert(&format!("{name}.metadata"), manifest.to_json().unwrap());
}

fn names(store: &dyn Store, naming: &Naming) -> Vec<String> {
    Catalogue::read(store, naming).unwrap().backups.into_iter().map(|backup| backup.name).collect()
}

#[test]
fn unfinished_backups_side_files_and_our_own_files_are_not_listed() {
    let store = Memory::default();
    insert(&store, "whole", record("app", "app", "host", 1));
    insert(&store, "writing", Record { state: State::Writing, ..record("app", "app", "host", 2) });
    for name in [
        ".dbbackup-part-abc",
        ".default-host-2030-01-01-000000.sqlite3.partial",
        "app-host-2030-01-01-000000.sqlite3.sig",
        "orphan.sqlite3.metadata",
        "notes.txt",
    ] {
        store.insert(name, b"x".to_vec());
    }
    store.insert("app-host-2026-01-01-000000.sqlite3", b"x".to_vec());
    store.insert("by-hand.sqlite3.gz", b"x".to_vec());
    let naming = naming(&["app"]);
    let mut listed = names(&store, &naming);
    listed.sort();
    assert_eq!(listed, ["app-host-2026-01-01-000000.sqlite3", "by-hand.sqlite3.gz", "whole"]);
    let error = Catalogue::find(&store, "writing", &naming).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn the_newest_is_of_exactly_this_alias_and_by_manifest_or_name_alike() {
    let store = Memory::default();
    insert(&store, "z-ours", record("app", "app", "host", 1_900_000_000));
    store.insert("app2-host-2040-01-01-000000.sqlite3", b"x".to_vec());
    store.insert("app-host-2026-01-01-000000.sqlite3", b"x".to_vec());
    let naming = naming(&["app", "app2"]);
    let catalogue = Catalogue::read(&store, &naming).unwrap();
    assert_eq!(catalogue.newest(&scope("app", None), None, "host").unwrap().name, "z-ours");
    store.insert("app-host-2035-01-01-000000.sqlite3.gz", b"x".to_vec());
    let catalogue = Catalogue::read(&store, &naming).unwrap();
    let newest = catalogue.newest(&scope("app", None), None, "host").unwrap();
    assert_eq!(newest.name, "app-host-2035-01-01-000000.sqlite3.gz");
}

#[test]
fn this_servers_newest_first_then_the_only_others_else_a_list() {
    let store = Memory::default();
    let naming = naming(&["app"]);
    let newest = |server: Option<&str>, this: &str| {
        let catalogue = Catalogue::read(&store, &naming).unwrap();
        catalogue.newest(&scope("app", None), server, this).map(|backup| backup.name.clone())
    };
    insert(&store, "a1", record("app", "app", "a", 10));
    assert_eq!(newest(None, "new-host").unwrap(), "a1");
    insert(&store, "b1", record("app", "app", "b", 20));
    assert_eq!(newest(None, "a").unwrap(), "a1");
    assert_eq!(newest(Some("b"), "a").unwrap(), "b1");
    for result in [newest(None, "new-host"), newest(Some("c"), "a")] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("a1") && error.to_string().contains("b1"), "{error}");
    }
}

#[test]
fn another_databases_backup_under_the_same_alias_is_no_candidate_and_is_named() {
    let store = Memory::default();
    insert(&store, "production", record("default", "shop_production", "host", 10));
    let catalogue = Catalogue::read(&store, &naming(&["default"])).unwrap();
    let error = catalogue.newest(&scope("default", Some("shop_staging")), None, "host").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("production (of `shop_production`)"), "{error}");
}

#[test]
fn another_projects_backup_of_the_same_names_is_no_candidate_on_one_server() {
    let (store, naming) = (Memory::default(), naming(&["app"]));
    let made_of = |source: &str, server: &str, second: i64| Record {
        source_id: Some(source.to_owned()),
        ..record("app", "db", server, second)
    };
    let mine = Scope { source_id: Some("mine".to_owned()), ..scope("app", Some("db")) };
    insert(&store, "theirs-2", made_of("theirs", "host", 2));
    let only_theirs = Catalogue::read(&store, &naming).unwrap();
    let error = only_theirs.newest(&mine, None, "host").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("theirs-2"), "{error}");
    // Elsewhere a path says nothing, as long as there is one.
    assert_eq!(only_theirs.newest(&mine, None, "other-host").unwrap().name, "theirs-2");
    assert_eq!(only_theirs.newest(&mine, Some("host"), "other-host").unwrap().name, "theirs-2");
    insert(&store, "mine-1", made_of("mine", "host", 1));
    let both = Catalogue::read(&store, &naming).unwrap();
    assert_eq!(both.newest(&mine, None, "host").unwrap().name, "mine-1");
    let third = Scope { source_id: Some("third".to_owned()), ..mine.clone() };
    for asked in [None, Some("host")] {
        let error = both.newest(&third, asked, "other-host").unwrap_err();
        assert!(error.to_string().contains("theirs-2") && error.to_string().contains("mine-1"), "{error}");
    }
    // Whose one is that does not say, nobody knows; an old one must not stand in for what others made since.
    insert(&store, "mine-1", record("app", "db", "host", 1));
    assert!(Catalogue::read(&store, &naming).unwrap().newest(&third, None, "host").is_err());
    insert(&store, "newest-3", record("app", "db", "host", 3));
    assert_eq!(Catalogue::read(&store, &naming).unwrap().newest(&third, None, "host").unwrap().name, "newest-3");
}

#[test]
fn a_prune_that_names_no_source_deletes_nothing_where_there_are_several() {
    let (store, naming) = (Memory::default(), naming(&["app"]));
    for (source, second) in [("mine", 1), ("mine", 2), ("theirs", 3)] {
        let record = Record { source_id: Some(source.to_owned()), ..record("app", "db", "host", second) };
        insert(&store, &format!("{source}-{second}"), record);
    }
    let before = names(&store, &naming);
    let pruned = |scope: &Scope| {
        let request = Prune { scope, servername: "host", policy: Policy::keep_last(1), dry_run: false };
        prune(&request, &store, &naming, |_| false)
    };
    assert_eq!(pruned(&scope("app", Some("db"))).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(names(&store, &naming), before);
    pruned(&Scope { source_id: Some("mine".to_owned()), ..scope("app", Some("db")) }).unwrap();
    assert_eq!(names(&store, &naming), ["mine-2", "theirs-3"]);
}

#[test]
fn safety_backups_are_never_the_newest() {
    let store = Memory::default();
    insert(&store, "old", record("app", "app", "host", 10));
    insert(&store, "safety", Record { reason: Reason::BeforeRestore, ..record("app", "app", "host", 20) });
    let catalogue = Catalogue::read(&store, &naming(&[])).unwrap();
    assert_eq!(catalogue.newest(&scope("app", None), None, "host").unwrap().name, "old");
}

#[test]
fn pruning_deletes_payload_and_manifest_of_the_surplus_only() {
    let store = Memory::default();
    let naming = naming(&["app", "app2"]);
    for second in 1..=4 {
        insert(&store, &format!("app-{second}"), record("app", "app", "host", second));
        insert(&store, &format!("app2-{second}"), record("app2", "app2", "host", second));
        insert(&store, &format!("other-{second}"), record("app", "app", "other", second));
    }
    store.insert("app-host-1970-01-01-000000.sqlite3.gz", b"x".to_vec());
    let scope = scope("app", None);
    let policy = Policy::keep_last(2);
    let mut request = Prune { scope: &scope, servername: "host", policy, dry_run: true };
    let before = names(&store, &naming);
    let planned = prune(&request, &store, &naming, |_| false).unwrap();
    assert_eq!(names(&store, &naming), before);
    request.dry_run = false;
    let done = prune(&request, &store, &naming, |_| false).unwrap();
    assert_eq!(planned, done);
    assert_eq!(done.others, 4);
    let gone = ["app-1", "app-2", "app-host-1970-01-01-000000.sqlite3.gz"];
    let after = names(&store, &naming);
    assert!(before.iter().all(|name| after.contains(name) != gone.contains(&name.as_str())));
    assert_eq!(store.manifest("app-1").unwrap(), None);
}

#[test]
fn a_prune_sweeps_what_a_killed_one_left() {
    let store = Memory::default();
    let naming = naming(&[]);
    insert(&store, "gone", record("app", "app", "host", 1));
    store.delete("gone").unwrap();
    let writing = Record { state: State::Writing, ..record("app", "app", "host", 2) };
    insert(&store, "coming", writing);
    store.delete("coming").unwrap();
    store.insert("predecessors.metadata", br#"{"engine": "e"}"#.to_vec());
    let scope = scope("app", None);
    let request = Prune { scope: &scope, servername: "host", policy: Policy::keep_last(1), dry_run: false };
    prune(&request, &store, &naming, |_| false).unwrap();
    let left: Vec<String> = store.list().unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(left, ["coming.metadata", "predecessors.metadata"]);
}

#[test]
fn a_prune_waits_for_no_restore() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path());
    let restoring = store.lock(Hold::Shared).unwrap();
    let scope = scope("app", None);
    let request = Prune { scope: &scope, servername: "host", policy: Policy::keep_last(1), dry_run: false };
    let error = prune(&request, &store, &naming(&[]), |_| false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    drop(restoring);
    prune(&request, &store, &naming(&[]), |_| false).unwrap();
}

/// Restores would refuse each of them, so none may push a whole backup out.
#[test]
fn what_cannot_be_whole_is_never_the_newest_and_never_counted() {
    let naming = naming(&["app"]);
    let scope = scope("app", None);
    let whole = "app-host-2026-01-01-000000.sqlite3";
    let broken = "app-host-2026-02-01-000000.sqlite3";
    let short = Record { stored_bytes: 1000, ..record("app", "app", "host", 1_790_000_000) };
    let short = Manifest { top: serde_json::Map::new(), dbbackup: Some(short) }.to_json().unwrap();
    for (payload, manifest) in [
        (&b"x"[..], Some(short.as_slice())),
        (b"x", Some(&short[..300])),
        (b"x", Some(br#"{"dbbackup": {"format": 2, "state": "writing"}}"#)),
        (b"", None),
    ] {
        let store = Memory::default();
        store.insert(whole, b"x".to_vec());
        store.insert(broken, payload.to_vec());
        if let Some(manifest) = manifest {
            store.insert(&format!("{broken}.metadata"), manifest.to_vec());
        }
        let catalogue = Catalogue::read(&store, &naming).unwrap();
        assert_eq!(catalogue.newest(&scope, None, "host").unwrap().name, whole);
        assert_eq!(catalogue.faulty.iter().map(|faulty| faulty.name.as_str()).collect::<Vec<_>>(), [broken]);
        let request = Prune { scope: &scope, servername: "host", policy: Policy::keep_last(1), dry_run: false };
        prune(&request, &store, &naming, |_| false).unwrap();
        assert!(store.bytes(whole).is_some() && store.bytes(broken).is_some());
        store.delete(whole).unwrap();
        let error = Catalogue::read(&store, &naming).unwrap().newest(&scope, None, "host").unwrap_err();
        assert!(error.to_string().contains(broken), "{error}");
        Catalogue::find(&store, broken, &naming).unwrap_err();
    }
}

#[test]
fn others_orphaned_manifests_are_theirs() {
    let store = Memory::default();
    insert(&store, "moved", record("other", "other", "elsewhere", 1));
    store.delete("moved").unwrap();
    let scope = scope("app", None);
    let request = Prune { scope: &scope, servername: "host", policy: Policy::keep_last(1), dry_run: false };
    prune(&request, &store, &naming(&[]), |_| false).unwrap();
    assert!(store.manifest("moved").unwrap().is_some());
}

#[test]
fn names_that_no_listing_shows_are_refused_before_the_first_byte() {
    let store = Memory::default();
    for name in ["sub/a.sqlite3", ".hidden.sqlite3", "a.sqlite3.metadata", ""] {
        let request = Backup {
            kind: dbbackup::manifest::Kind::Database,
            reason: Reason::Asked,
            name: BackupName::Given { name: name.to_owned(), existing: Existing::Refuse },
            alias: "app".to_owned(),
            database: "app".to_owned(),
            servername: "host".to_owned(),
            source_id: None,
            compression: Compression::None,
            recipients: dbbackup::Recipients::Everybody,
            metadata: serde_json::Map::new(),
        };
        let error = backup(&request, &mut Reader::new(&b"x"[..]), &store, &Run::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{name}");
    }
    assert!(store.list().unwrap().is_empty());
}
