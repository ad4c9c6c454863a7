//! Constant memory, of PostgreSQL: what a process needs does not grow with the table that flows through it.

use dbbackup::source::postgres::{Connection, Format, Postgres, Tools};
use dbbackup::store::Existing;
use dbbackup::{Backup, BackupName, Compression, Local, Run, backup, restore};
use dbbackup_testkit::peak_kib;
use dbbackup_testkit::postgres::{Database, Server, Version};

fn out_and_in(database: &Database, mebibytes: u32) {
    database.psql(&format!(
        "DROP TABLE IF EXISTS flood; CREATE UNLOGGED TABLE flood AS SELECT n, repeat(md5(n::text), 32) AS t
         FROM generate_series(1, {mebibytes} * 1024) AS n"
    ));
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path());
    let tools = Tools { folders: vec![database.server().bin().to_owned()], ..Tools::default() };
    for format in [Format::Custom, Format::Text] {
        let connection = Connection::from_url(&database.url()).unwrap();
        let mut postgres = Postgres::new(connection).with_tools(tools.clone()).with_format(format);
        let request = Backup {
            kind: dbbackup::manifest::Kind::Database,
            reason: dbbackup::manifest::Reason::Asked,
            name: BackupName::Given { name: "flood".to_owned(), existing: Existing::Replace },
            alias: "flood".to_owned(),
            database: "flood".to_owned(),
            servername: "host".to_owned(),
            source_id: None,
            compression: Compression::Zstd,
            recipients: dbbackup::Recipients::Everybody,
            metadata: serde_json::Map::new(),
        };
        let receipt = backup(&request, &mut postgres, &store, &Run::default()).unwrap();
        assert!(receipt.record.plain_bytes > u64::from(mebibytes) << 20);
        restore("flood", &mut postgres, &store, &Run::default()).unwrap();
    }
    assert_eq!(database.psql("SELECT count(*) FROM flood").trim(), (mebibytes * 1024).to_string());
}

/// One test, as the peak is the whole process's.
#[test]
fn the_peak_does_not_grow_with_the_table() {
    const BUDGET_KIB: u64 = 64 * 1024;
    let Some(server) = Server::start(Version::V15) else { return };
    let database = server.database("flood");
    let at_rest = peak_kib();
    out_and_in(&database, 24);
    let small = peak_kib();
    out_and_in(&database, 300);
    let large = peak_kib();
    println!("at rest {at_rest} KiB, small {small} KiB, large {large} KiB");
    assert!(large - at_rest < BUDGET_KIB, "{large} KiB, {at_rest} KiB at rest");
    assert!(large - small < 8 * 1024, "12 times the bytes took {} KiB more", large - small);
}
