//! A restore is exact: the server's own dump of everything that PostgreSQL has, before and after, is the same text.

use dbbackup::manifest::{Kind, Reason};
use dbbackup::source::postgres::{Connection, Format, Postgres, Tools};
use dbbackup::{Backup, BackupName, Compression, Memory, Naming, Recipients, Run, backup, restore};
use dbbackup_testkit::postgres::{Database, Server, Version, Zoo, postgis, quoted};

fn postgres(database: &Database) -> Postgres {
    let tools = Tools { folders: vec![database.server().bin().to_owned()], ..Tools::default() };
    Postgres::new(Connection::from_url(&database.url()).unwrap()).with_tools(tools)
}

fn stored(source: &mut Postgres, compression: Compression, store: &Memory) -> String {
    let naming = Naming::standard("host", &["zoo".to_owned()]).unwrap();
    let request = Backup {
        name: BackupName::Generated { naming: &naming, extension: "psql.bin" },
        kind: Kind::Database,
        reason: Reason::Asked,
        alias: "zoo".to_owned(),
        database: "zoo".to_owned(),
        servername: "host".to_owned(),
        source_id: None,
        compression,
        recipients: Recipients::Everybody,
        metadata: serde_json::Map::new(),
    };
    backup(&request, source, store, &Run::default()).unwrap().name
}

/// Fails with the first lines that differ.
fn assert_same(before: &str, after: &str, what: &str) {
    if before == after {
        return;
    }
    let (mut old, mut new) = (before.lines(), after.lines());
    let mut number = 0;
    loop {
        number += 1;
        let (one, other) = (old.next(), new.next());
        if one != other {
            let context: Vec<&str> = after.lines().skip(number - 8).take(16).collect();
            panic!("{what}: line {number} was {one:?}, is {other:?}; around it:\n{}", context.join("\n"));
        }
    }
}

#[test]
fn a_zoo_that_has_moved_on_is_what_it_was_after_a_restore() {
    for version in Version::ALL {
        let Some(server) = Server::start(version) else { continue };
        for (format, compression) in [
            (Format::Custom, Compression::Zstd),
            (Format::Text, Compression::Gzip),
            (Format::CleaningText, Compression::None),
        ] {
            let what = format!("{version}, {format:?}");
            let (zoo, store) = (Zoo::new(&server, false), Memory::default());
            let before = zoo.dump_text();
            let name = stored(&mut postgres(&zoo).with_format(format), compression, &store);
            zoo.move_on();
            let report = restore(&name, &mut postgres(&zoo), &store, &Run::default())
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(report.notes.is_empty(), "{what}: {:?}", report.notes);
            assert_same(&before, &zoo.dump_text(), &what);
        }
    }
}

#[test]
fn rows_of_users_in_the_tables_of_an_extension_come_back() {
    let Some(server) = Server::start(Version::V15) else { return };
    for format in [Format::Custom, Format::CleaningText] {
        let (Some(database), store) = (postgis(&server), Memory::default()) else { return };
        let before = database.dump_text();
        let name = stored(&mut postgres(&database).with_format(format), Compression::Zstd, &store);
        database.psql("DELETE FROM spatial_ref_sys WHERE srid = 990001; CREATE TABLE later (at geometry);");
        restore(&name, &mut postgres(&database), &store, &Run::default()).unwrap();
        assert_same(&before, &database.dump_text(), &format!("{format:?}"));
    }
}

#[test]
fn a_zoo_moves_to_a_later_server_without_the_roles_that_are_missing_there() {
    let (Some(old), Some(new)) = (Server::start(Version::V15), Server::start(Version::V18)) else { return };
    let (zoo, target, store) = (Zoo::new(&old, true), new.database("zoo"), Memory::default());
    let name = stored(&mut postgres(&zoo), Compression::Zstd, &store);
    let [ada, bob, eve] = zoo.roles();
    let empty = target.dump_text();
    // A policy without its role would let others see the rows.
    let error = restore(&name, &mut postgres(&target), &store, &Run::default()).unwrap_err();
    assert!(error.to_string().contains(bob), "{error}");
    assert_eq!(target.dump_text(), empty);

    // Eve has a user mapping, Ada owns and may.
    let roles = [bob, eve].map(|role| Role::new(&new, role));
    let report = restore(&name, &mut postgres(&target), &store, &Run::default()).unwrap();
    assert!(report.notes.iter().any(|note| note.contains(ada)), "{:?}", report.notes);
    let tables = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace >= 2200";
    assert_eq!(zoo.psql(tables), target.psql(tables));
    drop(target);
    drop(roles);
}

/// A role that goes after the database that it has a part in.
struct Role<'a>(&'a Server, &'a str);

impl<'a> Role<'a> {
    fn new(server: &'a Server, name: &'a str) -> Self {
        server.psql("postgres", &format!("CREATE ROLE {}", quoted(name)));
        Self(server, name)
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        self.0.psql("postgres", &format!("DROP ROLE {}", quoted(self.1)));
    }
}
