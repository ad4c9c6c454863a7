//! One of everything that MariaDB has: the server's own dump is the same text before and after.

use dbbackup::Compression;
use dbbackup_testkit::mysql::{Database, Server, Zoo};

use crate::world::{World, mysql};

/// The text of a database, without what it is called and what is its own: character set and comment.
fn text(database: &Database) -> String {
    let text = database.dump_text();
    text.split_once('\n').unwrap().1.to_owned()
}

/// Backs the zoo up.
fn backed_up(zoo: &Zoo, compression: Compression) -> World {
    let world = World::default();
    let receipt = world.backup(&mut mysql(zoo), compression).unwrap();
    assert_eq!(receipt.record.skipped.count, 0, "{:?}", receipt.record.skipped);
    world
}

#[test]
fn a_zoo_that_has_moved_on_is_what_it_was() {
    let Some(server) = Server::start() else { return };
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let zoo = Zoo::new(&server);
        let before = text(&zoo);
        let world = backed_up(&zoo, compression);
        zoo.move_on();
        // What new tables get is the database's own affair.
        zoo.query(CHARSET);
        let report = world.restore(&mut mysql(&zoo).exactly(true)).unwrap();
        assert_eq!(report.left_out.count, 0, "{:?}", report.left_out);
        similar(&text(&zoo), &before);
        assert!(zoo.seconds().is_empty());
    }
}

#[test]
fn an_empty_database_takes_the_zoo() {
    let Some(server) = Server::start() else { return };
    let zoo = Zoo::new(&server);
    let world = backed_up(&zoo, Compression::Zstd);
    let empty = empty(&server, "empty");
    let report = world.restore(&mut mysql(&empty)).unwrap();
    assert_eq!(report.left_out.count, 0, "{:?}", report.left_out);
    similar(&text(&empty).replace(empty.name(), zoo.name()), &text(&zoo));
}

#[test]
fn another_server_takes_the_zoo() {
    let (Some(server), Some(other)) = (Server::start(), Server::alone(&["--lower-case-table-names=0"])) else { return };
    let zoo = Zoo::new(&server);
    let world = backed_up(&zoo, Compression::Gzip);
    let empty = empty(&other, "elsewhere");
    let report = world.restore(&mut mysql(&empty)).unwrap();
    assert_eq!(report.left_out.count, 0, "{:?}", report.left_out);
    similar(&text(&empty), &text(&zoo));
}

/// Makes a database with the zoo's character set.
fn empty(server: &Server, name: &str) -> Database {
    let empty = server.database(name);
    empty.query(CHARSET);
    empty
}

const CHARSET: &str = "ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci";

/// Compares two texts, and shows the first line that differs.
fn similar(one: &str, other: &str) {
    for (one, other) in one.lines().zip(other.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(one.len(), other.len());
}
