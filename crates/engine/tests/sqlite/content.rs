//! What the manifest says about a database.

use std::time::Duration;

use dbbackup::manifest::Manifest;
use rusqlite::Connection;

use crate::world::{World, sqlite};

fn manifest(world: &World) -> dbbackup::manifest::Record {
    Manifest::parse("a", &world.store.bytes("a.metadata").unwrap()).unwrap().dbbackup.unwrap()
}

#[test]
fn rows_of_every_table_and_the_last_migration_of_every_app_are_recorded() {
    for mode in ["wal", "delete"] {
        let world = World::new();
        let shop = world.shop("shop", mode, 123);
        let connection = shop.connect();
        connection
            .execute_batch(
                "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT);
                 INSERT INTO django_migrations VALUES
                    (1, 'shop', '0001_initial'), (2, 'auth', '0001_initial'), (3, 'shop', '0002_total'),
                    (9, 'auth', '0012_alter_user'), (10, 'shop', '0001_squashed');
                 CREATE TABLE empty (x); CREATE TABLE \"an \"\"odd\"\" name\" (x PRIMARY KEY) WITHOUT ROWID;
                 INSERT INTO \"an \"\"odd\"\" name\" VALUES (1), (2);
                 CREATE VIEW seen AS SELECT * FROM orders; CREATE TABLE counted (x INTEGER PRIMARY KEY AUTOINCREMENT);
                 CREATE VIRTUAL TABLE words USING fts5(x); INSERT INTO words VALUES ('a');",
            )
            .unwrap();
        let receipt = world.backup(&shop.path).unwrap();
        let content = manifest(&world).content.unwrap();
        assert_eq!(Some(&content), receipt.record.content.as_ref());
        assert!(content.exact);
        let tables: Vec<_> = content.tables.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
        assert_eq!(
            tables,
            [("an \"odd\" name", 2), ("counted", 0), ("django_migrations", 5), ("empty", 0), ("orders", 123)]
        );
        let migrations: Vec<_> = content.migrations.iter().map(|(app, name)| (app.as_str(), name.as_str())).collect();
        assert_eq!(migrations, [("auth", "0012_alter_user"), ("shop", "0001_squashed")]);
    }
}

#[test]
fn the_source_tells_version_pages_and_journal_mode() {
    for mode in ["wal", "delete"] {
        let world = World::new();
        let shop = world.shop("shop", mode, 10);
        world.backup(&shop.path).unwrap();
        let record = manifest(&world);
        assert_eq!(record.source["sqlite_version"], rusqlite::version());
        assert_eq!(record.source["page_bytes"], 4096);
        assert_eq!(record.source["journal_mode"], mode);
        assert_eq!(record.plain_bytes, shop.path.metadata().unwrap().len());
    }
}

#[test]
fn without_time_no_content_is_told() {
    let world = World::new();
    let shop = world.shop("shop", "WAL", 10);
    world.backup_of(&mut sqlite(&shop.path).with_content_timeout(Duration::ZERO)).unwrap();
    assert_eq!(manifest(&world).content, None);
    // Too little time for a million rows of a table without a smaller index.
    let connection = Connection::open(&shop.path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE many (x INTEGER PRIMARY KEY);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
             INSERT INTO many SELECT i FROM n; CREATE VIEW v AS SELECT 1",
        )
        .unwrap();
    world.backup_of(&mut sqlite(&shop.path).with_content_timeout(Duration::from_nanos(1))).unwrap();
    assert_eq!(manifest(&world).content, None);
    world.restore(world.path("copy")).unwrap();
}

/// The count is that of the dump's own moment, not of a later one.
#[test]
fn rows_that_come_during_the_backup_are_not_counted() {
    let path = std::sync::Arc::new(std::sync::Mutex::new(None::<std::path::PathBuf>));
    let target = std::sync::Arc::clone(&path);
    let world = World::new().watched_by(move |event| {
        if event.done > 0
            && let Some(path) = target.lock().unwrap().take()
        {
            Connection::open(path).unwrap().execute_batch("INSERT INTO orders (total) VALUES (1)").unwrap();
        }
    });
    let shop = world.shop("shop", "WAL", 5_000);
    *path.lock().unwrap() = Some(shop.path.clone());
    world.backup(&shop.path).unwrap();
    assert_eq!(manifest(&world).content.unwrap().tables["orders"], 5_000);
    assert_eq!(shop.content().0, 5_001);
}
