//! Which of PostgreSQL's programs are used, and what is said where none fits.

use dbbackup::source::postgres::Tools;
use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::postgres::{Server, Version};

use crate::world::{World, postgres, shop, tools};

#[test]
fn a_server_is_dumped_by_the_oldest_client_that_is_new_enough() {
    let (Some(old), Some(new)) = (Server::start(Version::V15), Server::start(Version::V18)) else { return };
    let both = Tools { folders: vec![new.bin().to_owned(), old.bin().to_owned()], ..Tools::default() };
    for (server, major) in [(&old, "15."), (&new, "18.")] {
        let database = shop(server, true, 10);
        let mut source = postgres(&database).with_tools(both.clone());
        let receipt = World::default().backup(&mut source, Compression::Zstd).unwrap();
        let version = receipt.record.source["pg_dump"].as_str().unwrap().to_owned();
        assert!(version.starts_with(major), "{version}");
    }
}

#[test]
fn a_server_that_is_newer_than_every_client_is_an_error_that_says_so() {
    let (Some(old), Some(new)) = (Server::start(Version::V15), Server::start(Version::V18)) else { return };
    let database = shop(&new, true, 10);
    let only = Tools { pg_dump: vec![old.bin().join("pg_dump").into()], ..tools(&new) };
    let world = World::default();
    let error = world.backup(&mut postgres(&database).with_tools(only), Compression::Zstd).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("the server is PostgreSQL 18, and the newest client is"), "{error}");
    assert!(error.to_string().contains("(15."), "{error}");
    assert!(error.advice().unwrap().contains("postgresql-client-18"), "{error:?}");
    assert!(world.store.bytes("a").is_none());
}

#[test]
fn a_client_that_is_not_there_or_is_something_else_is_an_error() {
    let Some(server) = Server::start(Version::V15) else { return };
    let database = shop(&server, true, 10);
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    let before = database.dump_text();
    for own in ["/no/such/program", "true", "cat"] {
        let own = vec![own.into()];
        for tools in
            [Tools { psql: own.clone(), ..tools(&server) }, Tools { pg_restore: own.clone(), ..tools(&server) }]
        {
            let error = world.restore(&mut postgres(&database).with_tools(tools)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        }
        let tools = Tools { pg_dump: own, ..tools(&server) };
        let error = world.backup_as("b", &mut postgres(&database).with_tools(tools), Compression::Zstd).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    assert!(database.dump_text() == before);
}

#[test]
fn options_of_the_user_reach_the_clients_and_bad_ones_change_nothing() {
    let Some(server) = Server::start(Version::V15) else { return };
    let database = shop(&server, true, 10);
    let world = World::default();
    world.backup(&mut postgres(&database), Compression::Zstd).unwrap();
    let before = database.dump_text();
    let bad = || vec!["--no-such-option".into()];
    let mut wrong_dump = postgres(&database).with_options(bad(), vec![], vec![]);
    assert!(world.backup_as("b", &mut wrong_dump, Compression::Zstd).is_err());
    let mut wrong_restore = postgres(&database).with_options(vec![], bad(), vec![]);
    assert_eq!(world.restore(&mut wrong_restore).unwrap_err().kind(), ErrorKind::Config);
    let mut wrong_psql = postgres(&database).with_options(vec![], vec![], bad());
    assert!(world.restore(&mut wrong_psql).is_err());
    // Not even these make half of a restore.
    let on = ["-v", "ON_ERROR_ROLLBACK=on"];
    for psql in [["-v", "ON_ERROR_STOP=0"], ["-v", "AUTOCOMMIT=off"], ["--set", "ON_ERROR_STOP="]] {
        let options = on.into_iter().chain(psql).map(Into::into).collect();
        let mut target = postgres(&database).with_options(vec![], vec![], options);
        let text = "-- PostgreSQL database dump\nCREATE TABLE public.half (a integer);\nSELECT 1/0;\n\
            CREATE TABLE public.rest (a integer);\n--\n-- PostgreSQL database dump complete\n--\n";
        assert!(world.restore_plain(text, &mut target).is_err(), "{psql:?}");
        assert!(database.dump_text() == before, "{psql:?}");
    }
}
