//! A server without room: the old rows stay, and so does the server.

use dbbackup::{Compression, ErrorKind};
use dbbackup_testkit::mysql::Server;

use crate::world::{World, move_on, mysql, shop};

#[test]
fn a_server_whose_tablespace_is_full_keeps_what_it_had() {
    let Some(origin) = Server::start() else { return };
    let world = World::default();
    world.backup(&mut mysql(&shop(&origin, 100_000)), Compression::Zstd).unwrap();
    // All tables are in the one file, which does not grow.
    let fixed = [
        "--innodb-file-per-table=0",
        "--innodb-data-file-path=ibdata1:12M;ibdata2:12M",
        "--innodb-flush-log-at-trx-commit=0",
    ];
    let Some(server) = Server::alone(&fixed) else { return };
    let database = shop(&server, 100);
    move_on(&database);
    let before = database.dump_text();
    let error = world.restore(&mut mysql(&database)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    assert_eq!(error.advice(), Some("make room on the server"));
    assert_eq!(database.dump_text(), before);
    assert!(database.seconds().is_empty());
    // What was loaded is gone, and its room is there again.
    let small = World::default();
    small.backup(&mut mysql(&shop(&origin, 100)), Compression::Zstd).unwrap();
    small.restore(&mut mysql(&database)).unwrap();
}
