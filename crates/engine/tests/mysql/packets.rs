//! Servers that take less than what was backed up.

use dbbackup::Compression;
use dbbackup_testkit::mysql::Server;

use crate::world::{World, mysql};

#[test]
fn a_row_that_is_larger_than_the_server_takes_names_the_setting() {
    let (Some(server), Some(small)) = (Server::start(), Server::alone(&["--max-allowed-packet=1M"])) else { return };
    let (database, target) = (server.database("shop"), small.database("shop"));
    database.query("CREATE TABLE large (a longtext); INSERT INTO large VALUES (repeat('x', 3000000))");
    target.query("CREATE TABLE large (mine int); INSERT INTO large VALUES (1)");
    let before = target.dump_text();
    let world = World::default();
    world.backup(&mut mysql(&database), Compression::Zstd).unwrap();
    let error = world.restore(&mut mysql(&target)).unwrap_err();
    assert!(error.advice().unwrap_or_default().contains("max_allowed_packet"), "{error:?}");
    assert_eq!(target.dump_text(), before);
    assert!(target.seconds().is_empty());
    small.query("", "SET GLOBAL max_allowed_packet = 16 * 1024 * 1024");
    world.restore(&mut mysql(&target)).unwrap();
    assert_eq!(target.dump_text(), database.dump_text());
}
